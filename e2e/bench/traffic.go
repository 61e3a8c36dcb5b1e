package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// burst is what came of many messages written as fast as it goes.
type burst struct {
	count   int
	written time.Duration // until the last one was written
	arrived time.Duration // until the last one was there
	busy    time.Duration // of the bridge's processors
}

// rate is in messages a second.
func (b burst) rate() float64 { return float64(b.count) / b.arrived.Seconds() }

func (b burst) writingRate() float64 { return float64(b.count) / b.written.Seconds() }

// each is the bridge's processor time for one.
func (b burst) each() time.Duration { return b.busy / time.Duration(b.count) }

// costed is a burst with the processor time that it took.
func (s *stage) costed(f func() (burst, error)) (burst, error) {
	before, err := lab.ReadProcessorTime(s.stack.Bridge.PID())
	if err != nil {
		return burst{}, err
	}
	b, err := f()
	if err != nil {
		return b, err
	}
	after, err := lab.ReadProcessorTime(s.stack.Bridge.PID())
	b.busy = after - before
	return b, err
}

// latencyIn has a chat's other person write, each time after the last text was seen in Matrix.
func (s *stage) latencyIn(ctx context.Context, c *chat, count int) ([]time.Duration, error) {
	var took []time.Duration
	for range count {
		body := s.text("in")
		begin := time.Now()
		if err := s.write(ctx, c, body); err != nil {
			return nil, err
		}
		found, err := s.seen.await(ctx, body)
		if err != nil {
			return nil, err
		}
		took = append(took, found.time.Sub(begin))
	}
	return took, nil
}

// latencyOut has a chat's Matrix user write, each time after the last text arrived.
func (s *stage) latencyOut(ctx context.Context, c *chat, count int) ([]time.Duration, error) {
	var took []time.Duration
	from := 0
	for range count {
		body := s.text("out")
		begin := time.Now()
		if err := s.home.send(ctx, c.user, c.room, body); err != nil {
			return nil, err
		}
		event, err := s.arrival(ctx, c, from, body)
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin)) // networks stamp events by the second, some of them
		from = event.Index + 1
	}
	return took, nil
}

// arrival waits for a text of the account's to arrive at a chat's other person.
func (s *stage) arrival(ctx context.Context, c *chat, from int, body string) (control.Event, error) {
	match := control.Match{From: from, Kind: control.KindMessage, Sender: c.me.ID, Text: body}
	events, err := s.stack.Simulator.Await(ctx, c.net.name, c.person.ID, match, patience)
	if err != nil {
		return control.Event{}, err
	}
	return events[0], nil
}

// burstIn has all chats' other persons write at the same time, count texts in all.
func (s *stage) burstIn(ctx context.Context, chats []*chat, count int) (burst, error) {
	bodies := make([][]string, len(chats))
	for i := range count {
		bodies[i%len(chats)] = append(bodies[i%len(chats)], s.text("in"))
	}
	begin := time.Now()
	err := each(chats, func(i int, c *chat) error {
		for _, body := range bodies[i] {
			if err := s.write(ctx, c, body); err != nil {
				return err
			}
		}
		return nil
	})
	b := burst{count: count, written: time.Since(begin)}
	if err != nil {
		return b, err
	}
	for _, some := range bodies {
		last, err := s.seen.awaitAll(ctx, some)
		if err != nil {
			return b, err
		}
		b.arrived = max(b.arrived, last.Sub(begin))
	}
	return b, nil
}

// burstOut has the Matrix user write count texts, to one chat after the other.
func (s *stage) burstOut(ctx context.Context, chats []*chat, count int) (burst, error) {
	from := make([]int, len(chats))
	for i, c := range chats {
		timeline, err := s.stack.Simulator.Timeline(ctx, c.net.name, c.person.ID, 0)
		if err != nil {
			return burst{}, err
		}
		from[i] = len(timeline)
	}
	begin := time.Now()
	for i := range count {
		c := chats[i%len(chats)]
		if err := s.home.send(ctx, c.user, c.room, s.text("out")); err != nil {
			return burst{}, err
		}
	}
	b := burst{count: count, written: time.Since(begin)}
	arrived := make([]time.Duration, len(chats))
	err := each(chats, func(i int, c *chat) error {
		want := count / len(chats)
		if i < count%len(chats) {
			want++
		}
		if want == 0 {
			return nil
		}
		match := control.Match{From: from[i], Kind: control.KindMessage, Sender: c.me.ID, Contains: "out ", Count: want}
		if _, err := s.stack.Simulator.Await(ctx, c.net.name, c.person.ID, match, patience); err != nil {
			return fmt.Errorf("wait for %d texts: %w", want, err)
		}
		arrived[i] = time.Since(begin)
		return nil
	})
	b.arrived = slices.Max(arrived)
	return b, err
}

// each calls f for all chats at the same time, and waits for all.
func each(chats []*chat, f func(int, *chat) error) error {
	results := make(chan error)
	for i, c := range chats {
		go func() { results <- f(i, c) }()
	}
	var err error
	for range chats {
		err = errors.Join(err, <-results)
	}
	return err
}
