package server

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// group is a group chat (section 15). All groups are addressed by LID. Guarded by Server.mu.
type group struct {
	id            string
	creator       *user
	created       time.Time
	subject       string
	subjectBy     *user
	subjectAt     time.Time
	description   string
	descriptionID string
	describedBy   *user
	describedAt   time.Time
	members       map[*user]string // role: "", admin or superadmin
	announcement  bool
	locked        bool
	expiration    string // of messages in seconds, empty for never
	memberAddMode string
	approval      bool
	invite        string
	community     bool      // it is a community, and no chat
	parent        types.JID // the community it belongs to, empty if none
	announcements bool      // it is its community's group for announcements
	memberVersion int       // counts changes of members
	version       int       // counts changes of who may speak
	pictureID     string
	picturePath   string
	pictureURL    string
}

func (g *group) jid() types.JID { return types.NewJID(g.id, types.GroupServer) }

func (g *group) isAdmin(u *user) bool { return g.members[u] != "" }

// sorted lists the members in a stable order.
func (g *group) sorted() []*user {
	members := make([]*user, 0, len(g.members))
	for u := range g.members {
		members = append(members, u)
	}
	slices.SortFunc(members, func(a, b *user) int { return cmp.Compare(a.Phone, b.Phone) })
	return members
}

// addressing is the address space of a chat in which participants are named.
func (s *Server) addressing(types.JID) string { return types.HiddenUserServer }

func modeName(space string) string {
	if space == types.HiddenUserServer {
		return "lid"
	}
	return "pn"
}

func unixText(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// describe is the metadata node of replies and of create notifications.
func (g *group) describe() stanza.Node {
	n := stanza.New("group", stanza.Attrs{
		"id": g.id, "creator": g.creator.LIDJID(), "creator_pn": g.creator.PN(), "creation": unixText(g.created),
		"subject": g.subject, "s_t": unixText(g.subjectAt), "s_o": g.subjectBy.LIDJID(), "s_o_pn": g.subjectBy.PN(),
		"addressing_mode": "lid", "size": len(g.members), "p_v_id": strconv.Itoa(g.memberVersion),
		"a_v_id": strconv.Itoa(g.version),
	})
	var content []stanza.Node
	for _, u := range g.sorted() {
		content = append(content, stanza.New("participant", stanza.Attrs{
			"jid": u.LIDJID(), "phone_number": u.PN(), "type": g.members[u],
		}))
	}
	content = append(content, stanza.New("member_add_mode", nil, g.memberAddMode))
	if g.description != "" {
		content = append(content, stanza.New("description", stanza.Attrs{
			"id": g.descriptionID, "participant": g.describedBy.LIDJID(), "t": unixText(g.describedAt),
		}, stanza.New("body", nil, g.description)))
	}
	if g.announcement {
		content = append(content, stanza.New("announcement", nil))
	}
	if g.locked {
		content = append(content, stanza.New("locked", nil))
	}
	if g.community {
		content = append(content, stanza.New("parent", stanza.Attrs{"default_membership_approval_mode": "request_required"}))
	}
	if !g.parent.IsEmpty() {
		content = append(content, stanza.New("linked_parent", stanza.Attrs{"jid": g.parent}))
	}
	if g.announcements {
		content = append(content, stanza.New("default_sub_group", nil))
	}
	if g.expiration != "" {
		content = append(content, stanza.New("ephemeral", stanza.Attrs{"expiration": g.expiration}))
	}
	if g.approval {
		content = append(content, stanza.New("membership_approval_mode", nil,
			stanza.New("group_join", stanza.Attrs{"state": "on"})))
	}
	n.Content = content
	return n
}

// tellGroup echoes a change to every device of every member, and of those who were removed by it.
func (s *Server) tellGroup(g *group, by *user, change stanza.Node, besides ...*user) {
	for _, u := range append(g.sorted(), besides...) {
		for _, d := range u.sorted() {
			n := s.notification("w:gp2", g.jid(), change)
			s.deliver(d, stanza.With(n, "participant", by.LIDJID(), "participant_pn", by.PN(), "notify", by.PushName,
				"addressing_mode", "lid"))
		}
	}
}

func (s *Server) setGroupPicture(g *group, by *device, jpeg []byte) string {
	change := stanza.New("delete", stanza.Attrs{"jid": g.jid(), "author": by.user.LIDJID()})
	g.pictureID, g.picturePath, g.pictureURL = "", "", ""
	if len(jpeg) > 0 {
		blob := s.media.Put("picture", jpeg)
		g.pictureID, g.picturePath, g.pictureURL = s.newPictureID(), blob.Path, blob.URL
		change = stanza.New("set", stanza.Attrs{"jid": g.jid(), "id": g.pictureID, "author": by.user.LIDJID()})
	}
	for _, u := range g.sorted() {
		for _, d := range u.sorted() {
			if d != by {
				s.notify(d, "picture", g.jid(), change)
			}
		}
	}
	return g.pictureID
}

func (s *Server) groupChatState(d *device, to types.JID, state stanza.Node) {
	g := s.groups[to.User]
	if g == nil || !g.has(d.user) {
		return
	}
	for _, u := range g.sorted() {
		if u == d.user {
			continue
		}
		for _, other := range u.sorted() {
			s.deliver(other, stanza.New("chatstate", stanza.Attrs{
				"from": to, "participant": d.user.LIDJID(), "participant_pn": d.user.PN(), "addressing_mode": "lid",
			}, state))
		}
	}
}

func (g *group) has(u *user) bool {
	_, member := g.members[u]
	return member
}

// routeGroup brings a message to every device of every member but the sending one: first the ciphertext made for that
// device, which carries the sender key, then the one for all.
func (s *Server) routeGroup(d *device, n stanza.Node, to types.JID) route {
	g := s.groups[to.User]
	switch {
	case g == nil:
		return route{err: ackNotFound}
	case !g.has(d.user), g.announcement && !g.isAdmin(d.user):
		return route{err: ackForbidden}
	}
	if jid, ok := stanza.JID(n, "participant"); ok {
		return s.routeGroupRetry(g, d, n, jid)
	}
	own := map[*device][]stanza.Node{}
	participants, _ := stanza.Child(n, "participants")
	for _, target := range stanza.Children(participants) {
		jid, _ := stanza.JID(target, "jid")
		if device := s.deviceOf(jid); device != nil {
			own[device] = encsOf(target)
		}
	}
	var r route
	var present []types.JID
	for _, u := range g.sorted() {
		present = append(present, u.jids(types.HiddenUserServer)...)
		for _, device := range u.sorted() {
			if device != d && !s.blocked(d, device) {
				out := s.groupMessage(g, d, n)
				r.add(device, withContent(out, n, append(slices.Clone(own[device]), encsOf(n)...)))
			}
		}
	}
	if hash := stanza.DeviceHash(present); stanza.Str(n, "phash") != "" && stanza.Str(n, "phash") != hash {
		r.hash = hash
	}
	return r
}

func (s *Server) routeGroupRetry(g *group, d *device, n stanza.Node, jid types.JID) route {
	target := s.deviceOf(jid)
	if target == nil || target == d || !g.has(target.user) {
		return route{err: ackNotFound}
	}
	out := s.groupMessage(g, d, n)
	keepTime(out, n)
	var r route
	r.add(target, withContent(out, n, encsOf(n)))
	return r
}

func (s *Server) groupMessage(g *group, d *device, n stanza.Node) stanza.Node {
	out := s.baseMessage(d, n)
	pn := d.user.PN()
	out.Attrs["from"], out.Attrs["participant"] = g.jid(), d.jid(types.HiddenUserServer)
	out.Attrs["participant_pn"], out.Attrs["addressing_mode"] = pn, "lid"
	return out
}
