package e2e_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// encryptedDeaf: nothing tells a socket that delivers nothing from one over which nobody writes.
func encryptedDeaf(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	defer s.configured(map[string]string{"network.messenger.encrypted_quiet": "5s"})()
	s.logIn()
	portal := s.greeted(anna)
	s.settled(portal.Room)
	fault := s.breaks(control.Fault{Kind: "deaf", Person: s.me.ID})
	held := s.text("into deaf ears")
	anna.writes(s.me, held)
	out := s.text("still going out")
	_, err := portal.SendText(s.ctx, out)
	s.must(err)
	anna.reads(s.me, out)
	s.must(s.stack.Simulator.RemoveFault(s.ctx, s.side.control(), fault.ID))
	_, err = portal.AwaitText(s.ctx, 0, anna.mxid, held)
	s.must(err)
	after := s.text("heard at once")
	anna.writes(s.me, after)
	_, err = portal.AwaitText(s.ctx, 0, anna.mxid, after)
	s.must(err)
	if got := texts(portal.Room, anna.mxid); len(got) != 3 {
		s.Errorf("the room has %q, want three texts, each once", got)
	}
}

// encryptedReadOut: whether the network keeps receipts back is not known, so the bridge can be told to.
func encryptedReadOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	s.must(portal.MarkRead(s.ctx, portal.greeting.ID))
	greeting := anna.timeline()[0]
	anna.sees(control.Match{Kind: control.KindReceipt, Sender: s.me.ID, Ref: greeting.ID, Text: "read"})
	answer, err := s.bot.Ask(s.ctx, "messenger-receipts off")
	s.must(err)
	if !strings.Contains(answer, "Nobody") {
		s.Errorf("the bot answers %q", answer)
	}
	text := s.text("read this in secret")
	secret := anna.writes(s.me, text)
	evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
	s.must(err)
	s.must(portal.MarkRead(s.ctx, evt.ID))
	s.fence(portal, anna)
	for _, e := range anna.timeline() {
		if e.Kind == control.KindReceipt && e.Ref == secret && e.Text == "read" {
			s.Error("the contact was told although read receipts are switched off")
		}
	}
}

// encryptedDisappearIn has the contact set a timer, and messages go when they are due, over a restart too.
func encryptedDisappearIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	timer := func(seconds int) {
		s.Helper()
		s.must(s.stack.Simulator.Special(s.ctx, s.side.control(), anna.ID, "timer", map[string]any{"chat": s.me.ID, "seconds": seconds}, nil))
	}
	timer(int(shortLife.Seconds()))
	s.await("the room to have the timer", func(ctx context.Context) error { return hasTimer(ctx, portal.Room, shortLife) })
	_, err := portal.AwaitEvent(s.ctx, 0, "word of the timer", func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && strings.Contains(strings.ToLower(evt.Content.AsMessage().Body), "disappearing")
	})
	s.must(err)
	for _, restarted := range []bool{false, true} {
		text, sentAt := s.text("short-lived"), time.Now()
		anna.writes(s.me, text)
		evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		if restarted {
			s.restart()
		}
		_, err = portal.AwaitEvent(s.ctx, 0, "the message to go", func(redaction *event.Event) bool {
			return redaction.Type == event.EventRedaction &&
				(redaction.Redacts == evt.ID || redaction.Content.AsRedaction().Redacts == evt.ID)
		})
		s.must(err)
		// The plane's times are whole seconds.
		if lived := time.Since(sentAt); lived < shortLife-2*time.Second {
			s.Errorf("the message was gone after %s, want %s", lived, shortLife)
		}
	}
	timer(0)
	s.await("the timer to be off", func(ctx context.Context) error { return hasTimer(ctx, portal.Room, 0) })
}

// encryptedDisappearOut sets the timer from Matrix: the contact's app learns it, and messages say it.
func encryptedDisappearOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	life := func(e control.Event) int {
		s.Helper()
		var raw struct {
			Metadata struct {
				Setting *struct {
					Seconds int `json:"ephemeralExpiration"`
				} `json:"chatEphemeralSetting"`
			} `json:"metadata"`
		}
		s.must(json.Unmarshal(e.Raw, &raw))
		if raw.Metadata.Setting == nil {
			return -1
		}
		return raw.Metadata.Setting.Seconds
	}
	plain := s.text("for ever")
	_, err := portal.SendText(s.ctx, plain)
	s.must(err)
	if got := life(anna.reads(s.me, plain)); got != -1 {
		s.Errorf("before there is a timer a message lives %d seconds", got)
	}
	for command, want := range map[string]int{"24h": 24 * 3600, "7d": 7 * 24 * 3600} {
		from := len(anna.timeline())
		_, err = portal.SendText(s.ctx, "!cc messenger-disappear "+command)
		s.must(err)
		if got := life(anna.sees(control.Match{From: from, Kind: control.KindMessage, Sender: s.me.ID})[0]); got != want {
			s.Errorf("after %q Anna's app is told of %d seconds, want %d", command, got, want)
		}
		s.await("the room to have the timer", func(ctx context.Context) error {
			return hasTimer(ctx, portal.Room, time.Duration(want)*time.Second)
		})
		text := s.text("with a timer of " + command)
		_, err = portal.SendText(s.ctx, text)
		s.must(err)
		if got := life(anna.reads(s.me, text)); got != want {
			s.Errorf("after %q a message lives %d seconds, want %d", command, got, want)
		}
	}
}

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
	first := writes(plain, "unencrypted")
	answers(plain, "unencrypted answer")
	second := writes(secret, "encrypted")
	answers(secret, "encrypted answer")
	reacts(want[0], first)
	reacts(want[1], second)
	s.restart()
	s.awaitCompanion()
	answers(secret, "encrypted over a restart")

	encrypted := false
	s.must(s.stack.Simulator.Special(s.ctx, plain, anna.ID, "thread", map[string]any{"chat": s.me.ID, "encrypted": encrypted}, nil))
	writes(plain, "unencrypted again")
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
