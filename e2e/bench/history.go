package main

import (
	"context"
	"fmt"
	"time"

	"crosschat/simulator/control"
)

const (
	historyChats = 50
	historyEach  = 200 // more than that a simulated phone does not send unasked
)

func historyBenchmark() benchmark {
	return benchmark{
		name:  "history",
		title: "History of WhatsApp",
		about: "An account with 50 chats of 200 messages each is logged in (`max_initial_messages: 200`): the time from the scanned code " +
			"until all of them stand in rooms of the stub homeserver, and the bridge's resident memory before, at its peak, and after.",
		run: measureHistory,
	}
}

func measureHistory(ctx context.Context, s *stage) (table, error) {
	if err := s.startStub(ctx, map[string]string{"backfill.max_initial_messages": fmt.Sprint(historyEach)}); err != nil {
		return nil, err
	}
	a, err := s.newStranger(ctx, whatsApp, "anna")
	if err != nil {
		return nil, err
	}
	texts, err := s.pastOf(ctx, a.me, s.count(historyChats))
	if err != nil {
		return nil, err
	}
	var took time.Duration
	before, peak, err := s.peakOf(ctx, "history", func() error {
		begin := time.Now()
		if err := s.logIn(ctx, a); err != nil {
			return err
		}
		last, err := s.seen.awaitAll(ctx, texts)
		took = last.Sub(begin)
		return err
	})
	if err != nil {
		return nil, err
	}
	after, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	return table{
		{"messages", "time", "rate", "memory before", "peak", "after"},
		{fmt.Sprint(len(texts)), took.Round(100 * time.Millisecond).String(), perSecond(float64(len(texts)) / took.Seconds()),
			mebi(before), mebi(peak), mebi(after)},
	}, nil
}

// pastOf gives somebody's phone chats with messages of the last days, and returns their texts.
func (s *stage) pastOf(ctx context.Context, me control.Person, chats int) ([]string, error) {
	var texts []string
	now := time.Now().Truncate(time.Second)
	for range chats {
		p, err := s.newPerson(ctx, whatsApp, "Contact")
		if err != nil {
			return nil, err
		}
		var past []control.HistoryMessage
		for i := range historyEach {
			m := control.HistoryMessage{
				Chat: p.ID, Sender: p.ID, ID: fmt.Sprintf("BENCH%015d", len(texts)), Text: s.text("past"),
				Time: now.Add(time.Duration(i-historyEach) * time.Minute),
			}
			texts, past = append(texts, m.Text), append(past, m)
		}
		if err = s.stack.Simulator.AddHistory(ctx, whatsApp.name, me.ID, past); err != nil {
			return nil, err
		}
	}
	return texts, nil
}
