package task

import (
	"sync"
	"time"
)

// IDs makes ids of the shape that the web client's have: time, a counter, a constant. The zero value is ready. It may be
// used from any goroutine.
type IDs struct {
	mu   sync.Mutex
	last int64
	next int64
}

const (
	idTimeShift  = 22
	idCountShift = 12
	idEnd        = 42
	idMaxCount   = 1<<(idTimeShift-idCountShift) - 1
)

// Next answers a new id. Ids of one IDs grow; when a millisecond's are used up, or the clock goes back, they run ahead of
// the clock.
func (g *IDs) Next(now time.Time) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	ms := now.UnixMilli()
	switch {
	case ms > g.last:
		g.last, g.next = ms, 0
	case g.next > idMaxCount:
		g.last, g.next = g.last+1, 0
	}
	id := g.last<<idTimeShift | g.next<<idCountShift | idEnd
	g.next++
	return id
}
