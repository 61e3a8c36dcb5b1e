package messenger_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger"
)

func TestFaultsOfMessagesToClients(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	r.fault(control.Fault{Kind: "duplicate", Stanza: "message"})
	sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "twice"})
	c.message(sent.ID)
	r.fault(control.Fault{Kind: "lose", Stanza: "message"})
	lost := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "lost"})
	deaf := r.fault(control.Fault{Kind: "deaf", Person: r.own.ID})
	unheard := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "unheard"})
	c.say(r.alice, "I can still speak")
	r.await(r.alice, control.Match{Text: "I can still speak"})
	r.check(r.api.RemoveFault(r.ctx, messenger.EncryptedName, deaf.ID))
	c.message(unheard.ID)
	c.mu.Lock()
	defer c.mu.Unlock()
	twice := 0
	for _, evt := range c.events {
		if m, ok := evt.(*events.FBMessage); ok {
			if m.Info.ID == lost.ID {
				t.Error("the lost message arrived")
			}
			if m.Info.ID == sent.ID {
				twice++
			}
		}
	}
	if twice != 1 { // the library recognises the ciphertext
		t.Errorf("duplicate shown %d times", twice)
	}
}

func TestFaultsOfWhatClientsAsk(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	r.fault(control.Fault{Kind: "iq_error", Stanza: "iq/w:m"})
	if _, err := c.Upload(r.ctx, []byte("x"), whatsmeow.MediaImage); err == nil {
		t.Error("no error")
	}
	r.fault(control.Fault{Kind: "ignore", Stanza: "message"})
	_, err := c.SendFBMessage(r.ctx, jid(r.alice), textMessage("x"), nil, whatsmeow.SendRequestExtra{Timeout: 200 * time.Millisecond})
	if err == nil {
		t.Error("an ignored message was acked")
	}
	r.fault(control.Fault{Kind: "no_prekeys", Person: r.alice.ID})
	r.fault(control.Fault{Kind: "phash", Stanza: "message"})
	resp := c.say(r.alice, "without a prekey")
	r.await(r.alice, control.Match{ID: resp.ID})
	r.fault(control.Fault{Kind: "media_status", Stanza: "POST", Args: map[string]string{"status": "500"}})
	if _, err = c.Upload(r.ctx, []byte("x"), whatsmeow.MediaImage); err == nil {
		t.Error("no error")
	}
	r.fault(control.Fault{Kind: "media_truncate", Stanza: "GET"})
	sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Media: &control.Media{Kind: "document", Data: []byte("some data"), MIMEType: "text/plain", FileName: "a"}})
	transport, media := mediaOf(t, consumer(c.message(sent.ID)).GetPayload().GetContent())
	if data, err := c.DownloadFB(r.ctx, transport.GetIntegral(), media); err == nil && string(data) != "some data" {
		t.Errorf("got %q", data)
	}
	r.check(r.api.Block(r.ctx, messenger.EncryptedName, r.alice.ID, r.own.ID, true))
	if _, err = c.SendFBMessage(r.ctx, jid(r.alice), textMessage("x"), nil); err == nil {
		t.Error("sent to somebody who blocks")
	}
	if _, err = r.api.AddFault(r.ctx, messenger.EncryptedName, control.Fault{Kind: "no such kind"}); err == nil {
		t.Error("an unknown fault was taken")
	}
}

func TestConnectionsEndAtPoints(t *testing.T) {
	if raceDetector {
		t.Skip("the library has data races of its own while it waits for a connection that comes back")
	}
	r := newRig(t)
	c := r.register(r.own)
	c.EnableAutoReconnect, c.InitialAutoReconnect = true, true
	c.AutoReconnectHook = func(error) bool { return true }
	for i, f := range []control.Fault{
		{Kind: "close_before", Stanza: "success"}, {Kind: "close_after", Stanza: "success"}, {Kind: "close_before", Stanza: "active"},
		{Kind: "close_after", Stanza: "active"}, {Kind: "close_before", Stanza: "iq/encrypt"}, {Kind: "close_after", Stanza: "message/text"},
		{Kind: "close_before", Stanza: "deliver/message"}, {Kind: "close_after", Stanza: "deliver/message"}, {Kind: "close_before", Stanza: "message"},
		{Kind: "close_before", Stanza: "receipt"},
	} {
		c.Disconnect()
		fault := r.fault(f)
		in, out := fmt.Sprint("in ", i), fmt.Sprint("out ", i)
		sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: in})
		if err := c.Connect(); err != nil {
			t.Logf("%s %s: first connect: %v", f.Kind, f.Stanza, err)
		}
		c.message(sent.ID)
		extra := whatsmeow.SendRequestExtra{ID: fmt.Sprintf("75078041600000008%02d", i), Timeout: 3 * time.Second}
		var err error
		for range 5 {
			if _, err = c.SendFBMessage(r.ctx, jid(r.alice), textMessage(out), nil, extra); err == nil {
				break
			}
		}
		r.check(err)
		r.await(r.alice, control.Match{Text: out})
		r.struck(fault)
	}
}

// struck waits until a fault has struck.
func (r *rig) struck(fault control.Fault) {
	r.Helper()
	deadline := time.After(patience)
	for {
		_, changed := r.sim.Plain.Log().From(0)
		list, err := r.api.Faults(r.ctx, messenger.EncryptedName)
		r.check(err)
		for _, listed := range list {
			if listed.ID == fault.ID && listed.Hits > 0 {
				return
			}
		}
		select {
		case <-changed:
		case <-deadline:
			r.Fatalf("%s %s has not struck", fault.Kind, fault.Stanza)
		}
	}
}

func TestBadHandshakes(t *testing.T) {
	r := newRig(t)
	c := r.browser(r.own)
	hello, err := proto.Marshal(&waWa6.HandshakeMessage{ClientHello: &waWa6.HandshakeMessage_ClientHello{Ephemeral: bytes.Repeat([]byte{9}, 32)}})
	r.check(err)
	good := append([]byte{'W', 'A', 6, 3, 0, 0, byte(len(hello))}, hello...)
	for name, data := range map[string][]byte{
		"other header": []byte("GET / HTTP"), "not a message": {'W', 'A', 6, 3, 0, 0, 2, 0xff, 0xff}, "no key": {'W', 'A', 6, 3, 0, 0, 0}, "fault": good,
	} {
		if name == "fault" {
			r.fault(control.Fault{Kind: "close_before", Stanza: "handshake"})
		}
		ws, _, err := websocket.Dial(r.ctx, "wss://web-chat-e2ee.facebook.com/ws/chat", &websocket.DialOptions{HTTPClient: c.HTTP})
		r.check(err)
		r.check(ws.Write(r.ctx, websocket.MessageBinary, data))
		if _, _, err = ws.Read(r.ctx); err == nil {
			t.Errorf("%s: the server answered", name)
		}
		ws.CloseNow() //nolint:errcheck // it is closed
	}
}

func TestUnannouncedDevice(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	c.say(r.alice, "first") // the client now knows the list of its own devices
	f := r.fault(control.Fault{Kind: "unannounced", Person: r.own.ID})
	second := r.online(r.own)
	missed := c.say(r.alice, "for one device less")
	r.check(r.api.RemoveFault(r.ctx, messenger.EncryptedName, f.ID))
	sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "for all devices"})
	second.message(sent.ID)
	second.mu.Lock()
	defer second.mu.Unlock()
	for _, evt := range second.events {
		if m, ok := evt.(*events.FBMessage); ok && m.Info.ID == missed.ID {
			t.Error("a device got a message that was not encrypted for it")
		}
	}
}

func TestMalformedFrameToTheClient(t *testing.T) {
	r := newRig(t)
	c := r.online(r.own)
	r.fault(control.Fault{Kind: "malformed", Args: map[string]string{"hex": "00f8ffff"}})
	sent := r.send(r.alice, control.SendRequest{To: r.own.ID, Text: "still there?"})
	c.message(sent.ID)
}

// node is a message that a client sends, spoilt by change.
func (c *client) sendSpoilt(t *testing.T, id string, change func(*waBinary.Node)) {
	t.Helper()
	n := waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": id, "type": "text", "to": jid(c.rig.alice)}, Content: []waBinary.Node{
		{Tag: "participants", Content: []waBinary.Node{{Tag: "to", Attrs: waBinary.Attrs{"jid": jid(c.rig.alice)}, Content: []waBinary.Node{
			{Tag: "enc", Attrs: waBinary.Attrs{"v": "3", "type": "msg"}, Content: []byte("ciphertext")},
		}}}},
		{Tag: "franking", Content: []waBinary.Node{{Tag: "franking_tag", Content: make([]byte, 32)}}},
		{Tag: "trace", Content: []waBinary.Node{{Tag: "request_id", Content: make([]byte, 16)}}},
	}}
	change(&n)
	c.sendNode(n)
}

// sendNode sends any stanza.
func (c *client) sendNode(n waBinary.Node) {
	c.rig.Helper()
	//lint:ignore SA1019 the library's only way to send what no client should send
	c.rig.check(c.DangerousInternals().SendNode(c.rig.ctx, n))
}

func TestSocketRefuses(t *testing.T) {
	r := newRig(t)
	r.clean = true
	c := r.online(r.own)
	children := func(n *waBinary.Node) []waBinary.Node { return n.Content.([]waBinary.Node) }
	enc := func(n *waBinary.Node) *waBinary.Node {
		return &children(&children(&children(n)[0])[0])[0]
	}
	for name, change := range map[string]func(*waBinary.Node){
		"no franking tag":    func(n *waBinary.Node) { n.Content = append(children(n)[:1], children(n)[2]) },
		"short franking tag": func(n *waBinary.Node) { children(&children(n)[1])[0].Content = []byte("x") },
		"no trace":           func(n *waBinary.Node) { n.Content = children(n)[:2] },
		"device identity": func(n *waBinary.Node) {
			n.Content = append(children(n), waBinary.Node{Tag: "device-identity", Content: []byte("x")})
		},
		"version 2":         func(n *waBinary.Node) { enc(n).Attrs["v"] = "2" },
		"group cipher":      func(n *waBinary.Node) { enc(n).Attrs["type"] = "skmsg" },
		"enc for everybody": func(n *waBinary.Node) { n.Content = append(children(n), *enc(n)) },
		"empty enc":         func(n *waBinary.Node) { enc(n).Content = nil },
		"no participants":   func(n *waBinary.Node) { n.Content = children(n)[1:] },
		"unknown type":      func(n *waBinary.Node) { n.Attrs["type"] = "strange" },
		"to a device": func(n *waBinary.Node) {
			n.Attrs["to"] = types.JID{User: r.alice.ID, Device: 3, Server: types.MessengerServer}
		},
		"to a phone number":     func(n *waBinary.Node) { n.Attrs["to"] = types.NewJID("15550000001", types.DefaultUserServer) },
		"resend without an enc": func(n *waBinary.Node) { n.Attrs["device_fanout"] = "false"; n.Content = children(n)[1:] },
	} {
		id := fmt.Sprintf("75078041600000%05d", len(name))
		from, _ := r.sim.Plain.Log().From(0)
		before := len(r.sim.Plain.Log().Unexpected())
		c.sendSpoilt(t, id+hex.EncodeToString([]byte(name[:2])), change)
		if _, err := r.sim.Plain.Log().Await(r.ctx, control.LogMatch{From: len(from), Pattern: `<ack .*error="4`}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(r.sim.Plain.Log().Unexpected()) != before+1 {
			t.Errorf("%s was not noted", name)
		}
	}
	c.sendNode(waBinary.Node{Tag: "strange"})
	c.sendNode(waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{"type": "get", "xmlns": "strange", "id": "1"}})
	c.sendNode(waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": "1", "to": jid(r.alice), "type": "retry"}})
	if _, err := r.sim.Plain.Log().Await(r.ctx, control.LogMatch{Contains: "malformed retry"}); err != nil {
		t.Error(err)
	}
	c.say(r.alice, "a good one")
	r.await(r.alice, control.Match{Text: "a good one"})
}
