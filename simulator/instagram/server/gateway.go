package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"crosschat/simulator/instagram/dgw"
	"crosschat/simulator/instagram/world"
)

// Close codes of the gateway (section 9.1).
const (
	closeKeepalive    websocket.StatusCode = 4001
	closeUnauthorized websocket.StatusCode = 4003
	closeBadRequest   websocket.StatusCode = 4005
)

// Sockets, by the last element of their path.
const (
	socketSync   = "lightspeed"
	socketTyping = "streamcontroller"
	socketBypass = "mqttbypass"
)

// conn is one socket of the gateway. The goroutine of its request reads, one more writes.
type conn struct {
	s    *Server
	ses  *session
	kind string
	age  int // counts connections up
	ws   *websocket.Conn

	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // has a place for one: the writer has something to do
	beat   *time.Timer   // closes the socket when it goes off

	// The reader's own.
	streams map[uint16]*stream
	device  string // of the query

	mu      sync.Mutex
	queue   [][]byte // whole messages to be written
	ending  bool     // the socket closes with code once the queue is written
	code    websocket.StatusCode
	reason  string
	ackNext map[uint16]uint16
	settled chan struct{} // closed and replaced at each ack of the client
	unacked map[uint16]string

	// Behind Direct's lock.
	subscribed bool
	deaf       bool
	mute       bool // pings are not answered
	main       uint16
	requestID  int64
	cursor     int64 // of what was sent
	holds      int   // answers that must be written before the next delta
	swapped    []world.Entry
}

// stream is one stream of a socket.
type stream struct {
	params  map[string]string
	started bool // its first data came
}

// serveSocket takes a socket's upgrade and serves it until it ends.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request, ses *session) {
	kind := strings.TrimPrefix(r.URL.Path, "/ws/")
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		s.note(ses, fmt.Sprintf("socket %s that does not upgrade: %v", kind, err))
		return
	}
	defer ws.CloseNow() //nolint:errcheck // nobody is left who could act on it
	if !s.running.Begin() {
		return
	}
	defer s.running.Done()
	ws.SetReadLimit(maxBody)
	if ses == nil {
		ws.Close(closeUnauthorized, "unauthorized") //nolint:errcheck // as above
		return
	}
	s.checkOrigin(r, ses, kind)
	if what := badQuery(r, kind); what != "" {
		s.note(ses, "socket "+kind+" with "+what)
		ws.Close(closeBadRequest, "bad request") //nolint:errcheck // as above
		return
	}
	c := &conn{
		s: s, ses: ses, kind: kind, ws: ws, wake: make(chan struct{}, 1), streams: map[uint16]*stream{},
		device: r.URL.Query().Get("x-dgw-deviceid"), ackNext: map[uint16]uint16{}, settled: make(chan struct{}),
		unacked: map[uint16]string{},
	}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	c.serve()
}

// serve runs the connection until it ends.
func (c *conn) serve() {
	defer c.cancel()
	unlock := c.s.Direct.Lock()
	if c.ses.revoked { // since the request came
		unlock()
		c.ws.Close(closeUnauthorized, "unauthorized") //nolint:errcheck // nobody is left who could act on it
		return
	}
	c.s.opened++
	c.age = c.s.opened
	c.s.conns[c] = true
	c.s.Direct.Listen(c.ses.person, c)
	unlock()
	c.beat = time.AfterFunc(c.s.cfg.Patience, func() { c.close(closeKeepalive, "keepalive timeout") })
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write()
	}()
	c.read()
	c.beat.Stop()
	c.cancel()
	<-written
	unlock = c.s.Direct.Lock()
	delete(c.s.conns, c)
	c.s.Direct.Unlisten(c.ses.person, c)
	unlock()
}

// Told implements direct.Ear.
func (c *conn) Told() { c.poke() }

func (c *conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// close ends the connection with a code, after what is queued. It doesn't wait.
func (c *conn) close(code websocket.StatusCode, reason string) {
	c.mu.Lock()
	if !c.ending {
		c.ending, c.code, c.reason = true, code, reason
	}
	c.mu.Unlock()
	c.poke()
}

// drop ends the connection as a broken network does.
func (c *conn) drop() { c.close(0, "") }

// queueFrames has frames written as one message.
func (c *conn) queueFrames(frames ...dgw.Frame) {
	var b []byte
	for _, f := range frames {
		b = f.Append(b)
	}
	c.queueMessage(b)
}

func (c *conn) queueMessage(message []byte) {
	c.mu.Lock()
	c.queue = append(c.queue, message)
	c.mu.Unlock()
	c.poke()
}

// data makes a Data frame. ref is what the client will have settled with its ack; empty for frames that want none.
func (c *conn) data(id uint16, payload []byte, ref string) dgw.Frame {
	f := dgw.Frame{Type: dgw.Data, Stream: id, Payload: payload, WantAck: ref != ""}
	if ref == "" {
		return f
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f.AckID = c.ackNext[id]
	c.ackNext[id] = (f.AckID + 1) & dgw.MaxAckID
	c.unacked[f.AckID] = ref
	return f
}

// write is the writing goroutine.
func (c *conn) write() {
	ping := time.NewTicker(c.s.cfg.PingEvery)
	defer ping.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-ping.C:
			c.queueFrames(dgw.Frame{Type: dgw.Ping})
		case <-c.wake:
		}
		if c.kind == socketSync {
			c.pump()
		}
		if !c.flush() {
			return
		}
	}
}

// flush writes what is queued; false when the connection has ended.
func (c *conn) flush() bool {
	c.mu.Lock()
	queue, ending, code, reason := c.queue, c.ending, c.code, c.reason
	c.queue = nil
	c.mu.Unlock()
	for _, message := range queue {
		if err := c.ws.Write(c.ctx, websocket.MessageBinary, message); err != nil {
			c.cancel()
			return false
		}
		c.log("out", message)
	}
	if !ending {
		return true
	}
	if code == 0 {
		c.ws.CloseNow() //nolint:errcheck // is meant to break
	} else {
		c.ws.Close(code, reason) //nolint:errcheck // the client may be gone already
	}
	c.cancel()
	return false
}

// read is the reading goroutine: it returns when the connection has ended.
func (c *conn) read() {
	for {
		kind, message, err := c.ws.Read(c.ctx)
		if err != nil {
			return
		}
		c.log("in", message)
		frames, err := dgw.Parse(message)
		if err != nil || kind != websocket.MessageBinary {
			c.refuse(fmt.Sprintf("message that is none of the gateway's: %v", err))
			continue
		}
		for _, f := range frames {
			c.frame(f)
		}
	}
}

// refuse closes the connection for something that no client may send.
func (c *conn) refuse(what string) {
	c.s.note(c.ses, "socket "+c.kind+": "+what)
	c.close(closeBadRequest, "bad request")
}
