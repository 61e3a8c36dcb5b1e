package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// groupOut changes a group from its room: name, topic, picture and members reach the phones, what WhatsApp refuses is put
// back, and Matrix lets nobody try what the group does not.
func groupOut(s *stage) {
	anna, ben := s.newPerson(control.NewPerson{Name: "Anna"}), s.newPerson(control.NewPerson{Name: "Ben"})
	carl := s.newPerson(control.NewPerson{Name: "Carl"})
	s.logIn()
	s.announced = append(s.announced, "Failed to handle Matrix room metadata", "Failed to handle Matrix membership change")
	subject := "Friends " + randomHex(3)
	group, err := s.stack.Simulator.CreateGroup(s.ctx, s.side.control(), anna.ID, control.NewGroup{
		Subject: subject, Members: []string{s.me.ID, ben.ID},
	})
	s.must(err)
	room := s.roomNamed(subject)
	s.awaitMembers(room, s.user.ID, anna.mxid, ben.mxid)
	s.settled(room)

	// Somebody adds the account to a group that was there before.
	late, err := s.stack.Simulator.CreateGroup(s.ctx, s.side.control(), anna.ID, control.NewGroup{Subject: "Late " + randomHex(3), Members: []string{ben.ID}})
	s.must(err)
	anna.changesGroup(late.ID, control.GroupChange{Add: []string{s.me.ID}})
	s.awaitMembers(s.roomNamed(late.Subject), s.user.ID, anna.mxid, ben.mxid)

	name, topic := "Better friends "+randomHex(3), "what it is about "+randomHex(3)
	s.sets(room, event.StateRoomName, &event.RoomNameEventContent{Name: name})
	s.sets(room, event.StateTopic, &event.TopicEventContent{Topic: topic})
	s.awaitGroup(anna, group.ID, "to be renamed, with a topic", func(g control.Group) bool { return g.Subject == name && g.Topic == topic })
	s.sets(room, event.StateTopic, &event.TopicEventContent{})
	s.awaitGroup(anna, group.ID, "to have no topic", func(g control.Group) bool { return g.Topic == "" })
	uploaded, err := s.user.Client.UploadBytes(s.ctx, photo(900, 700, 4), "image/jpeg")
	s.must(err)
	s.sets(room, event.StateRoomAvatar, &event.RoomAvatarEventContent{URL: uploaded.ContentURI.CUString()})
	_, err = s.stack.Simulator.AwaitLog(s.ctx, s.side.control(), control.LogMatch{
		Direction: "in", Person: s.me.ID, Pattern: `<iq (.*target="` + group.ID + `".*type="set"|.*type="set".*target="` + group.ID + `")`,
	}, s.user.Patience)
	s.must(err)

	_, err = s.user.Client.InviteUser(s.ctx, room.ID, &mautrix.ReqInviteUser{UserID: carl.mxid})
	s.must(err)
	s.awaitMembers(room, s.user.ID, anna.mxid, ben.mxid, carl.mxid)
	s.awaitGroup(anna, group.ID, "to have Carl", func(g control.Group) bool { return slices.Contains(g.Members, carl.ID) })
	if _, err = s.user.Client.KickUser(s.ctx, room.ID, &mautrix.ReqKickUser{UserID: ben.mxid}); !errors.Is(err, mautrix.MForbidden) {
		s.Errorf("a plain member throws somebody out: %v", err)
	}
	anna.changesGroup(group.ID, control.GroupChange{Promote: []string{s.me.ID}})
	s.awaitLevel(room, s.user.ID, 50)
	_, err = s.user.Client.KickUser(s.ctx, room.ID, &mautrix.ReqKickUser{UserID: ben.mxid})
	s.must(err)
	s.awaitGroup(anna, group.ID, "to be without Ben", func(g control.Group) bool { return !slices.Contains(g.Members, ben.ID) })
	s.refusedByGroup(room, anna, group.ID, name, ben)

	// Where only admins may change what the group looks like, Matrix lets nobody else.
	locked := true
	anna.changesGroup(group.ID, control.GroupChange{Locked: &locked, Demote: []string{s.me.ID}})
	s.awaitLevel(room, s.user.ID, 0)
	s.await("the name to be for admins", func(ctx context.Context) error {
		var levels event.PowerLevelsEventContent
		err := s.user.Client.StateEvent(ctx, room.ID, event.StatePowerLevels, "", &levels)
		if got := levels.GetEventLevel(event.StateRoomName); err == nil && got != 50 {
			err = fmt.Errorf("it is for level %d", got)
		}
		return err
	})
	if got := notices(room); len(got) != 2 {
		s.Errorf("the room has notices %q, want two", got)
	}
}

// refusedByGroup has WhatsApp refuse changes: the room shows again what is so, and says why.
func (s *stage) refusedByGroup(room *lab.Room, anna *person, group, name string, ben *person) {
	s.Helper()
	from := room.Mark()
	s.breaks(control.Fault{Kind: "iq_error", Stanza: "iq/w:g2/subject", Person: s.me.ID, Args: map[string]string{"code": "403", "text": "forbidden"}})
	s.sets(room, event.StateRoomName, &event.RoomNameEventContent{Name: "Worse " + randomHex(3)})
	s.tells(&roomOf{Room: room}, from, "only the group's admins")
	if got := s.roomNamed(name); got.ID != room.ID {
		s.Errorf("the name is back in room %s, want %s", got.ID, room.ID)
	}
	s.breaks(control.Fault{Kind: "iq_error", Stanza: "iq/w:g2/add", Person: s.me.ID, Args: map[string]string{"code": "403", "text": "forbidden"}})
	from = room.Mark()
	_, err := s.user.Client.InviteUser(s.ctx, room.ID, &mautrix.ReqInviteUser{UserID: ben.mxid})
	s.must(err)
	s.tells(&roomOf{Room: room}, from, "only the group's admins")
	s.await("Ben's invitation to be void", func(ctx context.Context) error {
		var member event.MemberEventContent
		err := s.user.Client.StateEvent(ctx, room.ID, event.StateMember, string(ben.mxid), &member)
		if err == nil && member.Membership != event.MembershipLeave {
			err = fmt.Errorf("Ben's membership is %q", member.Membership)
		}
		return err
	})
	s.awaitGroup(anna, group, "to be as it was", func(g control.Group) bool {
		return g.Subject == name && !slices.Contains(g.Members, ben.ID)
	})
}

func (s *stage) sets(room *lab.Room, kind event.Type, content any) id.EventID {
	s.Helper()
	sent, err := s.user.Client.SendStateEvent(s.ctx, room.ID, kind, "", content)
	s.must(err)
	return sent.EventID
}

// awaitGroup waits until a group is as wanted on a person's phone.
func (s *stage) awaitGroup(p *person, group, what string, ok func(control.Group) bool) {
	s.Helper()
	s.await("the group "+what, func(ctx context.Context) error {
		g, err := s.stack.Simulator.Group(ctx, s.side.control(), p.ID, group)
		if err == nil && !ok(g) {
			err = fmt.Errorf("it is %+v", g)
		}
		return err
	})
}

// community shows a community's groups as rooms: that for announcements, in which only admins may write, and another. The
// community itself is no chat.
func community(s *stage) {
	anna, ben := s.newPerson(control.NewPerson{Name: "Anna"}), s.newPerson(control.NewPerson{Name: "Ben"})
	s.logIn()
	subject := "Village " + randomHex(3)
	announcements, err := s.stack.Simulator.CreateGroup(s.ctx, s.side.control(), anna.ID, control.NewGroup{
		Subject: subject, Members: []string{s.me.ID, ben.ID}, Community: true,
	})
	s.must(err)
	room := s.roomNamed(subject)
	s.awaitMembers(room, s.user.ID, anna.mxid, ben.mxid)
	news := s.text("hear, hear")
	anna.sends(control.SendRequest{To: announcements.ID, Text: news})
	_, err = room.AwaitText(s.ctx, 0, anna.mxid, news)
	s.must(err)
	if _, err = room.SendText(s.ctx, s.text("me too")); !errors.Is(err, mautrix.MForbidden) {
		s.Errorf("writing among the announcements gives %v, want that Matrix forbids it", err)
	}

	choir := "Choir " + randomHex(3)
	group, err := s.stack.Simulator.CreateGroup(s.ctx, s.side.control(), anna.ID, control.NewGroup{
		Subject: choir, Members: []string{s.me.ID, ben.ID}, Parent: announcements.Parent,
	})
	s.must(err)
	singers := s.roomNamed(choir)
	s.awaitMembers(singers, s.user.ID, anna.mxid, ben.mxid)
	s.groupTalk(singers, group.ID, anna, ben)
	s.roomNamed(subject) // the community itself has got no room
}

// groupSettings has chats muted, pinned and archived on the phone before there are rooms for them.
func groupSettings(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	group, err := s.stack.Simulator.CreateGroup(s.ctx, s.side.control(), anna.ID, control.NewGroup{
		Subject: "Quiet " + randomHex(3), Members: []string{s.me.ID},
	})
	s.must(err)
	ben := s.newPerson(control.NewPerson{Name: "Ben"})
	yes, always := true, int64(-1)
	_, err = s.stack.Simulator.SetChat(s.ctx, s.side.control(), s.me.ID, control.ChatSettings{Chat: group.ID, MutedUntil: &always, Pinned: &yes})
	s.must(err)
	_, err = s.stack.Simulator.SetChat(s.ctx, s.side.control(), s.me.ID, control.ChatSettings{Chat: ben.ID, Archived: &yes})
	s.must(err)
	s.logIn()
	anna.sends(control.SendRequest{To: group.ID, Text: s.text("psst")})
	room := s.roomNamed(group.Subject)
	s.await("the new room to be muted and a favourite", func(ctx context.Context) error { return shows(ctx, room, true, false, true) })
	ben.writes(s.me, s.text("hello from the archive"))
	chat := s.portal(ben)
	s.await("the new room to be of low priority", func(ctx context.Context) error { return shows(ctx, chat, false, true, false) })
}
