package chat

import (
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// handleReceipt routes a receipt.
func (s *Server) handleReceipt(d *device, n stanza.Node, group *Group) {
	to, ok := stanza.JID(n, "to")
	id := stanza.Str(n, "id")
	if !ok || id == "" {
		s.note(d, "receipt %s", stanza.Render(n))
		return
	}
	kind := stanza.Str(n, "type")
	switch kind {
	case "", "inactive", "sender":
		d.acknowledge("message", id)
	}
	switch kind {
	case "retry":
		s.routeRetry(d, n, to)
	case "read", "read-self":
		if kind == "read" {
			s.routeReceipt(d, n, to, group)
		}
		for _, other := range d.user.sorted() {
			if other != d {
				s.enqueue(other, s.receiptFor(d, n, "read-self", "recipient", to.ToNonAD()))
			}
		}
	case "", "inactive":
		s.routeReceipt(d, n, to, group)
	case "sender":
	default:
		s.note(d, "receipt of type %q", kind)
	}
	s.ack(d, n)
}

// receiptFor is a receipt as somebody gets it.
func (s *Server) receiptFor(d *device, n stanza.Node, kind string, pairs ...any) stanza.Node {
	attrs := stanza.Attrs{"id": stanza.Str(n, "id"), "from": d.jid(), "t": s.now()}
	if kind != "" {
		attrs["type"] = kind
	}
	out := stanza.With(stanza.New("receipt", attrs), pairs...)
	if list, ok := stanza.Child(n, "list"); ok {
		out.Content = []stanza.Node{list}
	}
	return out
}

// routeReceipt tells the author of a message; in a group that is the participant.
func (s *Server) routeReceipt(d *device, n stanza.Node, to types.JID, group *Group) {
	author := to
	var pairs []any
	if group != nil {
		participant, ok := stanza.JID(n, "participant")
		if !ok {
			s.note(d, "receipt in a group without participant")
			return
		}
		author = participant
		pairs = []any{"from", to, "participant", d.jid()}
	}
	u := s.users[personOf(author)]
	if u == nil || u == d.user {
		return
	}
	for _, other := range u.sorted() {
		s.enqueue(other, s.receiptFor(d, n, stanza.Str(n, "type"), pairs...))
	}
}

// routeRetry passes a request for a message on to the device that sent it.
func (s *Server) routeRetry(d *device, n stanza.Node, to types.JID) {
	retry, ok := stanza.Child(n, "retry")
	if _, t := stanza.Int(retry, "t"); !ok || !t || len(stanza.ChildBytes(n, "registration")) != 4 {
		s.note(d, "malformed retry %s", stanza.Render(n))
		return
	}
	target := s.find(to)
	attrs := stanza.Attrs{"id": stanza.Str(n, "id"), "type": "retry", "from": d.jid(), "t": s.now()}
	if participant, has := stanza.JID(n, "participant"); has && to.Server == types.GroupServer {
		target = s.find(participant)
		attrs["from"], attrs["participant"] = to, d.jid()
	}
	if recipient, has := stanza.JID(n, "recipient"); has {
		attrs["recipient"] = recipient
	}
	if target == nil {
		return
	}
	s.enqueue(target, stanza.New("receipt", attrs, stanza.Children(n)))
}

// handleChatState passes typing on; it never waits for anybody.
func (s *Server) handleChatState(d *device, n stanza.Node) {
	to, ok := stanza.JID(n, "to")
	if !ok {
		s.note(d, "chat state %s", stanza.Render(n))
		return
	}
	people := []int64{personOf(to)}
	attrs := stanza.Attrs{"from": JID(d.user.id, 0)}
	for _, id := range people {
		if u := s.users[id]; u != nil && u != d.user {
			for _, other := range u.sorted() {
				s.pass(other, stanza.New("chatstate", attrs, stanza.Children(n)))
			}
		}
	}
}

// pass sends a stanza to a device that is there, and to nobody else. Clients hear of typing only while they are available.
func (s *Server) pass(d *device, n stanza.Node) {
	switch _, deaf := s.faults.Rules("deaf", d.subject("deliver", "")); {
	case d.link != nil:
		s.posts.Push(item{node: n, deliver: d.link.deliver})
	case !deaf && d.active && d.available:
		s.send(d, n)
	}
}
