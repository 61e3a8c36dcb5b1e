package e2e_test

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
)

// person is a simulated person on a stage. The methods act on their phone, and end the test when that fails.
type person struct {
	control.Person
	s    *stage
	mxid id.UserID // their ghost
}

// newPerson brings somebody with a phone on stage.
func (s *stage) newPerson(wish control.NewPerson) *person {
	s.Helper()
	made, err := s.stack.Simulator.AddPerson(s.ctx, s.side.control(), wish)
	s.must(err)
	p := &person{Person: made, s: s, mxid: id.NewUserID(s.side.ghost(made), s.stack.Homeserver.Domain)}
	s.cast = append(s.cast, p)
	return p
}

// writes sends a text and returns its id.
func (p *person) writes(to *person, text string) string {
	p.s.Helper()
	return p.sends(control.SendRequest{To: to.ID, Text: text}).ID
}

func (p *person) sends(req control.SendRequest) control.Sent {
	p.s.Helper()
	sent, err := p.s.stack.Simulator.Send(p.s.ctx, p.s.side.control(), p.ID, req)
	p.s.must(err)
	return sent
}

// rawOf is a message in the network's own form, for what the control API has no word for.
func rawOf(s *stage, message map[string]any) json.RawMessage {
	s.Helper()
	data, err := json.Marshal(message)
	s.must(err)
	return data
}

// sees waits for events on the person's phone.
func (p *person) sees(match control.Match) []control.Event {
	p.s.Helper()
	events, err := p.s.stack.Simulator.Await(p.s.ctx, p.s.side.control(), p.ID, match, p.s.user.Patience)
	p.s.must(err)
	if len(events) == 0 {
		p.s.Fatalf("the simulator awaited %+v and returned nothing", match)
	}
	return events
}

// reads waits for a text from somebody on the person's phone, and checks that it came properly.
func (p *person) reads(from *person, text string) control.Event {
	p.s.Helper()
	e := p.sees(control.Match{Kind: control.KindMessage, Sender: from.ID, Text: text})[0]
	if e.FromMe {
		p.s.Errorf("text %q is shown to %s as their own", text, p.Name)
	}
	p.mustBeEncrypted(e)
	return e
}

// mustBeEncrypted fails if a message came without the network's end-to-end encryption.
func (p *person) mustBeEncrypted(e control.Event) {
	p.s.Helper()
	if !p.s.side.encrypted(e) {
		p.s.Errorf("message %s on the phone of %s is encrypted as %q", e.ID, p.Name, e.Encrypted)
	}
}

// timeline returns all that happened on the person's phone.
func (p *person) timeline() []control.Event {
	p.s.Helper()
	events, err := p.s.stack.Simulator.Timeline(p.s.ctx, p.s.side.control(), p.ID, 0)
	p.s.must(err)
	return events
}

// got returns what of a kind others made happen on the person's phone.
func (p *person) got(kind string) []control.Event {
	p.s.Helper()
	return slices.DeleteFunc(p.timeline(), func(e control.Event) bool { return e.Kind != kind || e.FromMe })
}

// textsFrom returns the texts that somebody's messages had on this person's phone, in order.
func (p *person) textsFrom(from *person) []string {
	p.s.Helper()
	var found []string
	for _, e := range p.timeline() {
		if e.Kind == control.KindMessage && e.Sender == from.ID {
			found = append(found, e.Text)
		}
	}
	return found
}

func (p *person) behaves(change control.Behaviour) {
	p.s.Helper()
	p.s.must(p.s.stack.Simulator.SetBehaviour(p.s.ctx, p.s.side.control(), p.ID, change))
}

// breaks adds a fault, which is removed after the scenario if it strikes still: the next one would meet it.
func (s *stage) breaks(f control.Fault) control.Fault {
	s.Helper()
	added, err := s.stack.Simulator.AddFault(s.ctx, s.side.control(), f)
	s.must(err)
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 5*time.Second) // the scenario's own time may be over
		defer cancel()
		_ = s.stack.Simulator.RemoveFault(ctx, s.side.control(), added.ID) // it is gone if it has struck
	})
	return added
}
