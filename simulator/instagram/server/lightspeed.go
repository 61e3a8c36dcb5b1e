package server

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"crosschat/simulator/faults"
	"crosschat/simulator/instagram/dgw"
	"crosschat/simulator/instagram/iris"
	"crosschat/simulator/instagram/world"
)

// subscribe handles the first data of the sync stream (section 10.1) and starts the flow of deltas.
func (c *conn) subscribe(f dgw.Frame) {
	sub, err := iris.ParseSubscription(f.Payload)
	if err != nil {
		c.refuse(err.Error())
		return
	}
	if sub.AppID != AppID || sub.DeviceID != c.device {
		c.refuse("subscription of another application or device")
		return
	}
	unlock := c.s.Direct.Lock()
	defer unlock()
	p := c.ses.person
	c.main, c.requestID = f.Stream, sub.RequestID
	switch {
	case !c.s.docs.subscription("delta", sub.DocID):
		c.s.note(c.ses, "subscription with document "+sub.DocID)
		c.operation(iris.Failure("unknown document"))
		return
	case sub.Cursor <= 0 || sub.Cursor < p.Floor || sub.Cursor > p.Seq:
		c.operation(iris.Resnapshot("resnapshot", 1))
		return
	}
	if _, hit := c.s.faults.Strike("close_subscribing", c.subject("")); hit {
		c.drop()
		return
	}
	c.operation(iris.Subscribed(sub.Cursor, p.Seq))
	c.cursor, c.subscribed = sub.Cursor, true
	c.strikeNow()
	c.poke()
}

// operation sends one operation that wants no ack.
func (c *conn) operation(op iris.Operation) {
	c.queueFrames(c.data(c.main, iris.Response(c.requestID, op), ""))
}

// strikeNow lets the faults strike that act on a connection as a whole. Direct's lock is held.
func (c *conn) strikeNow() {
	if !c.subscribed || c.ended() {
		return
	}
	sub := c.subject("")
	for kind, act := range map[string]func(args faults.Args){
		"deaf":         func(faults.Args) { c.deaf = true },
		"no_pong":      func(faults.Args) { c.mute = true },
		"resnapshot":   func(a faults.Args) { c.operation(iris.Resnapshot("resnapshot", int32(a.Int("type", 1)))) },
		"sync_failure": func(faults.Args) { c.operation(iris.Failure("sync failed")) },
		"noop":         func(faults.Args) { c.operation(iris.Noop()) },
		"unknown_op":   func(faults.Args) { c.operation(iris.Unknown()) },
		"drain": func(a faults.Args) {
			c.queueFrames(dgw.Frame{Type: dgw.Drain, Reason: byte(a.Int("reason", int(dgw.DrainAppServerPush)))})
		},
		"deauth": func(faults.Args) { c.queueFrames(dgw.Frame{Type: dgw.Deauth}) },
		"end_of_data": func(a faults.Args) {
			c.queueFrames(dgw.Frame{Type: dgw.EndOfData, Stream: c.main})
			if a["stay"] == "" {
				c.close(websocket.StatusCode(a.Int("code", 4000)), "graceful")
			}
		},
		"raw_frame": func(a faults.Args) {
			if b, err := hex.DecodeString(a["hex"]); err == nil {
				c.queueMessage(b)
			}
		},
		"close": func(a faults.Args) { c.close(websocket.StatusCode(a.Int("code", 0)), a["reason"]) },
	} {
		if args, hit := c.s.faults.Strike(kind, sub); hit {
			act(args)
		}
	}
}

// pump queues what of the account's log the client has not been sent. It runs on the writing goroutine.
func (c *conn) pump() {
	unlock := c.s.Direct.Lock()
	defer unlock()
	if !c.subscribed || c.deaf || c.holds > 0 || c.ended() {
		return
	}
	var batch []world.Entry
	send := func() {
		if len(batch) > 0 {
			c.delta(batch, nil)
			batch = nil
		}
	}
	for _, e := range c.ses.person.After(c.cursor) {
		c.cursor = e.Seq
		if c.broken(e, send) {
			if c.ended() {
				return
			}
			continue
		}
		if batch = append(batch, e); len(batch) == c.s.cfg.Batch {
			send()
		}
		if len(c.swapped) > 0 {
			batch = append(batch, c.swapped...)
			c.swapped = nil
			send()
		}
	}
	send()
}

func (c *conn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// broken sends an entry in another way if a fault says so; send sends what is batched before it.
func (c *conn) broken(e world.Entry, send func()) bool {
	sub := c.ses.subject("push/"+e.Type, e.Ref)
	if _, hit := c.s.faults.Strike("lose", sub); hit {
		return true
	}
	if args, hit := c.s.faults.Strike("delay", sub); hit {
		send()
		time.AfterFunc(args.Delay(), func() { c.delta([]world.Entry{e}, nil) })
		return true
	}
	if _, hit := c.s.faults.Strike("swap", sub); hit {
		c.swapped = append(c.swapped, e)
		return true
	}
	if _, hit := c.s.faults.Strike("duplicate", sub); hit {
		send()
		c.delta([]world.Entry{e}, nil)
		c.delta([]world.Entry{e}, nil)
		return true
	}
	if args, hit := c.s.faults.Strike("malformed", sub); hit {
		send()
		c.delta([]world.Entry{e}, iris.RawDelta(args.Text("json", `[{"data":`), false))
		return true
	}
	if _, hit := c.s.faults.Strike("split_frame", sub); hit {
		send()
		b := c.deltaFrame([]world.Entry{e}, nil).Append(nil)
		c.queueMessage(b[:len(b)/2])
		c.queueMessage(b[len(b)/2:])
		return true
	}
	if _, hit := c.s.faults.Strike("close_before", sub); hit {
		send()
		c.drop()
		return true
	}
	if _, hit := c.s.faults.Strike("close_after", sub); hit {
		send()
		c.delta([]world.Entry{e}, nil)
		c.drop()
		return true
	}
	return false
}

// delta sends entries, or op in their place.
func (c *conn) delta(entries []world.Entry, op iris.Operation) {
	c.queueFrames(c.deltaFrame(entries, op))
}

func (c *conn) deltaFrame(entries []world.Entry, op iris.Operation) dgw.Frame {
	if op == nil {
		list := make([]json.RawMessage, len(entries))
		for i, e := range entries {
			list[i] = e.Data
		}
		var err error
		if op, err = iris.Delta(list, true); err != nil {
			op = iris.Noop() // entries always encode
		}
	}
	last := entries[len(entries)-1]
	return c.data(c.main, iris.Response(c.requestID, op), fmt.Sprintf("delta %d", last.Seq))
}

// holdEcho keeps the session's deltas back while a request is answered, if a fault wants the answer first. release lets
// them go, later if the fault says so.
func (s *Server) holdEcho(ses *session, sub faults.Subject) (release func()) {
	if ses == nil {
		return func() {}
	}
	args, hit := s.faults.Strike("echo_late", sub)
	if !hit {
		return func() {}
	}
	held := s.syncConns(ses, func(c *conn) { c.holds++ })
	return func() {
		time.AfterFunc(time.Duration(args.Int("ms", 100))*time.Millisecond, func() {
			unlock := s.Direct.Lock()
			defer unlock()
			for _, c := range held {
				c.holds--
				c.poke()
			}
		})
	}
}

// awaitEcho keeps an answer back until the session's client has acknowledged all deltas, if a fault wants them first. It
// gives up after a while.
func (s *Server) awaitEcho(r *http.Request, ses *session, sub faults.Subject) {
	if ses == nil {
		return
	}
	args, hit := s.faults.Strike("echo_first", sub)
	if !hit {
		return
	}
	timeout := time.NewTimer(time.Duration(args.Int("ms", 2000)) * time.Millisecond)
	defer timeout.Stop()
	for _, c := range s.syncConns(ses, func(*conn) {}) {
		for c.ctx.Err() == nil {
			settled, done := c.echoed()
			if done {
				break
			}
			select {
			case <-settled:
			case <-c.ctx.Done():
			case <-timeout.C:
				return
			case <-r.Context().Done():
				return
			case <-s.ctx.Done():
				return
			}
		}
	}
}

// echoed says whether the client has acknowledged all that there is to tell, and what closes when that may have changed.
func (c *conn) echoed() (changed <-chan struct{}, done bool) {
	c.mu.Lock()
	changed = c.settled
	c.mu.Unlock()
	unlock := c.s.Direct.Lock()
	sent := c.cursor >= c.ses.person.Seq
	unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	return changed, sent && len(c.unacked) == 0
}

// syncConns runs f on the sync sockets of a session, locked, and returns them.
func (s *Server) syncConns(ses *session, f func(*conn)) []*conn {
	unlock := s.Direct.Lock()
	defer unlock()
	var found []*conn
	for c := range s.conns {
		if c.ses == ses && c.kind == socketSync && c.subscribed {
			f(c)
			found = append(found, c)
		}
	}
	return found
}

// describe shows a response in the log: its protobuf as text, which the JSON of deltas in it is.
func describe(payload []byte) string {
	var outer struct {
		Payload string `json:"payload"`
	}
	if json.Unmarshal(payload, &outer) == nil {
		if b, err := base64.StdEncoding.DecodeString(outer.Payload); err == nil {
			return string(b)
		}
	}
	return string(payload)
}
