package server

import (
	"cmp"
	"slices"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// privacyCategories are in the order in which they are told.
var privacyCategories = []string{
	"groupadd", "last", "status", "profile", "readreceipts", "online", "calladd", "messages", "defense", "stickers",
}

func defaultPrivacy() map[string]string {
	return map[string]string{
		"groupadd": "all", "last": "all", "status": "all", "profile": "all", "readreceipts": "all", "online": "all",
		"calladd": "all", "messages": "all", "defense": "off", "stickers": "contacts",
	}
}

// shows says whether the viewer may see what the category rules. Everybody is a contact, so only "none" hides, and "online"
// may follow "last" (match_last_seen).
func (u *user) shows(category string, viewer *user) bool {
	value := u.privacy[category]
	if value == "match_last_seen" {
		value = u.privacy["last"]
	}
	return u == viewer || value != "none"
}

func (r *request) privacy() error {
	switch {
	case r.is("get", "privacy"):
		r.content = []stanza.Node{r.dev.user.privacyNode()}
	case r.is("set", "privacy"):
		return r.changePrivacy()
	case r.is("set", "tokens"):
		return r.issueTokens()
	default:
		return errNotImplemented
	}
	return nil
}

func (u *user) privacyNode() stanza.Node {
	var categories []stanza.Node
	for _, name := range privacyCategories {
		categories = append(categories, stanza.New("category", stanza.Attrs{"name": name, "value": u.privacy[name]}))
	}
	return stanza.New("privacy", nil, categories)
}

func (r *request) changePrivacy() error {
	var changed []stanza.Node
	for _, category := range stanza.Children(r.child) {
		name, value := stanza.Str(category, "name"), stanza.Str(category, "value")
		if !slices.Contains(privacyCategories, name) || value == "" {
			return errBadRequest
		}
		changed = append(changed, stanza.New("category", stanza.Attrs{"name": name, "value": value}))
	}
	for _, category := range changed {
		r.dev.user.privacy[stanza.Str(category, "name")] = stanza.Str(category, "value")
	}
	r.after = func() { r.s.tellOwn(r.dev.user, r.dev, "account_sync", stanza.New("privacy", nil, changed)) }
	return nil
}

// issueTokens passes trusted-contact tokens on to those they are for (section 14, item 4).
func (r *request) issueTokens() error {
	own := r.dev.user
	for _, token := range stanza.Children(r.child) {
		jid, _ := stanza.JID(token, "jid")
		target := r.s.userOf(jid)
		if target == nil || target == own {
			continue
		}
		content := stanza.New("tokens", nil, stanza.New("token", stanza.Attrs{
			"type": stanza.Str(token, "type"), "t": stanza.Str(token, "t"),
		}, tokenOf(token, own)))
		for _, d := range target.sorted() {
			n := stanza.With(r.s.notification("privacy_token", own.PN(), content), "sender_lid", own.LIDJID())
			r.s.deliver(d, n)
		}
	}
	return nil
}

// tokenOf is the token's bytes. Clients only announce that they trust somebody; the bytes are then made up here.
func tokenOf(token stanza.Node, owner *user) []byte {
	if data := stanza.Bytes(token); len(data) > 0 {
		return data
	}
	return []byte("token-of-" + owner.LID + "-" + stanza.Str(token, "t"))
}

func (r *request) blocklist() error {
	own := r.dev.user
	switch kind := stanza.Str(r.node, "type"); {
	case kind == "get":
	case r.is("set", "item"):
		jid, _ := stanza.JID(r.child, "jid")
		target := r.s.userOf(jid)
		if target == nil {
			return errItemNotFound
		}
		action := stanza.Str(r.child, "action")
		switch action {
		case "block":
			own.blocked[target.LID] = true
		case "unblock":
			delete(own.blocked, target.LID)
		default:
			return errBadRequest
		}
		r.after = func() {
			r.s.tellOwn(own, r.dev, "account_sync", stanza.New("blocklist",
				stanza.Attrs{"action": "modify", "dhash": own.blockHash()},
				stanza.New("item", stanza.Attrs{"jid": target.LIDJID(), "action": action})))
		}
	default:
		return errNotImplemented
	}
	var items []stanza.Node
	for _, jid := range own.blockedJIDs() {
		items = append(items, stanza.New("item", stanza.Attrs{"jid": jid}))
	}
	r.content = []stanza.Node{stanza.New("list", stanza.Attrs{"dhash": own.blockHash()}, orNil(items))}
	return nil
}

func (u *user) blockedJIDs() []types.JID {
	var jids []types.JID
	for lid := range u.blocked {
		jids = append(jids, types.NewJID(lid, types.HiddenUserServer))
	}
	slices.SortFunc(jids, func(a, b types.JID) int { return cmp.Compare(a.User, b.User) })
	return jids
}

func (u *user) blockHash() string { return stanza.DeviceHash(u.blockedJIDs()) }
