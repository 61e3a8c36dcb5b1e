package server

import (
	"encoding/json"
	"fmt"
	"net/http"

	"crosschat/simulator/faults"
	"crosschat/simulator/instagram/dgw"
)

// badQuery says what of a socket's query the gateway does not accept.
func badQuery(r *http.Request, kind string) string {
	query := r.URL.Query()
	want := map[string]string{
		"x-dgw-appid": AppID, "x-dgw-appversion": "0", "x-dgw-authtype": "6:0", "x-dgw-version": "5", "x-dgw-tier": "prod",
	}
	if kind == socketTyping {
		want["x-dgw-app-stream-group"] = "group1"
	}
	for name, value := range want {
		if query.Get(name) != value {
			return fmt.Sprintf("%s=%q", name, query.Get(name))
		}
	}
	for _, name := range []string{"x-dgw-uuid", "x-dgw-deviceid"} {
		if query.Get(name) == "" {
			return "no " + name
		}
	}
	if kind == socketBypass && query.Get("x-dgw-loggingid") == "" {
		return "no x-dgw-loggingid"
	}
	return ""
}

func (s *Server) checkOrigin(r *http.Request, ses *session, kind string) {
	for name, want := range map[string]string{
		"Origin": "https://" + hostWeb, "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "websocket", "Sec-Fetch-Site": "same-site",
	} {
		if got := r.Header.Get(name); got != want {
			s.note(ses, fmt.Sprintf("socket %s with %s %q", kind, name, got))
		}
	}
	unlock := s.Direct.Lock()
	defer unlock()
	s.likeBrowser(r, ses, "socket "+kind, nil)
}

func (c *conn) frame(f dgw.Frame) {
	switch f.Type {
	case dgw.Ping:
		c.beat.Reset(c.s.cfg.Patience)
		unlock := c.s.Direct.Lock()
		mute := c.mute
		unlock()
		if !mute {
			c.queueFrames(dgw.Frame{Type: dgw.Pong})
		}
	case dgw.Pong:
		c.beat.Reset(c.s.cfg.Patience)
	case dgw.Ack:
		c.settle(f.AckID)
	case dgw.EstabStream:
		c.establish(f)
	case dgw.Data:
		c.received(f)
	case dgw.EndOfData:
		delete(c.streams, f.Stream)
	default:
		c.refuse(fmt.Sprintf("frame of type %d", f.Type))
	}
}

// settle takes a client's ack, which may come in any order but not for something that wanted none.
func (c *conn) settle(id uint16) {
	c.mu.Lock()
	_, wanted := c.unacked[id]
	delete(c.unacked, id)
	close(c.settled)
	c.settled = make(chan struct{})
	c.mu.Unlock()
	if !wanted {
		c.s.note(c.ses, fmt.Sprintf("socket %s: ack of %d, which wanted none", c.kind, id))
	}
}

// establish opens a stream.
func (c *conn) establish(f dgw.Frame) {
	st := &stream{params: map[string]string{}}
	if len(f.Payload) > 0 {
		if err := json.Unmarshal(f.Payload, &st.params); err != nil {
			c.refuse("stream with parameters that are no JSON of texts")
			return
		}
	}
	if c.streams[f.Stream] != nil {
		c.refuse(fmt.Sprintf("stream %d opened twice", f.Stream))
		return
	}
	if args, hit := c.s.faults.Strike("stream_refused", c.subject("")); hit {
		c.queueFrames(dgw.Frame{Type: dgw.EstabStream, Stream: f.Stream, Payload: fmt.Appendf(nil, `{"code":%d}`, args.Int("code", 403))})
		return
	}
	if c.kind == socketTyping {
		if what := c.badTypingStream(st); what != "" {
			c.s.note(c.ses, "socket "+c.kind+": "+what)
			c.queueFrames(dgw.Frame{Type: dgw.EstabStream, Stream: f.Stream, Payload: []byte(`{"code":400}`)})
			return
		}
	}
	c.streams[f.Stream] = st
	c.queueFrames(dgw.Frame{Type: dgw.EstabStream, Stream: f.Stream, Payload: []byte(`{"code":200}`)})
}

// received handles data of the client.
func (c *conn) received(f dgw.Frame) {
	st := c.streams[f.Stream]
	if st == nil {
		c.refuse(fmt.Sprintf("data on stream %d, which is not open", f.Stream))
		return
	}
	if f.WantAck {
		if _, hit := c.s.faults.Strike("no_ack", c.subject("")); !hit {
			c.queueFrames(dgw.Frame{Type: dgw.Ack, Stream: f.Stream, AckID: f.AckID})
		}
	}
	first := !st.started
	st.started = true
	switch {
	case c.kind == socketBypass:
		c.publish(f.Payload, first)
	case !first:
		c.s.note(c.ses, "socket "+c.kind+": more than one request on a stream")
	case c.kind == socketTyping:
		c.listen(f)
	default:
		c.subscribe(f)
	}
}

func (c *conn) subject(id string) faults.Subject { return c.ses.subject("socket/"+c.kind, id) }

// log records the frames of a message, in words where they have any.
func (c *conn) log(direction string, message []byte) {
	frames, err := dgw.Parse(message)
	if err != nil {
		c.s.record(c.ses, direction, fmt.Sprintf("%s malformed %.64x", c.kind, message))
	}
	for _, f := range frames {
		if f.Type == dgw.Ping || f.Type == dgw.Pong {
			continue
		}
		text := string(f.Payload)
		if c.kind == socketSync && direction == "out" && f.Type == dgw.Data {
			text = describe(f.Payload)
		}
		const most = 4000
		c.s.record(c.ses, direction, fmt.Sprintf("%s frame %d stream %d ack %d %.*q", c.kind, f.Type, f.Stream, f.AckID, most, text))
	}
}
