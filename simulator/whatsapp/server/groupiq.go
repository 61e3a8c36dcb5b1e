package server

import (
	"strconv"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// groupRequests are the requests of w:g2, by type and first child. Those that begin with @ are addressed to g.us, the others
// to a group.
var groupRequests = map[string]func(r *request, g *group) error{
	"@get participating": (*request).listGroups,
	"@set create":        (*request).createGroup,
	"@set leave":         (*request).leaveGroups,
	"@get invite":        (*request).showInvite,
	"@set invite":        (*request).useInvite,

	"get query":  (*request).showGroup,
	"get invite": (*request).groupInvite,
	"set invite": (*request).groupInvite,

	"set add":     (*request).changeMembers,
	"set remove":  (*request).changeMembers,
	"set promote": (*request).changeMembers,
	"set demote":  (*request).changeMembers,

	"set subject":                  (*request).setSubject,
	"set description":              (*request).setDescription,
	"set locked":                   (*request).setFlag,
	"set unlocked":                 (*request).setFlag,
	"set announcement":             (*request).setFlag,
	"set not_announcement":         (*request).setFlag,
	"set ephemeral":                (*request).setFlag,
	"set not_ephemeral":            (*request).setFlag,
	"set member_add_mode":          (*request).setFlag,
	"set membership_approval_mode": (*request).setFlag,
}

func (r *request) group() error {
	to, _ := stanza.JID(r.node, "to")
	key := stanza.Str(r.node, "type") + " " + r.child.Tag
	if to.User == "" {
		key = "@" + key
	}
	handler := groupRequests[key]
	if handler == nil {
		return errNotImplemented
	}
	if to.User == "" {
		return handler(r, nil)
	}
	g, err := r.memberOf(to)
	if err != nil {
		return err
	}
	return handler(r, g)
}

// memberOf finds a group the asker is in.
func (r *request) memberOf(jid types.JID) (*group, error) {
	g := r.s.groups[jid.User]
	switch {
	case g == nil:
		return nil, errItemNotFound
	case !g.has(r.dev.user):
		return nil, errForbidden
	}
	return g, nil
}

func (r *request) showGroup(g *group) error {
	r.content = []stanza.Node{g.describe()}
	return nil
}

func (r *request) listGroups(*group) error {
	var groups []stanza.Node
	for _, g := range r.s.groups {
		if g.has(r.dev.user) {
			groups = append(groups, g.describe())
		}
	}
	r.content = []stanza.Node{stanza.New("groups", nil, orNil(groups))}
	return nil
}

func (r *request) createGroup(*group) error {
	own := r.dev.user
	g := r.s.newGroup(own, stanza.Str(r.child, "subject"))
	for _, child := range stanza.Children(r.child) {
		if child.Tag != "participant" {
			g.setting(child)
			continue
		}
		jid, _ := stanza.JID(child, "jid")
		if u := r.s.userOf(jid); u != nil && u != own {
			g.members[u] = ""
		}
	}
	if !g.parent.IsEmpty() {
		if parent, err := r.memberOf(g.parent); err != nil || !parent.community {
			return errBadRequest
		}
	}
	made := []*group{g}
	if g.community {
		made = append(made, r.s.newAnnouncements(g))
	}
	r.content = []stanza.Node{g.describe()}
	for _, g := range made {
		r.s.groups[g.id] = g
		r.after = chain(r.after, func() {
			r.s.tellGroup(g, own, stanza.New("create", stanza.Attrs{"type": "new", "reason": "invite"}, g.describe()))
		})
	}
	return nil
}

func (s *Server) newGroup(creator *user, subject string) *group {
	now := s.cfg.Now()
	s.lastID++
	return &group{
		id: "12036300" + strconv.FormatInt(now.Unix(), 10) + strconv.FormatUint(s.lastID, 10), creator: creator, created: now,
		subject: subject, subjectBy: creator, subjectAt: now, memberAddMode: "all_member_add",
		members: map[*user]string{creator: "superadmin"}, invite: newInvite(), memberVersion: 1, version: 1,
	}
}

// newAnnouncements is the group for announcements that a community has from the start: of all its members, of whom only
// admins may write, under its name.
func (s *Server) newAnnouncements(community *group) *group {
	g := s.newGroup(community.creator, community.subject)
	g.parent, g.announcements, g.announcement, g.locked = community.jid(), true, true, true
	g.memberAddMode = "admin_add"
	for u, role := range community.members {
		g.members[u] = role
	}
	return g
}

// changeMembers serves add, remove, promote and demote; the answer says for each participant how it went.
func (r *request) changeMembers(g *group) error {
	action := r.child.Tag
	if !g.isAdmin(r.dev.user) && (action != "add" || g.memberAddMode != "all_member_add") {
		return errForbidden
	}
	var answers, changed []stanza.Node
	var removed []*user
	for _, child := range stanza.Children(r.child) {
		jid, _ := stanza.JID(child, "jid")
		u := r.s.userOf(jid)
		answer := stanza.New("participant", stanza.Attrs{"jid": jid})
		switch {
		case u == nil:
			answer.Attrs["error"] = errItemNotFound.code
		case (action == "add") == g.has(u):
			answer.Attrs["error"] = 409
		default:
			g.change(u, action)
			if action == "remove" {
				removed = append(removed, u)
			}
			changed = append(changed, stanza.New("participant", stanza.Attrs{"jid": u.LIDJID(), "phone_number": u.PN()}))
			answer.Attrs["phone_number"] = u.PN()
		}
		answers = append(answers, answer)
	}
	r.content = []stanza.Node{stanza.New(action, nil, orNil(answers))}
	if changed != nil {
		previous := g.memberVersion
		g.memberVersion++
		r.after = func() {
			r.s.tellGroup(g, r.dev.user, stanza.New(action, stanza.Attrs{
				"prev_v_id": strconv.Itoa(previous), "v_id": strconv.Itoa(g.memberVersion),
			}, changed), removed...)
		}
	}
	return nil
}

func (g *group) change(u *user, action string) {
	switch action {
	case "add", "demote":
		g.members[u] = ""
	case "promote":
		g.members[u] = "admin"
	case "remove":
		delete(g.members, u)
	}
}

func (r *request) leaveGroups(*group) error {
	for _, child := range stanza.Children(r.child) {
		jid, ok := stanza.JID(child, "id")
		if !ok {
			return errBadRequest
		}
		g, err := r.memberOf(jid)
		if err != nil {
			return err
		}
		own := r.dev.user
		delete(g.members, own)
		previous := g.memberVersion
		g.memberVersion++
		r.after = chain(r.after, func() {
			r.s.tellGroup(g, own, stanza.New("remove", stanza.Attrs{
				"prev_v_id": strconv.Itoa(previous), "v_id": strconv.Itoa(g.memberVersion),
			}, stanza.New("participant", stanza.Attrs{"jid": own.LIDJID(), "phone_number": own.PN()})), own)
		})
	}
	r.content = []stanza.Node{stanza.New("leave", nil)}
	return nil
}

func (r *request) setSubject(g *group) error {
	if g.locked && !g.isAdmin(r.dev.user) {
		return errForbidden
	}
	g.subject, g.subjectBy, g.subjectAt = stanza.Text(r.child), r.dev.user, r.s.cfg.Now()
	r.after = func() {
		r.s.tellGroup(g, r.dev.user, stanza.New("subject", stanza.Attrs{
			"subject": g.subject, "s_t": unixText(g.subjectAt), "s_o": g.subjectBy.LIDJID(), "s_o_pn": g.subjectBy.PN(),
		}))
	}
	return nil
}

func (r *request) setDescription(g *group) error {
	if g.locked && !g.isAdmin(r.dev.user) {
		return errForbidden
	}
	if stanza.Str(r.child, "prev") != g.descriptionID {
		return &iqError{409, "conflict"}
	}
	g.description, g.describedBy, g.describedAt = string(stanza.ChildBytes(r.child, "body")), r.dev.user, r.s.cfg.Now()
	g.descriptionID = stanza.Str(r.child, "id")
	content := stanza.New("body", nil, g.description)
	if g.description == "" {
		content = stanza.New("delete", nil)
	}
	id := g.descriptionID
	r.after = func() {
		r.s.tellGroup(g, r.dev.user, stanza.New("description", stanza.Attrs{"id": id}, content))
	}
	return nil
}

// setFlag serves the settings whose notification is the request's own element.
func (r *request) setFlag(g *group) error {
	if !g.isAdmin(r.dev.user) {
		return errForbidden
	}
	if !g.setting(r.child) {
		return errBadRequest
	}
	g.version++
	change := stanza.With(r.child, "v_id", strconv.Itoa(g.version))
	r.after = func() { r.s.tellGroup(g, r.dev.user, change) }
	return nil
}

// setting applies one setting of a request; false if its value is none.
func (g *group) setting(n stanza.Node) bool {
	switch n.Tag {
	case "parent":
		g.community = true
	case "linked_parent":
		g.parent, _ = stanza.JID(n, "jid")
	case "locked", "unlocked":
		g.locked = n.Tag == "locked"
	case "announcement", "not_announcement":
		g.announcement = n.Tag == "announcement"
	case "not_ephemeral":
		g.expiration = ""
	case "ephemeral":
		seconds, ok := stanza.Int(n, "expiration")
		if !ok || seconds < 0 {
			return false
		}
		if g.expiration = ""; seconds > 0 {
			g.expiration = strconv.FormatInt(seconds, 10)
		}
	case "member_add_mode":
		mode := stanza.Text(n)
		if mode != "all_member_add" && mode != "admin_add" {
			return false
		}
		g.memberAddMode = mode
	case "membership_approval_mode":
		join, _ := stanza.Child(n, "group_join")
		g.approval = stanza.Str(join, "state") == "on"
	}
	return true
}
