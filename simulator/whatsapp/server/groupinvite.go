package server

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"strconv"

	"crosschat/simulator/whatsapp/stanza"
)

var inviteCode = regexp.MustCompile(`^[0-9a-zA-Z]{16,32}$`)

func newInvite() string {
	random := make([]byte, 11)
	rand.Read(random) //nolint:errcheck // never fails
	return hex.EncodeToString(random)
}

// groupInvite shows the invite code; set makes a new one first.
func (r *request) groupInvite(g *group) error {
	if !g.isAdmin(r.dev.user) {
		return errForbidden
	}
	if stanza.Str(r.node, "type") == "set" {
		g.invite = newInvite()
	}
	r.content = []stanza.Node{stanza.New("invite", stanza.Attrs{"code": g.invite})}
	return nil
}

func (r *request) invited() (*group, error) {
	code := stanza.Str(r.child, "code")
	if !inviteCode.MatchString(code) {
		return nil, errNotAcceptable
	}
	for _, g := range r.s.groups {
		if g.invite == code {
			return g, nil
		}
	}
	return nil, errGone
}

func (r *request) showInvite(*group) error {
	g, err := r.invited()
	if err != nil {
		return err
	}
	r.content = []stanza.Node{g.describe()}
	return nil
}

// useInvite joins by a code. Groups that want approval only say so: nobody here can approve.
func (r *request) useInvite(*group) error {
	g, err := r.invited()
	if err != nil {
		return err
	}
	if g.approval {
		r.content = []stanza.Node{stanza.New("membership_approval_request", stanza.Attrs{"jid": g.jid()})}
		return nil
	}
	r.content = []stanza.Node{stanza.New("group", stanza.Attrs{"jid": g.jid()})}
	own := r.dev.user
	if g.has(own) {
		return nil
	}
	g.members[own] = ""
	previous := g.memberVersion
	g.memberVersion++
	r.after = func() {
		r.s.tellGroup(g, own, stanza.New("add", stanza.Attrs{
			"reason": "invite", "prev_v_id": strconv.Itoa(previous), "v_id": strconv.Itoa(g.memberVersion),
		}, stanza.New("participant", stanza.Attrs{"jid": own.LIDJID(), "phone_number": own.PN()})))
	}
	return nil
}
