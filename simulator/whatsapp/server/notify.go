package server

import (
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// notify sends one notification to one device. The caller holds the lock, as everywhere here.
func (s *Server) notify(d *device, kind string, from types.JID, content ...stanza.Node) {
	s.deliver(d, s.notification(kind, from, content...))
}

func (s *Server) notification(kind string, from types.JID, content ...stanza.Node) stanza.Node {
	return stanza.New("notification", stanza.Attrs{
		"from": from, "type": kind, "id": s.newID(), "t": s.now(),
	}, content)
}

// tellContacts notifies every device of every other user: everybody is everybody's contact here.
func (s *Server) tellContacts(u *user, kind string, from types.JID, content ...stanza.Node) {
	for _, other := range s.others(u) {
		for _, d := range other.sorted() {
			s.notify(d, kind, from, content...)
		}
	}
}

// tellOwn notifies the user's other devices.
func (s *Server) tellOwn(u *user, but *device, kind string, content ...stanza.Node) {
	for _, d := range u.sorted() {
		if d != but {
			s.notify(d, kind, u.PN(), content...)
		}
	}
}

// announce tells a change of the device list to the user's other companions and then to contacts (section 14, items 1 and
// 2). Contacts hear it under the LID, and again under the number for clients that address by number; the second has no LID
// for the device, so that no client adds it twice.
func (s *Server) announce(d *device, added bool) {
	u := d.user
	if _, hit := s.faults.strike("unannounced", subject{dev: d}); hit {
		return
	}
	var own []stanza.Node
	for _, jid := range u.jids(types.DefaultUserServer) {
		own = append(own, stanza.New("device", stanza.Attrs{"jid": jid}))
	}
	list := stanza.New("devices", stanza.Attrs{"dhash": stanza.DeviceHash(u.jids(types.DefaultUserServer))}, own)
	for _, other := range u.sorted() {
		if other != d && !other.isPhone() {
			s.notify(other, "account_sync", u.PN(), list)
		}
	}
	tag := "remove"
	if added {
		tag = "add"
	}
	change := func(space string) stanza.Node {
		return stanza.New(tag, stanza.Attrs{"device_hash": stanza.DeviceHash(u.jids(space))},
			stanza.New("device", stanza.Attrs{"jid": d.jid(space), "key-index": d.keyIndex}))
	}
	for _, contact := range s.others(u) {
		for _, to := range contact.sorted() {
			s.notify(to, "devices", u.LIDJID(), change(types.HiddenUserServer))
			n := s.notification("devices", u.PN(), change(types.DefaultUserServer))
			s.deliver(to, stanza.With(n, "lid", u.LIDJID()))
		}
	}
}
