package whatsapp_test

import (
	"fmt"
	"sync"
	"testing"

	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
)

// TestPhonesAtOnce has everybody write to everybody at the same time. Run it with the race detector.
func TestPhonesAtOnce(t *testing.T) {
	s := newSimulation(t)
	const people, messages = 4, 10
	var all []control.Person
	for i := range people {
		all = append(all, s.addPerson(fmt.Sprintf("Person %d", i)))
	}
	var wg sync.WaitGroup
	for _, from := range all {
		for _, to := range all {
			if from.ID == to.ID {
				continue
			}
			wg.Go(func() {
				for i := range messages {
					req := control.SendRequest{To: to.ID, Text: fmt.Sprintf("%s %d", from.ID, i)}
					if _, err := s.api.Send(t.Context(), whatsapp.Name, from.ID, req); err != nil {
						t.Errorf("%s to %s: %v", from.ID, to.ID, err)
					}
				}
			})
		}
	}
	wg.Wait()
	yes, no := true, false
	for _, p := range all {
		got, err := s.api.Await(t.Context(), whatsapp.Name, p.ID, control.Match{
			Kind: control.KindMessage, FromMe: &no, Count: (people - 1) * messages,
		}, patience)
		if err != nil {
			t.Fatal(err)
		}
		next := map[string]int{}
		for _, e := range got {
			if want := fmt.Sprintf("%s %d", e.Sender, next[e.Sender]); e.Text != want {
				t.Errorf("%s got %q, want %q", p.ID, e.Text, want)
			}
			next[e.Sender]++
		}
		if _, err := s.api.Await(t.Context(), whatsapp.Name, p.ID, control.Match{
			Kind: control.KindReceipt, Text: "delivered", Count: (people - 1) * messages,
		}, patience); err != nil {
			t.Error(err)
		}
		if found, err := s.api.Await(t.Context(), whatsapp.Name, p.ID, control.Match{
			Kind: control.KindMessage, FromMe: &yes, Count: (people - 1) * messages,
		}, patience); err != nil {
			t.Errorf("own messages: %d, %v", len(found), err)
		}
	}
}

func TestPhonesBlock(t *testing.T) {
	s := newSimulation(t)
	anna, ben := s.addPerson("Anna"), s.addPerson("Ben")
	if err := s.api.Block(t.Context(), whatsapp.Name, ben.ID, anna.ID, true); err != nil {
		t.Fatal(err)
	}
	s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "not wanted"})
	if err := s.api.Block(t.Context(), whatsapp.Name, ben.ID, anna.ID, false); err != nil {
		t.Fatal(err)
	}
	s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "wanted"})
	s.await(ben.ID, control.Match{Text: "wanted"})
	timeline, err := s.api.Timeline(t.Context(), whatsapp.Name, ben.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range timeline {
		if e.Text == "not wanted" {
			t.Error("a blocked person's message arrived")
		}
	}
}

func TestPresence(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	if err := c.SubscribePresence(t.Context(), lid(anna)); err != nil {
		t.Fatal(err)
	}
	// Nothing acknowledges a subscription, so its arrival is awaited.
	if _, err := s.api.AwaitLog(t.Context(), whatsapp.Name, control.LogMatch{
		Person: ben.ID, Direction: "in", Pattern: `<presence [^>]*type="subscribe"`,
	}, patience); err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	for _, available := range []*bool{&yes, &no} {
		if err := s.api.Presence(t.Context(), whatsapp.Name, anna.ID, control.PresenceRequest{Available: available}); err != nil {
			t.Fatal(err)
		}
	}
	expect(c, "presence", func(e *events.Presence) bool { return e.From.User == anna.LID && !e.Unavailable })
}

func TestCall(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	rang, err := s.api.Call(t.Context(), whatsapp.Name, anna.ID, control.CallRequest{To: ben.ID, Video: true, Stop: "timeout"})
	if err != nil {
		t.Fatal(err)
	}
	expect(c, "call", func(e *events.CallOffer) bool { return e.CallID == rang.ID && e.CallCreator.User == anna.LID })
	expect(c, "end of call", func(e *events.CallTerminate) bool { return e.CallID == rang.ID && e.Reason == "timeout" })
}

func TestTokenIssued(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, _ := s.linked("Ben")
	if err := s.api.IssueToken(t.Context(), whatsapp.Name, anna.ID, ben.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.AwaitLog(t.Context(), whatsapp.Name, control.LogMatch{
		Person: ben.ID, Device: 1, Direction: "in", Pattern: `<ack [^>]*type="privacy_token"`,
	}, patience); err != nil {
		t.Error(err)
	}
}
