package server

import (
	"strconv"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// onPresence sets what others see of a user, and remembers who wants to see it (section 9).
func (s *Server) onPresence(d *device, n stanza.Node, _ replyFunc) {
	switch kind := stanza.Str(n, "type"); kind {
	case "available", "unavailable", "":
		if name := stanza.Str(n, "name"); name != "" {
			d.user.PushName = name
		}
		if kind != "" {
			s.setAvailable(d, kind == "available")
		}
	case "subscribe", "unsubscribe":
		to, ok := stanza.JID(n, "to")
		u := s.userOf(to)
		if !ok || u == nil {
			return
		}
		if kind == "unsubscribe" {
			delete(u.subscribers, d)
			return
		}
		u.subscribers[d] = u.jid(to.Server)
		s.deliver(d, u.presence(d, u.subscribers[d]))
	default:
		s.noteStanza(d, n)
	}
}

func (s *Server) setAvailable(d *device, available bool) {
	before := d.user.available()
	d.available = available
	if !available {
		d.user.lastSeen = s.cfg.Now()
	}
	if d.user.available() != before {
		s.tellPresence(d.user)
	}
	s.wake()
}

func (u *user) available() bool {
	for _, d := range u.devices {
		if d.available {
			return true
		}
	}
	return false
}

func (s *Server) tellPresence(u *user) {
	for d, asked := range u.subscribers {
		s.deliver(d, u.presence(d, asked))
	}
}

// presence is what one device may know of the user.
func (u *user) presence(viewer *device, asked types.JID) stanza.Node {
	n := stanza.New("presence", stanza.Attrs{"from": asked})
	if !u.available() || !u.shows("online", viewer.user) {
		n.Attrs["type"] = "unavailable"
		n.Attrs["last"] = "deny"
		if u.shows("last", viewer.user) {
			n.Attrs["last"] = strconv.FormatInt(u.lastSeen.Unix(), 10)
		}
	}
	return n
}

// onChatState tells the others of a chat that somebody types. It is neither queued nor acknowledged.
func (s *Server) onChatState(d *device, n stanza.Node, _ replyFunc) {
	to, ok := stanza.JID(n, "to")
	children := stanza.Children(n)
	if !ok || len(children) != 1 {
		s.noteStanza(d, n)
		return
	}
	if to.Server == types.GroupServer {
		s.groupChatState(d, to, children[0])
		return
	}
	u := s.userOf(to)
	if u == nil || u == d.user || u.blocked[d.user.LID] {
		return
	}
	attrs := stanza.Attrs{"from": d.user.jid(to.Server)}
	alternate(attrs, "sender", d.user, to.Server)
	state := stanza.New("chatstate", attrs, children[0])
	for _, other := range u.sorted() {
		s.deliver(other, state)
	}
}
