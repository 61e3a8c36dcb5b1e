// Package wirelog is the record of what crossed the simulated wires and of requests that nobody should have
// made. Credentials are never in it. The oldest entries are forgotten when there are very many. A Log may be used from any goroutine.
package wirelog

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"time"

	"crosschat/simulator/control"
)

// kept is how many entries are remembered at least; twice as many are at most.
const kept = 50_000

// shownOnTimeout is how many of the last entries an await that timed out shows.
const shownOnTimeout = 20

// Log is the record of one network.
type Log struct {
	network string
	hook    func(control.LogEntry)

	mu         sync.Mutex
	first      int // index of entries[0]: older ones are forgotten
	entries    []control.LogEntry
	unexpected []control.Unexpected
	changed    chan struct{}
}

// New makes an empty log. hook, if not nil, is called for each new entry and must not call the log.
func New(network string, hook func(control.LogEntry)) *Log {
	return &Log{network: network, hook: hook, changed: make(chan struct{})}
}

// Add appends an entry and sets its index, network and time.
func (l *Log) Add(e control.LogEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Index, e.Network, e.Time = l.first+len(l.entries), l.network, time.Now()
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

// Note records a request that a client should not have made. person is empty if it is not known.
func (l *Log) Note(person, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unexpected = append(l.unexpected, control.Unexpected{
		Network: l.network, Time: time.Now(), Person: person, What: what,
	})
}

// Since returns the entries from an index on.
func (l *Log) Since(from int) []control.LogEntry {
	entries, _ := l.since(from)
	return entries
}

func (l *Log) since(from int) ([]control.LogEntry, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from = min(max(from-l.first, 0), len(l.entries))
	return append([]control.LogEntry{}, l.entries[from:]...), l.changed
}

// Unexpected returns what Note recorded.
func (l *Log) Unexpected() []control.Unexpected {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]control.Unexpected{}, l.unexpected...)
}

// Await blocks until match.Count entries match and returns all that do. When ctx ends first, the error shows the last
// entries; a broken pattern is an error at once.
func (l *Log) Await(ctx context.Context, match control.LogMatch) ([]control.LogEntry, error) {
	pattern, err := regexp.Compile(match.Pattern)
	if err != nil {
		return nil, control.Invalid("pattern: %v", err)
	}
	want := max(match.Count, 1)
	for {
		entries, changed := l.since(match.From)
		var found []control.LogEntry
		for _, e := range entries {
			if matches(e, match, pattern) {
				found = append(found, e)
			}
		}
		if len(found) >= want {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			var b strings.Builder
			for _, e := range entries[max(0, len(entries)-shownOnTimeout):] {
				b.WriteString("\n  " + e.Direction + " " + e.Person + " " + e.Data)
			}
			return nil, control.TimedOut("%d of %d entries matched %+v in time; the last are:%s", len(found), want, match, b.String())
		}
	}
}

func matches(e control.LogEntry, match control.LogMatch, pattern *regexp.Regexp) bool {
	return (match.Person == "" || match.Person == e.Person) && (match.Direction == "" || match.Direction == e.Direction) &&
		(match.Device == 0 || match.Device == e.Device) && strings.Contains(e.Data, match.Contains) &&
		pattern.MatchString(e.Data)
}
