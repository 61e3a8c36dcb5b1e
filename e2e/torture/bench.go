package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"crosschat/e2e/lab"
)

// bench measures bursts in both directions with the ledger and without it, in turns, and prints both figures.
func bench(ctx context.Context, opts options, texts, turns int) error {
	opts.encryption = "off"
	setting, err := settingOf(opts)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(opts.keep, "crosschat-bench-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(dir)
	programs, err := build(ctx, filepath.Join(dir, "bin"))
	if err != nil {
		return err
	}
	stack, err := lab.StartStack(ctx, lab.StackOptions{Setting: setting, Programs: programs, Dir: dir})
	if err != nil {
		return err
	}
	defer stack.Stop()
	t := &torture{opts: opts, setting: setting, stack: stack}
	if t.networks, err = chosen(cmp.Or(opts.networks, "whatsapp")); err != nil {
		return err
	}
	if t.accounts, err = newAccounts(ctx, stack, t.networks, 1, 4); err != nil {
		return err
	}
	defer t.accounts[0].user.Close()
	best := map[string][2]time.Duration{}
	for turn := range turns {
		for _, ledger := range []string{"off", "on"} {
			if err = os.Setenv("CROSSCHAT_LEDGER", ledger); err != nil {
				return err
			}
			if err = stack.Bridge.Restart(ctx); err != nil {
				return err
			}
			in, out, err := t.bursts(ctx, texts)
			if err != nil {
				return err
			}
			fmt.Printf("turn %d, ledger %-3s: in %6.1f/s, out %6.1f/s\n", turn+1, ledger, rate(texts, in), rate(texts, out))
			if b, ok := best[ledger]; ok {
				in, out = min(in, b[0]), min(out, b[1])
			}
			best[ledger] = [2]time.Duration{in, out}
		}
	}
	for i, direction := range []string{"network to Matrix", "Matrix to network"} {
		off, on := rate(texts, best["off"][i]), rate(texts, best["on"][i])
		fmt.Printf("%s, best of %d: %.1f/s without the ledger, %.1f/s with it (%+.1f %%)\n", direction, turns, off, on, 100*(on-off)/off)
	}
	return nil
}

func rate(texts int, took time.Duration) float64 { return float64(texts) / took.Seconds() }

// bursts writes as fast as it goes, over all chats, first in, then out, and measures until the last text has arrived.
func (t *torture) bursts(ctx context.Context, texts int) (in, out time.Duration, err error) {
	var chats []*chat
	for _, a := range t.accounts {
		chats = append(chats, a.writable()...)
	}
	measure := func(write func(*chat) error) (time.Duration, error) {
		began := time.Now()
		for i := range texts {
			if err := write(chats[i%len(chats)]); err != nil {
				return 0, err
			}
		}
		for t.judge(ctx, false).missing() > 0 {
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return 0, err
			}
		}
		return time.Since(began), nil
	}
	if in, err = measure(func(c *chat) error { return c.hears(ctx, c.newText("in")) }); err != nil {
		return 0, 0, err
	}
	out, err = measure(func(c *chat) error { c.writes(ctx, write, nil); return nil })
	return in, out, err
}
