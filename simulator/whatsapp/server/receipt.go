package server

import (
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// receipt is one receipt on its way (section 8.1).
type receipt struct {
	from  *device
	node  stanza.Node
	kind  string
	to    types.JID
	group bool
}

// onReceipt acknowledges a receipt, takes the messages it answers out of the queue, and forwards it.
func (s *Server) onReceipt(d *device, n stanza.Node, reply replyFunc) {
	to, ok := stanza.JID(n, "to")
	id := stanza.Str(n, "id")
	if !ok || id == "" {
		s.noteStanza(d, n)
		return
	}
	r := receipt{from: d, node: n, kind: stanza.Str(n, "type"), to: to, group: to.Server == types.GroupServer}
	reply(stanza.New("ack", stanza.Attrs{
		"class": "receipt", "id": id, "from": to, "type": r.kind, "participant": n.Attrs["participant"],
	}))
	switch r.kind {
	case "", "inactive", "sender", "retry", "peer_msg", "hist_sync":
		for _, id := range r.ids() {
			s.acknowledged(d, "message", id, to, "")
		}
	}
	s.forward(r)
}

func (r receipt) ids() []string {
	ids := []string{stanza.Str(r.node, "id")}
	list, _ := stanza.Child(r.node, "list")
	for _, item := range stanza.Children(list) {
		ids = append(ids, stanza.Str(item, "id"))
	}
	return ids
}

func (s *Server) forward(r receipt) {
	switch r.kind {
	case "", "inactive":
		if author := s.authorOf(r); author != nil {
			s.forwardTo(r, author, true)
		}
	case "read", "played":
		if author := s.authorOf(r); author != nil && author != r.from.user && s.mayReadReceipt(r, author) {
			s.forwardTo(r, author, false)
		}
		s.forwardOwn(r)
	case "read-self", "played-self":
		s.forwardOwn(r)
	case "retry", "sender":
		target := r.to
		if r.group {
			target, _ = stanza.JID(r.node, "participant")
		}
		if d := s.deviceOf(target); d != nil && d != r.from {
			s.deliver(d, s.forwarded(r, true))
		}
	case "peer_msg", "hist_sync", "server-error":
		if phone := r.from.user.devices[0]; phone != r.from {
			s.deliver(phone, s.forwarded(r, true))
		}
	default:
		s.noteStanza(r.from, r.node)
	}
}

// authorOf is the user whose message the receipt is about; nil if it is unknown or blocked the reader.
func (s *Server) authorOf(r receipt) *user {
	jid := r.to
	if r.group || r.to.Server == types.BroadcastServer {
		jid, _ = stanza.JID(r.node, "participant")
	}
	author := s.userOf(jid)
	if author == nil || author.blocked[r.from.user.LID] {
		return nil
	}
	return author
}

// mayReadReceipt says whether both sides show read receipts; in groups they are always shown.
func (s *Server) mayReadReceipt(r receipt, author *user) bool {
	return r.group || author.privacy["readreceipts"] != "none" && r.from.user.privacy["readreceipts"] != "none"
}

func (s *Server) forwardTo(r receipt, author *user, withDevice bool) {
	for _, d := range author.sorted() {
		if d != r.from {
			s.deliver(d, s.forwarded(r, withDevice))
		}
	}
}

// forwardOwn tells the reader's other devices what was read.
func (s *Server) forwardOwn(r receipt) {
	out := s.forwarded(r, false)
	if r.group {
		out.Attrs["recipient"] = r.node.Attrs["participant"]
	} else {
		out.Attrs["recipient"] = r.to
	}
	for _, d := range r.from.user.sorted() {
		if d != r.from {
			s.deliver(d, out)
		}
	}
}

// forwarded is the receipt as its receiver gets it: from the reader, in the address space in which the reader named them.
func (s *Server) forwarded(r receipt, withDevice bool) stanza.Node {
	reader := r.from.user.jid(r.to.Server)
	if withDevice {
		reader = r.from.jid(r.to.Server)
	}
	out := stanza.New("receipt", stanza.Attrs{
		"id": stanza.Str(r.node, "id"), "t": s.stamp(r.from, r.node), "type": r.kind,
		"recipient": r.node.Attrs["recipient"], "category": stanza.Str(r.node, "category"),
	})
	out.Content = r.node.Content
	if r.group || r.to.Server == types.BroadcastServer {
		mode := s.addressing(r.to)
		reader = r.from.user.jid(mode)
		if withDevice {
			reader = r.from.jid(mode)
		}
		out.Attrs["from"], out.Attrs["participant"] = r.to, reader
		alternate(out.Attrs, "participant", r.from.user, mode)
		if r.group {
			out.Attrs["addressing_mode"] = modeName(mode)
		}
		return out
	}
	out.Attrs["from"], out.Attrs["participant"] = reader, r.node.Attrs["participant"]
	alternate(out.Attrs, "sender", r.from.user, r.to.Server)
	return out
}
