package server

import (
	"strconv"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// maxRecent is how many of a device's messages are remembered to tell a repeated frame from a new one.
const maxRecent = 2000

// recentMessages remembers acks by message, oldest first. A client that lost its connection before the ack sends the same
// frame again, which is acked again and not routed (section 7.4).
type recentMessages struct {
	acks  map[string]stanza.Node
	order []string
}

func (r *recentMessages) put(key string, ack stanza.Node) {
	if r.acks == nil {
		r.acks = map[string]stanza.Node{}
	}
	r.acks[key] = ack
	if r.order = append(r.order, key); len(r.order) > maxRecent {
		delete(r.acks, r.order[0])
		r.order = r.order[1:]
	}
}

// route is what becomes of a message: deliveries, and what its ack says besides.
type route struct {
	deliveries []delivery
	err        int // 0 is none
	hash       string
}

type delivery struct {
	to   *device
	node stanza.Node
}

func (r *route) add(to *device, n stanza.Node) { r.deliveries = append(r.deliveries, delivery{to, n}) }

// Numbers in acks (section 7.2).
const (
	ackForbidden = 403
	ackNotFound  = 404
	ackTimelock  = 463
	ackInvalid   = 479
)

// onMessage acknowledges a message and routes it, in that order.
func (s *Server) onMessage(d *device, n stanza.Node, reply replyFunc) {
	to, ok := stanza.JID(n, "to")
	id := stanza.Str(n, "id")
	if !ok || id == "" {
		s.noteStanza(d, n)
		return
	}
	ack := stanza.New("ack", stanza.Attrs{"class": "message", "id": id, "from": to, "t": s.stamp(d, n)})
	if args, hit := s.faults.strike("ack_error", subjectOf(d, n)); hit {
		reply(stanza.With(ack, "error", argInt(args, "error", ackInvalid)))
		return
	}
	key := messageKey(n, to)
	if earlier, repeated := d.recent.acks[key]; repeated {
		reply(earlier)
		return
	}
	if s.timelocked(d, n, to) {
		reply(stanza.With(ack, "error", ackTimelock))
		return
	}
	routed := s.routeMessage(d, n, to)
	if routed.err != 0 {
		ack.Attrs["error"] = routed.err
	}
	ack.Attrs["phash"] = routed.hash
	d.recent.put(key, ack)
	if !s.closeAt("close_before", "message_ack", d) {
		reply(ack)
		s.closeAt("close_after", "message_ack", d)
	}
	for _, delivery := range routed.deliveries {
		s.deliver(delivery.to, delivery.node)
	}
}

// messageKey is what a repeated frame has in common with its first. Answers to retries have the id of the message they
// repeat, and differ in whom they are for and in their count.
func messageKey(n stanza.Node, to types.JID) string {
	key := stanza.Str(n, "id")
	if enc, direct := stanza.Child(n, "enc"); direct && (isOneDevice(n, to) || stanza.Str(n, "category") == "peer") {
		key += "|" + to.String() + "|" + stanza.Str(n, "participant") + "|" + stanza.Str(enc, "count") + "|" + string(stanza.Bytes(enc))
	}
	return key
}

// isOneDevice recognises a message whose ciphertext is for one device (section 7.5). Group messages have a ciphertext for all
// in the same place, so there only the participant tells.
func isOneDevice(n stanza.Node, to types.JID) bool {
	_, direct := stanza.Child(n, "enc")
	_, fanOut := stanza.Child(n, "participants")
	many := to.Server == types.GroupServer || to.Server == types.BroadcastServer
	return direct && !fanOut && stanza.Str(n, "category") != "peer" && (!many || stanza.Str(n, "participant") != "")
}

func (s *Server) routeMessage(d *device, n stanza.Node, to types.JID) route {
	switch {
	case stanza.Str(n, "category") == "peer":
		return s.routePeer(d, n, to)
	case to.Server == types.GroupServer:
		return s.routeGroup(d, n, to)
	case to.Server == types.BroadcastServer:
		return s.routeBroadcast(d, n, to)
	case s.userOf(to) == nil:
		return route{err: ackNotFound}
	case isOneDevice(n, to):
		return s.routeRetry(d, n, to)
	case to.Device != 0:
		return route{err: ackInvalid}
	default:
		return s.routeDirect(d, n, to)
	}
}

// routeDirect fans a 1:1 message out to the devices that the sender encrypted for, and to no others.
func (s *Server) routeDirect(d *device, n stanza.Node, to types.JID) route {
	peer := s.userOf(to)
	peer.hasHeardFrom(d.user)
	participants, _ := stanza.Child(n, "participants")
	listed := map[*device]bool{d: true}
	var r route
	for _, target := range stanza.Children(participants) {
		jid, _ := stanza.JID(target, "jid")
		device := s.deviceOf(jid)
		if device == nil || device == d || listed[device] || device.user != peer && device.user != d.user {
			continue
		}
		listed[device] = true
		if s.blocked(d, device) {
			continue
		}
		out := s.outgoingMessage(d, n, jid.Server, device, to)
		r.add(device, withContent(out, n, encsOf(target)))
	}
	present := map[*device]bool{}
	hashed := append([]types.JID(nil), peer.jids(to.Server)...)
	for _, device := range peer.devices {
		present[device] = true
	}
	if peer != d.user {
		hashed = append(hashed, d.user.jids(to.Server)...)
		for _, device := range d.user.devices {
			present[device] = true
		}
	}
	if !sameDevices(listed, present) {
		r.hash = stanza.DeviceHash(hashed)
	}
	return r
}

func sameDevices(a, b map[*device]bool) bool {
	if len(a) != len(b) {
		return false
	}
	for d := range a {
		if !b[d] {
			return false
		}
	}
	return true
}

// blocked says whether the receiver's user has blocked the sender's; the sender is not told.
func (s *Server) blocked(from, to *device) bool {
	return from.user != to.user && to.user.blocked[from.user.LID]
}

// outgoingMessage makes the stanza that a device gets in a 1:1 chat, without content. Space is the address space in which the
// sender named the device.
func (s *Server) outgoingMessage(d *device, n stanza.Node, space string, target *device, chat types.JID) stanza.Node {
	out := s.baseMessage(d, n)
	out.Attrs["from"] = d.jid(space)
	if target.user != d.user {
		alternate(out.Attrs, "sender", d.user, space)
		return out
	}
	// Without recipient the client would file the message in the chat with itself.
	if peer := s.userOf(chat); peer != nil {
		out.Attrs["recipient"] = peer.jid(chat.Server)
		alternate(out.Attrs, "peer_recipient", peer, chat.Server)
	}
	return out
}

// alternate adds the user's JID of the other address space: clients learn the pairs from it (section 13).
func alternate(attrs stanza.Attrs, prefix string, u *user, space string) {
	suffix := "_lid"
	if space == types.HiddenUserServer {
		suffix = "_pn"
	}
	attrs[prefix+suffix] = u.alternate(space)
}

func (s *Server) baseMessage(d *device, n stanza.Node) stanza.Node {
	out := stanza.New("message", stanza.Attrs{
		"id": stanza.Str(n, "id"), "type": stanza.Str(n, "type"), "t": s.stamp(d, n), "notify": d.user.PushName,
	})
	for _, key := range []string{"edit", "category", "push_priority"} {
		out.Attrs[key] = stanza.Str(n, key)
	}
	return out
}

func encsOf(n stanza.Node) []stanza.Node { return n.GetChildrenByTag("enc") }

// withContent gives a delivered message its ciphertexts, the sender's device identity if one of them opens a session, and
// those of the sender's other children that receivers may see.
func withContent(out, n stanza.Node, encs []stanza.Node) stanza.Node {
	content := append([]stanza.Node(nil), encs...)
	opening := false
	for _, enc := range encs {
		opening = opening || stanza.Str(enc, "type") == "pkmsg"
	}
	for _, child := range stanza.Children(n) {
		switch child.Tag {
		case "device-identity":
			if opening {
				content = append(content, child)
			}
		case "meta", "biz", "unavailable":
			content = append(content, child)
		}
	}
	out.Content = content
	return out
}

// routePeer brings a message between the devices of one user: from a companion to the phone, from the phone to one
// companion (section 7.5).
func (s *Server) routePeer(d *device, n stanza.Node, to types.JID) route {
	if s.userOf(to) != d.user {
		return route{err: ackForbidden}
	}
	target := d.user.devices[0]
	if d.isPhone() {
		target = s.deviceOf(to)
	}
	if target == nil || target == d {
		return route{err: ackNotFound}
	}
	out := s.baseMessage(d, n)
	out.Attrs["from"] = d.jid(to.Server)
	var r route
	r.add(target, withContent(out, n, encsOf(n)))
	return r
}

// routeRetry brings a repeated message to the device that could not read it. It keeps the time of the first one.
func (s *Server) routeRetry(d *device, n stanza.Node, to types.JID) route {
	target := s.deviceOf(to)
	if target == nil || target == d {
		return route{err: ackNotFound}
	}
	if s.blocked(d, target) {
		return route{}
	}
	out := s.outgoingMessage(d, n, to.Server, target, to)
	if recipient, ok := stanza.JID(n, "recipient"); ok && target.user == d.user {
		out = s.outgoingMessage(d, n, to.Server, target, recipient)
	}
	keepTime(out, n)
	var r route
	r.add(target, withContent(out, n, encsOf(n)))
	return r
}

func keepTime(out, n stanza.Node) {
	if t, ok := stanza.Int(n, "t"); ok {
		out.Attrs["t"] = strconv.FormatInt(t, 10)
	}
}

// routeBroadcast brings a status message to the devices the sender listed; it has the shape of a group message.
func (s *Server) routeBroadcast(d *device, n stanza.Node, to types.JID) route {
	participants, _ := stanza.Child(n, "participants")
	var r route
	for _, target := range stanza.Children(participants) {
		jid, _ := stanza.JID(target, "jid")
		device := s.deviceOf(jid)
		if device == nil || device == d || s.blocked(d, device) {
			continue
		}
		out := s.baseMessage(d, n)
		out.Attrs["from"], out.Attrs["participant"] = to, d.jid(jid.Server)
		alternate(out.Attrs, "participant", d.user, jid.Server)
		r.add(device, withContent(out, n, append(encsOf(target), encsOf(n)...)))
	}
	return r
}
