// Package wirelog records what crosses a simulated network's wires, and what came that should not have come. It has no
// goroutine of its own and may be used from any.
package wirelog

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"time"

	"crosschat/simulator/control"
)

// Log is append-only.
type Log struct {
	network string
	hook    func(control.LogEntry)

	mu         sync.Mutex
	entries    []control.LogEntry
	unexpected []control.Unexpected
	changed    chan struct{} // closed and replaced at each entry
}

// New makes a log for a network. hook, if not nil, is called for each entry in order; it must not block nor use the log.
func New(network string, hook func(control.LogEntry)) *Log {
	return &Log{network: network, hook: hook, changed: make(chan struct{})}
}

// Add appends an entry and sets its index, time and network.
func (l *Log) Add(e control.LogEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Index, e.Time, e.Network = len(l.entries), time.Now(), l.network
	l.entries = append(l.entries, e)
	close(l.changed)
	l.changed = make(chan struct{})
	if l.hook != nil {
		l.hook(e)
	}
}

// Note records something that a client should not have done.
func (l *Log) Note(person, what string) {
	l.mu.Lock()
	l.unexpected = append(l.unexpected, control.Unexpected{Network: l.network, Time: time.Now(), Person: person, What: what})
	l.mu.Unlock()
	l.Add(control.LogEntry{Direction: "in", Person: person, Data: "UNEXPECTED " + what})
}

// Unexpected lists what was noted.
func (l *Log) Unexpected() []control.Unexpected {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]control.Unexpected{}, l.unexpected...)
}

// From returns the entries from index on, and a channel that the next entry closes.
func (l *Log) From(index int) ([]control.LogEntry, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	index = min(max(index, 0), len(l.entries))
	return append([]control.LogEntry{}, l.entries[index:]...), l.changed
}

// Await blocks until match.Count entries match and returns all that do. A bad pattern or the end of ctx is an error.
func (l *Log) Await(ctx context.Context, match control.LogMatch) ([]control.LogEntry, error) {
	pattern, err := regexp.Compile(match.Pattern)
	if err != nil {
		return nil, control.Invalid("pattern %q: %v", match.Pattern, err)
	}
	want := max(match.Count, 1)
	for {
		entries, changed := l.From(match.From)
		found := []control.LogEntry{}
		for _, e := range entries {
			if matches(e, match) && pattern.MatchString(e.Data) {
				found = append(found, e)
			}
		}
		if len(found) >= want {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, control.TimedOut("%d of %d log entries matched %+v in time, of %d", len(found), want, match, len(entries))
		}
	}
}

func matches(e control.LogEntry, m control.LogMatch) bool {
	return (m.Person == "" || m.Person == e.Person) && (m.Direction == "" || m.Direction == e.Direction) &&
		(m.Device == 0 || m.Device == e.Device) && strings.Contains(e.Data, m.Contains)
}
