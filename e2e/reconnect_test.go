package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"

	"crosschat/simulator/control"
)

// reconnect breaks the connection at ten points while texts go both ways. The seed chooses their order and where among
// the messages they strike, so that a failure can be repeated.
func reconnect(s *stage) {
	const each = 4
	seed := seedFromEnv(s)
	anna, portal := s.withAnna()
	s.patient(time.Minute)
	s.failsToSend() // the library logs each try that a break cut short
	wantIn, wantOut := texts(portal.Room, anna.mxid), []string(nil)
	drops := s.side.drops(rand.New(rand.NewPCG(seed, 0)), s.me.Person)
	if len(drops) != 10 {
		s.Fatalf("the side has %d ways to drop a connection, want 10", len(drops))
	}
	for i, d := range drops {
		var ids []string
		for _, f := range d.faults {
			ids = append(ids, s.breaks(f).ID)
		}
		// Texts and breaks run into each other: that is the point. Those from Matrix go on while the connection is away.
		sent := make(chan error, 1)
		in, out := make([]string, each), make([]string, each)
		for n := range each {
			in[n], out[n] = s.text(fmt.Sprintf("drop %d in %d", i, n)), s.text(fmt.Sprintf("drop %d out %d", i, n))
		}
		go func() {
			for _, text := range in {
				if _, err := s.stack.Simulator.Send(s.ctx, s.side.control(), anna.ID, control.SendRequest{To: s.me.ID, Text: text}); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		for _, text := range out {
			_, err := portal.SendText(s.ctx, text)
			s.must(err)
		}
		s.must(<-sent)
		wantIn, wantOut = append(wantIn, in...), append(wantOut, out...)
		s.await(fmt.Sprintf("all texts after a drop %s", d.name), func(ctx context.Context) error {
			if err := arrived(texts(portal.Room, anna.mxid), len(wantIn), anna.textsFrom(s.me), len(wantOut)); err != nil {
				return err
			}
			return s.struck(ctx, ids)
		})
		s.connected(d.name)
	}
	compare(s, "in Matrix", texts(portal.Room, anna.mxid), wantIn)
	compare(s, "on the contact's phone", anna.textsFrom(s.me), wantOut)
}

// seedFromEnv is 1, unless CROSSCHAT_SEED says otherwise.
func seedFromEnv(s *stage) uint64 {
	s.Helper()
	text := os.Getenv("CROSSCHAT_SEED")
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		s.Fatalf("CROSSCHAT_SEED: %v", err)
	}
	return seed
}

// struck fails while one of the faults has not struck yet.
func (s *stage) struck(ctx context.Context, ids []string) error {
	faults, err := s.stack.Simulator.Faults(ctx, s.side.control())
	if err != nil {
		return err
	}
	for _, f := range faults {
		if slices.Contains(ids, f.ID) && f.Hits == 0 {
			return fmt.Errorf("the fault %s %v has not struck yet", f.Kind, f.Args)
		}
	}
	return nil
}

// connected waits until the account's one device is back by itself.
func (s *stage) connected(after string) {
	s.Helper()
	s.await("the bridge to be connected again after a drop "+after, func(context.Context) error {
		if c := s.companions(); len(c) != 1 || !c[0].Connected || !c[0].Active {
			return fmt.Errorf("linked devices are %+v", c)
		}
		return nil
	})
}
