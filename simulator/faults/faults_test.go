package faults

import (
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
)

func TestStrike(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault control.Fault
		sub   Subject
		want  string // of five strikes, which hit
	}{
		{"once by default", control.Fault{}, Subject{}, "x----"},
		{"three times", control.Fault{Times: 3}, Subject{}, "xxx--"},
		{"until removed", control.Fault{Times: -1}, Subject{}, "xxxxx"},
		{"after two", control.Fault{Skip: 2}, Subject{}, "--x--"},
		{"of a person", control.Fault{Person: "1"}, Subject{Person: "1"}, "x----"},
		{"of somebody else", control.Fault{Person: "1"}, Subject{Person: "2"}, "-----"},
		{"of nobody known", control.Fault{Person: "1"}, Subject{}, "-----"},
		{"of a session", control.Fault{Device: 2}, Subject{Device: 2}, "x----"},
		{"of another session", control.Fault{Device: 2}, Subject{Device: 1}, "-----"},
		{"by level", control.Fault{Stanza: "graphql"}, Subject{What: "graphql/sendText"}, "x----"},
		{"by whole", control.Fault{Stanza: "graphql/sendText"}, Subject{What: "graphql/sendText"}, "x----"},
		{"not by part of a level", control.Fault{Stanza: "graphql/send"}, Subject{What: "graphql/sendText"}, "-----"},
		{"by id", control.Fault{MatchID: "b"}, Subject{ID: "abc"}, "x----"},
		{"by another id", control.Fault{MatchID: "z"}, Subject{ID: "abc"}, "-----"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New("fault-", map[string]string{"break": "breaks"})
			test.fault.Kind = "break"
			if _, err := s.Add(test.fault); err != nil {
				t.Fatal(err)
			}
			got := ""
			for range 5 {
				if _, hit := s.Strike("break", test.sub); hit {
					got += "x"
				} else {
					got += "-"
				}
			}
			if got != test.want {
				t.Errorf("hits %s, want %s", got, test.want)
			}
			if hits := s.List()[0].Hits; hits != strings.Count(test.want, "x") {
				t.Errorf("%d hits counted", hits)
			}
		})
	}
}

func TestSet(t *testing.T) {
	s := New("fault-", map[string]string{"break": "breaks"})
	if _, err := s.Add(control.Fault{Kind: "brake"}); err == nil || !strings.Contains(err.Error(), "break") {
		t.Errorf("unknown kind: %v", err)
	}
	f, err := s.Add(control.Fault{Kind: "break", Args: map[string]string{"n": "7", "ms": "20", "empty": "", "text": "t"}, Hits: 9})
	if err != nil || f.ID != "fault-1" || f.Hits != 0 {
		t.Fatalf("added %+v, %v", f, err)
	}
	args, hit := s.Strike("break", Subject{})
	if !hit || args.Int("n", 1) != 7 || args.Int("m", 1) != 1 || args.Delay() != 20*time.Millisecond {
		t.Errorf("arguments are %v", args)
	}
	if args.Text("text", "x") != "t" || args.Text("empty", "x") != "x" || args.Text("none", "x") != "x" || Args(nil).Delay() != time.Second {
		t.Error("standards are wrong")
	}
	if !s.Remove(f.ID) || s.Remove(f.ID) || len(s.List()) != 0 {
		t.Error("removing did not work")
	}
}

func TestRules(t *testing.T) {
	s := New("fault-", map[string]string{"stall": "stalls"})
	f, err := s.Add(control.Fault{Kind: "stall", Args: map[string]string{"ms": "5", "n": "x"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		args, hit := s.Rules("stall", Subject{})
		if !hit || args.Delay() != 5*time.Millisecond || args.Int("n", 7) != 7 || args.Text("m", "d") != "d" {
			t.Fatalf("got %v, %t", args, hit)
		}
	}
	s.Remove(f.ID)
	if _, hit := s.Rules("stall", Subject{}); hit {
		t.Error("strikes after it was removed")
	}
}
