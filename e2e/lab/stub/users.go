package stub

import (
	"context"
	"encoding/json"
	"fmt"

	"maunium.net/go/mautrix/id"
)

// OpenChat has a user make a room and invite somebody, as for the bridge's bot.
func (s *Server) OpenChat(user, with id.UserID) id.RoomID {
	s.mu.Lock()
	defer s.mu.Unlock()
	roomID, r := s.newRoom()
	empty := ""
	s.add(r, &Event{Room: roomID, Sender: user, Type: "m.room.create", StateKey: &empty, Content: json.RawMessage(`{"room_version":"11"}`)}, true)
	s.member(roomID, r, user, user, "join")
	s.member(roomID, r, user, with, "invite")
	return roomID
}

// Send has a user send an event.
func (s *Server) Send(roomID id.RoomID, user id.UserID, kind string, content any) (id.EventID, error) {
	data, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("encode event: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[roomID]
	if r == nil {
		return "", fmt.Errorf("send to %s: no such room", roomID)
	}
	return s.add(r, &Event{Room: roomID, Sender: user, Type: kind, Content: data}, true), nil
}

// SendText has a user send a text.
func (s *Server) SendText(roomID id.RoomID, user id.UserID, body string) (id.EventID, error) {
	return s.Send(roomID, user, "m.room.message", object{"msgtype": "m.text", "body": body})
}

// Rooms lists all rooms.
func (s *Server) Rooms() []id.RoomID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []id.RoomID
	for roomID := range s.rooms {
		all = append(all, roomID)
	}
	return all
}

// Events returns a room's events from index from on.
func (s *Server) Events(roomID id.RoomID, from int) []*Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[roomID]
	if r == nil || from >= len(r.events) {
		return nil
	}
	return append([]*Event(nil), r.events[from:]...)
}

// Await waits until a room has an event that match accepts, and returns it. When ctx ends first, the error lists what
// the room has.
func (s *Server) Await(ctx context.Context, roomID id.RoomID, match func(*Event) bool) (*Event, error) {
	for next := 0; ; {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		for _, e := range s.Events(roomID, next) {
			if match(e) {
				return e, nil
			}
			next++
		}
		select {
		case <-changed:
		case <-ctx.Done():
			list := ""
			for _, e := range s.Events(roomID, 0) {
				list += fmt.Sprintf("\n  %s %s %s", e.Sender, e.Type, e.Content)
			}
			return nil, fmt.Errorf("wait for an event in %s: %w; it has:%s", roomID, ctx.Err(), list)
		}
	}
}
