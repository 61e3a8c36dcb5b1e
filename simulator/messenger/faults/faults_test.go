package faults

import (
	"testing"
	"time"

	"crosschat/simulator/control"
)

func mustAdd(t *testing.T, s *Set, f control.Fault) control.Fault {
	t.Helper()
	f, err := s.Add(f)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestStrikes(t *testing.T) {
	sub := Subject{Person: "1", Device: 2, What: "task/46", ID: "mid.$abc"}
	for name, c := range map[string]struct {
		fault control.Fault
		hits  int // of five tries
	}{
		"once":           {control.Fault{}, 1},
		"twice":          {control.Fault{Times: 2}, 2},
		"for ever":       {control.Fault{Times: -1}, 5},
		"after two":      {control.Fault{Skip: 2, Times: -1}, 3},
		"whole what":     {control.Fault{Stanza: "task/46"}, 1},
		"level of what":  {control.Fault{Stanza: "task"}, 1},
		"part of a word": {control.Fault{Stanza: "task/4"}, 0},
		"other person":   {control.Fault{Person: "3"}, 0},
		"this person":    {control.Fault{Person: "1", Device: 2}, 1},
		"other device":   {control.Fault{Device: 1}, 0},
		"part of the id": {control.Fault{MatchID: "$ab"}, 1},
		"other id":       {control.Fault{MatchID: "xyz"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := New("fault-", map[string]string{"break": "breaks"})
			c.fault.Kind = "break"
			mustAdd(t, s, c.fault)
			hits := 0
			for range 5 {
				if _, hit := s.Strike("break", sub); hit {
					hits++
				}
			}
			if hits != c.hits || s.List()[0].Hits != c.hits {
				t.Errorf("%d hits, want %d", hits, c.hits)
			}
		})
	}
}

func TestRulesAndRemove(t *testing.T) {
	s := New("fault-", map[string]string{"stall": "stalls"})
	f := mustAdd(t, s, control.Fault{Kind: "stall", Args: map[string]string{"ms": "5", "n": "x"}})
	for range 3 {
		args, hit := s.Rules("stall", Subject{})
		if !hit || args.Delay() != 5*time.Millisecond || args.Int("n", 7) != 7 || args.Text("m", "d") != "d" {
			t.Fatalf("got %v, %t", args, hit)
		}
	}
	if !s.Remove(f.ID) || s.Remove(f.ID) {
		t.Error("remove does not work once")
	}
	if _, hit := s.Rules("stall", Subject{}); hit {
		t.Error("strikes after it was removed")
	}
	if _, err := s.Add(control.Fault{Kind: "unknown"}); err == nil {
		t.Error("unknown kind was taken")
	}
}
