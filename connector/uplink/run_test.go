package uplink

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errFatal = errors.New("fatal")

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pauses []time.Duration
		served := 0
		err := Run(t.Context(), Link{
			Serve: func(context.Context) error {
				served++
				switch served {
				case 5:
					time.Sleep(2 * lasting) // a connection that lasts; synctest: no real time passes
				case 8:
					return errFatal
				}
				return errors.New("lost")
			},
			Judge: func(err error) Verdict {
				return Verdict{Stop: errors.Is(err, errFatal), AtOnce: served == 1 || served == 2, After: map[int]time.Duration{7: time.Hour}[served]}
			},
			Pausing:  func(_ error, pause time.Duration) { pauses = append(pauses, pause) },
			MaxPause: 3 * time.Second,
		})
		if !errors.Is(err, errFatal) || served != 8 {
			t.Fatalf("Run served %d times and returned %v, want 8 times and %v", served, err, errFatal)
		}
		// At once the first time only, then growing up to the limit, anew after a lasting connection, longer when asked.
		limits := []time.Duration{0, 2 * time.Second, 3 * time.Second, 3 * time.Second, time.Second, 2 * time.Second, time.Hour}
		if len(pauses) != len(limits) {
			t.Fatalf("pauses %v, want %d", pauses, len(limits))
		}
		for i, limit := range limits {
			if pauses[i] > limit || pauses[i] < limit*4/5 {
				t.Errorf("pause %d is %s, want at most %s and at least four fifths of it", i, pauses[i], limit)
			}
		}
	})
}

func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, serve := range map[string]func(context.Context) error{
			"while serving": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			"while waiting": func(context.Context) error { return errors.New("lost") },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			err := Run(ctx, Link{Serve: serve, Judge: func(error) Verdict { return Verdict{After: time.Hour} }, MaxPause: time.Minute})
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: Run returned %v, want the end of its context", name, err)
			}
		}
	})
}

func TestBackoff(t *testing.T) {
	for failures, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second} {
		if got := Backoff(failures, 10*time.Second); got > want || got < want*4/5-1 {
			t.Errorf("pause after %d failures is %s, want %s less up to a fifth", failures, got, want)
		}
	}
	if got := Backoff(1_000_000, time.Minute); got > time.Minute || got <= 0 {
		t.Errorf("pause after a million failures is %s", got)
	}
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate Gate
		passed := make(chan error, 1)
		go func() { passed <- gate.Wait(t.Context()) }()
		synctest.Wait()
		select {
		case <-passed:
			t.Fatal("a shut gate let somebody through")
		default:
		}
		gate.Set(true)
		if err := <-passed; err != nil || !gate.Open() {
			t.Errorf("an open gate answers %v, open %t", err, gate.Open())
		}
		gate.Set(false)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := gate.Wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting with an ended context gives %v", err)
		}
	})
}

func TestWork(t *testing.T) {
	var work Work
	if !work.Begin() {
		t.Fatal("work that has not ended does not begin")
	}
	ended := make(chan struct{})
	go func() { work.End(); close(ended) }()
	work.Done()
	<-ended
	if work.Begin() {
		t.Error("work begins after its end")
	}
	work.Go(nil, "late", func() { t.Error("a goroutine began after the end") })
}

func TestInsist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		if !Insist(t.Context(), func() bool { tries++; return tries == 4 }) || tries != 4 {
			t.Errorf("given up after %d tries, want success at the fourth", tries)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if Insist(ctx, func() bool { return false }) {
			t.Error("what is never taken counts as taken")
		}
	})
}
