package stub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"maunium.net/go/mautrix/id"
)

func (s *Server) createRoom(c call) (any, error) {
	var req struct {
		Name         string          `json:"name"`
		Topic        string          `json:"topic"`
		Invite       []id.UserID     `json:"invite"`
		PowerLevels  json.RawMessage `json:"power_level_content_override"`
		Content      json.RawMessage `json:"creation_content"`
		InitialState []struct {
			Type     string          `json:"type"`
			StateKey string          `json:"state_key"`
			Content  json.RawMessage `json:"content"`
		} `json:"initial_state"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	roomID, r := s.newRoom()
	put := func(kind, key string, content any) {
		data, _ := json.Marshal(content) // strings and raw JSON only
		s.add(r, &Event{Room: roomID, Sender: c.user, Type: kind, StateKey: &key, Content: data}, true)
	}
	create := object{"room_version": "11", "creator": c.user}
	if len(req.Content) > 0 {
		if err := json.Unmarshal(req.Content, &create); err != nil {
			return nil, refusal{http.StatusBadRequest, "M_BAD_JSON", err.Error()}
		}
	}
	put("m.room.create", "", create)
	s.member(roomID, r, c.user, c.user, "join")
	if len(req.PowerLevels) > 0 {
		put("m.room.power_levels", "", req.PowerLevels)
	}
	put("m.room.join_rules", "", object{"join_rule": "invite"})
	for _, state := range req.InitialState {
		put(state.Type, state.StateKey, state.Content)
	}
	if req.Name != "" {
		put("m.room.name", "", object{"name": req.Name})
	}
	if req.Topic != "" {
		put("m.room.topic", "", object{"topic": req.Topic})
	}
	for _, invited := range req.Invite {
		s.member(roomID, r, c.user, invited, "invite")
	}
	return object{"room_id": roomID}, nil
}

// newRoom makes a room without any event. The caller holds s.mu.
func (s *Server) newRoom() (id.RoomID, *room) {
	s.sequence++
	roomID := id.RoomID(fmt.Sprintf("!room%d:%s", s.sequence, s.Domain))
	r := &room{state: make(map[stateKey]*Event)}
	s.rooms[roomID] = r
	return roomID, r
}

// member changes somebody's membership. The stub's own users, who are neither the bot nor ghosts, accept invitations at
// once. The caller holds s.mu.
func (s *Server) member(roomID id.RoomID, r *room, sender, target id.UserID, membership string) id.EventID {
	content := object{"membership": membership}
	for _, field := range []string{"displayname", "avatar_url"} {
		if value := s.profiles[target][field]; value != nil {
			content[field] = value
		}
	}
	data, _ := json.Marshal(content) // strings and raw JSON only
	key := target.String()
	eventID := s.add(r, &Event{Room: roomID, Sender: sender, Type: "m.room.member", StateKey: &key, Content: data}, true)
	if membership == "invite" && !s.bridged(target) {
		return s.member(roomID, r, target, target, "join")
	}
	return eventID
}

// bridged says whether a user is the bot or a ghost.
func (s *Server) bridged(user id.UserID) bool {
	return slices.ContainsFunc(s.names, func(name *regexp.Regexp) bool { return name.MatchString(user.String()) })
}

func (s *Server) setMember(c call, target id.UserID, membership string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	roomID := id.RoomID(c.PathValue("room"))
	r := s.rooms[roomID]
	if r == nil {
		return nil, noRoom
	}
	s.member(roomID, r, c.user, target, membership)
	return object{"room_id": roomID}, nil
}

func (s *Server) invite(c call) (any, error) {
	var req struct {
		User id.UserID `json:"user_id"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	return s.setMember(c, req.User, "invite")
}

func (s *Server) send(c call) (any, error) {
	return s.once(c, &Event{Type: c.PathValue("type"), Content: c.body})
}

func (s *Server) redact(c call) (any, error) {
	return s.once(c, &Event{Type: "m.room.redaction", Content: c.body, Redacts: id.EventID(c.PathValue("event"))})
}

// once adds an event of the bridge, unless the same request came before. The bridge's own messages are not pushed back
// to it: it has asked for its users' events, but ignores them.
func (s *Server) once(c call, e *Event) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	roomID := id.RoomID(c.PathValue("room"))
	r := s.rooms[roomID]
	if r == nil {
		return nil, noRoom
	}
	key := fmt.Sprintf("%s %s %s", roomID, c.user, c.PathValue("txn"))
	eventID, again := s.sent[key]
	if !again {
		e.Room, e.Sender = roomID, c.user
		eventID = s.add(r, e, false)
		s.sent[key] = eventID
	}
	return object{"event_id": eventID}, nil
}

func (s *Server) setState(c call) (any, error) {
	kind, key := c.PathValue("type"), c.PathValue("key")
	if kind == "m.room.member" {
		var content struct {
			Membership string `json:"membership"`
		}
		if err := c.decode(&content); err != nil {
			return nil, err
		}
		return s.setMember(c, id.UserID(key), content.Membership)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	roomID := id.RoomID(c.PathValue("room"))
	r := s.rooms[roomID]
	if r == nil {
		return nil, noRoom
	}
	// State is pushed: the bridge keeps its copy of it from that.
	return object{"event_id": s.add(r, &Event{Room: roomID, Sender: c.user, Type: kind, StateKey: &key, Content: c.body}, true)}, nil
}

func (s *Server) state(c call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[id.RoomID(c.PathValue("room"))]
	if r == nil {
		return nil, noRoom
	}
	e := r.state[stateKey{c.PathValue("type"), c.PathValue("key")}]
	switch {
	case e == nil:
		return nil, refusal{http.StatusNotFound, "M_NOT_FOUND", "no such state"}
	case c.URL.Query().Get("format") == "event":
		return e, nil
	}
	return e.Content, nil
}

func (s *Server) allState(c call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[id.RoomID(c.PathValue("room"))]
	if r == nil {
		return nil, noRoom
	}
	all := make([]*Event, 0, len(r.state))
	for _, e := range r.state {
		all = append(all, e)
	}
	return all, nil
}

// members answers both /members and /joined_members: their keys differ.
func (s *Server) members(c call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[id.RoomID(c.PathValue("room"))]
	if r == nil {
		return nil, noRoom
	}
	chunk, joined := []*Event{}, make(object)
	for key, e := range r.state {
		if key.kind != "m.room.member" {
			continue
		}
		chunk = append(chunk, e)
		var content struct {
			Membership  string `json:"membership"`
			DisplayName string `json:"displayname"`
			AvatarURL   string `json:"avatar_url"`
		}
		if json.Unmarshal(e.Content, &content) == nil && content.Membership == "join" {
			joined[key.key] = object{"display_name": content.DisplayName, "avatar_url": content.AvatarURL}
		}
	}
	return object{"chunk": chunk, "joined": joined}, nil
}
