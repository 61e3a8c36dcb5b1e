package whatsapp

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp/phone"
)

// CreateGroup lets a person create a group.
func (n *Network) CreateGroup(ctx context.Context, id string, group control.NewGroup) (control.Group, error) {
	p, err := n.person(id)
	if err != nil {
		return control.Group{}, err
	}
	members, err := n.lids(group.Members)
	if err != nil {
		return control.Group{}, err
	}
	parent := types.EmptyJID
	if group.Parent != "" {
		if parent, err = types.ParseJID(group.Parent); err != nil {
			return control.Group{}, control.NotFound("%v", err)
		}
	}
	created, err := p.phone.CreateGroup(ctx, group.Subject, members, phone.GroupOptions{Community: group.Community, Parent: parent})
	if err != nil {
		return control.Group{}, err
	}
	return n.group(created), nil
}

// Group asks how a person sees a group.
func (n *Network) Group(ctx context.Context, id, group string) (control.Group, error) {
	p, jid, err := n.actor(id, group)
	if err != nil {
		return control.Group{}, err
	}
	g, err := p.phone.Group(ctx, jid)
	if err != nil {
		return control.Group{}, control.NotFound("%v", err)
	}
	return n.group(g), nil
}

// ChangeGroup lets a person change a group, or leave it.
func (n *Network) ChangeGroup(ctx context.Context, id, group string, change control.GroupChange) (control.Group, error) {
	p, jid, err := n.actor(id, group)
	if err != nil {
		return control.Group{}, err
	}
	if change.Subject != nil {
		if err := p.phone.SetSubject(ctx, jid, *change.Subject); err != nil {
			return control.Group{}, err
		}
	}
	if change.Topic != nil {
		if err := p.phone.SetTopic(ctx, jid, *change.Topic); err != nil {
			return control.Group{}, err
		}
	}
	for _, c := range []struct {
		what    string
		members []string
	}{{"add", change.Add}, {"remove", change.Remove}, {"promote", change.Promote}, {"demote", change.Demote}} {
		if len(c.members) == 0 {
			continue
		}
		members, err := n.lids(c.members)
		if err != nil {
			return control.Group{}, err
		}
		if err := p.phone.ChangeMembers(ctx, jid, c.what, members); err != nil {
			return control.Group{}, err
		}
	}
	if change.Avatar != nil {
		if err := p.phone.SetGroupPicture(ctx, jid, *change.Avatar); err != nil {
			return control.Group{}, err
		}
	}
	if change.Announce != nil {
		if err := p.phone.SetAnnounce(ctx, jid, *change.Announce); err != nil {
			return control.Group{}, err
		}
	}
	if change.Locked != nil {
		if err := p.phone.SetLocked(ctx, jid, *change.Locked); err != nil {
			return control.Group{}, err
		}
	}
	if change.Leave {
		return control.Group{ID: group}, p.phone.LeaveGroup(ctx, jid)
	}
	return n.Group(ctx, id, group)
}

func (n *Network) lids(ids []string) ([]types.JID, error) {
	out := make([]types.JID, 0, len(ids))
	for _, id := range ids {
		p, err := n.person(id)
		if err != nil {
			return nil, err
		}
		out = append(out, p.phone.LID())
	}
	return out, nil
}

func (n *Network) group(g phone.Group) control.Group {
	out := control.Group{ID: g.JID.String(), Subject: g.Subject, Topic: g.Topic, Members: []string{}}
	if !g.Parent.IsEmpty() {
		out.Parent = g.Parent.String()
	}
	for _, jid := range g.Members {
		out.Members = append(out.Members, n.idOf(jid))
	}
	for _, jid := range g.Admins {
		out.Admins = append(out.Admins, n.idOf(jid))
	}
	return out
}
