package e2e_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// deaf lets the connection live, answer and take messages, and deliver nothing. The bridge is to notice that by itself.
func deaf(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	defer s.configured(map[string]string{"network.whatsapp.deaf_after": "4s", "network.whatsapp.deaf_answer": "3s"})()
	s.logIn()
	portal := s.greeted(anna)
	s.settled(portal.Room)
	_, from, err := s.stack.Bridge.Log(0)
	s.must(err)

	fault := s.breaks(control.Fault{Kind: "deaf", Person: s.me.ID, Args: map[string]string{"until": "connect"}})
	held := s.text("into deaf ears")
	anna.writes(s.me, held)
	// What goes out still arrives: the connection looks alive.
	out := s.text("still going out")
	_, err = portal.SendText(s.ctx, out)
	s.must(err)
	anna.reads(s.me, out)
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
	for _, word := range []string{"Connection delivers nothing, building it anew", "Connection delivers again"} {
		s.await("the log to say so", func(context.Context) error { return logged(s.stack.Bridge, from, word) })
	}
	s.await("the state to be reported", func(context.Context) error { return logged(s.stack.Bridge, from, "whatsapp-deaf") })
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
