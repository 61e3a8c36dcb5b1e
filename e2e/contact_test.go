package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
)

// contactsList shows the people of the address book, by the names that stand there, and nobody else; or those of the
// account's chats, where there is none.
func contactsList(s *stage) {
	anna, ben := s.newPerson(control.NewPerson{Name: "Anna " + randomHex(2)}), s.newPerson(control.NewPerson{Name: "Ben " + randomHex(2)})
	stranger := s.newPerson(control.NewPerson{Name: "Stranger " + randomHex(2)})
	known := func(p *person, name string) string {
		s.Helper()
		if s.side.traits().chatsAreContacts {
			p.writes(s.me, s.text("hello"))
			return p.Name
		}
		s.must(s.stack.Simulator.SetContact(s.ctx, s.side.control(), s.me.ID, control.Contact{ID: p.ID, Name: name}))
		if s.side.traits().addressBook {
			return name
		}
		return p.Name
	}
	name := known(anna, "Aunt Anna "+randomHex(2))
	s.logIn()
	added := known(ben, "Uncle Ben "+randomHex(2))
	s.await("the list of contacts to have both", func(ctx context.Context) error {
		answer, err := s.bot.Ask(ctx, s.prefix()+"-contacts")
		if err != nil {
			return err
		}
		for _, want := range []string{name, added, s.side.id(anna.Person), s.side.id(ben.Person)} {
			if !strings.Contains(answer, want) {
				return fmt.Errorf("the bot lists %q, want %q in it", answer, want)
			}
		}
		if strings.Contains(answer, s.side.id(stranger.Person)) {
			s.Errorf("the bot lists %q, with somebody who is no contact", answer)
		}
		return nil
	})
}

func search(s *stage) {
	name := "Zora Zeh " + randomHex(3)
	zora := s.newPerson(control.NewPerson{Name: name})
	s.logIn()
	answer, err := s.bot.Ask(s.ctx, "search "+name)
	s.must(err)
	if !strings.Contains(answer, name) || !strings.Contains(answer, zora.ID) {
		s.Errorf("the bot answers %q, want %s with id %s", answer, name, zora.ID)
	}
}

// startChat starts chats by number, by id and by inviting the puppet, and tries somebody who does not exist.
func startChat(s *stage) {
	anna, ben, cleo := s.newPerson(control.NewPerson{Name: "Anna"}), s.newPerson(control.NewPerson{Name: "Ben"}), s.newPerson(control.NewPerson{Name: "Cleo"})
	s.announced = append(s.announced, "Failed to resolve identifier") // the library's word for an identifier that is wrong
	s.logIn()
	traits := s.side.traits()
	for _, unknown := range traits.unknown {
		answer, err := s.bot.Ask(s.ctx, "start-chat "+unknown)
		s.must(err)
		if !slices.ContainsFunc(traits.unknownTexts, func(text string) bool { return strings.Contains(answer, text) }) {
			s.Errorf("the bot answers %q when asked for %q, want that there is nobody", answer, unknown)
		}
	}
	for i, who := range []*person{anna, ben} {
		identifier := s.side.identifiers(who.Person)[i]
		answer, err := s.bot.Ask(s.ctx, "start-chat "+identifier)
		s.must(err)
		if !strings.Contains(answer, "Created chat") {
			s.Errorf("the bot answers %q when asked for %q", answer, identifier)
		}
		s.talks(who)
		again, err := s.bot.Ask(s.ctx, "start-chat "+identifier)
		s.must(err)
		if !strings.Contains(again, "already have") {
			s.Errorf("the bot answers %q when asked for %q again, want that there is a chat already", again, identifier)
		}
	}
	_, err := s.user.OpenChat(s.ctx, cleo.mxid, s.stack.Setting.Encryption != "off")
	s.must(err)
	s.talks(cleo)
}

// talks shows that a room with somebody works both ways.
func (s *stage) talks(p *person) {
	s.Helper()
	portal := s.portal(p)
	s.settled(portal)
	hello := s.text("hello " + p.Name)
	_, err := portal.SendText(s.ctx, hello)
	s.must(err)
	p.reads(s.me, hello)
	answer := s.text("hello from " + p.Name)
	p.writes(s.me, answer)
	_, err = portal.AwaitText(s.ctx, 0, p.mxid, answer)
	s.must(err)
	// The puppet itself says when a chat that it was invited to is ready.
	got := slices.DeleteFunc(texts(portal, p.mxid), func(body string) bool { return body == "Private chat portal created" })
	if !slices.Equal(got, []string{answer}) {
		s.Errorf("the room with %s has %q, want %q", p.Name, got, answer)
	}
}

// identityChange gives the contact new keys, as after a new installation.
func identityChange(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	stranger := s.newPerson(control.NewPerson{Name: "Stranger"})
	s.logIn()
	portal := s.greeted(anna)
	before := s.text("before")
	_, err := portal.SendText(s.ctx, before)
	s.must(err)
	anna.reads(s.me, before)
	s.must(s.stack.Simulator.Reinstall(s.ctx, s.side.control(), stranger.ID))
	s.must(s.stack.Simulator.Reinstall(s.ctx, s.side.control(), anna.ID))
	_, err = portal.AwaitEvent(s.ctx, 0, "a notice that the security code has changed", func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgNotice &&
			strings.Contains(evt.Content.AsMessage().Body, "security code")
	})
	s.must(err)
	after := s.text("after")
	_, err = portal.SendText(s.ctx, after)
	s.must(err)
	anna.reads(s.me, after)
	back := s.text("with new keys")
	anna.writes(s.me, back)
	_, err = portal.AwaitText(s.ctx, 0, anna.mxid, back)
	s.must(err)
	if got := notices(portal.Room); len(got) != 1 {
		s.Errorf("the room has notices %q, want one", got)
	}
	if rooms, err := s.user.Portals(s.ctx, stranger.mxid); err != nil || len(rooms) > 0 {
		s.Errorf("somebody without a chat has %d rooms (%v) because of a new security code", len(rooms), err)
	}
}
