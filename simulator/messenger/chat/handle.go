package chat

import (
	"slices"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// handle takes one stanza of a connected client. It is called without the lock.
func (s *Server) handle(d *device, e *endpoint, n stanza.Node) {
	group := s.groupOf(n) // asks outside, so before the lock is taken
	blocked := s.blocked(d, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.endpoint != e {
		return // replaced or dropped meanwhile
	}
	sub := subjectOf(d, n)
	if _, hit := s.faults.Strike("ignore", sub); hit {
		return
	}
	if s.strikeClose("close_before", sub.What, d) {
		return
	}
	switch n.Tag {
	case "iq":
		s.handleIQ(d, n, group)
	case "message":
		s.handleMessage(d, n, group, blocked)
	case "receipt":
		s.handleReceipt(d, n, group)
	case "ack":
		d.acknowledge(stanza.Str(n, "class"), stanza.Str(n, "id"))
	case "presence":
		d.available = stanza.Str(n, "type") == "available"
		if _, named := n.Attrs["name"]; named {
			s.note(d, "presence with a name")
		}
	case "chatstate":
		s.handleChatState(d, n)
	case "ib":
	default:
		s.note(d, "stanza %s", stanza.Render(n))
	}
	s.strikeClose("close_after", sub.What, d)
}

// groupOf finds the group that a stanza is for; nil if it is for none.
func (s *Server) groupOf(n stanza.Node) *Group {
	to, ok := stanza.JID(n, "to")
	if !ok || to.Server != types.GroupServer {
		return nil
	}
	g, found := s.cfg.Group(personOf(to))
	if !found {
		return &Group{}
	}
	return &g
}

// blocked says whether a message is for somebody who does not want it.
func (s *Server) blocked(d *device, n stanza.Node) bool {
	to, ok := stanza.JID(n, "to")
	return ok && n.Tag == "message" && to.Server == types.MessengerServer && s.cfg.Blocked(d.user.id, personOf(to))
}

// answer sends the direct answer to a stanza unless a fault withholds it.
func (s *Server) answer(d *device, n, answer stanza.Node) {
	if _, hit := s.faults.Strike("withhold", subjectOf(d, n)); hit {
		return
	}
	if s.strikeClose("close_before", "answer/"+n.Tag, d) {
		return
	}
	s.send(d, answer)
}

// ack acknowledges a stanza.
func (s *Server) ack(d *device, n stanza.Node, pairs ...any) {
	attrs := stanza.Attrs{"class": n.Tag, "id": stanza.Str(n, "id"), "t": s.now()}
	if to, ok := stanza.JID(n, "to"); ok {
		attrs["from"] = to
	}
	if kind := stanza.Str(n, "type"); kind != "" && n.Tag != "message" {
		attrs["type"] = kind
	}
	s.answer(d, n, stanza.With(stanza.New("ack", attrs), pairs...))
}

// enqueue keeps a stanza for a device until it is acknowledged, and sends it if the device is active.
func (s *Server) enqueue(d *device, n stanza.Node) {
	if d.link != nil {
		s.posts.Push(item{node: n, deliver: d.link.deliver})
		return
	}
	q := &queued{node: n}
	d.queue = append(d.queue, q)
	s.flush(d, q)
}

// flush sends a queued stanza to a device that is there for it.
func (s *Server) flush(d *device, q *queued) {
	sub := subjectOf(d, q.node)
	if _, deaf := s.faults.Rules("deaf", d.subject("deliver", "")); deaf || !d.active || q.sent {
		return
	}
	if s.strikeClose("close_before", "deliver/"+sub.What, d) {
		return
	}
	q.sent = true
	if _, hit := s.faults.Strike("drop", sub); hit {
		return
	}
	if _, hit := s.faults.Strike("lose", sub); hit {
		d.acknowledge(q.node.Tag, stanza.Str(q.node, "id"))
		return
	}
	n := q.node
	if _, hit := s.faults.Strike("corrupt", sub); hit {
		n = stanza.ReplaceEncs(n, stanza.CorruptEnc)
	}
	if _, hit := s.faults.Strike("unavailable", sub); hit {
		n = stanza.ReplaceEncs(n, func(stanza.Node) stanza.Node { return stanza.New("unavailable", nil) })
	}
	s.send(d, n)
	if _, hit := s.faults.Strike("duplicate", sub); hit {
		s.send(d, n)
	}
	s.strikeClose("close_after", "deliver/"+sub.What, d)
}

// activate sends what waited, between the two markers of section 5.5.
func (s *Server) activate(d *device) {
	counts := map[string]int{}
	for _, q := range d.queue {
		counts[q.node.Tag]++
	}
	s.send(d, stanza.New("ib", stanza.Attrs{"from": types.ServerJID}, stanza.New("offline_preview", stanza.Attrs{
		"count": len(d.queue), "message": counts["message"], "notification": counts["notification"], "receipt": counts["receipt"],
		"appdata": 0,
	})))
	d.active = true
	waiting := len(d.queue)
	for _, q := range slices.Clone(d.queue) {
		if d.endpoint == nil {
			return
		}
		s.flush(d, q)
	}
	if d.endpoint != nil {
		s.send(d, stanza.New("ib", stanza.Attrs{"from": types.ServerJID}, stanza.New("offline", stanza.Attrs{"count": waiting})))
	}
}

// acknowledge takes a stanza out of the device's queue.
func (d *device) acknowledge(tag, id string) {
	d.queue = slices.DeleteFunc(d.queue, func(q *queued) bool { return q.node.Tag == tag && stanza.Str(q.node, "id") == id })
}

// Resume sends what a device missed while a fault kept it deaf.
func (s *Server) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		for _, d := range u.sorted() {
			for _, q := range slices.Clone(d.queue) {
				s.flush(d, q)
			}
		}
	}
}

// everybody lists the devices of all people but one.
func (s *Server) everybody(but *user) []*device {
	var list []*device
	for _, u := range s.users {
		if u != but {
			list = append(list, u.sorted()...)
		}
	}
	return list
}

// announceDevices tells everybody's clients somebody's device list, and their own other ones.
func (s *Server) announceDevices(u *user) {
	if _, hit := s.faults.Rules("unannounced", (&device{user: u}).subject("devices", "")); hit {
		return
	}
	for _, d := range append(s.everybody(u), u.sorted()...) {
		if d.link != nil {
			continue // apps ask each time
		}
		s.enqueue(d, stanza.New("notification", stanza.Attrs{
			"from": JID(u.id, 0), "type": "fbid:devices", "id": s.newID(), "t": s.now(),
		}, u.deviceList()))
	}
}

// deviceList is somebody's devices as the wire lists them.
func (u *user) deviceList() stanza.Node {
	var jids []types.JID
	var nodes []stanza.Node
	for _, d := range u.sorted() {
		jids = append(jids, d.jid())
		nodes = append(nodes, stanza.New("device", stanza.Attrs{"id": int(d.number)}))
	}
	list := stanza.New("devices", stanza.Attrs{"dhash": stanza.DeviceHash(jids)}, nodes)
	if nodes == nil {
		list.Content = nil
	}
	return list
}

// announceIdentity tells everybody's clients that somebody's identity changed.
func (s *Server) announceIdentity(u *user) {
	for _, d := range s.everybody(u) {
		if d.link == nil {
			s.enqueue(d, stanza.New("notification", stanza.Attrs{
				"from": JID(u.id, 0), "type": "encrypt", "id": s.newID(), "t": s.now(),
			}, stanza.New("identity", nil)))
		}
	}
}
