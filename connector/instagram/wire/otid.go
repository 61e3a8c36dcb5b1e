package wire

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"time"
)

// NewOTID makes an id for something to be sent, to be used again when it has to be sent again. It is what the web client
// makes, the time and 22 random bits, and higher than all before it.
func (c *Client) NewOTID() OTID {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	const bits = 22
	id := OTID((time.Now().UnixMilli()<<bits | int64(binary.LittleEndian.Uint32(random[:])&(1<<bits-1))) & math.MaxInt64)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastOTID = max(id, c.lastOTID+1)
	return c.lastOTID
}

// maxEchoes is how many of the account's own messages are remembered by their OTIDs.
const maxEchoes = 1000

// echoes remembers what came back of what was sent. It belongs to the Client's lock.
type echoes struct {
	sent    map[OTID]Sent
	order   []OTID
	waiting map[OTID][]chan Sent
}

func newEchoes() *echoes {
	return &echoes{sent: make(map[OTID]Sent), waiting: make(map[OTID][]chan Sent)}
}

func (e *echoes) add(otid OTID, sent Sent) {
	if _, known := e.sent[otid]; !known {
		if len(e.order) == maxEchoes {
			delete(e.sent, e.order[0])
			e.order = e.order[1:]
		}
		e.order = append(e.order, otid)
		e.sent[otid] = sent
	}
	for _, waiter := range e.waiting[otid] {
		select {
		case waiter <- sent:
		default:
		}
	}
}

// noteEvent remembers what an event says to this package too: a message of the account's own, an inbox of several parts.
func (c *Client) noteEvent(e Event) {
	switch e := e.(type) {
	case NewMessage:
		c.noteEcho(&e.Message)
	case FolderChanged:
		if professional(e.Category) {
			c.alertOnce(Alert{Kind: AlertProfessional})
		}
	}
}

func (c *Client) noteEcho(m *Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.OTID != 0 && m.Sender != 0 && m.Sender == c.fbid {
		c.echoes.add(m.OTID, Sent{m.ID, m.Time})
	}
}

// echo answers what came back of something that was sent.
func (c *Client) echo(otid OTID) (Sent, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent, ok := c.echoes.sent[otid]
	return sent, ok
}

// awaitEcho announces that something will come back; stop takes that back.
func (c *Client) awaitEcho(otid OTID) (echo <-chan Sent, stop func()) {
	waiter := make(chan Sent, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.echoes.waiting[otid] = append(c.echoes.waiting[otid], waiter)
	return waiter, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		left := c.echoes.waiting[otid][:0:0]
		for _, w := range c.echoes.waiting[otid] {
			if w != waiter {
				left = append(left, w)
			}
		}
		if c.echoes.waiting[otid] = left; len(left) == 0 {
			delete(c.echoes.waiting, otid)
		}
	}
}
