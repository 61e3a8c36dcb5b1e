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
	refusals := s.side.refusals(s.me.Person)
	for _, test := range refusals {
		s.breaks(test.fault)
		text, mark := s.text("refused"), portal.Mark()
		evt, err := portal.SendText(s.ctx, text)
		s.must(err)
		notice := s.tells(portal, mark, "was not bridged", test.words, test.fault.Args["message"])
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
	lost := s.side.lostAnswers(s.me.Person)
	for _, fault := range lost {
		s.breaks(fault)
		text := s.text("answer lost")
		evt, err := portal.SendText(s.ctx, text)
		s.must(err)
		anna.reads(s.me, text)
		s.awaitStatus(portal, evt, event.MessageStatusSuccess)
	}
	s.fence(portal, anna)
	got := anna.textsFrom(s.me)
	if once := slices.Compact(slices.Sorted(slices.Values(got))); len(once) != len(got) || len(got) != len(refusals)+len(lost)+1 {
		s.Errorf("Anna's phone has %q, want each once", got)
	}
}
