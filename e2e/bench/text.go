package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// burstChats is over how many chats a burst goes: enough for chats to be handled side by side, where they can be.
	burstChats = 20
	burstTexts = 2000
	// A real homeserver is slow enough to measure with less.
	burstTextsDefault = 300
	latencyTexts      = 300
	latencyDefault    = 100
	latencyFirst      = 5 // not counted: caches and sessions come to be
)

func textBenchmark() benchmark {
	return benchmark{
		name:  "text",
		title: "Texts of WhatsApp",
		about: "Latency: from the moment the sender is told to write to the moment the text is with the recipient, one text at a time; " +
			"it has the simulated phone's own work in it. Burst: texts that are written as fast as it goes, in 20 chats of one account; " +
			"the rate at which they arrive, the one at which they were written meanwhile, and the processor time of the bridge for each. The stub homeserver only answers, so it shows " +
			"the bridge; with the other one, the homeserver is most of what is measured.",
		run: measureText,
	}
}

func measureText(ctx context.Context, s *stage) (table, error) {
	result := table{{"homeserver", "way", "latency median", "latency p99", "burst", "arrived", "written", "processor time"}}
	for _, kind := range []struct {
		name           string
		start          func(context.Context, map[string]string) error
		texts, latency int
	}{
		{"stub", s.startStub, burstTexts, latencyTexts}, {"default", s.startDefault, burstTextsDefault, latencyDefault},
	} {
		if err := kind.start(ctx, nil); err != nil {
			return nil, err
		}
		ways, err := s.bothWays(ctx, whatsApp, kind.name, s.count(kind.latency), s.count(kind.texts))
		if err != nil {
			return nil, err
		}
		for _, way := range ways {
			result = append(result, []string{
				s.home.about(), way.name, milli(median(way.latency)), milli(quantile99(way.latency)), fmt.Sprint(way.burst.count),
				perSecond(way.burst.rate()), perSecond(way.burst.writingRate()), milli(way.burst.each()),
			})
		}
		if err = s.stop(); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// way is what was measured of texts in one direction.
type way struct {
	name    string
	latency []time.Duration
	burst   burst
}

// bothWays measures latency and bursts of texts. profile is what profiles are called.
func (s *stage) bothWays(ctx context.Context, net network, profile string, latencies, texts int) ([]way, error) {
	a, err := s.newAccount(ctx, net, "anna")
	if err != nil {
		return nil, err
	}
	chats, err := s.newChats(ctx, a, burstChats)
	if err != nil {
		return nil, err
	}
	var ways []way
	for _, to := range []struct {
		name    string
		latency func(context.Context, *chat, int) ([]time.Duration, error)
		burst   func(context.Context, []*chat, int) (burst, error)
	}{
		{net.title + " to Matrix", s.latencyIn, s.burstIn}, {"Matrix to " + net.title, s.latencyOut, s.burstOut},
	} {
		if _, err = to.latency(ctx, chats[0], latencyFirst); err != nil {
			return nil, err
		}
		w := way{name: to.name}
		if w.latency, err = to.latency(ctx, chats[0], latencies); err != nil {
			return nil, err
		}
		err = s.profiled(ctx, fmt.Sprintf("%s, %s", profile, to.name), func() error {
			w.burst, err = s.costed(func() (burst, error) { return to.burst(ctx, chats, texts) })
			return err
		})
		if err != nil {
			return nil, err
		}
		ways = append(ways, w)
	}
	return ways, nil
}
