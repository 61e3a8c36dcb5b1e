package server

import (
	"context"
	"strconv"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// The control API's side. Methods have the names and contracts of control.Network and take the lock themselves.

// findPerson finds who an id of the control API names. The caller holds the lock.
func (s *Server) findPerson(id string) (*account, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || s.accounts[n] == nil {
		return nil, control.NotFound("no person %q", id)
	}
	return s.accounts[n], nil
}

// findView finds the chat that somebody means by the id of a person or a group; a direct chat is made if there is none.
func (s *Server) findView(a *account, chat string) (*world.View, error) {
	n, err := strconv.ParseInt(chat, 10, 64)
	if err != nil {
		return nil, control.Invalid("chat %q", chat)
	}
	if v := a.View(n); v != nil {
		return v, nil
	}
	if other := s.world.Person(n); other != nil {
		return s.world.Direct(a.Person, other).View(a.ID), nil
	}
	return nil, control.NotFound("%d knows no chat %q", a.ID, chat)
}

// findMessage finds a message that somebody can see.
func (s *Server) findMessage(a *account, id string) (*world.Message, error) {
	m := s.world.Message(id)
	if m == nil || m.Thread.View(a.ID) == nil {
		return nil, control.NotFound("%d knows no message %q", a.ID, id)
	}
	return m, nil
}

// with runs f with the account and the lock.
func with[T any](s *Server, id string, f func(a *account) (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.findPerson(id)
	if err != nil {
		var zero T
		return zero, err
	}
	return f(a)
}

// do is with for what has no answer.
func (s *Server) do(id string, f func(a *account) error) error {
	_, err := with(s, id, func(a *account) (struct{}, error) { return struct{}{}, f(a) })
	return err
}

// AddPerson makes somebody with an account. Phone, if given, is the fbid they are to have.
func (s *Server) AddPerson(_ context.Context, p control.NewPerson) (control.Person, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var id int64
	if p.Phone != "" {
		var err error
		if id, err = strconv.ParseInt(p.Phone, 10, 64); err != nil || id <= 0 {
			return control.Person{}, control.Invalid("fbid %q", p.Phone)
		}
	}
	if p.Name == "" {
		p.Name = "Person " + strconv.Itoa(len(s.accounts)+1)
	}
	made, ok := s.world.AddPerson(id, p.Name)
	if !ok {
		return control.Person{}, control.Refused("fbid %d is taken", id)
	}
	made.About = p.About
	if p.Avatar != nil {
		made.Avatar, made.AvatarID = p.Avatar, s.world.NewFile("avatar.jpg", "image/jpeg", p.Avatar).ID
	}
	a := s.addAccount(made)
	for _, other := range p.Contacts {
		friend, err := s.findPerson(other)
		if err != nil {
			return control.Person{}, err
		}
		s.befriend(a, friend, true)
	}
	return s.describe(a), nil
}

// befriend makes two people friends, or strangers.
func (s *Server) befriend(a, b *account, friends bool) {
	a.Friends[b.ID], b.Friends[a.ID] = friends, friends
	if friends {
		s.append(a, lightspeed.Contacts, s.contact(a, b.Person).DeleteThenInsert())
		s.append(b, lightspeed.Contacts, s.contact(b, a.Person).DeleteThenInsert())
	}
}

// describe is a person as the control API shows them; companions are their browser sessions.
func (s *Server) describe(a *account) control.Person {
	p := control.Person{ID: person(a.ID), Name: a.Name, About: a.About, Online: !a.Offline, Companions: []control.Companion{}}
	if a.AvatarID != 0 {
		p.AvatarID = person(a.AvatarID)
	}
	for _, ses := range a.sessions {
		if ses.revoked {
			continue
		}
		synced := false
		for g := range ses.gateways {
			sync := g.databases[lightspeed.Mailbox]
			synced = synced || sync != nil && sync.synced
		}
		p.Companions = append(p.Companions, control.Companion{
			Device: ses.number, Name: ses.userAgent, Connected: len(ses.gateways) > 0, Active: synced,
		})
	}
	return p
}

// People lists everybody.
func (s *Server) People(context.Context) ([]control.Person, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	people := []control.Person{}
	for _, p := range s.world.People() {
		people = append(people, s.describe(s.accounts[p.ID]))
	}
	return people, nil
}

// Person describes somebody.
func (s *Server) Person(_ context.Context, id string) (control.Person, error) {
	return with(s, id, func(a *account) (control.Person, error) { return s.describe(a), nil })
}

// SetProfile changes name or picture and tells those who know the person.
func (s *Server) SetProfile(_ context.Context, id string, change control.Profile) (control.Person, error) {
	return with(s, id, func(a *account) (control.Person, error) {
		if change.Name != nil {
			a.Rename(*change.Name)
		}
		if change.About != nil {
			a.About = *change.About
		}
		if change.Avatar != nil {
			a.Avatar, a.AvatarID = *change.Avatar, 0
			if len(*change.Avatar) > 0 {
				a.AvatarID = s.world.NewFile("avatar.jpg", "image/jpeg", *change.Avatar).ID
			}
		}
		s.contactChanged(a.Person)
		return s.describe(a), nil
	})
}

// SetBehaviour changes what somebody's app does by itself.
func (s *Server) SetBehaviour(_ context.Context, id string, b control.Behaviour) error {
	return s.do(id, func(a *account) error {
		set := func(to *bool, from *bool) {
			if from != nil {
				*to = *from
			}
		}
		set(&a.AutoRead, b.AutoRead)
		set(&a.Echo, b.Echo)
		set(&a.HoldDelivery, b.HoldDelivery)
		if b.ReadReceipts != nil {
			a.HideReads = !*b.ReadReceipts
		}
		if b.FailDecrypt != nil {
			a.FailDecrypt = *b.FailDecrypt
		}
		if b.Online != nil {
			a.Offline = !*b.Online
			for !a.Offline && len(a.Backlog) > 0 {
				next := a.Backlog[0]
				a.Backlog = a.Backlog[1:]
				next()
			}
		}
		return nil
	})
}

// SetContact makes somebody a friend, or with an empty name a stranger whose first message is a request.
func (s *Server) SetContact(_ context.Context, id string, c control.Contact) error {
	return s.do(id, func(a *account) error {
		other, err := s.findPerson(c.ID)
		if err != nil {
			return err
		}
		s.befriend(a, other, c.Name != "")
		return nil
	})
}

// Block blocks somebody for a person, or no longer.
func (s *Server) Block(_ context.Context, id, other string, blocked bool) error {
	return s.do(id, func(a *account) error {
		b, err := s.findPerson(other)
		if err != nil {
			return err
		}
		a.Blocked[b.ID] = blocked
		s.append(a, lightspeed.Contacts, s.contact(a, b.Person).DeleteThenInsert())
		return nil
	})
}

// Unlink ends a session, as its owner does in the security settings.
func (s *Server) Unlink(_ context.Context, id string, device int) error {
	return s.do(id, func(a *account) error {
		for _, ses := range a.sessions {
			if ses.number == device {
				s.revoke(ses)
				return nil
			}
		}
		return control.NotFound("%s has no session %d", id, device)
	})
}
