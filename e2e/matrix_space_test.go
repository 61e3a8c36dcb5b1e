package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// space is one of the user's spaces: its id, and the rooms and spaces in it.
type space struct {
	id       id.RoomID
	children []id.RoomID
}

// spaces lists the user's spaces by name. Two of one name are an error.
func (s *stage) spaces(ctx context.Context) (map[string]space, error) {
	joined, err := s.user.Client.JoinedRooms(ctx)
	if err != nil {
		return nil, fmt.Errorf("list rooms: %w", err)
	}
	found := make(map[string]space)
	for _, room := range joined.JoinedRooms {
		state, err := s.user.Client.State(ctx, room)
		if errors.Is(err, mautrix.MForbidden) {
			continue // left meanwhile
		} else if err != nil {
			return nil, fmt.Errorf("read state of %s: %w", room, err)
		}
		create := state[event.StateCreate][""]
		if create == nil || create.Content.AsCreate().Type != event.RoomTypeSpace {
			continue
		}
		name := ""
		if evt := state[event.StateRoomName][""]; evt != nil {
			name = evt.Content.AsRoomName().Name
		}
		one := space{id: room}
		for child, evt := range state[event.StateSpaceChild] {
			if len(evt.Content.AsSpaceChild().Via) > 0 {
				one.children = append(one.children, id.RoomID(child))
			}
		}
		if _, twice := found[name]; twice {
			return nil, fmt.Errorf("there are two spaces named %q", name)
		}
		found[name] = one
	}
	return found, nil
}

// awaitPlace waits until a room stands in the space of one name, and in none of the others that are given.
func (s *stage) awaitPlace(room id.RoomID, in string, notIn ...string) {
	s.Helper()
	s.await(fmt.Sprintf("%s to stand in the space %q and not in %q", room, in, notIn), func(ctx context.Context) error {
		spaces, err := s.spaces(ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(spaces[in].children, room) {
			return fmt.Errorf("it has %q; all spaces are %v", spaces[in].children, spaces)
		}
		for _, other := range notIn {
			if slices.Contains(spaces[other].children, room) {
				return fmt.Errorf("it stands in %q, too", other)
			}
		}
		return nil
	})
}

// bridgeInfo is the portal's m.bridge.
func (s *stage) bridgeInfo(ctx context.Context, room *lab.Room) (*event.BridgeEventContent, error) {
	state, err := s.user.Client.State(ctx, room.ID)
	if err != nil {
		return nil, fmt.Errorf("read state of %s: %w", room.ID, err)
	}
	for _, evt := range state[event.StateBridge] {
		return evt.Content.AsBridge(), nil
	}
	return nil, fmt.Errorf("%s has no m.bridge", room.ID)
}

// alsoOn is the same user on another network, with an account of their own there. Who is brought on that stage is looked
// after by it; the user and the bridge are by the first.
func (s *stage) alsoOn(other side) *stage {
	s.Helper()
	twin := *s
	twin.side, twin.cast = other, nil
	twin.me = twin.newPerson(control.NewPerson{Name: "User " + randomHex(2)})
	return &twin
}

// TestSpaces shows where a user of two networks finds their rooms: in a space for Crosschat with one for each network,
// marked as direct chats, under the contact's name and picture; and that the spaces go with the accounts.
func TestSpaces(t *testing.T) {
	t.Parallel()
	shared := &lazyStack{t: t, setting: settingFromEnv(t)}
	first := newStage(t, shared.get(t), whatsapp{}, "spaces")
	first.logIn()
	second := first.alsoOn(messenger{})
	second.logIn()
	var rooms []*lab.Room
	for _, s := range []*stage{first, second} {
		anna := s.newPerson(control.NewPerson{Name: "Anna " + s.side.network(), Avatar: photo(64, 64, 1)})
		portal := s.greeted(anna)
		rooms = append(rooms, portal.Room)
		_, network := s.side.protocol()
		s.awaitPlace(portal.ID, network)
		s.awaitLooks(portal.Room, anna)
	}
	spaces, err := first.spaces(first.ctx)
	first.must(err)
	want := []id.RoomID{spaces["WhatsApp"].id, spaces["Messenger"].id}
	if got := spaces["Crosschat"].children; len(got) != 2 || !slices.Contains(got, want[0]) || !slices.Contains(got, want[1]) {
		t.Errorf("the space Crosschat has %q, want those of the networks, %q", got, want)
	}
	if len(spaces) != 3 {
		t.Errorf("the user's spaces are %v, want those of Crosschat and of two networks", spaces)
	}

	// A restart makes nothing twice.
	first.restart()
	text := first.text("after a restart")
	first.cast[1].writes(first.me, text)
	_, err = rooms[0].AwaitText(first.ctx, 0, first.cast[1].mxid, text)
	first.must(err)

	for i, s := range []*stage{first, second} {
		answer, err := s.bot.Ask(s.ctx, "logout "+s.loginID())
		s.must(err)
		if answer != "Logged out" {
			t.Errorf("the bot answers %q to logout", answer)
		}
		left := 2 - 2*i // the network's space goes, and with the last everything
		s.await(fmt.Sprintf("%d spaces to be left", left), func(ctx context.Context) error {
			spaces, err := s.spaces(ctx)
			if err == nil && len(spaces) != left {
				err = fmt.Errorf("there are %v", spaces)
			}
			return err
		})
	}
}

// awaitLooks waits until a direct chat is marked as such, and looks like its contact.
func (s *stage) awaitLooks(room *lab.Room, p *person) {
	s.Helper()
	s.await("the room to be a direct chat that looks like its contact", func(ctx context.Context) error {
		var direct event.DirectChatsEventContent
		if err := s.user.Client.GetAccountData(ctx, event.AccountDataDirectChats.Type, &direct); err != nil {
			return fmt.Errorf("read m.direct: %w", err)
		}
		if !slices.Contains(direct[p.mxid], room.ID) {
			return fmt.Errorf("m.direct has %q for %s", direct[p.mxid], p.mxid)
		}
		name, err := room.Name(ctx)
		if err != nil {
			return err
		}
		var avatar event.RoomAvatarEventContent
		if err := s.user.Client.StateEvent(ctx, room.ID, event.StateRoomAvatar, "", &avatar); err != nil {
			return fmt.Errorf("read avatar: %w", err)
		}
		if name != p.Name || avatar.URL == "" {
			return fmt.Errorf("its name is %q and its avatar %q, want %q and one", name, avatar.URL, p.Name)
		}
		return nil
	})
}

// TestSpaceOfTwoAccounts shows two accounts of one network in one space, which stays when one of them is logged out.
func TestSpaceOfTwoAccounts(t *testing.T) {
	t.Parallel()
	shared := &lazyStack{t: t, setting: settingFromEnv(t)}
	first := newStage(t, shared.get(t), whatsapp{}, "space.two")
	first.logIn()
	gone := first.loginID()
	second := first.alsoOn(whatsapp{})
	second.logIn()
	var rooms []*roomOf
	for _, s := range []*stage{first, second} {
		portal := s.greeted(s.newPerson(control.NewPerson{Name: "Anna"}))
		s.awaitPlace(portal.ID, "WhatsApp")
		rooms = append(rooms, portal)
	}
	first.settled(rooms[0].Room)
	_, err := first.bot.Ask(first.ctx, "logout "+gone)
	first.must(err)
	other := second.greeted(second.newPerson(control.NewPerson{Name: "Ben"}))
	second.awaitPlace(other.ID, "WhatsApp")
	second.awaitPlace(rooms[1].ID, "WhatsApp")
}
