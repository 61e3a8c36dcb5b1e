package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

const (
	largeFile   = 100 << 20
	largeRounds = 3
)

func largeBenchmark() benchmark {
	return benchmark{
		name:  "large",
		title: "A file of 100 MB",
		about: "The bridge's resident memory before, at its peak, and ten seconds after one file, and the time from sending it on one side to " +
			"having its message on the other; medians of three files each way.",
		run: measureLarge,
	}
}

// passage is what one file cost.
type passage struct {
	before, peak, after int64
	took                time.Duration
}

func measureLarge(ctx context.Context, s *stage) (table, error) {
	if err := s.startDefault(ctx, nil); err != nil {
		return nil, err
	}
	a, err := s.newAccount(ctx, whatsApp, "alice")
	if err != nil {
		return nil, err
	}
	c, err := s.newChat(ctx, a, "Anna")
	if err != nil {
		return nil, err
	}
	room := s.home.(*realHome).users[a.user].Room(c.room)
	room.User.Patience = patience
	in := func() error {
		from := room.Mark()
		_, err := s.stack.Simulator.Send(ctx, c.net.name, c.person.ID, control.SendRequest{To: a.me.ID, Media: &control.Media{
			Kind: "video", Noise: largeFile, MIMEType: "video/mp4", Seconds: 60,
		}})
		if err != nil {
			return err
		}
		_, err = room.AwaitEvent(ctx, from, "the file", func(evt *event.Event) bool {
			return evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgVideo
		})
		return err
	}
	data := make([]byte, largeFile)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	sent := 0
	out := func() error {
		_, err := room.SendFile(ctx, lab.File{Type: event.MsgFile, Name: "large.bin", MIMEType: "application/octet-stream", Data: data})
		if err != nil {
			return err
		}
		sent++
		_, err = s.stack.Simulator.Await(ctx, c.net.name, c.person.ID,
			control.Match{Kind: control.KindMessage, Sender: a.me.ID, Count: sent}, patience)
		return err
	}
	result := table{{"way", "before", "peak", "growth", "after", "growth of the file's size", "time"}}
	for _, way := range []struct {
		name string
		pass func() error
	}{{"WhatsApp to Matrix", in}, {"Matrix to WhatsApp", out}} {
		row, err := s.passages(ctx, way.name, way.pass)
		if err != nil {
			return nil, err
		}
		result = append(result, row)
	}
	return result, nil
}

// passages is the table's row of one way.
func (s *stage) passages(ctx context.Context, name string, pass func() error) ([]string, error) {
	var before, peak, growth, after []int64
	var took []time.Duration
	for range largeRounds {
		p, err := s.watch(ctx, pass)
		if err != nil {
			return nil, err
		}
		before, peak, after = append(before, p.before), append(peak, p.peak), append(after, p.after)
		growth, took = append(growth, p.peak-p.before), append(took, p.took)
	}
	grown := median(growth)
	return []string{
		name, mebi(median(before)), mebi(median(peak)), mebi(grown), mebi(median(after)),
		fmt.Sprintf("%.1f %%", 100*float64(grown)/largeFile), median(took).Round(100 * time.Millisecond).String(),
	}, nil
}

// watch measures the bridge while pass runs.
func (s *stage) watch(ctx context.Context, pass func() error) (p passage, err error) {
	pid := s.stack.Bridge.PID()
	if err = lab.ResetPeak(pid); err != nil {
		return p, err
	}
	memory, err := lab.ReadMemory(pid)
	if err != nil {
		return p, err
	}
	p.before = memory.Now
	begin := time.Now()
	if err = pass(); err != nil {
		return p, err
	}
	p.took = time.Since(begin)
	if memory, err = lab.ReadMemory(pid); err != nil {
		return p, err
	}
	p.peak = memory.Peak
	select {
	case <-time.After(10 * time.Second): // what is measured is whether memory is given back
	case <-ctx.Done():
		return p, ctx.Err()
	}
	memory, err = lab.ReadMemory(pid)
	p.after = memory.Now
	return p, err
}
