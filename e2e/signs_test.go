package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// roomOf is a portal in which the contact has written once.
type roomOf struct {
	*lab.Room
	greeting *event.Event
}

func readIn(s *stage) {
	anna, portal := s.withAnna()
	var reads []control.Event
	var last id.EventID
	for _, words := range []string{"one", "two"} {
		text := s.text(words)
		sent, err := portal.SendText(s.ctx, text)
		s.must(err)
		reads, last = append(reads, anna.reads(s.me, text)), sent
		if portal.Receipt(sent, anna.mxid) {
			s.Errorf("%s counts as read before it was", words)
		}
	}
	// Anna reads both at once: the receipt stands at the last.
	s.must(s.stack.Simulator.Receipt(s.ctx, s.side.control(), anna.ID, control.ReceiptRequest{
		Chat: reads[0].Chat, Sender: s.me.ID, IDs: []string{reads[0].ID, reads[1].ID}, Type: "read",
	}))
	s.await("Anna's read receipt at the last message", func(context.Context) error {
		if !portal.Receipt(last, anna.mxid) {
			return fmt.Errorf("none on %s in\n%s", last, portal.Describe())
		}
		return nil
	})
}

func readOut(s *stage) {
	anna, portal := s.withAnna()
	s.must(portal.MarkRead(s.ctx, portal.greeting.ID))
	greeting := anna.timeline()[0]
	anna.sees(control.Match{Kind: control.KindReceipt, Sender: s.me.ID, Ref: greeting.ID, Text: "read"})

	// Switched off on the account, or in the bridge where it is not known whether accounts can, the contact is not told; the
	// fence is a text that comes after.
	if command := s.side.traits().receiptsOff; command != "" {
		answer, err := s.bot.Ask(s.ctx, command)
		s.must(err)
		if !strings.Contains(answer, "Nobody") {
			s.Errorf("the bot answers %q", answer)
		}
	} else {
		off := false
		s.me.behaves(control.Behaviour{ReadReceipts: &off})
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

// deliveredTo is the part of a com.beeper.message_send_status event that says whose device has the message.
type deliveredTo struct {
	Relation struct {
		EventID string `json:"event_id"`
	} `json:"m.relates_to"`
	Status string   `json:"status"`
	Users  []string `json:"delivered_to_users"`
}

func delivered(s *stage) {
	anna, portal := s.withAnna()
	off, on := false, true
	anna.behaves(control.Behaviour{Online: &off})
	text := s.text("are you there")
	sent, err := portal.SendText(s.ctx, text)
	s.must(err)
	status := func(matches func(deliveredTo) bool) func(*event.Event) bool {
		return func(evt *event.Event) bool {
			var d deliveredTo
			return evt.Type.Type == "com.beeper.message_send_status" && json.Unmarshal(evt.Content.VeryRaw, &d) == nil &&
				d.Relation.EventID == sent.String() && d.Status == "SUCCESS" && matches(d)
		}
	}
	toAnna := func(d deliveredTo) bool { return slices.Contains(d.Users, anna.mxid.String()) }
	_, err = portal.AwaitEvent(s.ctx, 0, "word that the message was sent", status(func(deliveredTo) bool { return true }))
	s.must(err)
	if slices.ContainsFunc(portal.Timeline(), status(toAnna)) {
		s.Error("the message counts as delivered while the contact's phone is off")
	}
	anna.behaves(control.Behaviour{Online: &on})
	anna.reads(s.me, text)
	_, err = portal.AwaitEvent(s.ctx, 0, "word that the message was delivered", status(toAnna))
	s.must(err)
}

func typingIn(s *stage) {
	anna, portal := s.withAnna()
	// Some networks tell it only to whoever is there.
	here := s.text("here I am")
	_, err := portal.SendText(s.ctx, here)
	s.must(err)
	anna.reads(s.me, here)
	for _, typing := range []bool{true, false, true} {
		s.must(s.stack.Simulator.Typing(s.ctx, s.side.control(), anna.ID, control.TypingRequest{Chat: s.me.ID, Typing: typing}))
		s.await(fmt.Sprintf("Anna typing: %t", typing), func(context.Context) error {
			if now := slices.Contains(portal.Typing(), anna.mxid); now != typing {
				return fmt.Errorf("typing are %v", portal.Typing())
			}
			return nil
		})
	}
	// A message ends it by itself.
	text := s.text("done")
	anna.writes(s.me, text)
	_, err = portal.AwaitText(s.ctx, 0, anna.mxid, text)
	s.must(err)
	s.await("typing to end with the message", func(context.Context) error {
		if slices.Contains(portal.Typing(), anna.mxid) {
			return fmt.Errorf("typing are %v", portal.Typing())
		}
		return nil
	})
}

func typingOut(s *stage) {
	anna, portal := s.withAnna()
	from := len(anna.timeline())
	s.must(portal.SetTyping(s.ctx, true))
	began := anna.sees(control.Match{From: from, Kind: control.KindTyping, Sender: s.me.ID, Text: "composing"})[0]
	s.must(portal.SetTyping(s.ctx, false))
	anna.sees(control.Match{From: began.Index, Kind: control.KindTyping, Sender: s.me.ID, Text: "paused"})
}

func profileName(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna " + randomHex(2), Avatar: photo(64, 64, 1)})
	s.logIn()
	portal := s.greeted(anna)
	from := portal.Mark()
	name, avatar := "Annabel "+randomHex(2), photo(64, 64, 2)
	changed, err := s.stack.Simulator.SetProfile(s.ctx, s.side.control(), anna.ID, control.Profile{Name: &name, Avatar: &avatar})
	s.must(err)
	// A network may tell a new name only with the next message.
	text := s.text("do you know me")
	anna.writes(s.me, text)
	_, err = portal.AwaitText(s.ctx, from, anna.mxid, text)
	s.must(err)
	s.await("the ghost to have the new name and picture", func(ctx context.Context) error {
		profile, err := s.user.Client.GetProfile(ctx, anna.mxid)
		if err != nil {
			return err
		}
		if !strings.Contains(profile.DisplayName, changed.Name) {
			return fmt.Errorf("its name is %q, want %q in it", profile.DisplayName, changed.Name)
		}
		data, err := s.user.Client.DownloadBytes(ctx, profile.AvatarURL)
		if err == nil && !bytes.Equal(data, avatar) {
			err = fmt.Errorf("its picture has %d bytes, want the new one's %d", len(data), len(avatar))
		}
		return err
	})
	// The room may follow (name, avatar, the ghost's membership), each change once; nothing is said about it.
	changes := make(map[string]int)
	for _, evt := range portal.Timeline()[from:] {
		switch {
		case evt.Type == event.EventMessage && evt.Sender == anna.mxid && evt.Content.AsMessage().Body == text:
		case evt.StateKey != nil:
			changes[evt.Type.Type]++
		case evt.Type == event.EventMessage:
			s.Errorf("the change made a message: %q from %s", evt.Content.AsMessage().Body, evt.Sender)
		}
	}
	for kind, count := range changes {
		// The ghost's name and picture are two changes of one membership event.
		if most := map[string]int{"m.room.member": 2}[kind]; count > max(most, 1) {
			s.Errorf("the change made %d events %s in the timeline", count, kind)
		}
	}
}
