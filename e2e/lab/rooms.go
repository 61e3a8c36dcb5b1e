package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// JoinedRooms returns the rooms that the user is in, spaces left out.
func (u *User) JoinedRooms(ctx context.Context) ([]*Room, error) {
	resp, err := u.Client.JoinedRooms(ctx)
	if err != nil {
		return nil, fmt.Errorf("list rooms of %s: %w", u.ID, err)
	}
	var rooms []*Room
	for _, roomID := range resp.JoinedRooms {
		var create event.CreateEventContent
		if err = u.Client.StateEvent(ctx, roomID, event.StateCreate, "", &create); err != nil {
			return nil, fmt.Errorf("read creation of %s: %w", roomID, err)
		}
		if create.Type != event.RoomTypeSpace {
			rooms = append(rooms, u.Room(roomID))
		}
	}
	return rooms, nil
}

// Portals returns the user's bridged rooms that ghost is in.
func (u *User) Portals(ctx context.Context, ghost id.UserID) ([]*Room, error) {
	rooms, err := u.JoinedRooms(ctx)
	if err != nil {
		return nil, err
	}
	var portals []*Room
	for _, room := range rooms {
		state, err := u.Client.State(ctx, room.ID)
		if err != nil {
			return nil, fmt.Errorf("read state of %s: %w", room.ID, err)
		}
		member, there := state[event.StateMember][ghost.String()]
		if there && member.Content.AsMember().Membership == event.MembershipJoin && len(state[event.StateBridge]) > 0 {
			portals = append(portals, room)
		}
	}
	return portals, nil
}

// AwaitPortal waits for the user's one bridged room with ghost. Two of them are an error.
func (u *User) AwaitPortal(ctx context.Context, ghost id.UserID) (*Room, error) {
	var portal *Room
	err := u.Await(ctx, fmt.Sprintf("a portal room with %s", ghost), func(ctx context.Context) error {
		portals, err := u.Portals(ctx, ghost)
		if err != nil {
			return err
		}
		if len(portals) != 1 {
			return fmt.Errorf("%s is in %d portals with %s, want 1; the user's rooms are:\n%s", u.ID, len(portals), ghost, u.describeRooms(ctx))
		}
		portal = portals[0]
		return nil
	})
	return portal, err
}

func (u *User) describeRooms(ctx context.Context) string {
	rooms, err := u.JoinedRooms(ctx)
	if err != nil {
		return "  " + err.Error()
	}
	var b strings.Builder
	for _, room := range rooms {
		members, err := room.Members(ctx)
		name, nameErr := room.Name(ctx)
		if err = errors.Join(err, nameErr); err != nil {
			fmt.Fprintf(&b, "  %s: %v\n", room.ID, err)
			continue
		}
		fmt.Fprintf(&b, "  %s %q:", room.ID, name)
		for member := range members {
			fmt.Fprintf(&b, " %s", member)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// InSpace says whether one of the spaces that the user is in lists the room.
func (r *Room) InSpace(ctx context.Context) (bool, error) {
	resp, err := r.User.Client.JoinedRooms(ctx)
	if err != nil {
		return false, fmt.Errorf("list rooms of %s: %w", r.User.ID, err)
	}
	for _, roomID := range resp.JoinedRooms {
		var child event.SpaceChildEventContent
		err = r.User.Client.StateEvent(ctx, roomID, event.StateSpaceChild, r.ID.String(), &child)
		if err == nil && len(child.Via) > 0 {
			return true, nil
		} else if err != nil && !errors.Is(err, mautrix.MNotFound) {
			return false, fmt.Errorf("look for %s in %s: %w", r.ID, roomID, err)
		}
	}
	return false, nil
}

// Member is somebody in a room, with name and avatar as the room shows them.
type Member struct {
	Name   string
	Avatar id.ContentURI
}

// Members returns who has joined the room.
func (r *Room) Members(ctx context.Context) (map[id.UserID]Member, error) {
	resp, err := r.User.Client.Members(ctx, r.ID)
	if err != nil {
		return nil, fmt.Errorf("list members of %s: %w", r.ID, err)
	}
	members := make(map[id.UserID]Member)
	for _, evt := range resp.Chunk {
		content := evt.Content.AsMember()
		if content.Membership != event.MembershipJoin {
			continue
		}
		avatar, _ := content.AvatarURL.Parse() // an avatar that is no media address is none
		members[id.UserID(evt.GetStateKey())] = Member{Name: content.Displayname, Avatar: avatar}
	}
	return members, nil
}

// Name is the room's own name, empty if it has none.
func (r *Room) Name(ctx context.Context) (string, error) {
	var name event.RoomNameEventContent
	if err := r.stateEvent(ctx, event.StateRoomName, &name); err != nil {
		return "", err
	}
	return name.Name, nil
}

// Encrypted says whether the room is encrypted, from the server's mouth.
func (r *Room) Encrypted(ctx context.Context) (bool, error) {
	var encryption event.EncryptionEventContent
	if err := r.stateEvent(ctx, event.StateEncryption, &encryption); err != nil {
		return false, err
	}
	return encryption.Algorithm != "", nil
}

// stateEvent reads a state event with an empty state key; one that is missing leaves content as it is.
func (r *Room) stateEvent(ctx context.Context, kind event.Type, content any) error {
	err := r.User.Client.StateEvent(ctx, r.ID, kind, "", content)
	if err != nil && !errors.Is(err, mautrix.MNotFound) {
		return fmt.Errorf("read %s of %s: %w", kind.Type, r.ID, err)
	}
	return nil
}

// OpenChat makes a direct chat as a client does when its user clicks on somebody, and waits until the other has joined.
func (u *User) OpenChat(ctx context.Context, with id.UserID, encrypted bool) (*Room, error) {
	req := &mautrix.ReqCreateRoom{Preset: "trusted_private_chat", IsDirect: true, Invite: []id.UserID{with}}
	if encrypted {
		req.InitialState = []*event.Event{{
			Type:    event.StateEncryption,
			Content: event.Content{Parsed: &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}},
		}}
	}
	resp, err := u.Client.CreateRoom(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("open a chat with %s: %w", with, err)
	}
	room := u.Room(resp.RoomID)
	_, err = room.AwaitEvent(ctx, 0, fmt.Sprintf("%s to join the chat", with), func(evt *event.Event) bool {
		return evt.Type == event.StateMember && evt.GetStateKey() == with.String() &&
			evt.Content.AsMember().Membership == event.MembershipJoin
	})
	return room, err
}
