package e2e_test

import (
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
)

// awaitStatus waits for what the bridge says became of an event, and returns its last word.
func (s *stage) awaitStatus(portal *roomOf, target id.EventID, want event.MessageStatus) *event.BeeperMessageStatusEventContent {
	s.Helper()
	evt, err := portal.AwaitEvent(s.ctx, 0, "status "+string(want)+" of "+target.String(), func(evt *event.Event) bool {
		if evt.Type != event.BeeperMessageStatus {
			return false
		}
		status, ok := evt.Content.Parsed.(*event.BeeperMessageStatusEventContent)
		return ok && status.RelatesTo.EventID == target && status.Status == want
	})
	s.must(err)
	return evt.Content.Parsed.(*event.BeeperMessageStatusEventContent)
}

func sendFail(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	s.failsToSend()
	for _, test := range []struct {
		code, words string
		status      event.MessageStatus
	}{
		{"403", "WhatsApp does not let you write here", event.MessageStatusFail},
		{"479", "try again", event.MessageStatusRetriable},
	} {
		s.breaks(control.Fault{Kind: "ack_error", Stanza: "message", Person: s.me.ID, Args: map[string]string{"error": test.code}})
		text, mark := s.text("refused with "+test.code), portal.Mark()
		evt, err := portal.SendText(s.ctx, text)
		s.must(err)
		notice := s.tells(portal, mark, "was not bridged", test.words)
		if notice.Content.AsMessage().RelatesTo.GetReplyTo() != evt {
			s.Errorf("the notice does not point at the message that failed")
		}
		s.awaitStatus(portal, evt, test.status)
		// The user tries again.
		_, err = portal.SendText(s.ctx, text)
		s.must(err)
		anna.reads(s.me, text)
	}
	// The answer gets lost: the bridge tries again by itself, and the message is there once.
	s.breaks(control.Fault{Kind: "close_before", Person: s.me.ID, Args: map[string]string{"point": "message_ack"}})
	text := s.text("answer lost")
	evt, err := portal.SendText(s.ctx, text)
	s.must(err)
	anna.reads(s.me, text)
	s.awaitStatus(portal, evt, event.MessageStatusSuccess)
	s.fence(portal, anna)
	got := anna.textsFrom(s.me)
	if n := len(slices.DeleteFunc(slices.Clone(got), func(t string) bool { return t != text })); n != 1 || len(got) != 4 {
		s.Errorf("Anna's phone has %q, want each once", got)
	}
}
