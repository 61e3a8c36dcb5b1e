// Package world holds what the people of any simulated network have in common: the timeline of what happened to each,
// which tests read and wait on. It knows no wire protocol and starts no goroutine.
package world

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"crosschat/simulator/control"
)

// shownOnTimeout is how many of the last events an await that timed out shows.
const shownOnTimeout = 30

// Timeline is the append-only list of what happened to one person. The zero value is ready; all methods may be called
// from many goroutines.
type Timeline struct {
	mu      sync.Mutex
	events  []control.Event
	changed chan struct{} // closed and replaced at each append; nil until somebody waits
}

// Append adds an event, sets its Index, and its Time unless it has one, and returns it.
func (t *Timeline) Append(event control.Event) control.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	event.Index = len(t.events)
	if event.Time.IsZero() {
		event.Time = time.Now()
	}
	t.events = append(t.events, event)
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
	return event
}

// Since returns the events from index from on.
func (t *Timeline) Since(from int) []control.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from < 0 || from >= len(t.events) {
		return []control.Event{}
	}
	return append([]control.Event{}, t.events[from:]...)
}

// Await blocks until match.Count events match and returns all that do. When ctx ends first, the error lists the last
// events that are there instead.
func (t *Timeline) Await(ctx context.Context, match control.Match) ([]control.Event, error) {
	want := max(match.Count, 1)
	next := max(match.From, 0)
	var found []control.Event
	for {
		more, end, changed := t.collect(match, next)
		found, next = append(found, more...), end
		if len(found) >= want {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			wanted, _ := json.Marshal(match) // a Match always encodes
			return nil, control.TimedOut("%d of %d events matched %s in time; %s", len(found), want, wanted, t.describe(match.From))
		}
	}
}

// collect returns the events from index from on that match, the index behind the last one, and the channel that the next
// append closes.
func (t *Timeline) collect(match control.Match, from int) (found []control.Event, end int, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, event := range t.events[min(from, len(t.events)):] {
		if Matches(event, match) {
			found = append(found, event)
		}
	}
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return found, max(from, len(t.events)), t.changed
}

func (t *Timeline) describe(from int) string {
	events := t.Since(from)
	if len(events) == 0 {
		return "there are no events"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d events are there:", len(events))
	for _, e := range events[max(0, len(events)-shownOnTimeout):] {
		fmt.Fprintf(&b, "\n  %d %s chat=%s sender=%s from_me=%t id=%s ref=%s text=%q",
			e.Index, e.Kind, e.Chat, e.Sender, e.FromMe, e.ID, e.Ref, e.Text)
		if e.MediaError != "" {
			fmt.Fprintf(&b, " media_error=%q", e.MediaError)
		}
	}
	return b.String()
}

// Matches says whether an event is what match selects. It looks at neither From nor Count.
func Matches(event control.Event, match control.Match) bool {
	for _, field := range [...]struct{ want, got string }{
		{match.Kind, event.Kind},
		{match.Chat, event.Chat},
		{match.Sender, event.Sender},
		{match.ID, event.ID},
		{match.Ref, event.Ref},
		{match.Text, event.Text},
	} {
		if field.want != "" && field.want != field.got {
			return false
		}
	}
	if match.FromMe != nil && *match.FromMe != event.FromMe {
		return false
	}
	return strings.Contains(event.Text, match.Contains)
}
