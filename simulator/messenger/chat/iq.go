package chat

import (
	"encoding/binary"
	"strconv"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// lowStock is how few prekeys make the server ask for more.
const lowStock = 5

// handleIQ answers a query (section 5.5).
func (s *Server) handleIQ(d *device, n stanza.Node, group *Group) {
	if args, hit := s.faults.Strike("iq_error", subjectOf(d, n)); hit {
		s.fail(d, n, args.Text("code", "500"))
		return
	}
	kind := stanza.Str(n, "type")
	if kind == "result" || kind == "error" {
		return
	}
	switch stanza.Str(n, "xmlns") + "/" + kind {
	case "encrypt/get":
		s.encryptGet(d, n)
	case "encrypt/set":
		s.encryptSet(d, n)
	case "passive/set":
		s.passive(d, n)
	case "w:p/get":
		s.result(d, n)
	case "fbid:devices/get":
		s.devices(d, n)
	case "w:m/set":
		s.mediaConn(d, n)
	case "w:g2/get":
		s.groupInfo(d, n, group)
	default:
		s.note(d, "query %s", stanza.Render(n))
		s.fail(d, n, "501")
	}
}

// result answers a query with content.
func (s *Server) result(d *device, n stanza.Node, content ...any) {
	s.answer(d, n, stanza.New("iq", stanza.Attrs{"type": "result", "id": stanza.Str(n, "id"), "from": types.ServerJID}, content...))
}

func (s *Server) fail(d *device, n stanza.Node, code string) {
	s.answer(d, n, stanza.New("iq", stanza.Attrs{"type": "error", "id": stanza.Str(n, "id"), "from": types.ServerJID},
		stanza.New("error", stanza.Attrs{"code": code, "text": "error " + code})))
}

func (s *Server) encryptGet(d *device, n stanza.Node) {
	if _, ok := stanza.Child(n, "count"); ok {
		s.result(d, n, stanza.New("count", stanza.Attrs{"value": len(d.stock)}))
		return
	}
	wanted, ok := stanza.Child(n, "key")
	if !ok {
		s.fail(d, n, "400")
		return
	}
	var users []stanza.Node
	for _, asked := range stanza.Children(wanted) {
		jid, ok := stanza.JID(asked, "jid")
		target := s.find(jid)
		if !ok || target == nil {
			users = append(users, stanza.New("user", stanza.Attrs{"jid": jid}, stanza.New("error", stanza.Attrs{"code": "404"})))
			continue
		}
		if stanza.Str(asked, "reason") != "identity" {
			s.note(d, "bundle asked for without a reason")
		}
		users = append(users, s.bundleNode(target))
	}
	s.result(d, n, stanza.New("list", nil, users))
}

// bundleNode is a device's bundle; it uses a prekey up.
func (s *Server) bundleNode(d *device) stanza.Node {
	b := s.bundle(d)
	children := []stanza.Node{
		stanza.New("registration", nil, binary.BigEndian.AppendUint32(nil, b.RegistrationID)),
		stanza.New("type", nil, []byte{keyType}), stanza.New("identity", nil, b.Identity[:]),
	}
	if b.OneTime != nil {
		children = append(children, keyNode("key", *b.OneTime, nil))
	}
	children = append(children, keyNode("skey", b.Signed, b.Signature[:]))
	return stanza.New("user", stanza.Attrs{"jid": d.jid()}, children)
}

func keyNode(tag string, k PreKey, signature []byte) stanza.Node {
	id := binary.BigEndian.AppendUint32(nil, k.ID)[1:]
	children := []stanza.Node{stanza.New("id", nil, id), stanza.New("value", nil, append([]byte(nil), k.Public[:]...))}
	if signature != nil {
		children = append(children, stanza.New("signature", nil, append([]byte(nil), signature...)))
	}
	return stanza.New(tag, nil, children)
}

// bundle takes a prekey from a device's stock.
func (s *Server) bundle(d *device) Bundle {
	b := Bundle{Keys: d.keys}
	if _, none := s.faults.Rules("no_prekeys", d.subject("bundle", "")); none || len(d.stock) == 0 {
		return b
	}
	b.OneTime = &d.stock[0]
	d.stock = d.stock[1:]
	if len(d.stock) < lowStock {
		s.lowOnPreKeys(d)
	}
	return b
}

func (s *Server) lowOnPreKeys(d *device) {
	s.enqueue(d, stanza.New("notification", stanza.Attrs{
		"from": types.ServerJID, "type": "encrypt", "id": s.newID(), "t": s.now(),
	}, stanza.New("count", stanza.Attrs{"value": len(d.stock)})))
}

// encryptSet takes prekeys, if their owner signed them.
func (s *Server) encryptSet(d *device, n stanza.Node) {
	keys := Keys{}
	registration, identity := stanza.ChildBytes(n, "registration"), stanza.ChildBytes(n, "identity")
	signed, ok := stanza.Child(n, "skey")
	list, listed := stanza.Child(n, "list")
	kind := stanza.ChildBytes(n, "type")
	if !ok || !listed || len(registration) != 4 || len(identity) != 32 || len(kind) != 1 || kind[0] != keyType {
		s.note(d, "malformed upload of prekeys")
		s.fail(d, n, "400")
		return
	}
	keys.RegistrationID, keys.Identity = binary.BigEndian.Uint32(registration), [32]byte(identity)
	signature := stanza.ChildBytes(signed, "signature")
	keys.Signed, ok = readKey(signed)
	if !ok || len(signature) != 64 {
		s.note(d, "malformed signed prekey")
		s.fail(d, n, "400")
		return
	}
	keys.Signature = [64]byte(signature)
	if keys.Identity != d.keys.Identity || keys.RegistrationID != d.keys.RegistrationID || !validSigned(keys) {
		s.note(d, "prekeys that are not signed by the device")
		s.fail(d, n, "406")
		return
	}
	var stock []PreKey
	for _, child := range stanza.Children(list) {
		key, ok := readKey(child)
		if !ok || child.Tag != "key" {
			s.note(d, "malformed prekey")
			s.fail(d, n, "400")
			return
		}
		stock = append(stock, key)
	}
	d.keys, d.stock = keys, append(d.stock, stock...)
	s.result(d, n)
}

func readKey(n stanza.Node) (PreKey, bool) {
	id, value := stanza.ChildBytes(n, "id"), stanza.ChildBytes(n, "value")
	if len(id) != 3 || len(value) != 32 {
		return PreKey{}, false
	}
	return PreKey{ID: binary.BigEndian.Uint32(append([]byte{0}, id...)), Public: [32]byte(value)}, true
}

func (s *Server) passive(d *device, n stanza.Node) {
	_, active := stanza.Child(n, "active")
	if s.strikeClose("close_before", "active", d) {
		return
	}
	s.result(d, n)
	if active && !d.active && d.endpoint != nil {
		s.activate(d)
	}
	if d.endpoint != nil {
		s.strikeClose("close_after", "active", d)
	}
}

// devices answers with device lists; somebody without devices has an empty one.
func (s *Server) devices(d *device, n stanza.Node) {
	wanted, ok := stanza.Child(n, "users")
	if !ok || len(stanza.Children(wanted)) > 15 {
		s.note(d, "query of device lists: %s", stanza.Render(n))
		s.fail(d, n, "400")
		return
	}
	var users []stanza.Node
	for _, asked := range stanza.Children(wanted) {
		jid, ok := stanza.JID(asked, "jid")
		if !ok || jid.Server != types.MessengerServer {
			s.fail(d, n, "400")
			return
		}
		u := s.users[personOf(jid)]
		if u == nil {
			u = &user{id: personOf(jid)}
		}
		users = append(users, stanza.New("user", stanza.Attrs{"jid": jid.ToNonAD()}, u.deviceList()))
	}
	s.result(d, n, stanza.New("users", nil, users))
}

func (s *Server) mediaConn(d *device, n stanza.Node) {
	token := "auth." + strconv.FormatInt(d.user.id, 10) + "." + s.newID()
	s.auth[token] = true
	var hosts []stanza.Node
	for _, name := range s.cfg.MediaHosts {
		hosts = append(hosts, stanza.New("host", stanza.Attrs{"hostname": name}))
	}
	s.result(d, n, stanza.New("media_conn", stanza.Attrs{"auth": token, "ttl": 300, "auth_ttl": 21600, "max_buckets": 12}, hosts))
}

func (s *Server) groupInfo(d *device, n stanza.Node, g *Group) {
	to, _ := stanza.JID(n, "to")
	switch {
	case g == nil:
		s.note(d, "query %s", stanza.Render(n))
		s.fail(d, n, "501")
		return
	case len(g.Members) == 0:
		s.fail(d, n, "404")
		return
	case !g.has(d.user.id):
		s.fail(d, n, "403")
		return
	}
	var members []stanza.Node
	for _, id := range g.Members {
		member := stanza.New("participant", stanza.Attrs{"jid": JID(id, 0)})
		for _, admin := range g.Admins {
			if admin == id {
				member = stanza.With(member, "type", "admin")
			}
		}
		members = append(members, member)
	}
	s.result(d, n, stanza.New("group", stanza.Attrs{
		"id": to.User, "subject": g.Name, "creation": strconv.FormatInt(g.Created.Unix(), 10), "size": len(members),
	}, members))
}

func (g *Group) has(person int64) bool {
	for _, m := range g.Members {
		if m == person {
			return true
		}
	}
	return false
}

// RemoveFault takes a fault away; false if there is none with this id. What a deaf device missed is sent then.
func (s *Server) RemoveFault(id string) bool {
	removed := s.faults.Remove(id)
	if removed {
		s.Resume()
	}
	return removed
}
