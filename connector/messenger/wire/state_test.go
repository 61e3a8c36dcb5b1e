package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/metaweb/web"
)

func TestPosition(t *testing.T) {
	type step struct {
		current, next string
		pushed        bool
		moved, gap    bool
		at            string
	}
	tests := map[string][]step{
		"in order":          {{"", "a", false, true, false, "a"}, {"a", "b", true, true, false, "b"}},
		"first is a push":   {{"x", "a", true, true, false, "a"}},
		"nothing new":       {{"", "a", false, true, false, "a"}, {"a", "a", false, false, false, "a"}, {"b", "b", true, false, false, "a"}},
		"empty and dummy":   {{"a", "", false, false, false, ""}, {"a", dummyCursor, false, false, false, ""}},
		"gap":               {{"", "a", false, true, false, "a"}, {"b", "c", true, false, true, "a"}, {"a", "c", false, true, false, "c"}},
		"repeat":            {{"", "a", false, true, false, "a"}, {"a", "b", true, true, false, "b"}, {"", "a", true, false, false, "b"}},
		"overlap":           {{"", "a", false, true, false, "a"}, {"a", "b", true, true, false, "b"}, {"a", "c", true, true, false, "c"}},
		"old answer":        {{"", "a", false, true, false, "a"}, {"a", "b", true, true, false, "b"}, {"a", "a", false, false, false, "b"}},
		"push says no past": {{"", "a", false, true, false, "a"}, {"", "b", true, false, true, "a"}},
	}
	for name, steps := range tests {
		p := newPosition(State{}, time.Hour, time.Now())
		for i, s := range steps {
			moved, gap := p.apply(lightspeed.FirstBlock{Database: 1, CurrentCursor: s.current, NextCursor: s.next}, s.pushed)
			if moved != s.moved || gap != s.gap || p.get(1).Cursor != s.at {
				t.Errorf("%s, step %d: moved %t, gap %t, at %q; want %+v", name, i, moved, gap, p.get(1).Cursor, s)
			}
		}
	}
	p := newPosition(State{}, time.Hour, time.Now())
	for i := range 1000 {
		p.apply(lightspeed.FirstBlock{Database: 1, NextCursor: fmt.Sprint(i)}, false)
	}
	if got := len(p.passed[1]); got != maxPassed {
		t.Errorf("remembers %d cursors, want %d", got, maxPassed)
	}
}

func TestStateSurvivesJSON(t *testing.T) {
	p := newPosition(State{}, time.Hour, time.Now())
	p.apply(lightspeed.FirstBlock{Database: 2, NextCursor: "a", SyncChannel: 2}, false)
	now := time.UnixMilli(1790000000000).UTC()
	data, err := json.Marshal(p.state(now))
	if err != nil {
		t.Fatal(err)
	}
	var back State
	if err = json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if got := newPosition(back, time.Hour, now.Add(time.Minute)).get(2); got != (Database{"a", false, 2}) {
		t.Errorf("got %+v from %s", got, data)
	}
	if got := newPosition(back, time.Hour, now.Add(2*time.Hour)).get(2); got != initialDatabase(2) {
		t.Errorf("old state gives %+v, want the beginning", got)
	}
}

func TestAdvise(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want Advice
	}{
		"rate limit":    {fmt.Errorf("x: %w", &web.StatusError{Status: 429, RetryAfter: time.Minute}), Advice{After: time.Minute}},
		"too fast":      {&GraphQLError{Code: codeTooFast}, Advice{After: tooFastPause}},
		"another error": {errors.New("x"), Advice{}},
		"stopped":       {context.Canceled, Advice{}},
		"consent":       {&web.StopError{Kind: web.Consent, URL: "u"}, Advice{Action: AskUser, Kind: web.Consent, URL: "u"}},
		"too early":     {&ReloadError{Wait: time.Hour}, Advice{After: time.Hour}},
	} {
		if got := Advise(test.err); got != test.want {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
}
