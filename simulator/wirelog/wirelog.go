// Package wirelog records what crosses a simulated network's wires, and what came that should not have come. Credentials
// are never in it. It has no goroutine of its own and may be used from any.
package wirelog

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"time"

	"crosschat/simulator/control"
)

const (
	// kept is how many entries are remembered at least; twice as many are at most.
	kept = 50_000
	// shownOnTimeout is how many of the last entries an await that timed out shows.
	shownOnTimeout = 20
)

// Log is the record of one network. The oldest entries are forgotten when there are very many.
type Log struct {
	network string
	hook    func(control.LogEntry)

	mu         sync.Mutex
	first      int // index of entries[0]
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
	e.Index, e.Time, e.Network = l.first+len(l.entries), time.Now(), l.network
	l.entries = append(l.entries, e)
	if len(l.entries) > 2*kept {
		l.entries = append([]control.LogEntry{}, l.entries[kept:]...)
		l.first += kept
	}
	close(l.changed)
	l.changed = make(chan struct{})
	if l.hook != nil {
		l.hook(e)
	}
}

// Note records something that a client should not have done, as an entry, too. person is empty if it is not known.
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
	at := min(max(index-l.first, 0), len(l.entries))
	return append([]control.LogEntry{}, l.entries[at:]...), l.changed
}

// Await blocks until match.Count entries match and returns all that do. When ctx ends first, the error shows the last
// entries; a bad pattern is an error at once.
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
			var last strings.Builder
			for _, e := range entries[max(0, len(entries)-shownOnTimeout):] {
				last.WriteString("\n  " + e.Direction + " " + e.Person + " " + e.Data)
			}
			return nil, control.TimedOut("%d of %d log entries matched %+v in time; the last of %d are:%s", len(found), want, match,
				len(entries), last.String())
		}
	}
}

func matches(e control.LogEntry, m control.LogMatch) bool {
	return (m.Person == "" || m.Person == e.Person) && (m.Direction == "" || m.Direction == e.Direction) &&
		(m.Device == 0 || m.Device == e.Device) && strings.Contains(e.Data, m.Contains)
}
