package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	_ "github.com/lib/pq" // to lock the bridge out of its database

	"crosschat/simulator/control"
)

// blow is something that goes wrong in the midst of traffic, and is over when strike returns.
type blow struct {
	name   string
	strike func(context.Context, *torture) error
}

// steps are the places at which a build with hooks can end itself, in the order of a message's way.
var steps = []string{
	"transaction.received", "transaction.stored", "transaction.answered", "room.feeding", "network.sending", "network.sent",
	"room.handled", "outcome.stored",
	"message.received", "room.noted", "message.converted", "matrix.sending", "matrix.sent", "message.handled", "message.stored",
	"event.received", "event.handled",
}

// makePlan chooses the blows of a run. The seed decides all of it.
func (t *torture) makePlan() ([]blow, error) {
	kinds := []string{"kill", "stop", "homeserver", "network", "duplicates"}
	if t.setting.Database == "postgres" {
		kinds = append(kinds, "database")
	} else if t.disk != nil {
		kinds = append(kinds, "disk")
	}
	if t.setting.Database == "sqlite" {
		kinds = append(kinds, "power")
	}
	for _, step := range steps {
		kinds = append(kinds, "step:"+step)
	}
	if t.opts.blows != "" {
		wanted := strings.Split(t.opts.blows, ",")
		for _, name := range wanted {
			if !slices.Contains(kinds, name) {
				return nil, fmt.Errorf("blow %q: this run has %s", name, strings.Join(kinds, ", "))
			}
		}
		kinds = wanted
	}
	if t.opts.short {
		t.random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		return t.makeBlows(kinds), nil
	}
	var names []string
	for range t.opts.kills {
		// Every second blow is the plain one, at any moment.
		if t.opts.blows == "" && t.random.IntN(2) == 0 {
			names = append(names, "kill")
		} else {
			names = append(names, kinds[t.random.IntN(len(kinds))])
		}
	}
	return t.makeBlows(names), nil
}

func (t *torture) makeBlows(names []string) []blow {
	blows := make([]blow, len(names))
	for i, name := range names {
		after := 100*time.Millisecond + time.Duration(t.random.Int64N(int64(2500*time.Millisecond)))
		away := 3*time.Second + time.Duration(t.random.Int64N(int64(4*time.Second)))
		nth := 1 + t.random.IntN(12)
		step, isStep := strings.CutPrefix(name, "step:")
		if isStep {
			blows[i] = blow{fmt.Sprintf("%s at pass %d", name, nth), func(ctx context.Context, t *torture) error { return t.killAt(ctx, step, nth) }}
			continue
		}
		blows[i] = blow{fmt.Sprintf("%s after %s", name, after.Round(time.Millisecond)), func(ctx context.Context, t *torture) error {
			if err := pause(ctx, after); err != nil {
				return err
			}
			return strikes[name](ctx, t, away)
		}}
	}
	return blows
}

// strikes are the kinds of blow; away is how long something is missing.
var strikes = map[string]func(ctx context.Context, t *torture, away time.Duration) error{
	"kill": func(ctx context.Context, t *torture, _ time.Duration) error {
		t.stack.Bridge.Kill()
		return t.start(ctx)
	},
	"stop": func(ctx context.Context, t *torture, _ time.Duration) error {
		return t.stack.Bridge.Restart(ctx)
	},
	"homeserver": func(ctx context.Context, t *torture, away time.Duration) error {
		if err := t.stack.Homeserver.Stop(); err != nil {
			return err
		}
		return errors.Join(pause(ctx, away), t.stack.Homeserver.Start(ctx))
	},
	"network":    cutNetwork,
	"database":   lockDatabase,
	"disk":       func(ctx context.Context, t *torture, away time.Duration) error { return t.disk.full(ctx, away) },
	"power":      cutPower,
	"duplicates": duplicate,
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// start starts the bridge, which may find things that end it again only in a run with a step.
func (t *torture) start(ctx context.Context) error {
	return t.stack.Bridge.Start(ctx)
}

// killAt restarts the bridge as one that ends itself at a step, and, when it has, starts it as usual.
func (t *torture) killAt(ctx context.Context, step string, nth int) error {
	if err := t.stack.Bridge.Stop(); err != nil {
		return err
	}
	if err := os.Setenv("CROSSCHAT_KILL_AT", fmt.Sprintf("%s:%d", step, nth)); err != nil {
		return err
	}
	err := t.start(ctx)
	if unset := os.Unsetenv("CROSSCHAT_KILL_AT"); unset != nil {
		return unset
	}
	if err == nil { // else it has ended before it was ready
		select {
		case <-t.stack.Bridge.Done():
		case <-time.After(8 * time.Second): // the traffic does not go there often enough
			t.stack.Bridge.Kill()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return t.start(ctx)
}

func cutNetwork(ctx context.Context, t *torture, away time.Duration) error {
	shut, err := t.stack.Simulator.AddFault(ctx, network, control.Fault{Kind: "http_status", Times: -1})
	if err != nil {
		return err
	}
	_, err = t.stack.Simulator.AddFault(ctx, network, control.Fault{Kind: "close", Person: t.traffic.me.ID})
	return errors.Join(err, pause(ctx, away), t.stack.Simulator.RemoveFault(ctx, network, shut.ID))
}

// duplicate has the network deliver messages twice, and others late, so that they come out of order.
func duplicate(ctx context.Context, t *torture, away time.Duration) error {
	fault, err := t.stack.Simulator.AddFault(ctx, network, control.Fault{Kind: "duplicate", Person: t.traffic.me.ID, Stanza: "message", Times: 20})
	if err != nil {
		return err
	}
	return errors.Join(pause(ctx, away/2), t.stack.Simulator.RemoveFault(ctx, network, fault.ID))
}

// lockDatabase ends the bridge's connections to PostgreSQL and lets it make no new ones.
func lockDatabase(ctx context.Context, t *torture, away time.Duration) error {
	db, err := sql.Open("postgres", strings.Replace(t.stack.DatabaseURI(), "/crosschat?", "/postgres?", 1))
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err = db.ExecContext(ctx, "ALTER DATABASE crosschat WITH ALLOW_CONNECTIONS false"); err != nil {
		return fmt.Errorf("lock the bridge's database: %w", err)
	}
	_, err = db.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'crosschat'")
	err = errors.Join(err, pause(ctx, away))
	_, unlock := db.ExecContext(context.WithoutCancel(ctx), "ALTER DATABASE crosschat WITH ALLOW_CONNECTIONS true")
	return errors.Join(err, unlock)
}
