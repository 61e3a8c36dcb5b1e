package e2e_test

import (
	"slices"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// cutover has one chat move to the encrypted plane and back: it stays one room, in order, and what is about a message goes
// where that message is.
func cutover(s *stage) {
	const plain, secret = "messenger", "messenger-e2ee"
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	var want []string
	var portal *lab.Room
	writes := func(plane, words string) string {
		s.Helper()
		text := s.text(words)
		want = append(want, text)
		sent, err := s.stack.Simulator.Send(s.ctx, plane, anna.ID, control.SendRequest{To: s.me.ID, Text: text})
		s.must(err)
		if portal == nil {
			portal = s.portal(anna)
		}
		_, err = portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		return sent.ID
	}
	answers := func(plane, words string) control.Event {
		s.Helper()
		text := s.text(words)
		_, err := portal.SendText(s.ctx, text)
		s.must(err)
		e := anna.sees(control.Match{Kind: control.KindMessage, Sender: s.me.ID, Text: text})[0]
		if encrypted := e.Encrypted != ""; encrypted != (plane == secret) {
			s.Errorf("%q came to Anna encrypted as %q, want it on the plane %s", text, e.Encrypted, plane)
		}
		return e
	}
	eventOf := func(text string) *event.Event {
		s.Helper()
		evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		return evt
	}
	reacts := func(text, id string) {
		s.Helper()
		_, err := portal.React(s.ctx, eventOf(text).ID, "👍")
		s.must(err)
		anna.sees(control.Match{Kind: control.KindReaction, Sender: s.me.ID, Ref: id})
	}
	toUser := megolmLeg
	if s.stack.Setting.Encryption == lab.EncryptionOff {
		toUser = plainLeg
	}
	first := writes(plain, "unencrypted")
	s.awaitLabel(portal, plainLeg, toUser)
	answers(plain, "unencrypted answer")
	second := writes(secret, "encrypted")
	s.awaitLabel(portal, signalLeg, toUser)
	answers(secret, "encrypted answer")
	reacts(want[0], first)
	reacts(want[1], second)
	s.restart()
	s.awaitCompanion()
	answers(secret, "encrypted over a restart")

	encrypted := false
	s.must(s.stack.Simulator.Special(s.ctx, plain, anna.ID, "thread", map[string]any{"chat": s.me.ID, "encrypted": encrypted}, nil))
	writes(plain, "unencrypted again")
	s.awaitLabel(portal, plainLeg, toUser)
	answers(plain, "answer to that")
	writes(secret, "and encrypted")
	answers(secret, "the last one")
	if got := texts(portal, anna.mxid); !slices.Equal(got, want) {
		s.Errorf("the room has %q from Anna, want %q", got, want)
	}
	if rooms, err := s.user.Portals(s.ctx, anna.mxid); err != nil || len(rooms) != 1 {
		s.Errorf("the chat has %d rooms (%v), want one", len(rooms), err)
	}
}
