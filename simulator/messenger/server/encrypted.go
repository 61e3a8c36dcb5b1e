package server

import (
	"strconv"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// What the encrypted plane needs of the plain one: threads, groups, timers, and the timelines of people's apps.

// EncryptedChat is a chat on the encrypted plane as a person names it.
type EncryptedChat struct {
	ID      int64
	Group   bool
	Seconds int64 // of the disappearing timer
	SetAt   time.Time
}

// Encrypt finds the chat that somebody means and makes sure that it is on the encrypted plane: a new one is born there, a
// plain one is cut over. Everybody's clients are told.
func (s *Server) Encrypt(id, chat string) (EncryptedChat, error) {
	return with(s, id, func(a *account) (EncryptedChat, error) {
		n, err := strconv.ParseInt(chat, 10, 64)
		if err != nil {
			return EncryptedChat{}, control.Invalid("chat %q", chat)
		}
		v := a.View(n)
		if v == nil {
			other := s.world.Person(n)
			if other == nil {
				return EncryptedChat{}, control.NotFound("%s knows no chat %q", id, chat)
			}
			v = s.encrypt(a.Person, other)
			s.ask(a, s.accounts[other.ID], v.Thread)
			s.announce(v.Thread)
		}
		if !v.Thread.Encrypted {
			s.cutOver(v.Thread, true)
		}
		if reason := s.cannotSend(a, v.Thread); reason != "" {
			return EncryptedChat{}, control.Refused("%s", reason)
		}
		v.Thread.LastActivity = s.world.Now()
		return describeEncrypted(v), nil
	})
}

// Reach is a message of somebody's on the encrypted plane: it brings the chat back for those who have deleted it, as a
// request where they still don't know the other.
func (s *Server) Reach(id, chat string) error {
	return s.do(id, func(a *account) error {
		v, err := s.findView(a, chat)
		if err != nil {
			return err
		}
		for _, other := range s.members(v.Thread) {
			theirs := v.Thread.View(other.ID)
			if !theirs.Deleted {
				continue
			}
			theirs.Deleted, theirs.Told = false, true
			if !v.Thread.Group {
				s.ask(a, other, v.Thread)
			}
			s.append(other, database(theirs), s.threadCalls(other, theirs)...)
		}
		return nil
	})
}

// EitherBlocks says whether one of two people has blocked the other.
func (s *Server) EitherBlocks(a, b int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, second := s.world.Person(a), s.world.Person(b)
	return first != nil && second != nil && (first.Blocked[b] || second.Blocked[a])
}

// Accept turns a message request into a chat, as an answer does.
func (s *Server) Accept(id, chat string) error {
	return s.do(id, func(a *account) error {
		v, err := s.findView(a, chat)
		if err == nil {
			s.accept(a, v)
		}
		return err
	})
}

// ask makes a new encrypted chat a message request for one to whom the other is a stranger. Such chats have another key on
// the plain plane (section 5.8).
func (s *Server) ask(from, to *account, t *world.Thread) {
	if v := t.View(to.ID); from != to && stranger(to, from) {
		v.Folder = world.Pending
		s.world.GiveHybridKey(v)
	}
}

func describeEncrypted(v *world.View) EncryptedChat {
	c := EncryptedChat{ID: v.Key, Group: v.Thread.Group, Seconds: v.Thread.Ephemeral}
	if v.Thread.EphemeralAt != 0 {
		c.SetAt = time.UnixMilli(v.Thread.EphemeralAt)
	}
	return c
}

// Plane says on which plane somebody's chat is, and describes it; false if there is no such chat.
func (s *Server) Plane(id, chat string) (c EncryptedChat, encrypted, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.findPerson(id)
	n, err2 := strconv.ParseInt(chat, 10, 64)
	if err != nil || err2 != nil || a.View(n) == nil {
		return EncryptedChat{}, false, false
	}
	v := a.View(n)
	return describeEncrypted(v), v.Thread.Encrypted, true
}

// SetTimer notes a chat's disappearing timer, unless a later setting is known, and tells it by the thread's row.
func (s *Server) SetTimer(id, chat string, seconds int64, at time.Time) error {
	return s.do(id, func(a *account) error {
		v, err := s.findView(a, chat)
		if err != nil || at.UnixMilli() <= v.Thread.EphemeralAt {
			return err
		}
		v.Thread.Ephemeral, v.Thread.EphemeralAt, v.Thread.EphemeralBy = seconds, at.UnixMilli(), a.ID
		for _, other := range s.members(v.Thread) {
			view := v.Thread.View(other.ID)
			s.append(other, database(view), s.threadRow(view).UpdateOrInsert())
		}
		return nil
	})
}

// Record appends to the timeline of somebody's app.
func (s *Server) Record(id string, e control.Event) (control.Event, error) {
	return with(s, id, func(a *account) (control.Event, error) { return a.Events.Append(e), nil })
}

// FindEvent finds the message with an id on somebody's app.
func (s *Server) FindEvent(id, message string) (control.Event, error) {
	return with(s, id, func(a *account) (control.Event, error) {
		for _, e := range a.Events.Since(0) {
			if e.Kind == control.KindMessage && e.ID == message {
				return e, nil
			}
		}
		return control.Event{}, control.NotFound("%s knows no message %q", id, message)
	})
}

// Habits are what somebody's app does by itself.
type Habits struct{ Offline, AutoRead, Echo, HoldDelivery, HideReads bool }

// Habits describes them.
func (s *Server) Habits(id string) (Habits, error) {
	return with(s, id, func(a *account) (Habits, error) {
		return Habits{a.Offline, a.AutoRead, a.Echo, a.HoldDelivery, a.HideReads}, nil
	})
}

// GroupInfo describes a group; false if there is none.
func (s *Server) GroupInfo(id int64) (name string, members, admins []int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.world.Group(id)
	if t == nil || !t.Encrypted {
		return "", nil, nil, false
	}
	for _, m := range t.Members {
		members = append(members, m)
		if t.Admins[m] {
			admins = append(admins, m)
		}
	}
	return t.Name, members, admins, true
}

// MarkEncryptedRead notes that somebody has read a chat up to a time, and tells their own clients.
func (s *Server) MarkEncryptedRead(id, chat string, at time.Time) error {
	return s.do(id, func(a *account) error {
		v, err := s.findView(a, chat)
		if err == nil && at.UnixMilli() > v.ReadAt {
			v.ReadAt = at.UnixMilli()
			s.append(a, database(v), lightspeed.MarkRead(v.PlainKey(), v.ReadAt))
		}
		return err
	})
}
