package server

import (
	"strconv"

	"crosschat/simulator/whatsapp/stanza"
)

// replyFunc answers the sender of a stanza directly.
type replyFunc func(stanza.Node)

// handlers has one entry for each kind of stanza that a device may send.
var handlers = map[string]func(s *Server, d *device, n stanza.Node, reply replyFunc){
	"iq":           (*Server).onIQ,
	"message":      (*Server).onMessage,
	"receipt":      (*Server).onReceipt,
	"ack":          (*Server).onAck,
	"presence":     (*Server).onPresence,
	"chatstate":    (*Server).onChatState,
	"notification": (*Server).onNotification,
	"call":         (*Server).onCall,
	"ib":           func(*Server, *device, stanza.Node, replyFunc) {}, // unified_session, offline_batch: nothing to do
}

// handle does what a stanza asks for. It is the one way in for clients and phones. The caller holds the lock.
func (s *Server) handle(d *device, n stanza.Node, reply replyFunc) {
	sub := subjectOf(d, n)
	if _, hit := s.faults.strike("ignore", sub); hit {
		return
	}
	if _, hit := s.faults.strike("close_before", sub); hit && d.endpoint != nil {
		s.drop(d, false)
		return
	}
	if _, hit := s.faults.strike("withhold", sub); hit {
		reply = func(stanza.Node) {}
	}
	handler := handlers[n.Tag]
	if handler == nil {
		s.noteStanza(d, n)
		return
	}
	handler(s, d, n, reply)
	if _, hit := s.faults.strike("close_after", sub); hit && d.endpoint != nil {
		s.drop(d, true)
	}
}

// onAck takes what the device acknowledged out of its queue.
func (s *Server) onAck(d *device, n stanza.Node, _ replyFunc) {
	to, _ := stanza.JID(n, "to")
	s.acknowledged(d, stanza.Str(n, "class"), stanza.Str(n, "id"), to, stanza.Str(n, "type"))
}

// onCall acknowledges; calls themselves are out of scope. A phone's calls go to the devices of whom it calls.
func (s *Server) onCall(d *device, n stanza.Node, reply replyFunc) {
	to, ok := stanza.JID(n, "to")
	if !ok {
		s.noteStanza(d, n)
		return
	}
	reply(stanza.New("ack", stanza.Attrs{"class": "call", "id": stanza.Str(n, "id"), "from": to}))
	target := s.userOf(to)
	if target == nil || !d.isPhone() {
		return
	}
	forwarded := stanza.With(n, "from", d.jid(to.Server), "t", s.stamp(d, n))
	delete(forwarded.Attrs, "to")
	for _, other := range target.sorted() {
		if other != d {
			s.deliver(other, forwarded)
		}
	}
}

// onNotification lets a phone notify one device, as it does for media it uploaded again (section 10.3). Clients have no
// business here.
func (s *Server) onNotification(d *device, n stanza.Node, _ replyFunc) {
	to, ok := stanza.JID(n, "to")
	target := s.deviceOf(to)
	if !ok || !d.isPhone() || target == nil || target.user != d.user {
		s.noteStanza(d, n)
		return
	}
	forwarded := stanza.With(n, "from", d.jid(to.Server), "t", s.stamp(d, n))
	delete(forwarded.Attrs, "to")
	s.deliver(target, forwarded)
}

// stamp is the time of a stanza: the server's, unless a phone asked for another.
func (s *Server) stamp(d *device, n stanza.Node) string {
	if t, ok := stanza.Int(n, "t"); ok && d.isPhone() {
		return strconv.FormatInt(t, 10)
	}
	return s.now()
}
