package world

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crosschat/simulator/control"
)

func TestMatches(t *testing.T) {
	yes, no := true, false
	event := control.Event{Kind: "message", Chat: "1", Sender: "2", ID: "A", Ref: "B", Text: "hello world", FromMe: true}
	for _, test := range []struct {
		match control.Match
		want  bool
	}{
		{control.Match{}, true},
		{control.Match{Kind: "message", Chat: "1", Sender: "2", ID: "A", Ref: "B", Text: "hello world"}, true},
		{control.Match{Kind: "receipt"}, false},
		{control.Match{Chat: "2"}, false},
		{control.Match{Text: "hello"}, false},
		{control.Match{Contains: "hello"}, true},
		{control.Match{Contains: "bye"}, false},
		{control.Match{FromMe: &yes}, true},
		{control.Match{FromMe: &no}, false},
	} {
		if got := Matches(event, test.match); got != test.want {
			t.Errorf("Matches(%+v) = %t, want %t", test.match, got, test.want)
		}
	}
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var line Timeline
		line.Append(control.Event{Text: "before"})
		go func() {
			time.Sleep(time.Second) // synctest: no real time passes
			line.Append(control.Event{Text: "other"})
			line.Append(control.Event{Text: "wanted"})
			time.Sleep(time.Second) // likewise
			line.Append(control.Event{Text: "wanted"})
		}()
		begin := time.Now()
		found, err := line.Await(t.Context(), control.Match{Text: "wanted", Count: 2})
		if err != nil || len(found) != 2 || found[0].Index != 2 || found[1].Index != 3 {
			t.Errorf("found %+v, %v", found, err)
		}
		if waited := time.Since(begin); waited != 2*time.Second {
			t.Errorf("waited %s, want 2s", waited)
		}
		if found, err := line.Await(t.Context(), control.Match{From: 3}); err != nil || len(found) != 1 {
			t.Errorf("from 3: %+v, %v", found, err)
		}
	})
}

func TestAwaitTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var line Timeline
		line.Append(control.Event{Kind: "message", Text: "something else"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := line.Await(ctx, control.Match{Text: "wanted"})
		var e *control.Error
		if !errors.As(err, &e) || e.Status != http.StatusGatewayTimeout {
			t.Fatalf("got %v, want a time-out", err)
		}
		for _, part := range []string{"wanted", "something else"} {
			if !strings.Contains(e.Message, part) {
				t.Errorf("message %q does not say %q", e.Message, part)
			}
		}
	})
}

func TestSince(t *testing.T) {
	var line Timeline
	for _, text := range []string{"a", "b", "c"} {
		line.Append(control.Event{Text: text})
	}
	for from, want := range map[int]int{-1: 0, 0: 3, 2: 1, 3: 0, 99: 0} {
		if got := line.Since(from); len(got) != want {
			t.Errorf("Since(%d) has %d events, want %d", from, len(got), want)
		}
	}
}
