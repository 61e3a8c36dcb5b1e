package e2e_test

import (
	"fmt"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// awaitReplaced waits for an edit of an event that has a text as its new content.
func (s *stage) awaitReplaced(room *lab.Room, placeholder *event.Event, text string) {
	s.Helper()
	_, err := room.AwaitEvent(s.ctx, 0, fmt.Sprintf("%q in the place of %s", text, placeholder.ID), func(evt *event.Event) bool {
		if evt.Type != event.EventMessage || evt.Sender != placeholder.Sender {
			return false
		}
		content := evt.Content.AsMessage()
		return content.RelatesTo.GetReplaceID() == placeholder.ID && content.NewContent != nil && content.NewContent.Body == text
	})
	s.must(err)
}

// awaitPlaceholder waits for the notice that stands for a message that can't be decrypted.
func (s *stage) awaitPlaceholder(room *lab.Room, from int, p *person) *event.Event {
	s.Helper()
	evt, err := room.AwaitEvent(s.ctx, from, "a placeholder from "+p.Name, func(evt *event.Event) bool {
		return evt.Sender == p.mxid && evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgNotice &&
			strings.Contains(evt.Content.AsMessage().Body, "Waiting for this")
	})
	s.must(err)
	return evt
}

func undecryptable(s *stage) {
	s.patient(time.Minute)
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	room := s.greeted(anna)

	// What comes damaged is asked for again from the sender.
	from := room.Mark()
	damaged := s.text("damaged on its way")
	s.breaks(control.Fault{Kind: "corrupt", Person: s.me.ID, Stanza: "message"})
	anna.writes(s.me, damaged)
	placeholder := s.awaitPlaceholder(room.Room, from, anna)
	s.awaitReplaced(room.Room, placeholder, damaged)

	// What the sender did not encrypt for this device is asked for from the own phone, where the network has that.
	from = room.Mark()
	shownOnce := []string{damaged}
	if _, alone := s.side.(deviceKeeper); !alone {
		withheld := s.text("not for this device")
		s.breaks(control.Fault{Kind: "unavailable", Person: s.me.ID, Stanza: "message", Args: map[string]string{"type": "unspecified"}})
		anna.writes(s.me, withheld)
		placeholder = s.awaitPlaceholder(room.Room, from, anna)
		s.awaitReplaced(room.Room, placeholder, withheld)
		shownOnce = append(shownOnce, withheld)
	}

	// A placeholder stands once, however often that fails, and the chat goes on below it.
	after := s.text("all is well")
	anna.writes(s.me, after)
	_, err := room.AwaitText(s.ctx, from, anna.mxid, after)
	s.must(err)
	for _, text := range shownOnce {
		shown := 0
		for _, evt := range room.Messages() {
			content := evt.Content.AsMessage()
			if content.Body == text || content.NewContent != nil && content.NewContent.Body == text {
				shown++
			}
		}
		if shown != 1 {
			s.Errorf("%q is in the room %d times, want once", text, shown)
		}
	}

	// The other way round: a contact asks again for what was sent before a restart of the bridge.
	off, on, once := false, true, 1
	s.foretold = append(s.foretold, "told to pretend that it can't be decrypted")
	anna.behaves(control.Behaviour{Online: &off, FailDecrypt: &once})
	reply := s.text("can you read this")
	_, err = room.SendText(s.ctx, reply)
	s.must(err)
	s.me.sees(control.Match{Kind: control.KindMessage, Chat: anna.ID, Text: reply})
	s.restart()
	s.awaitCompanion()
	anna.behaves(control.Behaviour{Online: &on})
	anna.reads(s.me, reply)
}
