package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// awaitCompanion waits until the bridge is connected to the network again.
func (s *stage) awaitCompanion() {
	s.Helper()
	s.await("the bridge to be connected again", func(context.Context) error {
		for _, c := range s.companions() {
			if c.Connected && c.Active {
				return nil
			}
		}
		return errors.New("no linked device of the account is connected and active")
	})
}

func catchup(s *stage) {
	s.patient(time.Minute)
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	ben := s.newPerson(control.NewPerson{Name: "Ben"})
	s.logIn()
	room := s.greeted(anna)
	s.settled(room.Room)
	var before []*event.Event
	var ids []string
	for _, words := range []string{"to be edited", "to be reacted to", "to be deleted"} {
		text := s.text(words)
		ids = append(ids, anna.writes(s.me, text))
		evt, err := room.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		before = append(before, evt)
	}

	back := s.stopBridge()
	edited := s.text("edited meanwhile")
	anna.changesMissed(s.me, ids, edited)
	start := time.Now().Add(-2 * time.Hour).Truncate(time.Second)
	var want []string
	var times []time.Time
	for i := range 12 {
		text, at := s.text("missed"), start.Add(time.Duration(i)*7*time.Minute)
		sender := anna
		if i%4 == 3 {
			sender = s.me // written on the user's own phone
		}
		to := s.me.ID
		if sender == s.me {
			to = anna.ID
		}
		sender.sends(control.SendRequest{To: to, Text: text, Time: &at})
		want, times = append(want, text), append(times, at)
	}
	fromBen := s.text("a chat that is new")
	ben.writes(s.me, fromBen)
	back()

	_, err := room.AwaitText(s.ctx, 0, anna.mxid, want[10])
	s.must(err)
	_, err = room.AwaitText(s.ctx, 0, s.user.ID, want[11])
	s.must(err)
	var got []string
	for _, evt := range room.Messages() {
		body := evt.Content.AsMessage().Body
		i := slices.Index(want, body)
		if i < 0 {
			continue
		}
		got = append(got, body)
		if at := time.UnixMilli(evt.Timestamp); !at.Equal(times[i]) {
			s.Errorf("missed message %d has time %s, want its own %s", i, at, times[i])
		}
	}
	if !slices.Equal(got, want) {
		s.Errorf("the missed messages stand as %q, want %q, each once", got, want)
	}
	s.mustHaveChanged(room.Room, before, edited)
	_, err = s.portal(ben).AwaitText(s.ctx, 0, ben.mxid, fromBen)
	s.must(err)
}

// changesMissed edits, reacts to and deletes one message each.
func (p *person) changesMissed(to *person, ids []string, text string) {
	p.s.Helper()
	sim, network := p.s.stack.Simulator, p.s.side.control()
	target := func(i int) control.Target { return control.Target{Chat: to.ID, ID: ids[i]} }
	_, err := sim.Edit(p.s.ctx, network, p.ID, control.EditRequest{Target: target(0), Text: text})
	p.s.must(err)
	_, err = sim.React(p.s.ctx, network, p.ID, control.ReactRequest{Target: target(1), Emoji: "🎉"})
	p.s.must(err)
	_, err = sim.Revoke(p.s.ctx, network, p.ID, target(2))
	p.s.must(err)
}

// mustHaveChanged checks that the changes of changesMissed stand in a room, once each.
func (s *stage) mustHaveChanged(room *lab.Room, targets []*event.Event, text string) {
	s.Helper()
	s.await("the missed edit, reaction and deletion, once each", func(context.Context) error {
		var edits, reactions, deletions int
		for _, evt := range room.Timeline() {
			switch evt.Type {
			case event.EventMessage:
				content := evt.Content.AsMessage()
				if content.RelatesTo.GetReplaceID() == targets[0].ID && content.NewContent.Body == text {
					edits++
				}
			case event.EventReaction:
				if evt.Content.AsReaction().RelatesTo.EventID == targets[1].ID {
					reactions++
				}
			case event.EventRedaction:
				if evt.Redacts == targets[2].ID || evt.Content.AsRedaction().Redacts == targets[2].ID {
					deletions++
				}
			}
		}
		if edits != 1 || reactions != 1 || deletions != 1 {
			return fmt.Errorf("there are %d edits, %d reactions and %d deletions", edits, reactions, deletions)
		}
		return nil
	})
}

// stopBridge stops the bridge; the function it returns starts it again.
func (s *stage) stopBridge() (start func()) {
	s.Helper()
	_, from, err := s.stack.Bridge.Log(0)
	s.must(err)
	s.must(s.stack.Bridge.Stop())
	_, to, err := s.stack.Bridge.Log(0)
	s.must(err)
	s.stops = append(s.stops, span{from, to})
	return func() {
		s.Helper()
		s.must(s.stack.Bridge.Start(s.ctx))
	}
}
