package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// roomNamed waits for the user's one room of a name.
func (s *stage) roomNamed(name string) *lab.Room {
	s.Helper()
	var found *lab.Room
	s.await(fmt.Sprintf("a room named %q", name), func(ctx context.Context) error {
		rooms, err := s.user.JoinedRooms(ctx)
		if err != nil {
			return err
		}
		var names []string
		found = nil
		for _, room := range rooms {
			got, err := room.Name(ctx)
			if err != nil {
				return err
			}
			if names = append(names, got); got == name && found != nil {
				return fmt.Errorf("there are two rooms of that name, %s and %s", found.ID, room.ID)
			} else if got == name {
				found = room
			}
		}
		if found == nil {
			return fmt.Errorf("the user's rooms are named %q", names)
		}
		return nil
	})
	return found
}

// changesGroup has a person change a group.
func (p *person) changesGroup(group string, change control.GroupChange) {
	p.s.Helper()
	_, err := p.s.stack.Simulator.ChangeGroup(p.s.ctx, p.s.side.control(), p.ID, group, change)
	p.s.must(err)
}

// awaitMembers waits until exactly these have joined a room, the bridge's bot and the user's own ghost left aside.
func (s *stage) awaitMembers(room *lab.Room, want ...id.UserID) {
	s.Helper()
	slices.Sort(want)
	s.await(fmt.Sprintf("the members of the room to be %q", want), func(ctx context.Context) error {
		members, err := room.Members(ctx)
		if err != nil {
			return err
		}
		var got []id.UserID
		for member := range members {
			if member != s.stack.Bridge.Bot && member != s.me.mxid {
				got = append(got, member)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			return fmt.Errorf("they are %q", got)
		}
		return nil
	})
}

// awaitLevel waits until somebody has a power level in a room.
func (s *stage) awaitLevel(room *lab.Room, user id.UserID, want int) {
	s.Helper()
	s.await(fmt.Sprintf("%s to have power level %d", user, want), func(ctx context.Context) error {
		var levels event.PowerLevelsEventContent
		err := s.user.Client.StateEvent(ctx, room.ID, event.StatePowerLevels, "", &levels)
		if err == nil && levels.GetUserLevel(user) != want {
			err = fmt.Errorf("it is %d", levels.GetUserLevel(user))
		}
		return err
	})
}

// picturingSide is a side on which groups have no topics, and get their pictures in a way of their own.
type picturingSide interface {
	pictures(s *stage, by *person, group string, jpeg []byte)
}

func groupBasic(s *stage) {
	s.patient(time.Minute)
	anna, ben := s.newPerson(control.NewPerson{Name: "Anna"}), s.newPerson(control.NewPerson{Name: "Ben"})
	carl := s.newPerson(control.NewPerson{Name: "Carl"})
	s.logIn()
	subject := "Friends " + randomHex(3)
	group, err := s.stack.Simulator.CreateGroup(s.ctx, s.side.control(), anna.ID, control.NewGroup{
		Subject: subject, Members: []string{s.me.ID, ben.ID},
	})
	s.must(err)
	room := s.roomNamed(subject)
	s.awaitMembers(room, s.user.ID, anna.mxid, ben.mxid)
	traits := s.side.traits()
	s.awaitLevel(room, anna.mxid, traits.founder)
	s.awaitLevel(room, ben.mxid, 0)
	s.groupTalk(room, group.ID, anna, ben)

	// The group changes.
	renamed, topic, avatar := "Best friends "+randomHex(3), "what it is about "+randomHex(3), photo(64, 64, 5)
	if side, ok := s.side.(picturingSide); ok {
		side.pictures(s, anna, group.ID, avatar)
		anna.changesGroup(group.ID, control.GroupChange{Subject: &renamed})
		topic = ""
	} else {
		anna.changesGroup(group.ID, control.GroupChange{Subject: &renamed, Topic: &topic, Avatar: &avatar})
	}
	if got := s.roomNamed(renamed); got.ID != room.ID {
		s.Errorf("the group moved from room %s to %s", room.ID, got.ID)
	}
	s.awaitRoomLooks(room, topic, avatar)
	anna.changesGroup(group.ID, control.GroupChange{Add: []string{carl.ID}, Promote: []string{ben.ID}})
	s.awaitMembers(room, s.user.ID, anna.mxid, ben.mxid, carl.mxid)
	s.awaitLevel(room, ben.mxid, 50)
	hello := s.text("I am new here")
	carl.sends(control.SendRequest{To: group.ID, Text: hello})
	_, err = room.AwaitText(s.ctx, 0, carl.mxid, hello)
	s.must(err)
	anna.changesGroup(group.ID, control.GroupChange{Demote: []string{ben.ID}, Remove: []string{carl.ID}})
	s.awaitMembers(room, s.user.ID, anna.mxid, ben.mxid)
	s.awaitLevel(room, ben.mxid, 0)
	ben.changesGroup(group.ID, control.GroupChange{Leave: true})
	s.awaitMembers(room, s.user.ID, anna.mxid)

	if traits.speakers {
		s.onlyAdminsSpeak(room, group.ID, anna)
	}

	// The account leaves, so its user leaves the room.
	s.me.changesGroup(group.ID, control.GroupChange{Leave: true})
	s.await("the user to be out of the room", func(ctx context.Context) error {
		rooms, err := s.user.JoinedRooms(ctx)
		if err == nil && slices.ContainsFunc(rooms, func(r *lab.Room) bool { return r.ID == room.ID }) {
			err = fmt.Errorf("%s is still in %s", s.user.ID, room.ID)
		}
		return err
	})
}

// onlyAdminsSpeak shows that where only admins may speak, Matrix lets nobody else.
func (s *stage) onlyAdminsSpeak(room *lab.Room, group string, admin *person) {
	s.Helper()
	announce := true
	admin.changesGroup(group, control.GroupChange{Announce: &announce})
	s.await("the room to be for admins only", func(ctx context.Context) error {
		var levels event.PowerLevelsEventContent
		err := s.user.Client.StateEvent(ctx, room.ID, event.StatePowerLevels, "", &levels)
		if err == nil && levels.EventsDefault <= levels.GetUserLevel(s.user.ID) {
			err = fmt.Errorf("the user has level %d, speaking needs %d", levels.GetUserLevel(s.user.ID), levels.EventsDefault)
		}
		return err
	})
}

// groupTalk has texts and pictures go both ways in a group.
func (s *stage) groupTalk(room *lab.Room, group string, anna, ben *person) {
	s.Helper()
	for _, p := range []*person{anna, ben} {
		text := s.text("hello from " + p.Name)
		p.sends(control.SendRequest{To: group, Text: text})
		evt, err := room.AwaitText(s.ctx, 0, p.mxid, text)
		s.must(err)
		s.mustBeEncrypted(evt)
	}
	reply := s.text("hello to all")
	_, err := room.SendText(s.ctx, reply)
	s.must(err)
	for _, p := range []*person{anna, ben, s.me} {
		e := p.sees(control.Match{Kind: control.KindMessage, Chat: group, Sender: s.me.ID, Text: reply})[0]
		if want := s.side.traits().groupEncryption; e.Encrypted != want {
			s.Errorf("the message came to %s encrypted as %q, want %q", p.Name, e.Encrypted, want)
		}
	}
	picture := photo(320, 200, 6)
	ben.sends(control.SendRequest{To: group, Media: &control.Media{Kind: "image", Data: picture, MIMEType: "image/jpeg", Width: 320, Height: 200}})
	evt, err := room.AwaitEvent(s.ctx, 0, "Ben's picture", func(evt *event.Event) bool {
		return evt.Sender == ben.mxid && evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgImage
	})
	s.must(err)
	data, err := s.user.Download(s.ctx, evt.Content.AsMessage())
	s.must(err)
	if !slices.Equal(data, picture) {
		s.Errorf("the room's picture has %d bytes, want Ben's %d", len(data), len(picture))
	}
	mine := photo(200, 320, 7)
	_, err = room.SendFile(s.ctx, lab.File{Type: event.MsgImage, Name: "mine.jpg", MIMEType: "image/jpeg", Data: mine, Width: 200, Height: 320})
	s.must(err)
	for _, p := range []*person{anna, ben} {
		s.await("the user's picture on the phone of "+p.Name, func(context.Context) error {
			for _, e := range p.timeline() {
				if e.Chat == group && e.Sender == s.me.ID && e.Media != nil && slices.Equal(e.Media.Data, mine) {
					return nil
				}
			}
			return fmt.Errorf("no message of the user in %s has it", group)
		})
	}
}

// awaitRoomLooks waits for a room's topic and picture.
func (s *stage) awaitRoomLooks(room *lab.Room, topic string, avatar []byte) {
	s.Helper()
	s.await("the room to have the group's topic and picture", func(ctx context.Context) error {
		var shown event.TopicEventContent
		if topic == "" { // there are none
		} else if err := s.user.Client.StateEvent(ctx, room.ID, event.StateTopic, "", &shown); err != nil {
			return err
		}
		if shown.Topic != topic {
			return fmt.Errorf("its topic is %q, want %q", shown.Topic, topic)
		}
		var picture event.RoomAvatarEventContent
		if err := s.user.Client.StateEvent(ctx, room.ID, event.StateRoomAvatar, "", &picture); err != nil {
			return err
		}
		uri, err := picture.URL.Parse()
		if err != nil {
			return err
		}
		data, err := s.user.Client.DownloadBytes(ctx, uri)
		if err == nil && !slices.Equal(data, avatar) {
			err = fmt.Errorf("its picture has %d bytes, want %d", len(data), len(avatar))
		}
		return err
	})
}
