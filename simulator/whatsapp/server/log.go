package server

import (
	"context"
	"sync"
	"time"
)

// stanzaLog is the append-only record of what crossed the wire. It has its own lock, so that writers need not hold the
// server's.
type stanzaLog struct {
	hook func(Entry)

	mu      sync.Mutex
	entries []Entry
	changed chan struct{}
}

func newStanzaLog(hook func(Entry)) *stanzaLog {
	return &stanzaLog{hook: hook, changed: make(chan struct{})}
}

func (l *stanzaLog) add(e Entry, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Index, e.Time = len(l.entries), now
	l.entries = append(l.entries, e)
	close(l.changed)
	l.changed = make(chan struct{})
	if l.hook != nil {
		l.hook(e)
	}
}

func (l *stanzaLog) from(index int) ([]Entry, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	index = min(max(index, 0), len(l.entries))
	return append([]Entry(nil), l.entries[index:]...), l.changed
}

// Log returns the entries from index on.
func (s *Server) Log(from int) []Entry {
	entries, _ := s.log.from(from)
	return entries
}

// AwaitLog blocks until an entry at or after index from fulfils ok, and returns the first that does. Its errors are those of
// ctx and ErrClosed.
func (s *Server) AwaitLog(ctx context.Context, from int, ok func(Entry) bool) (Entry, error) {
	from = max(from, 0)
	for {
		entries, changed := s.log.from(from)
		for _, e := range entries {
			if ok(e) {
				return e, nil
			}
		}
		from += len(entries)
		select {
		case <-changed:
		case <-s.ctx.Done():
			return Entry{}, ErrClosed
		case <-ctx.Done():
			return Entry{}, context.Cause(ctx)
		}
	}
}
