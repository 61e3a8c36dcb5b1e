package chat

import (
	"fmt"
	"slices"
	"strconv"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// Codes of acks that refuse a message. Which the real network uses is not known.
const (
	errMalformed = 400
	errUnknown   = 404
	errForbidden = 403
)

// handleMessage checks a message, acks it and routes it (section 5.6).
func (s *Server) handleMessage(d *device, n stanza.Node, group *Group, blocked bool) {
	if args, hit := s.faults.Strike("ack_error", subjectOf(d, n)); hit {
		s.ack(d, n, "error", strconv.Itoa(args.Int("error", 479)))
		return
	}
	to, ok := stanza.JID(n, "to")
	if stanza.Str(n, "device_fanout") == "false" {
		s.handleResend(d, n, to)
		return
	}
	if !ok || (to.Server != types.MessengerServer && to.Server != types.GroupServer) || to.Device != 0 {
		s.refuse(d, n, errMalformed, "to %q", stanza.Str(n, "to"))
		return
	}
	if group == nil && s.users[personOf(to)] == nil {
		s.refuse(d, n, errUnknown, "to %s, who has no devices", to)
		return
	}
	if blocked || group != nil && !group.has(d.user.id) {
		s.ack(d, n, "error", strconv.Itoa(errForbidden))
		return
	}
	if err := checkMessage(n, group != nil); err != nil {
		s.refuse(d, n, errMalformed, "%v", err)
		return
	}
	listed := s.recipients(d, to, group)
	phash := stanza.DeviceHash(listed)
	if _, hit := s.faults.Strike("phash", subjectOf(d, n)); hit {
		phash = "2:AAAAAAAA"
	}
	id := stanza.Str(n, "id")
	chat, repeated := d.seen[id]
	if repeated && chat != to.String() {
		s.refuse(d, n, errMalformed, "id %s was used in another chat", id)
		return
	}
	d.seen[id] = to.String()
	if !repeated {
		s.route(d, n, to, listed)
	}
	s.ack(d, n, "phash", phash)
}

// refuse notes a mistake of the client's and acks with an error.
func (s *Server) refuse(d *device, n stanza.Node, code int, format string, args ...any) {
	s.note(d, "message %s: %s", stanza.Str(n, "id"), fmt.Sprintf(format, args...))
	s.ack(d, n, "error", strconv.Itoa(code))
}

// checkMessage says what is wrong with the form of a message.
func checkMessage(n stanza.Node, group bool) error {
	if len(stanza.Str(n, "id")) < 6 {
		return fmt.Errorf("id %q", stanza.Str(n, "id"))
	}
	if kind := stanza.Str(n, "type"); !slices.Contains([]string{"text", "media", "reaction", "poll"}, kind) {
		return fmt.Errorf("type %q", kind)
	}
	if tag := stanza.ChildBytes(n, "franking", "franking_tag"); len(tag) != 32 {
		return fmt.Errorf("franking tag of %d bytes", len(tag))
	}
	if id := stanza.ChildBytes(n, "trace", "request_id"); len(id) != 16 {
		return fmt.Errorf("trace id of %d bytes", len(id))
	}
	if _, has := stanza.Child(n, "device-identity"); has {
		return fmt.Errorf("device identity")
	}
	participants, ok := stanza.Child(n, "participants")
	if !ok {
		return fmt.Errorf("no participants")
	}
	for _, to := range stanza.Children(participants) {
		jid, ok := stanza.JID(to, "jid")
		enc, has := stanza.Child(to, "enc")
		if !ok || jid.Server != types.MessengerServer || !has || to.Tag != "to" {
			return fmt.Errorf("participant %s", stanza.Render(to))
		}
		if err := checkEnc(enc, "msg", "pkmsg"); err != nil {
			return fmt.Errorf("for %s: %w", jid, err)
		}
	}
	if enc, has := stanza.Child(n, "enc"); group || has {
		if !group {
			return fmt.Errorf("enc for everybody in a direct chat")
		}
		return checkEnc(enc, "skmsg")
	}
	return nil
}

func checkEnc(enc stanza.Node, kinds ...string) error {
	switch {
	case stanza.Str(enc, "v") != "3":
		return fmt.Errorf("enc of version %q", stanza.Str(enc, "v"))
	case !slices.Contains(kinds, stanza.Str(enc, "type")):
		return fmt.Errorf("enc of type %q", stanza.Str(enc, "type"))
	case len(stanza.Bytes(enc)) == 0:
		return fmt.Errorf("enc is empty")
	}
	return nil
}

// recipients lists all devices of a chat, the sending one included.
func (s *Server) recipients(d *device, to types.JID, group *Group) []types.JID {
	people := []int64{d.user.id}
	if group != nil {
		people = group.Members
	} else if personOf(to) != d.user.id {
		people = append(people, personOf(to))
	}
	var list []types.JID
	for _, id := range people {
		if u := s.users[id]; u != nil {
			for _, other := range u.sorted() {
				list = append(list, other.jid())
			}
		}
	}
	return list
}

// route gives each device what was encrypted for it. A device that the sender forgot gets nothing.
func (s *Server) route(d *device, n stanza.Node, to types.JID, listed []types.JID) {
	participants, _ := stanza.Child(n, "participants")
	common, forAll := stanza.Child(n, "enc")
	own := map[types.JID]stanza.Node{}
	for _, child := range stanza.Children(participants) {
		jid, _ := stanza.JID(child, "jid")
		if !slices.Contains(listed, jid) {
			s.note(d, "message %s for %s, who is not in the chat", stanza.Str(n, "id"), jid)
			continue
		}
		own[jid], _ = stanza.Child(child, "enc")
	}
	for _, jid := range listed {
		enc, has := own[jid]
		target := s.find(jid)
		if target == nil || target == d || !has && !forAll {
			continue
		}
		var encs []stanza.Node
		if has {
			encs = append(encs, enc)
		}
		if forAll {
			encs = append(encs, common)
		}
		s.enqueue(target, s.delivery(d, n, to, target, encs))
	}
}

// delivery is a message as a device gets it.
func (s *Server) delivery(d *device, n stanza.Node, to types.JID, target *device, encs []stanza.Node) stanza.Node {
	attrs := stanza.Attrs{"id": stanza.Str(n, "id"), "type": stanza.Str(n, "type"), "t": s.now(), "from": d.jid(), "notify": "username"}
	if t := stanza.Str(n, "t"); t != "" && d.link != nil {
		attrs["t"] = t // a test says when it was
	}
	if edit := stanza.Str(n, "edit"); edit != "" {
		attrs["edit"] = edit
	}
	if to.Server == types.GroupServer {
		attrs["from"], attrs["participant"] = to, d.jid()
	} else if target.user == d.user {
		attrs["recipient"] = to
	}
	out := stanza.New("message", attrs, encs)
	if franking, ok := stanza.Child(n, "franking"); ok && target.link != nil {
		out.Content = append(stanza.Children(out), franking) // apps check it
	}
	if meta, ok := stanza.Child(n, "meta"); ok {
		out.Content = append(stanza.Children(out), meta)
	}
	return out
}

// handleResend routes a message that one device asked for again: one enc, for it alone.
func (s *Server) handleResend(d *device, n stanza.Node, to types.JID) {
	enc, ok := stanza.Child(n, "enc")
	target := s.find(to)
	if group := to.Server == types.GroupServer; group {
		if participant, has := stanza.JID(n, "participant"); has {
			target = s.find(participant)
		}
	}
	switch {
	case !ok || target == nil || checkEnc(enc, "msg", "pkmsg") != nil:
		s.refuse(d, n, errMalformed, "resend to %s", to)
		return
	case len(stanza.ChildBytes(n, "franking", "franking_tag")) != 32:
		s.refuse(d, n, errMalformed, "resend without a franking tag")
		return
	}
	chat := to
	if to.Server == types.MessengerServer {
		chat = to.ToNonAD()
		if target.user == d.user {
			if recipient, has := stanza.JID(n, "recipient"); has {
				chat = recipient
			}
		}
	}
	s.enqueue(target, s.delivery(d, n, chat, target, []stanza.Node{enc}))
	s.ack(d, n)
}
