package server

import (
	"encoding/json"
	"fmt"
	"time"

	"crosschat/simulator/instagram/dgw"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/thrift"
	"crosschat/simulator/instagram/world"
)

// typingFor is how long a typing notice holds.
const typingFor = 12 * time.Second

// badTypingStream says what of the parameters of a stream for typing notices is wrong (section 14.1).
func (c *conn) badTypingStream(st *stream) string {
	for name, want := range map[string]string{
		"x-dgw-app-XRSS-method":       "FBGQLS:XDT_DIRECT_REALTIME_EVENT",
		"x-dgw-app-XRSS-routing_hint": "IGDTypingIndicatorClientSubscription",
		"x-dgw-app-xrs-body":          "true",
		"x-dgw-app-XRS-Accept-Ack":    "RSAck",
		"x-dgw-app-XRSS-http_referer": "https://www.instagram.com/direct/",
	} {
		if got := st.params[name]; got != want {
			return fmt.Sprintf("parameter %s is %q", name, got)
		}
	}
	unlock := c.s.Direct.Lock()
	defer unlock()
	if id := st.params["x-dgw-app-XRSS-doc_id"]; !c.s.docs.subscription("typing", id) {
		return "document " + id
	}
	return ""
}

// listen handles the first data of a stream for typing notices.
func (c *conn) listen(f dgw.Frame) {
	body, err := thrift.ParseRequestBody(f.Payload)
	if err != nil {
		c.refuse(err.Error())
		return
	}
	var request struct {
		Input struct {
			User string `json:"user_id"`
		} `json:"input_data"`
	}
	if err := json.Unmarshal([]byte(body), &request); err != nil || request.Input.User != c.ses.owner() {
		c.refuse(fmt.Sprintf("typing notices for %q, %v", request.Input.User, err))
		return
	}
	for _, status := range []thrift.FlowStatus{thrift.Accepted, thrift.Started} {
		c.queueFrames(c.data(f.Stream, thrift.Flow(status), "flow"))
	}
	if args, hit := c.s.faults.Strike("terminate", c.subject("")); hit {
		const tryAgain = 80
		c.queueFrames(c.data(f.Stream, thrift.Termination(int64(args.Int("reason", tryAgain)), "terminated"), "termination"))
		return
	}
	unlock := c.s.Direct.Lock()
	defer unlock()
	c.main, c.subscribed = f.Stream, true
}

// Typing implements direct.Ear: typing notices go to the socket that is for them.
func (c *conn) Typing(t *world.Thread, from *world.Person, typing bool) {
	if c.kind != socketTyping || !c.subscribed {
		return
	}
	status := 0
	if typing {
		status = 1
	}
	value, err := json.Marshal(struct {
		Timestamp   int64 `json:"timestamp"` // µs
		Sender      int64 `json:"sender_id"`
		TTL         int64 `json:"ttl"`
		Status      int   `json:"activity_status"`
		Attribution any   `json:"attribution"`
	}{c.s.Direct.World.Now() * 1000, from.IGID, typingFor.Milliseconds(), status, nil})
	if err != nil {
		return // numbers always encode
	}
	patch, err := json.Marshal(shape.Object{"data": shape.Object{"xdt_direct_realtime_event": shape.Object{
		"event": "patch", "data": []shape.Object{{
			"op": "add", "path": "/direct_v2/threads/" + t.Long + "/activity_indicator_id/" + uuid(), "value": string(value),
		}},
	}}})
	if err != nil {
		return // as above
	}
	c.queueFrames(c.data(c.main, thrift.ResponseData(string(patch)), "typing"))
}

// publish handles what a client sends on the socket for outgoing notices (section 14.2).
func (c *conn) publish(payload []byte, first bool) {
	request, err := thrift.ParseRequest(payload)
	if err != nil {
		c.refuse(err.Error())
		return
	}
	switch request := request.(type) {
	case *thrift.Connect:
		if !first || request.DeviceID != c.device {
			c.refuse("connect that is not the first, or of another device")
		}
	case *thrift.Publish:
		if first {
			c.refuse("publish before connect")
			return
		}
		c.indicate(request)
	}
}

func (c *conn) indicate(p *thrift.Publish) {
	var activity struct {
		Action string `json:"action"`
		Status *int   `json:"activity_status"`
		Thread string `json:"thread_id"`
	}
	if err := json.Unmarshal(p.Payload, &activity); err != nil || p.Topic != "/ig_send_message" ||
		activity.Action != "indicate_activity" || activity.Status == nil {
		c.s.note(c.ses, fmt.Sprintf("socket %s: publish to %q: %v", c.kind, p.Topic, err))
		return
	}
	unlock := c.s.Direct.Lock()
	defer unlock()
	// Sources disagree on which id of the thread this is; both reach it.
	w, me := c.s.Direct.World, c.ses.person
	t := w.ByLong(activity.Thread)
	if t == nil {
		t = w.ByShort(number(activity.Thread))
	}
	if t == nil || me.View(t) == nil {
		c.s.note(c.ses, "socket "+c.kind+": typing in no thread, "+activity.Thread)
		return
	}
	if me.View(t).Request() {
		c.s.note(c.ses, "socket "+c.kind+": typing in a message request")
	}
	c.s.Direct.Typing(me, t, *activity.Status == 1)
}
