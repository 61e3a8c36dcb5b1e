package phone

import (
	"context"
	"fmt"
	"maps"
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"go.mau.fi/whatsmeow/proto/waE2E"
)

// Group is a group as its members see it.
type Group struct {
	JID     types.JID
	Subject string
	Topic   string
	Members []types.JID // by LID where the server says it
	Admins  []types.JID
	Parent  types.JID // the community it belongs to, empty if none
}

// GroupOptions are what a new group may be besides.
type GroupOptions struct {
	Community bool      // it is a community, which the server gives a group for announcements
	Parent    types.JID // the community that it belongs to
}

// encryptForGroup builds the stanza of a group message: the text under the sender key, and that key for each device
// that does not have it yet (section 15). p.mu is held.
func (p *Phone) encryptForGroup(ctx context.Context, out Outgoing) (waBinary.Node, error) {
	members, err := p.audience(ctx, out.To)
	if err != nil {
		return waBinary.Node{}, err
	}
	devices, err := p.devices(ctx, members...)
	if err != nil {
		return waBinary.Node{}, err
	}
	name := out.To.String()
	key, err := p.signal.GroupKey(ctx, name, p.ownAddress())
	if err != nil {
		return waBinary.Node{}, err
	}
	carrier, err := proto.Marshal(&waE2E.Message{SenderKeyDistributionMessage: distribution(out.To, key)})
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("encode sender key: %w", err)
	}
	// The key goes to everybody each time: that costs little here and makes a lost one harmless.
	participants, err := p.encryptForDevices(ctx, devices, carrier, carrier, nil)
	if err != nil {
		return waBinary.Node{}, err
	}
	plain, err := proto.Marshal(out.Content)
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("encode message: %w", err)
	}
	sealed, err := p.signal.EncryptGroup(ctx, name, p.ownAddress(), pad(plain))
	if err != nil {
		return waBinary.Node{}, err
	}
	return node("message", waBinary.Attrs{"to": out.To, "addressing_mode": "lid"},
		waBinary.Node{Tag: "participants", Content: participants}, encNode(sealed, encAttrs(out.Content))), nil
}

// audience are those who get a message: the members of a group, or, of a status update, who is in the address book and
// the account itself. p.mu is held.
func (p *Phone) audience(ctx context.Context, to types.JID) ([]types.JID, error) {
	if to == types.StatusBroadcastJID {
		people := slices.Collect(maps.Keys(p.settings.contacts))
		return append(people, p.lid), nil
	}
	group, err := p.askGroup(ctx, to)
	return group.Members, err
}

// Group asks the server for a group.
func (p *Phone) Group(ctx context.Context, jid types.JID) (Group, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.askGroup(ctx, jid)
}

func (p *Phone) askGroup(ctx context.Context, jid types.JID) (Group, error) {
	resp, err := p.request(ctx, node("iq", waBinary.Attrs{"to": jid, "type": "get", "xmlns": "w:g2"},
		node("query", waBinary.Attrs{"request": "interactive"})))
	if err != nil {
		return Group{}, fmt.Errorf("ask for group %s: %w", jid, err)
	}
	return p.parseGroup(resp)
}

// parseGroup reads the <group> in a reply and learns its members' numbers. p.mu is held.
func (p *Phone) parseGroup(resp *waBinary.Node) (Group, error) {
	n, ok := child(*resp, "group")
	if !ok {
		return Group{}, fmt.Errorf("parse group: reply has no group")
	}
	return p.parseGroupNode(n), nil
}

func (p *Phone) parseGroupNode(n waBinary.Node) Group {
	g := Group{JID: types.NewJID(attr(n, "id"), types.GroupServer), Subject: attr(n, "subject")}
	for _, c := range n.GetChildren() {
		switch c.Tag {
		case "participant":
			jid := attrJID(c, "jid")
			p.learn(jid, attrJID(c, "phone_number"))
			p.learn(jid, attrJID(c, "lid"))
			g.Members = append(g.Members, p.toLID(jid))
			if attr(c, "type") != "" {
				g.Admins = append(g.Admins, p.toLID(jid))
			}
		case "linked_parent":
			g.Parent = attrJID(c, "jid")
		case "description":
			g.Topic = string(childContent(c, "body"))
		}
	}
	return g
}

// CreateGroup makes a group of this account and members, who are named by LID.
func (p *Phone) CreateGroup(ctx context.Context, subject string, members []types.JID, options GroupOptions) (Group, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	participants := p.participants(members)
	if options.Community {
		participants = append(participants, node("parent", waBinary.Attrs{"default_membership_approval_mode": "request_required"}))
	}
	if !options.Parent.IsEmpty() {
		participants = append(participants, node("linked_parent", waBinary.Attrs{"jid": options.Parent}))
	}
	resp, err := p.request(ctx, node("iq", waBinary.Attrs{"to": types.GroupServerJID, "type": "set", "xmlns": "w:g2"},
		waBinary.Node{Tag: "create", Attrs: waBinary.Attrs{"subject": subject}, Content: participants}))
	if err != nil {
		return Group{}, fmt.Errorf("create group %q: %w", subject, err)
	}
	made, err := p.parseGroup(resp)
	if err != nil || !options.Community {
		return made, err
	}
	return p.announcementsOf(ctx, made.JID)
}

// announcementsOf finds the group for announcements of a community. p.mu is held.
func (p *Phone) announcementsOf(ctx context.Context, community types.JID) (Group, error) {
	resp, err := p.request(ctx, node("iq", waBinary.Attrs{"to": types.GroupServerJID, "type": "get", "xmlns": "w:g2"},
		node("participating", nil, node("participants", nil), node("description", nil))))
	if err != nil {
		return Group{}, fmt.Errorf("list groups: %w", err)
	}
	groups, _ := child(*resp, "groups")
	for _, n := range groups.GetChildren() {
		if _, ok := child(n, "default_sub_group"); ok {
			if g := p.parseGroupNode(n); g.Parent == community {
				return g, nil
			}
		}
	}
	return Group{}, fmt.Errorf("community %s has no group for announcements", community)
}

func (p *Phone) participants(members []types.JID) []waBinary.Node {
	nodes := make([]waBinary.Node, 0, len(members))
	for _, member := range members {
		attrs := waBinary.Attrs{"jid": member}
		if pn, ok := p.toPN(member); ok {
			attrs["phone_number"] = pn
		}
		nodes = append(nodes, node("participant", attrs))
	}
	return nodes
}

// ChangeMembers adds, removes, promotes or demotes members of a group: change is one of these words.
func (p *Phone) ChangeMembers(ctx context.Context, group types.JID, change string, members []types.JID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if change == "remove" {
		p.signal.ForgetGroupKey(group.String(), p.ownAddress()) // who left must not read on
	}
	return p.setGroup(ctx, group, waBinary.Node{Tag: change, Content: p.participants(members)})
}

// SetSubject changes a group's name.
func (p *Phone) SetSubject(ctx context.Context, group types.JID, subject string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.setGroup(ctx, group, leaf("subject", []byte(subject)))
}

// SetTopic changes a group's description.
func (p *Phone) SetTopic(ctx context.Context, group types.JID, topic string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.setGroup(ctx, group, node("description", waBinary.Attrs{"id": newID()}, leaf("body", []byte(topic))))
}

// SetAnnounce lets only admins speak in a group, or everybody.
func (p *Phone) SetAnnounce(ctx context.Context, group types.JID, announce bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	setting := "not_announcement"
	if announce {
		setting = "announcement"
	}
	return p.setGroup(ctx, group, node(setting, nil))
}

// SetLocked lets only admins change what a group looks like, or everybody.
func (p *Phone) SetLocked(ctx context.Context, group types.JID, locked bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	setting := "unlocked"
	if locked {
		setting = "locked"
	}
	return p.setGroup(ctx, group, node(setting, nil))
}

// SetGroupPicture changes a group's picture; an empty one removes it.
func (p *Phone) SetGroupPicture(ctx context.Context, group types.JID, jpeg []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	request := node("iq", waBinary.Attrs{"to": types.ServerJID, "target": group, "type": "set", "xmlns": "w:profile:picture"})
	if len(jpeg) > 0 {
		picture := leaf("picture", jpeg)
		picture.Attrs = waBinary.Attrs{"type": "image"}
		request.Content = []waBinary.Node{picture}
	}
	if _, err := p.request(ctx, request); err != nil {
		return fmt.Errorf("set picture of group %s: %w", group, err)
	}
	return nil
}

// LeaveGroup takes the account out of a group.
func (p *Phone) LeaveGroup(ctx context.Context, group types.JID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.setGroup(ctx, types.GroupServerJID, node("leave", nil, node("group", waBinary.Attrs{"id": group})))
}

// setGroup sends one change. p.mu is held.
func (p *Phone) setGroup(ctx context.Context, to types.JID, change waBinary.Node) error {
	_, err := p.request(ctx, node("iq", waBinary.Attrs{"to": to, "type": "set", "xmlns": "w:g2"}, change))
	if err != nil {
		return fmt.Errorf("%s in group %s: %w", change.Tag, to, err)
	}
	return nil
}
