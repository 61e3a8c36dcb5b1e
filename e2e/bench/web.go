package main

import (
	"context"
	"fmt"
	"time"
)

const (
	webLogins    = 10
	webThreads   = 1000
	webBurst     = 2000
	webLatencies = 200
	// webQuiet is after how much silence nothing more is taken to come.
	webQuiet = 10 * time.Second
)

func webBenchmark() benchmark {
	return benchmark{
		name:  "web",
		title: "Networks of the web",
		about: "Connected: from the cookies being given to the bridge's word that the account is connected, its page loaded and its socket " +
			"open; the median of ten accounts. First sync: an account with 1,000 threads of one message each, all of which are wanted, from the cookies to the last " +
			"one in a room of its own, how many came, and the peak of the bridge's resident memory. Texts as for WhatsApp, with the stub " +
			"homeserver; the pauses that the bridge makes for the real network's sake are off.",
		run: measureWeb,
	}
}

func measureWeb(ctx context.Context, s *stage) (table, error) {
	result := table{{"network", "what", "result"}}
	for _, net := range networks() {
		if !net.web {
			continue
		}
		for _, part := range []func(context.Context, network) ([][]string, error){s.webConnect, s.webSync, s.webTexts} {
			if err := s.startStub(ctx, map[string]string{"network.chats_at_login": "all"}); err != nil {
				return nil, err
			}
			rows, err := part(ctx, net)
			if err != nil {
				return nil, err
			}
			result = append(result, rows...)
			if err = s.stop(); err != nil {
				return nil, err
			}
		}
	}
	return result, nil
}

func (s *stage) webConnect(ctx context.Context, net network) ([][]string, error) {
	var took []time.Duration
	for i := range s.count(webLogins) {
		begin := time.Now()
		if _, err := s.newAccount(ctx, net, fmt.Sprintf("user%d", i)); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
	}
	return [][]string{{net.title, "connected", milli(median(took))}}, nil
}

func (s *stage) webSync(ctx context.Context, net network) ([][]string, error) {
	a, err := s.newStranger(ctx, net, "anna")
	if err != nil {
		return nil, err
	}
	var texts []string
	for i := range s.count(webThreads) {
		person, err := s.newPerson(ctx, net, fmt.Sprintf("Contact %d", i))
		if err != nil {
			return nil, err
		}
		text := s.text("past")
		texts = append(texts, text)
		if err = s.write(ctx, &chat{account: a, person: person}, text); err != nil {
			return nil, err
		}
	}
	var came int
	var took time.Duration
	before, peak, err := s.peakOf(ctx, net.title+", sync", func() error {
		begin := time.Now()
		if err := s.logIn(ctx, a); err != nil {
			return err
		}
		count, last, err := s.seen.awaitQuiet(ctx, texts, webQuiet)
		came, took = count, last.Sub(begin)
		return err
	})
	if err != nil {
		return nil, err
	}
	return [][]string{
		{net.title, fmt.Sprintf("first sync of %d threads", len(texts)), fmt.Sprintf("%s, %s (%d came)", took.Round(100*time.Millisecond),
			perSecond(float64(came)/took.Seconds()), came)},
		{net.title, "memory before it, and at its peak", mebi(before) + ", " + mebi(peak)},
	}, nil
}

func (s *stage) webTexts(ctx context.Context, net network) ([][]string, error) {
	ways, err := s.bothWays(ctx, net, "web", s.count(webLatencies), s.count(webBurst))
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for _, way := range ways {
		rows = append(rows,
			[]string{net.title, way.name + ", latency", fmt.Sprintf("median %s, p99 %s", milli(median(way.latency)), milli(quantile99(way.latency)))},
			[]string{net.title, fmt.Sprintf("%s, burst of %d", way.name, way.burst.count),
				fmt.Sprintf("%s, processor time %s", perSecond(way.burst.rate()), milli(way.burst.each()))})
	}
	return rows, nil
}
