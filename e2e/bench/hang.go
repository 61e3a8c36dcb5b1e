package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix/id"
)

const (
	hangTexts = 500
	// hangChats is how many chats of the hanging network somebody writes to and from meanwhile, every hangPause.
	hangChats = 10
	hangPause = 25 * time.Millisecond
)

func hangBenchmark() benchmark {
	return benchmark{
		name:  "hang",
		title: "One network hangs",
		about: "One user is logged in to all networks. The latency of texts on a network, first while all is well, then while another one " +
			"hangs: its connections stay, but it answers nothing and tells nothing, while 40 texts a second are written to it, and 40 by " +
			"people on it. Against the stub homeserver.",
		run: measureHang,
	}
}

func measureHang(ctx context.Context, s *stage) (table, error) {
	result := table{{"hangs", "network", "way", "median", "median, hanging", "p99", "p99, hanging", "ratio of p99"}}
	for _, hanging := range networks() {
		if err := s.startStub(ctx, nil); err != nil {
			return nil, err
		}
		rows, err := s.hangOf(ctx, hanging)
		if err != nil {
			return nil, fmt.Errorf("with %s hanging: %w", hanging.title, err)
		}
		result = append(result, rows...)
		if err = s.stop(); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// latencies are those of one network, there and back.
type latencies struct{ in, out []time.Duration }

func (s *stage) hangOf(ctx context.Context, hanging network) ([][]string, error) {
	user, err := s.home.newUser(ctx, "anna")
	if err != nil {
		return nil, err
	}
	stuck, others, err := s.everywhere(ctx, user, hanging)
	if err != nil {
		return nil, err
	}
	end := s.keepWriting(ctx, stuck)
	well, err := s.allLatencies(ctx, others)
	if err != nil {
		return nil, errors.Join(err, end())
	}
	for _, fault := range hanging.hang {
		fault.Person = stuck[0].me.ID
		if _, err = s.stack.Simulator.AddFault(ctx, hanging.name, fault); err != nil {
			return nil, errors.Join(err, end())
		}
	}
	var ill []latencies
	err = s.profiled(ctx, hanging.title+" hangs", func() error {
		ill, err = s.allLatencies(ctx, others)
		return err
	})
	if err = errors.Join(err, end(), s.mustHang(ctx, hanging)); err != nil {
		return nil, err
	}
	var rows [][]string
	for i, c := range others {
		for _, way := range []struct {
			name      string
			well, ill []time.Duration
		}{{c.net.title + " to Matrix", well[i].in, ill[i].in}, {"Matrix to " + c.net.title, well[i].out, ill[i].out}} {
			before, with := quantile99(way.well), quantile99(way.ill)
			rows = append(rows, []string{
				hanging.title, c.net.title, way.name, milli(median(way.well)), milli(median(way.ill)), milli(before), milli(with),
				fmt.Sprintf("%.2f", float64(with)/float64(before)),
			})
		}
	}
	return rows, nil
}

// mustHang is an error if nothing of the bridge's met the faults: then nothing was measured.
func (s *stage) mustHang(ctx context.Context, net network) error {
	faults, err := s.stack.Simulator.Faults(ctx, net.name)
	if err != nil {
		return err
	}
	for _, fault := range faults {
		if fault.Hits > 0 {
			return nil
		}
	}
	return errors.New("the network did not hang: nothing met its faults")
}

// everywhere logs a user in to all networks, and opens some chats on the one that is to hang, and one on each other.
func (s *stage) everywhere(ctx context.Context, user id.UserID, hanging network) (stuck, others []*chat, err error) {
	for _, net := range networks() {
		me, err := s.newPerson(ctx, net, "anna")
		if err != nil {
			return nil, nil, err
		}
		a := &account{net, user, me}
		if err = s.logIn(ctx, a); err != nil {
			return nil, nil, err
		}
		count := 1
		if net.name == hanging.name {
			count = hangChats
		}
		chats, err := s.newChats(ctx, a, count)
		if err != nil {
			return nil, nil, err
		}
		if net.name == hanging.name {
			stuck = chats
		} else {
			others = append(others, chats...)
		}
	}
	return stuck, others, nil
}

func (s *stage) allLatencies(ctx context.Context, chats []*chat) ([]latencies, error) {
	var all []latencies
	for _, c := range chats {
		if _, err := s.latencyIn(ctx, c, latencyFirst); err != nil {
			return nil, err
		}
		in, err := s.latencyIn(ctx, c, s.count(hangTexts))
		if err != nil {
			return nil, err
		}
		out, err := s.latencyOut(ctx, c, s.count(hangTexts))
		if err != nil {
			return nil, err
		}
		all = append(all, latencies{in, out})
	}
	return all, nil
}

// keepWriting writes to and from chats until end is called, without caring for what arrives.
func (s *stage) keepWriting(ctx context.Context, chats []*chat) (end func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		tick := time.NewTicker(hangPause)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				ended <- nil
				return
			}
			c := chats[i%len(chats)]
			err := s.home.send(ctx, c.user, c.room, s.text("out"))
			if err == nil {
				err = s.write(ctx, c, s.text("in"))
			}
			if err != nil && ctx.Err() == nil {
				ended <- fmt.Errorf("keep %s busy: %w", c.net.title, err)
				return
			}
		}
	}()
	return func() error {
		cancel()
		return <-ended
	}
}
