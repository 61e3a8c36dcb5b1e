package whatsapp

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		start := time.Now()
		for i := range paceBurst {
			if err := p.wait(t.Context(), time.Second); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("a burst of %d takes %s, want no time", paceBurst, took)
		}
		for range 5 {
			if err := p.wait(t.Context(), time.Second); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("five messages after a burst take %s, want 5s", took)
		}
		time.Sleep(time.Hour) // synctest: no real time passes
		start = time.Now()
		for range paceBurst {
			if err := p.wait(t.Context(), time.Second); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("a burst after an hour takes %s, want no time", took)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errStoppedHere)
		if err := p.wait(ctx, time.Second); !errors.Is(err, errStoppedHere) {
			t.Errorf("waiting when it is over gives %v, want %v", err, errStoppedHere)
		}
	})
}

func TestPaceOff(t *testing.T) {
	var p pace
	for range 1000 {
		if err := p.wait(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
}

var errStoppedHere = errors.New("stopped here")
