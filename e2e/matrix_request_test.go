package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// estranging is a side on which people can write whom the user has not accepted.
type estranging interface {
	// estrange makes the next message of a person a request. The user is logged in.
	estrange(*stage, *person)
}

func (whatsapp) estrange(s *stage, _ *person) {
	s.Helper()
	answer, err := s.bot.Ask(s.ctx, "whatsapp-requests on")
	s.must(err)
	if !strings.Contains(answer, "will be requests") {
		s.Fatalf("the bot answers %q", answer)
	}
}

func (m messenger) estrange(s *stage, p *person) {
	s.Helper()
	s.must(s.stack.Simulator.SetContact(s.ctx, m.control(), s.me.ID, control.Contact{ID: p.ID}))
}

// requests shows people whom the user does not know: what they write stands among the requests, nothing is marked read,
// and the user accepts by writing, by a click and by a command, and declines.
func requests(s *stage) {
	// bridgev2 notes who is in a portal whenever something happens there, even while the portal is deleted.
	s.announced = append(s.announced, "Failed to ensure user portal row exists")
	names := []string{"Anna", "Ben", "Cleo"}
	var people []*person
	for _, name := range names {
		people = append(people, s.newPerson(control.NewPerson{Name: name}))
	}
	anna, ben, cleo := people[0], people[1], people[2]
	s.logIn()
	for _, p := range people {
		s.side.(estranging).estrange(s, p)
	}
	_, network := s.side.protocol()

	portal, _ := s.requested(anna)
	s.must(portal.MarkRead(s.ctx, portal.greeting.ID))
	list, err := s.bot.Ask(s.ctx, "requests")
	s.must(err)
	if !strings.Contains(list, url.PathEscape(portal.ID.String())) {
		s.Errorf("the bot lists the requests %q, want room %s among them", list, portal.ID)
	}
	reply := s.text("who are you?")
	_, err = portal.SendText(s.ctx, reply)
	s.must(err)
	anna.reads(s.me, reply)
	s.accepted(portal.Room)
	for _, e := range anna.timeline() {
		if e.Kind == control.KindReceipt && e.Sender == s.me.ID && e.Text == "read" {
			s.Errorf("Anna was told that her message was read before she was accepted: %+v", e)
		}
		if e.Kind == control.KindMessage && e.Sender == s.me.ID {
			break
		}
	}

	portal, question := s.requested(ben)
	s.clicks(portal.Room, question, "✅")
	s.accepted(portal.Room)
	if got := ben.textsFrom(s.me); len(got) != 0 {
		s.Errorf("Ben's phone has %q of the user, want nothing", got)
	}
	text := s.text("and now?")
	ben.writes(s.me, text)
	evt, err := portal.AwaitText(s.ctx, 0, ben.mxid, text)
	s.must(err)
	s.must(portal.MarkRead(s.ctx, evt.ID))
	ben.sees(control.Match{Kind: control.KindReceipt, Sender: s.me.ID, Text: "read"})

	portal, question = s.requested(cleo)
	s.clicks(portal.Room, question, "❌")
	s.gone(portal.Room)
	portal, _ = s.requested(cleo)
	_, err = portal.SendText(s.ctx, "!cc decline")
	s.must(err)
	s.gone(portal.Room)
	portal, _ = s.requested(cleo)
	_, err = portal.SendText(s.ctx, "!cc accept")
	s.must(err)
	s.accepted(portal.Room)
	s.awaitPlace(portal.ID, network, "Requests")
}

// requested has a person write whom the user does not know, and returns the room of the request and the bot's question.
func (s *stage) requested(p *person) (*roomOf, id.EventID) {
	s.Helper()
	_, network := s.side.protocol()
	portal := s.greeted(p)
	s.awaitPlace(portal.ID, "Requests", network)
	s.await("the room to be marked as a request", func(ctx context.Context) error {
		info, err := s.bridgeInfo(ctx, portal.Room)
		if err == nil && !info.Channel.MessageRequest {
			err = fmt.Errorf("m.bridge has no mark")
		}
		return err
	})
	bot := s.stack.Bridge.Bot
	question, err := portal.AwaitEvent(s.ctx, 0, "the bot's question", func(evt *event.Event) bool {
		return evt.Sender == bot && evt.Type == event.EventMessage && strings.Contains(evt.Content.AsMessage().Body, "request")
	})
	s.must(err)
	for _, key := range []string{"✅", "❌"} {
		_, err = portal.AwaitEvent(s.ctx, 0, "the reaction to click "+key, func(evt *event.Event) bool {
			return evt.Sender == bot && evt.Type == event.EventReaction && evt.Content.AsReaction().RelatesTo.EventID == question.ID &&
				evt.Content.AsReaction().RelatesTo.Key == key
		})
		s.must(err)
	}
	return portal, question.ID
}

func (s *stage) clicks(room *lab.Room, target id.EventID, key string) {
	s.Helper()
	_, err := s.user.Client.SendReaction(s.ctx, room.ID, target, key)
	s.must(err)
}

// accepted waits until a room is a request no more.
func (s *stage) accepted(room *lab.Room) {
	s.Helper()
	_, network := s.side.protocol()
	s.awaitPlace(room.ID, network, "Requests")
	s.await("the room to be marked as a request no more", func(ctx context.Context) error {
		info, err := s.bridgeInfo(ctx, room)
		if err == nil && info.Channel.MessageRequest {
			err = errors.New("m.bridge has the mark")
		}
		return err
	})
}

// gone waits until the user is in a room no more.
func (s *stage) gone(room *lab.Room) {
	s.Helper()
	s.await(fmt.Sprintf("the room %s to go", room.ID), func(ctx context.Context) error {
		joined, err := s.user.Client.JoinedRooms(ctx)
		if err == nil && slices.Contains(joined.JoinedRooms, room.ID) {
			err = fmt.Errorf("the user is still in it")
		}
		return err
	})
}
