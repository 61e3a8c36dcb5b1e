package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
)

// sendOffline writes while the network is away, over a restart of the bridge.
func sendOffline(s *stage) {
	anna, portal := s.withAnna()
	s.patient(90 * time.Second)
	away := s.breaks(control.Fault{Kind: "http_status", Times: -1})
	s.breaks(control.Fault{Kind: "close", Person: s.me.ID})
	s.await("the bridge to be disconnected", func(context.Context) error {
		if c := s.companions(); len(c) != 1 || c[0].Connected {
			return fmt.Errorf("linked devices are %+v", c)
		}
		return nil
	})
	from := portal.Mark()
	var want []string
	var sent []id.EventID
	write := func(words string) {
		s.Helper()
		text := s.text(words)
		evt, err := portal.SendText(s.ctx, text)
		s.must(err)
		want, sent = append(want, text), append(sent, evt)
	}
	write("waiting 1")
	taken, err := portal.SendText(s.ctx, s.text("taken back"))
	s.must(err)
	write("waiting 2")
	_, err = portal.AwaitEvent(s.ctx, from, "word that the messages wait", func(evt *event.Event) bool {
		return evt.Sender == s.stack.Bridge.Bot && strings.Contains(evt.Content.AsMessage().Body, "waits")
	})
	s.must(err)
	s.awaitStatus(portal, sent[0], event.MessageStatusPending)
	s.must(portal.Redact(s.ctx, taken))
	s.await("the list to have the two messages that wait", func(ctx context.Context) error {
		answer, err := s.openBot().Ask(ctx, "outbox")
		if err == nil && strings.Count(answer, " waiting, ") != len(want) {
			err = fmt.Errorf("the bot lists %q", answer)
		}
		return err
	})
	s.restart()
	write("waiting 3")
	if got := anna.textsFrom(s.me); len(got) != 0 {
		s.Fatalf("Anna's phone has %q although the network is away", got)
	}
	s.must(s.stack.Simulator.RemoveFault(s.ctx, s.side.control(), away.ID))
	anna.reads(s.me, want[len(want)-1])
	if got := anna.textsFrom(s.me); !slices.Equal(got, want) {
		s.Errorf("Anna's phone has %q, want %q", got, want)
	}
	for _, evt := range sent[:2] { // the homeserver may hand over the third when the network is back already
		s.mustEnd(portal, evt, event.MessageStatusPending, event.MessageStatusSuccess)
	}
	s.awaitStatus(portal, sent[2], event.MessageStatusSuccess)
	if got := s.statuses(portal, taken); slices.Contains(got, event.MessageStatusSuccess) {
		s.Errorf("of what was taken back the bridge said %q", got)
	}
	answer, err := s.openBot().Ask(s.ctx, "outbox")
	s.must(err)
	if !strings.Contains(answer, "Nothing waits") {
		s.Errorf("the list still has %q", answer)
	}
	for _, evt := range portal.Messages() {
		if body := evt.Content.AsMessage().Body; evt.Sender == s.stack.Bridge.Bot && strings.Contains(body, "bridged") {
			s.Errorf("the room was told %q", body)
		}
	}
}
