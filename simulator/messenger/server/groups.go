package server

import (
	"context"
	"strconv"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// CreateGroup makes a group chat; encrypted says on which plane.
func (s *Server) CreateGroup(_ context.Context, id string, g control.NewGroup, encrypted bool) (control.Group, error) {
	return with(s, id, func(a *account) (control.Group, error) {
		var members []*world.Person
		for _, member := range g.Members {
			other, err := s.findPerson(member)
			if err != nil {
				return control.Group{}, err
			}
			members = append(members, other.Person)
		}
		t := s.world.NewGroup(a.Person, g.Subject, members)
		t.Encrypted, t.Born = encrypted, encrypted
		s.announce(t)
		return describeGroup(t), nil
	})
}

func describeGroup(t *world.Thread) control.Group {
	g := control.Group{ID: person(t.ID), Subject: t.Name, Topic: t.Topic, Members: []string{}}
	for _, m := range t.Members {
		g.Members = append(g.Members, person(m))
		if t.Admins[m] {
			g.Admins = append(g.Admins, person(m))
		}
	}
	return g
}

// findGroup finds a group that somebody is in.
func (s *Server) findGroup(a *account, group string) (*world.Thread, error) {
	n, err := strconv.ParseInt(group, 10, 64)
	if err != nil || s.world.Group(n) == nil || s.world.Group(n).View(a.ID) == nil {
		return nil, control.NotFound("%d is in no group %q", a.ID, group)
	}
	return s.world.Group(n), nil
}

// Group describes a group.
func (s *Server) Group(_ context.Context, id, group string) (control.Group, error) {
	return with(s, id, func(a *account) (control.Group, error) {
		t, err := s.findGroup(a, group)
		if err != nil {
			return control.Group{}, err
		}
		return describeGroup(t), nil
	})
}

// ChangeGroup changes a group in the order of the request's fields.
func (s *Server) ChangeGroup(_ context.Context, id, group string, change control.GroupChange) (control.Group, error) {
	return with(s, id, func(a *account) (control.Group, error) {
		t, err := s.findGroup(a, group)
		if err != nil {
			return control.Group{}, err
		}
		if change.Subject != nil {
			s.rename(a, t, *change.Subject)
		}
		if change.Topic != nil {
			t.Topic = *change.Topic
			s.announce(t)
		}
		if change.Avatar != nil {
			var picture *world.File
			if len(*change.Avatar) > 0 {
				picture = s.world.NewFile("group.jpg", "image/jpeg", *change.Avatar)
			}
			s.setImage(a, t, picture)
		}
		if change.Announce != nil {
			return control.Group{}, control.Unsupported("a group in which only admins speak")
		}
		if err = s.changeMembers(a, t, change); err != nil {
			return control.Group{}, err
		}
		if change.Leave {
			s.leave(a, t, a.Person)
		}
		return describeGroup(t), nil
	})
}

func (s *Server) changeMembers(a *account, t *world.Thread, change control.GroupChange) error {
	for _, step := range []struct {
		ids []string
		do  func(other *account) bool
	}{
		{change.Add, func(other *account) bool { s.join(a, t, other.Person); return true }},
		{change.Remove, func(other *account) bool { return s.leave(a, t, other.Person) }},
		{change.Promote, func(other *account) bool { s.setAdmin(t, other.ID, true); return true }},
		{change.Demote, func(other *account) bool { s.setAdmin(t, other.ID, false); return true }},
	} {
		for _, id := range step.ids {
			other, err := s.findPerson(id)
			if err != nil {
				return err
			}
			if !step.do(other) {
				return control.Refused("%s is not in the group", id)
			}
		}
	}
	return nil
}

// SetChat changes what somebody chose for a chat.
func (s *Server) SetChat(_ context.Context, id string, change control.ChatSettings) (control.ChatSettings, error) {
	return with(s, id, func(a *account) (control.ChatSettings, error) {
		v, err := s.findView(a, change.Chat)
		if err != nil {
			return control.ChatSettings{}, err
		}
		if change.Pinned != nil {
			return control.ChatSettings{}, control.Unsupported("pinning")
		}
		if change.MutedUntil != nil {
			s.mute(a, v, *change.MutedUntil)
		}
		if change.Archived != nil {
			s.archive(a, v, *change.Archived)
		}
		if change.Unread != nil && !*change.Unread {
			s.markRead(a, v, v.Thread.LastActivity)
		}
		return s.settings(change.Chat, v), nil
	})
}

func (s *Server) archive(a *account, v *world.View, archived bool) {
	db := database(v)
	switch {
	case archived && v.Folder == world.Inbox:
		v.Folder = world.Archived
		s.append(a, db, lightspeed.MoveToArchive(v.PlainKey()))
	case !archived && v.Folder == world.Archived:
		v.Folder = world.Inbox
		s.append(a, db, lightspeed.MoveToInbox(v.PlainKey()))
	}
}

func (s *Server) settings(chat string, v *world.View) control.ChatSettings {
	archived, muted := v.Folder == world.Archived, v.MutedUntil
	unread := false
	for _, m := range v.Thread.Messages {
		unread = unread || m.At > v.ReadAt && m.Sender != v.Owner
	}
	return control.ChatSettings{Chat: chat, MutedUntil: &muted, Archived: &archived, Unread: &unread}
}

// Chat describes what somebody chose for a chat.
func (s *Server) Chat(_ context.Context, id, chat string) (control.ChatSettings, error) {
	return with(s, id, func(a *account) (control.ChatSettings, error) {
		v, err := s.findView(a, chat)
		if err != nil {
			return control.ChatSettings{}, err
		}
		return s.settings(chat, v), nil
	})
}
