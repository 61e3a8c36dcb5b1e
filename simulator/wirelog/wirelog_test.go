package wirelog

import (
	"context"
	"strings"
	"testing"

	"crosschat/simulator/control"
)

func TestLog(t *testing.T) {
	var hooked int
	l := New("net", func(control.LogEntry) { hooked++ })
	waiting := make(chan int, 1)
	go func() {
		found, err := l.Await(t.Context(), control.LogMatch{Contains: "b", Person: "1", Count: 2})
		if err != nil {
			t.Error(err)
		}
		waiting <- len(found)
	}()
	for _, data := range []string{"ab", "c", "bd"} {
		l.Add(control.LogEntry{Person: "1", Direction: "in", Device: 2, Data: data})
	}
	if n := <-waiting; n != 2 {
		t.Errorf("await found %d", n)
	}
	since, changed := l.From(1)
	if hooked != 3 || len(since) != 2 || since[0].Index != 1 || since[0].Network != "net" {
		t.Errorf("hooked %d, from 1 on: %+v", hooked, since)
	}
	if none, _ := l.From(9); len(none) != 0 {
		t.Errorf("behind the end there is %+v", none)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, match := range []control.LogMatch{
		{Contains: "z"}, {Person: "2"}, {Direction: "out"}, {Device: 1}, {Pattern: "^d"}, {From: 3},
	} {
		if _, err := l.Await(gone, match); err == nil {
			t.Errorf("%+v matched", match)
		} else if match.Contains == "z" && !strings.Contains(err.Error(), "bd") {
			t.Errorf("the error doesn't show what is there: %v", err)
		}
	}
	if _, err := l.Await(t.Context(), control.LogMatch{Pattern: "("}); err == nil {
		t.Error("a broken pattern was accepted")
	}
	for range 2 * kept {
		l.Add(control.LogEntry{})
	}
	<-changed
	if rest, _ := l.From(0); len(rest) >= 2*kept || rest[0].Index == 0 || rest[len(rest)-1].Index != 2*kept+2 {
		t.Errorf("%d entries are left, from %d to %d", len(rest), rest[0].Index, rest[len(rest)-1].Index)
	}
	l.Note("1", "what")
	if u := l.Unexpected(); len(u) != 1 || u[0].What != "what" || u[0].Network != "net" {
		t.Errorf("unexpected: %+v", u)
	}
	if last, _ := l.From(2*kept + 3); len(last) != 1 || !strings.HasSuffix(last[0].Data, "what") {
		t.Errorf("what was noted shows as %+v", last)
	}
}
