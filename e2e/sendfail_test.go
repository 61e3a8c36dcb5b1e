package e2e_test

import (
	"regexp"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
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

// statuses are all that the bridge has said became of an event, in order, each once.
func (s *stage) statuses(portal *roomOf, target id.EventID) (all []event.MessageStatus) {
	for _, evt := range portal.Timeline() {
		status, ok := evt.Content.Parsed.(*event.BeeperMessageStatusEventContent)
		if ok && evt.Type == event.BeeperMessageStatus && status.RelatesTo.EventID == target {
			all = append(all, status.Status)
		}
	}
	return slices.Compact(all)
}

// mustEnd waits until the bridge has said exactly that of an event, in this order.
func (s *stage) mustEnd(portal *roomOf, target id.EventID, want ...event.MessageStatus) {
	s.Helper()
	s.awaitStatus(portal, target, want[len(want)-1])
	if got := s.statuses(portal, target); !slices.Equal(got, want) {
		s.Errorf("of %s the bridge said %q, want %q", target, got, want)
	}
}

// failedNumber finds the numbers of what failed in the bot's list.
var failedNumber = regexp.MustCompile(`(?m)^[*•] *\**(\d+)\** failed`)

// failed has the bridge send the one thing that has failed again, or drop it.
func (s *stage) failed(failed id.EventID, action string) {
	s.Helper()
	list, err := s.openBot().Ask(s.ctx, "outbox")
	s.must(err)
	numbers := failedNumber.FindAllStringSubmatch(list, -1)
	if len(numbers) != 1 {
		s.Fatalf("the bot lists %q, want the one message %s that failed", list, failed)
	}
	answer, err := s.bot.Ask(s.ctx, "outbox "+action+" "+numbers[0][1])
	s.must(err)
	if answer != "Done." {
		s.Errorf("to outbox %s the bot says %q", action, answer)
	}
}

func sendFail(s *stage) {
	anna, portal := s.withAnna()
	s.failsToSend()
	refusals := s.side.refusals(s.me.Person)
	for i, test := range refusals {
		s.breaks(test.fault)
		text, mark := s.text("refused"), portal.Mark()
		evt, err := portal.SendText(s.ctx, text)
		s.must(err)
		notice := s.tells(portal, mark, "was not bridged", test.words, test.fault.Args["message"])
		if notice.Content.AsMessage().RelatesTo.GetReplyTo() != evt {
			s.Errorf("the notice does not point at the message that failed")
		}
		status := s.awaitStatus(portal, evt, test.status)
		if status.Reason == "" || !strings.Contains(status.Message, test.words) {
			s.Errorf("the status of what was refused says %q, %q, want a reason and %q", status.Reason, status.Message, test.words)
		}
		// The user tries again: has the bridge send it once more, or drops it and writes it once more.
		if i%2 == 0 {
			s.failed(evt, "resend")
			anna.reads(s.me, text)
			s.mustEnd(portal, evt, test.status, event.MessageStatusSuccess)
			continue
		}
		s.failed(evt, "drop")
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
