package server

import (
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// usync answers questions about users: devices, LIDs, registration, about, picture (section 6.2).
func (r *request) usync() error {
	if !r.is("get", "usync") {
		return errNotImplemented
	}
	query, ok := stanza.Child(r.child, "query")
	if !ok {
		return errBadRequest
	}
	list, _ := stanza.Child(r.child, "list")
	answers := []stanza.Node{}
	for _, asked := range stanza.Children(list) {
		if answer, known := r.usyncUser(query, asked); known {
			answers = append(answers, answer)
		}
	}
	attrs := stanza.Attrs{}
	for _, key := range []string{"sid", "index", "last", "mode", "context"} {
		attrs[key] = stanza.Str(r.child, key)
	}
	r.content = []stanza.Node{stanza.New("usync", attrs, stanza.New("result", nil), stanza.New("list", nil, answers))}
	return nil
}

// usyncUser answers for one user of the list; unknown JIDs are simply absent.
func (r *request) usyncUser(query, asked stanza.Node) (stanza.Node, bool) {
	jid, ok := stanza.JID(asked, "jid")
	if ok {
		u := r.s.userOf(jid)
		if u == nil {
			return stanza.Node{}, false
		}
		children := r.usyncChildren(query, u, jid.Server)
		return stanza.New("user", stanza.Attrs{"jid": u.jid(jid.Server)}, orNil(children)), true
	}
	contact, ok := stanza.Child(asked, "contact")
	if !ok {
		return stanza.Node{}, false
	}
	return r.lookup(query, contact), true
}

// lookup finds out whether a phone number is registered. The text is echoed as asked.
func (r *request) lookup(query, contact stanza.Node) stanza.Node {
	text := stanza.Text(contact)
	number, _, _ := strings.Cut(strings.TrimPrefix(text, "+"), "@")
	echo := func(kind string) stanza.Node { return stanza.New("contact", stanza.Attrs{"type": kind}, text) }
	u := r.s.byPhone[number]
	if u == nil {
		return stanza.New("user", stanza.Attrs{"jid": types.NewJID(number, types.DefaultUserServer)}, echo("out"))
	}
	mode, _ := stanza.Child(query, "contact")
	attrs, space := stanza.Attrs{"jid": u.PN()}, types.DefaultUserServer
	if stanza.Str(mode, "addressing_mode") == "lid" {
		attrs, space = stanza.Attrs{"jid": u.LIDJID(), "pn_jid": u.PN()}, types.HiddenUserServer
	}
	return stanza.New("user", attrs, append([]stanza.Node{echo("in")}, r.usyncChildren(query, u, space)...))
}

func (r *request) usyncChildren(query stanza.Node, u *user, space string) []stanza.Node {
	var children []stanza.Node
	for _, protocol := range stanza.Children(query) {
		switch protocol.Tag {
		case "devices":
			children = append(children, u.deviceList(space))
		case "lid":
			// A LID answered with itself would end in a client's map of phone numbers.
			if space == types.DefaultUserServer && !r.s.faults.rules("hide_lid", subject{dev: r.dev}) {
				children = append(children, stanza.New("lid", stanza.Attrs{"val": u.LIDJID()}))
			}
		case "status":
			children = append(children, r.about(u))
		case "picture":
			if u.pictureID != "" && u.shows("profile", r.dev.user) {
				children = append(children, stanza.New("picture", stanza.Attrs{"id": u.pictureID}))
			}
		case "business":
			if u.Business != "" {
				children = append(children, stanza.New("business", nil))
			}
		case "contact", "disappearing_mode", "username", "bot", "verified_name":
			// answered by lookup, or nothing to say
		default:
			r.s.noteStanza(r.dev, protocol)
		}
	}
	return children
}

func (r *request) about(u *user) stanza.Node {
	if !u.shows("status", r.dev.user) {
		return stanza.New("status", stanza.Attrs{"code": "403"})
	}
	n := stanza.New("status", stanza.Attrs{"t": strconv.FormatInt(u.created.Unix(), 10)})
	if u.About != "" {
		n.Content = []byte(u.About)
	}
	return n
}

// deviceList holds numbers only, the asker's own device included.
func (u *user) deviceList(space string) stanza.Node {
	var devices []stanza.Node
	for _, d := range u.sorted() {
		n := stanza.New("device", stanza.Attrs{"id": d.number})
		if !d.isPhone() {
			n.Attrs["key-index"] = d.keyIndex
		}
		devices = append(devices, n)
	}
	return stanza.New("devices", nil, stanza.New("device-list",
		stanza.Attrs{"hash": stanza.DeviceHash(u.jids(space))}, devices))
}
