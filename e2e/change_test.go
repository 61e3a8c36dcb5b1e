package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/util/variationselector"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// redacted waits until somebody has redacted an event.
func (s *stage) redacted(room *lab.Room, target id.EventID, by id.UserID) {
	s.Helper()
	_, err := room.AwaitEvent(s.ctx, 0, fmt.Sprintf("a redaction of %s by %s", target, by), func(evt *event.Event) bool {
		return evt.Type == event.EventRedaction && evt.Sender == by && (evt.Redacts == target || evt.Content.AsRedaction().Redacts == target)
	})
	s.must(err)
}

// greeting is the first message that the person sent, as their phone has it.
func (p *person) greeting() control.Event {
	p.s.Helper()
	mine := true
	return p.sees(control.Match{Kind: control.KindMessage, FromMe: &mine})[0]
}

// reactions lists the keys of reactions of somebody to an event that were not redacted.
func reactions(room *lab.Room, target id.EventID, by id.UserID) (keys []string) {
	timeline := room.Timeline()
	for _, evt := range timeline {
		if evt.Type != event.EventReaction || evt.Sender != by || evt.Content.AsReaction().RelatesTo.EventID != target {
			continue
		}
		gone := slices.ContainsFunc(timeline, func(other *event.Event) bool {
			return other.Type == event.EventRedaction && (other.Redacts == evt.ID || other.Content.AsRedaction().Redacts == evt.ID)
		})
		if !gone {
			keys = append(keys, variationselector.FullyQualify(evt.Content.AsReaction().RelatesTo.Key))
		}
	}
	return keys
}

func (s *stage) awaitReactions(portal *roomOf, target id.EventID, by id.UserID, want ...string) {
	s.Helper()
	s.await(fmt.Sprintf("reactions %q of %s", want, by), func(context.Context) error {
		if got := reactions(portal.Room, target, by); !slices.Equal(got, want) {
			return fmt.Errorf("there are %q in\n%s", got, portal.Describe())
		}
		return nil
	})
}

// says sends a text from Matrix and returns its event and the message on the contact's phone.
func (s *stage) says(portal *roomOf, p *person, words string) (id.EventID, control.Event) {
	s.Helper()
	text := s.text(words)
	evt, err := portal.SendText(s.ctx, text)
	s.must(err)
	return evt, p.reads(s.me, text)
}

func reactIn(s *stage) {
	anna, portal := s.withAnna()
	mine, onPhone := s.says(portal, anna, "react to this")
	sim := s.stack.Simulator
	for _, emoji := range []string{"👍", "❤️", "👩🏿‍🚒"} {
		_, err := sim.React(s.ctx, s.side.control(), anna.ID, control.ReactRequest{
			Target: control.Target{Chat: s.me.ID, ID: onPhone.ID, Sender: s.me.ID}, Emoji: emoji,
		})
		s.must(err)
		s.awaitReactions(portal, mine, anna.mxid, emoji)
	}
	_, err := sim.React(s.ctx, s.side.control(), anna.ID, control.ReactRequest{Target: control.Target{Chat: s.me.ID, ID: onPhone.ID, Sender: s.me.ID}})
	s.must(err)
	s.awaitReactions(portal, mine, anna.mxid)
	// The user's own phone reacts to what Anna wrote.
	greeting := anna.greeting()
	_, err = sim.React(s.ctx, s.side.control(), s.me.ID, control.ReactRequest{
		Target: control.Target{Chat: anna.ID, ID: greeting.ID, Sender: anna.ID}, Emoji: "🦄",
	})
	s.must(err)
	s.awaitReactions(portal, portal.greeting.ID, s.user.ID, "🦄")
}

func reactOut(s *stage) {
	anna, portal := s.withAnna()
	greeting := anna.greeting()
	seen := func(from int, emoji string) {
		s.Helper()
		e := anna.sees(control.Match{From: from, Kind: control.KindReaction, Sender: s.me.ID, Ref: greeting.ID})[0]
		if variationselector.FullyQualify(e.Text) != emoji { // Instagram has them bare
			s.Errorf("Anna's phone shows reaction %q, want %q", e.Text, emoji)
		}
	}
	from := len(anna.timeline())
	_, err := portal.React(s.ctx, portal.greeting.ID, "👍")
	s.must(err)
	seen(from, "👍")
	from = len(anna.timeline())
	second, err := portal.React(s.ctx, portal.greeting.ID, "❤️")
	s.must(err)
	seen(from, "❤️")
	s.awaitReactions(portal, portal.greeting.ID, s.user.ID, "❤️") // WhatsApp has one for each person
	from = len(anna.timeline())
	s.must(portal.Redact(s.ctx, second))
	seen(from, "")
	// What is no emoji does not exist there.
	s.failsToSend()
	mark := portal.Mark()
	_, err = portal.React(s.ctx, portal.greeting.ID, "lol")
	s.must(err)
	s.tells(portal, mark, "only emoji")
}

// editedTo waits for an m.replace of an event by somebody.
func (s *stage) editedTo(portal *roomOf, target id.EventID, by id.UserID, text string) *event.Event {
	s.Helper()
	evt, err := portal.AwaitEvent(s.ctx, 0, fmt.Sprintf("an edit of %s to %q", target, text), func(evt *event.Event) bool {
		c := evt.Content.AsMessage()
		return evt.Type == event.EventMessage && evt.Sender == by && c.RelatesTo.GetReplaceID() == target && c.NewContent != nil && c.NewContent.Body == text
	})
	s.must(err)
	return evt
}

func editIn(s *stage) {
	anna, portal := s.withAnna()
	greeting := anna.greeting()
	edit := func(by *person, target control.Target, text string) {
		s.Helper()
		_, err := s.stack.Simulator.Edit(s.ctx, s.side.control(), by.ID, control.EditRequest{Target: target, Text: text})
		s.must(err)
	}
	for _, words := range []string{"first *edit*", "second edit"} {
		text := s.text(words)
		edit(anna, control.Target{Chat: s.me.ID, ID: greeting.ID}, text)
		s.mustBeEncrypted(s.editedTo(portal, portal.greeting.ID, anna.mxid, text))
	}
	if caption := s.caption("image", "caption"); caption != "" {
		// A picture's caption.
		better, from := s.text("better caption"), portal.Mark()
		sent := anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: photo(40, 30, 1), MIMEType: "image/jpeg", Caption: caption}})
		picture := s.gets(portal, from, anna, "a picture", holding(caption))
		edit(anna, control.Target{Chat: s.me.ID, ID: sent.ID}, better)
		if c := s.editedTo(portal, picture.ID, anna.mxid, better).Content.AsMessage().NewContent; c.MsgType != event.MsgImage {
			s.Errorf("the edited picture is a %s", c.MsgType)
		}
	}
	// The user's own phone edits what came from Matrix, but Anna can't.
	mine, onPhone := s.says(portal, anna, "mine")
	forged := s.text("forged")
	if side, ok := s.side.(forgedSide); ok {
		side.forgesEdit(s, anna, onPhone.ID, forged)
	}
	text := s.text("edited on my phone")
	edit(s.me, control.Target{Chat: anna.ID, ID: onPhone.ID}, text)
	s.editedTo(portal, mine, s.user.ID, text)
	for _, evt := range portal.Messages() {
		if c := evt.Content.AsMessage(); c.Body == forged || c.NewContent != nil && c.NewContent.Body == forged {
			s.Errorf("Anna's edit of the user's message is shown: %s", evt.ID)
		}
	}
}

// forgedSide is what a side implements whose server does not keep people from editing what others wrote.
type forgedSide interface {
	forgesEdit(s *stage, by *person, target, text string)
}

func (whatsapp) forgesEdit(s *stage, by *person, target, text string) {
	s.Helper()
	by.sends(control.SendRequest{To: s.me.ID, Raw: []byte(fmt.Sprintf(
		`{"editedMessage":{"message":{"protocolMessage":{"key":{"fromMe":false,"ID":%q},"type":"MESSAGE_EDIT","editedMessage":{"conversation":%q}}}}}`,
		target, text))})
}

func editOut(s *stage) {
	anna, portal := s.withAnna()
	mine, onPhone := s.says(portal, anna, "to be edited")
	text := s.text("edited")
	_, err := portal.Edit(s.ctx, mine, text)
	s.must(err)
	anna.sees(control.Match{Kind: control.KindEdit, Sender: s.me.ID, Ref: onPhone.ID, Text: text})
	old := s.oldMessage(portal, anna, 16*time.Minute)
	s.failsToSend()
	mark := portal.Mark()
	_, err = portal.Edit(s.ctx, old, s.text("too late"))
	s.must(err)
	s.tells(portal, mark, "15 minutes")
	s.fence(portal, anna)
	if n := len(anna.got(control.KindEdit)); n != 1 {
		s.Errorf("Anna's phone got %d edits, want 1", n)
	}
}

// oldMessage is a message that the user wrote on their phone some time ago.
func (s *stage) oldMessage(portal *roomOf, to *person, age time.Duration) id.EventID {
	s.Helper()
	text, at := s.text("written long ago"), time.Now().Add(-age)
	s.me.sends(control.SendRequest{To: to.ID, Text: text, Time: &at})
	evt, err := portal.AwaitText(s.ctx, 0, s.user.ID, text)
	s.must(err)
	return evt.ID
}

func deleteIn(s *stage) {
	anna, portal := s.withAnna()
	greeting := anna.greeting()
	mine, onPhone := s.says(portal, anna, "mine")
	if _, ok := s.side.(forgedSide); ok {
		// Anna can't delete what the user wrote.
		_, err := s.stack.Simulator.Revoke(s.ctx, s.side.control(), anna.ID, control.Target{Chat: s.me.ID, ID: onPhone.ID, Sender: s.me.ID})
		s.must(err)
	}
	_, err := s.stack.Simulator.Revoke(s.ctx, s.side.control(), anna.ID, control.Target{Chat: s.me.ID, ID: greeting.ID})
	s.must(err)
	s.redacted(portal.Room, portal.greeting.ID, anna.mxid)
	for _, evt := range portal.Timeline() {
		if evt.Type == event.EventRedaction && (evt.Redacts == mine || evt.Content.AsRedaction().Redacts == mine) {
			s.Errorf("%s redacted the user's message", evt.Sender)
		}
	}
	// The user deletes on their own phone.
	_, err = s.stack.Simulator.Revoke(s.ctx, s.side.control(), s.me.ID, control.Target{Chat: anna.ID, ID: onPhone.ID})
	s.must(err)
	s.redacted(portal.Room, mine, s.user.ID)
}

func deleteOut(s *stage) {
	anna, portal := s.withAnna()
	mine, onPhone := s.says(portal, anna, "to be deleted")
	s.must(portal.Redact(s.ctx, mine))
	anna.sees(control.Match{Kind: control.KindRevoke, Sender: s.me.ID, Ref: onPhone.ID})
	traits, want := s.side.traits(), 2
	old := s.oldMessage(portal, anna, traits.oldAge)
	mark := portal.Mark()
	if traits.tooOld != "" {
		s.failsToSend()
		want = 1
	}
	s.must(portal.Redact(s.ctx, old))
	if traits.tooOld != "" {
		s.tells(portal, mark, traits.tooOld)
	}
	// Where deletions come to the bridge another way than messages, the fence may be quicker.
	s.await("the deletions on Anna's phone", func(context.Context) error {
		if n := len(anna.got(control.KindRevoke)); n < want {
			return fmt.Errorf("it got %d, want %d", n, want)
		}
		return nil
	})
	s.fence(portal, anna)
	if n := len(anna.got(control.KindRevoke)); n != want {
		s.Errorf("Anna's phone got %d deletions, want %d", n, want)
	}
}
