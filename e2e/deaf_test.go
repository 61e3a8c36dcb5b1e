package e2e_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// deafness is a way in which a connection lives, answers and takes messages, and delivers nothing.
type deafness struct {
	config map[string]string // by which the bridge notices it sooner
	fault  control.Fault
	lasts  bool     // no connection delivers, until the fault is removed
	logged []string // what the bridge's log says of it
}

func (whatsapp) deafness(p control.Person) deafness {
	return deafness{
		config: map[string]string{"network.whatsapp.deaf_after": "4s", "network.whatsapp.deaf_answer": "3s"},
		fault:  control.Fault{Kind: "deaf", Person: p.ID, Args: map[string]string{"until": "connect"}},
		logged: []string{"Connection delivers nothing, building it anew", "Connection delivers again", "whatsapp-deaf"},
	}
}

func (messenger) deafness(p control.Person) deafness {
	return deafness{
		config: map[string]string{"network.messenger.wire.resync_interval": "5s"},
		fault:  control.Fault{Kind: "stall", Person: p.ID, Stanza: "push/1"},
	}
}

// deafness: nothing tells a socket that delivers nothing from one over which nobody writes.
func (messengerE2EE) deafness(p control.Person) deafness {
	return deafness{
		config: map[string]string{"network.messenger.encrypted_quiet": "5s"},
		fault:  control.Fault{Kind: "deaf", Person: p.ID},
		lasts:  true,
	}
}

func (instagram) deafness(p control.Person) deafness {
	return deafness{
		config: map[string]string{"network.instagram.wire.watch_interval": "5s"},
		fault:  control.Fault{Kind: "deaf", Person: p.ID},
	}
}

// deaf makes the connection deaf. The bridge is to notice that by itself.
func deaf(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	how := s.side.deafness(s.me.Person)
	defer s.configured(how.config)()
	s.logIn()
	portal := s.greeted(anna)
	s.settled(portal.Room)
	_, from, err := s.stack.Bridge.Log(0)
	s.must(err)

	fault := s.breaks(how.fault)
	held := s.text("into deaf ears")
	anna.writes(s.me, held)
	// What goes out still arrives: the connection looks alive.
	out := s.text("still going out")
	_, err = portal.SendText(s.ctx, out)
	s.must(err)
	anna.reads(s.me, out)
	if how.lasts {
		s.must(s.stack.Simulator.RemoveFault(s.ctx, s.side.control(), fault.ID))
	}
	s.patient(time.Minute)
	_, err = portal.AwaitText(s.ctx, 0, anna.mxid, held)
	s.must(err)
	s.must(s.struck(s.ctx, []string{fault.ID}))
	s.connected("that nobody made")
	after := s.text("heard at once")
	anna.writes(s.me, after)
	_, err = portal.AwaitText(s.ctx, 0, anna.mxid, after)
	s.must(err)
	if got := texts(portal.Room, anna.mxid); len(got) != 3 {
		s.Errorf("the room has %q, want three texts, each once", got)
	}
	for _, words := range how.logged {
		s.await("the log to say so", func(context.Context) error { return logged(s.stack.Bridge, from, words) })
	}
}

// logged fails unless the bridge's log has a text, from a position on.
func logged(bridge *lab.Bridge, from int64, text string) error {
	lines, _, err := bridge.Log(from)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if strings.Contains(line.Raw, text) {
			return nil
		}
	}
	return errors.New("the log does not have: " + text)
}
