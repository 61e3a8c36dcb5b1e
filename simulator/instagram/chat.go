package instagram

import (
	"context"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// SetChat changes a chat in somebody's app.
func (n *Network) SetChat(_ context.Context, id string, change control.ChatSettings) (control.ChatSettings, error) {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return control.ChatSettings{}, err
	}
	t, err := n.thread(p, change.Chat)
	if err != nil {
		return control.ChatSettings{}, err
	}
	if change.Archived != nil {
		return control.ChatSettings{}, control.Unsupported("an archive")
	}
	if change.MutedUntil != nil {
		n.direct.Mute(p, t, *change.MutedUntil)
	}
	if change.Pinned != nil {
		n.direct.Pin(p, t, *change.Pinned)
	}
	if change.Unread != nil {
		n.direct.MarkUnread(p, t, *change.Unread)
	}
	return settings(p, t, change.Chat), nil
}

// Chat tells how a chat is set for somebody.
func (n *Network) Chat(_ context.Context, id, chat string) (control.ChatSettings, error) {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return control.ChatSettings{}, err
	}
	t, err := n.thread(p, chat)
	if err != nil {
		return control.ChatSettings{}, err
	}
	return settings(p, t, chat), nil
}

func settings(p *world.Person, t *world.Thread, chat string) control.ChatSettings {
	v := p.View(t)
	return control.ChatSettings{
		Chat: chat, MutedUntil: &v.MutedUntil, Pinned: &v.Pinned, Unread: &v.Unread,
	}
}

// people finds everybody of a list.
func (n *Network) people(ids []string) ([]*world.Person, error) {
	var people []*world.Person
	for _, id := range ids {
		p, err := n.person(id)
		if err != nil {
			return nil, err
		}
		people = append(people, p)
	}
	return people, nil
}

// CreateGroup makes a group.
func (n *Network) CreateGroup(_ context.Context, id string, group control.NewGroup) (control.Group, error) {
	defer n.direct.Lock()()
	p, err := n.person(id)
	if err != nil {
		return control.Group{}, err
	}
	others, err := n.people(group.Members)
	if err != nil {
		return control.Group{}, err
	}
	t, err := n.direct.NewGroup(p, group.Subject, others, 0)
	if err != nil {
		return control.Group{}, refusal(err)
	}
	return describeGroup(t), nil
}

// ChangeGroup changes a group.
func (n *Network) ChangeGroup(_ context.Context, id, group string, change control.GroupChange) (control.Group, error) {
	defer n.direct.Lock()()
	p, t, err := n.group(id, group)
	if err != nil {
		return control.Group{}, err
	}
	if change.Topic != nil {
		return control.Group{}, control.Unsupported("a group's topic")
	}
	for _, step := range []func() error{
		func() error { return n.rename(p, t, change) },
		func() error { return n.addMembers(p, t, change.Add) },
		func() error {
			return n.each(change.Remove, func(o *world.Person) error { return n.direct.RemoveMember(p, t, o) })
		},
		func() error {
			return n.each(change.Promote, func(o *world.Person) error { return n.direct.SetAdmin(p, t, o, true) })
		},
		func() error {
			return n.each(change.Demote, func(o *world.Person) error { return n.direct.SetAdmin(p, t, o, false) })
		},
	} {
		if err := step(); err != nil {
			return control.Group{}, refusal(err)
		}
	}
	if change.Leave {
		if err := n.direct.RemoveMember(p, t, p); err != nil {
			return control.Group{}, refusal(err)
		}
	}
	return describeGroup(t), nil
}

func (n *Network) rename(p *world.Person, t *world.Thread, change control.GroupChange) error {
	if change.Subject == nil {
		return nil
	}
	return n.direct.Rename(p, t, *change.Subject)
}

func (n *Network) addMembers(p *world.Person, t *world.Thread, add []string) error {
	others, err := n.people(add)
	if err != nil || len(others) == 0 {
		return err
	}
	return n.direct.AddMembers(p, t, others)
}

func (n *Network) each(ids []string, f func(*world.Person) error) error {
	people, err := n.people(ids)
	if err != nil {
		return err
	}
	for _, p := range people {
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}

// Group tells how somebody sees a group.
func (n *Network) Group(_ context.Context, id, group string) (control.Group, error) {
	defer n.direct.Lock()()
	_, t, err := n.group(id, group)
	if err != nil {
		return control.Group{}, err
	}
	return describeGroup(t), nil
}

func (n *Network) group(id, group string) (*world.Person, *world.Thread, error) {
	p, err := n.person(id)
	if err != nil {
		return nil, nil, err
	}
	t, err := n.thread(p, group)
	if err != nil || !t.Group {
		return nil, nil, control.NotFound("%s is in no group %q", id, group)
	}
	return p, t, nil
}

func describeGroup(t *world.Thread) control.Group {
	var admins []*world.Person
	for _, p := range t.Members {
		if t.Admins[p] {
			admins = append(admins, p)
		}
	}
	return control.Group{ID: shape.ID(t.Short), Subject: t.Title, Members: ids(t.Members), Admins: ids(admins)}
}
