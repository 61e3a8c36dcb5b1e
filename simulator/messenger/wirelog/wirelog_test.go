package wirelog

import (
	"context"
	"testing"
	"time"

	"crosschat/simulator/control"
)

func TestAwait(t *testing.T) {
	hooked := 0
	l := New("messenger", func(control.LogEntry) { hooked++ })
	go func() {
		l.Add(control.LogEntry{Direction: "in", Person: "1", Data: "one"})
		l.Add(control.LogEntry{Direction: "out", Person: "1", Data: "two"})
		l.Add(control.LogEntry{Direction: "in", Person: "2", Data: "three"})
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	got, err := l.Await(ctx, control.LogMatch{Pattern: "^t", Direction: "in"})
	if err != nil || len(got) != 1 || got[0].Data != "three" || got[0].Index != 2 || got[0].Network != "messenger" {
		t.Errorf("got %+v, error %v", got, err)
	}
	if _, err = l.Await(ctx, control.LogMatch{Pattern: "("}); err == nil {
		t.Error("bad pattern was taken")
	}
	short, cancelShort := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancelShort()
	if _, err = l.Await(short, control.LogMatch{Contains: "four"}); err == nil {
		t.Error("found what is not there")
	}
	l.Note("1", "odd")
	if u := l.Unexpected(); len(u) != 1 || u[0].What != "odd" || hooked != 4 {
		t.Errorf("unexpected %+v after %d hooks", u, hooked)
	}
}
