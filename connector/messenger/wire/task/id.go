package task

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
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

// messageEpoch is the zero of the time in message ids.
const messageEpoch = 1072915200000

// MessageTime answers the time in a message id, which is what the network shows. Ids of other shapes, or further than an
// hour from now, have none.
func MessageTime(messageID string, now time.Time) (time.Time, bool) {
	text, ok := strings.CutPrefix(messageID, "mid.$")
	if !ok || len(text) < 2 {
		return time.Time{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(text[1:])
	if err != nil || len(raw) != 21 {
		return time.Time{}, false
	}
	var ms [8]byte
	copy(ms[3:], raw[8:13])
	t := time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:])) + messageEpoch)
	if d := t.Sub(now).Abs(); d > time.Hour {
		return time.Time{}, false
	}
	return t, true
}
