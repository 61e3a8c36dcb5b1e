package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"crosschat/e2e/lab"
)

const (
	ledgerTurns = 5
	ledgerTexts = 1000
)

func ledgerBenchmark() benchmark {
	return benchmark{
		name:  "ledger",
		title: "What the ledger costs",
		about: "Bursts as above against the stub homeserver, with the ledger and without it in turns, the bridge started anew each time. " +
			"Without it, what comes from Matrix is kept in memory only and is lost in a crash; what comes from WhatsApp is acknowledged " +
			"late in either case, so there the ratio shows how exact this measurement is. Medians of the turns; a ratio is of two that " +
			"followed each other.",
		run: measureLedger,
	}
}

// turn is the bursts of one way with the ledger on and off.
type turn struct{ on, off burst }

func measureLedger(ctx context.Context, s *stage) (table, error) {
	s.programs.Bridge = filepath.Join(s.dir, "crosschat-hooked")
	if err := lab.BuildHooked(ctx, s.say, s.programs.Bridge); err != nil {
		return nil, err
	}
	if err := s.startStub(ctx, nil); err != nil {
		return nil, err
	}
	a, err := s.newAccount(ctx, whatsApp, "anna")
	if err != nil {
		return nil, err
	}
	chats, err := s.newChats(ctx, a, burstChats)
	if err != nil {
		return nil, err
	}
	ways := []struct {
		name  string
		burst func(context.Context, []*chat, int) (burst, error)
		turns []turn
	}{{"WhatsApp to Matrix", s.burstIn, nil}, {"Matrix to WhatsApp", s.burstOut, nil}}
	for round := range ledgerTurns {
		for i := range ways {
			way := &ways[i]
			var t turn
			modes := []struct {
				name string
				into *burst
			}{{"on", &t.on}, {"off", &t.off}}
			if round%2 == 1 {
				slices.Reverse(modes) // whoever is second meets a larger database
			}
			for _, mode := range modes {
				if err = s.switchLedger(ctx, a, chats, mode.name); err != nil {
					return nil, err
				}
				err = s.profiled(ctx, fmt.Sprintf("ledger %s, %s", mode.name, way.name), func() error {
					*mode.into, err = s.costed(func() (burst, error) { return way.burst(ctx, chats, s.count(ledgerTexts)) })
					return err
				})
				if err != nil {
					return nil, err
				}
			}
			way.turns = append(way.turns, t)
		}
	}
	result := table{{"way", "texts", "on", "off", "on/off", "processor time on", "off", "on/off"}}
	for _, way := range ways {
		result = append(result, ledgerRow(way.name, way.turns))
	}
	return result, nil
}

// switchLedger starts the bridge anew with the ledger on or off, and writes a little in each chat, so that caches and
// sessions come to be.
func (s *stage) switchLedger(ctx context.Context, a *account, chats []*chat, mode string) error {
	if err := os.Setenv("CROSSCHAT_LEDGER", mode); err != nil {
		return fmt.Errorf("switch the ledger: %w", err)
	}
	defer os.Unsetenv("CROSSCHAT_LEDGER")
	if err := s.stack.Bridge.Restart(ctx); err != nil {
		return err
	}
	if err := s.awaitConnected(ctx, a); err != nil {
		return err
	}
	if _, err := s.burstIn(ctx, chats, 2*len(chats)); err != nil {
		return err
	}
	_, err := s.burstOut(ctx, chats, 2*len(chats))
	return err
}

func ledgerRow(name string, turns []turn) []string {
	var on, off, ratio, busyRatio []float64
	var busyOn, busyOff []time.Duration
	for _, t := range turns {
		on, off, ratio = append(on, t.on.rate()), append(off, t.off.rate()), append(ratio, t.on.rate()/t.off.rate())
		busyOn, busyOff = append(busyOn, t.on.each()), append(busyOff, t.off.each())
		busyRatio = append(busyRatio, float64(t.on.busy)/float64(t.off.busy))
	}
	return []string{
		name, fmt.Sprint(turns[0].on.count), perSecond(median(on)), perSecond(median(off)), percent(median(ratio)),
		milli(median(busyOn)), milli(median(busyOff)), percent(median(busyRatio)),
	}
}
