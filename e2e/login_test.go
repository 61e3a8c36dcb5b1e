package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
)

func loginQR(s *stage) {
	if n := len(s.companions()); n != 0 {
		s.Fatalf("a new account has %d linked devices", n)
	}
	s.logIn()
	companions := s.companions()
	if len(companions) != 1 || companions[0].Name == "" {
		s.Errorf("the phone lists linked devices %+v, want one with a name", companions)
	}
	if login := s.loginID(); !strings.Contains(login, s.me.LID) {
		s.Errorf("the bot lists login %q, want one for %s", login, s.me.LID)
	}
	// A used code is worth nothing, but it does not stay in the room either.
	s.await("the bot to take its QR code back", func(context.Context) error {
		shown := make(map[string]bool)
		for _, evt := range s.bot.Timeline() {
			switch {
			case evt.Sender != s.bot.MXID:
			case evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgImage && evt.Content.AsMessage().NewContent == nil:
				shown[evt.ID.String()] = true
			case evt.Type == event.EventRedaction:
				delete(shown, evt.Redacts.String())
				delete(shown, evt.Content.AsRedaction().Redacts.String())
			}
		}
		if len(shown) > 0 {
			return fmt.Errorf("pictures %v are still there", shown)
		}
		return nil
	})
}

func loginRelog(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	first := s.text("before")
	anna.writes(s.me, first)
	portal := s.portal(anna)
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, first)
	s.must(err)
	s.settled(portal)

	// Once with the old session still there, once after it was ended.
	want := []string{first}
	for _, how := range []string{"on top", "after a logout"} {
		if how == "after a logout" {
			answer, err := s.bot.Ask(s.ctx, "logout "+s.loginID())
			s.must(err)
			if !strings.Contains(answer, "Logged out") {
				s.Errorf("the bot answers %q to a logout", answer)
			}
		}
		s.logIn()
		text := s.text(how)
		want = append(want, text)
		anna.writes(s.me, text)
		_, err = portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		reply := s.text("reply " + how)
		_, err = portal.SendText(s.ctx, reply)
		s.must(err)
		anna.reads(s.me, reply)
		if got := anna.textsFrom(s.me); !slices.Equal(got[len(got)-1:], []string{reply}) || strings.Count(strings.Join(got, "\n"), reply) != 1 {
			s.Errorf("logged in %s, Anna has %q, want %q at the end and once", how, got, reply)
		}
		if got := texts(portal, anna.mxid); !slices.Equal(got, want) {
			s.Errorf("logged in %s, the room has %q, want %q", how, got, want)
		}
		if again := s.portal(anna); again.ID != portal.ID {
			s.Errorf("logged in %s, the chat is in room %s, was in %s", how, again.ID, portal.ID)
		}
		connected := slices.DeleteFunc(s.companions(), func(c control.Companion) bool { return !c.Connected })
		if len(connected) != 1 {
			s.Errorf("logged in %s, these linked devices are connected: %+v; want one", how, connected)
		}
	}
}

func logoutLocal(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	text := s.text("before")
	anna.writes(s.me, text)
	portal := s.portal(anna)
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
	s.must(err)
	s.settled(portal)
	db := s.openDatabase()
	held, err := s.side.leftovers(s.ctx, db, s.me.Person)
	s.must(err)
	if len(held) == 0 {
		s.Error("the database holds nothing of a living session: this test looks in the wrong place")
	}

	answer, err := s.bot.Ask(s.ctx, "logout "+s.loginID())
	s.must(err)
	if !strings.Contains(answer, "Logged out") {
		s.Errorf("the bot answers %q to a logout", answer)
	}
	s.await("the phone to list no linked device", func(context.Context) error {
		for _, c := range s.companions() {
			if c.Connected || s.side.traits().logoutEnds {
				return fmt.Errorf("it lists %+v", c)
			}
		}
		return nil
	})
	s.await("the session's secrets to be gone", func(ctx context.Context) error {
		held, err := s.side.leftovers(ctx, db, s.me.Person)
		if err == nil && len(held) > 0 {
			err = fmt.Errorf("the database still holds %s", strings.Join(held, ", "))
		}
		return err
	})
	late := s.text("too late")
	anna.writes(s.me, late)
	s.me.reads(anna, late)
	if answer, err = s.bot.Ask(s.ctx, "list-logins"); err != nil || !strings.Contains(answer, "not logged in") {
		s.Errorf("the bot answers %q (%v) when asked for logins, want none", answer, err)
	}
	if got := texts(portal, anna.mxid); !slices.Equal(got, []string{text}) {
		s.Errorf("the room has %q, want %q only", got, text)
	}
}

func logoutRemote(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	text := s.text("before")
	anna.writes(s.me, text)
	portal := s.portal(anna)
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
	s.must(err)
	s.settled(portal)

	from := s.bot.Mark()
	logged, err := s.stack.Simulator.Log(s.ctx, s.side.control(), 0)
	s.must(err)
	s.must(s.stack.Simulator.Unlink(s.ctx, s.side.control(), s.me.ID, s.companions()[0].Device))
	told, err := s.bot.AwaitAnswer(s.ctx, from, "word of the bot that the account was logged out", func(body string) bool {
		return strings.Contains(strings.ToLower(body), "logged out")
	})
	s.must(err)
	if !strings.Contains(strings.ToLower(told), "log in again") && !strings.Contains(told, "login") {
		s.Errorf("the bot says %q, but not what to do", told)
	}
	late := s.text("too late")
	anna.writes(s.me, late)
	s.me.reads(anna, late)

	// After a restart it is as much over, and nothing is said twice.
	s.restart()
	before := s.bot.Mark()
	_, err = s.bot.SendText(s.ctx, "version")
	s.must(err)
	_, err = s.bot.AwaitAnswer(s.ctx, before, "the bot's version", func(body string) bool {
		return strings.Contains(strings.ToLower(body), "crosschat")
	})
	s.must(err)
	count := 0
	for _, evt := range s.bot.Timeline()[from:] {
		if evt.Sender == s.bot.MXID && evt.Type == event.EventMessage && strings.Contains(strings.ToLower(evt.Content.AsMessage().Body), "logged out") {
			count++
		}
	}
	if count != 1 {
		s.Errorf("the user was told %d times, want once:\n%s", count, s.bot.Describe())
	}
	after, err := s.stack.Simulator.Log(s.ctx, s.side.control(), len(logged))
	s.must(err)
	logins := 0
	for _, entry := range after {
		if entry.Person == s.me.ID && entry.Device > 0 && entry.Direction == "in" {
			logins++
		}
	}
	// What was under way when the device was removed may still arrive; a loop would be more.
	if logins > 5 {
		s.Errorf("the removed device sent %d stanzas afterwards", logins)
	}
	if got := texts(portal, anna.mxid); !slices.Equal(got, []string{text}) {
		s.Errorf("the room has %q, want %q only", got, text)
	}
}
