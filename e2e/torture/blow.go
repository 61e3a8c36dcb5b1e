package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	_ "github.com/lib/pq" // to lock the bridge out of its database
)

// blow is something that goes wrong in the midst of traffic, and is over when strike returns.
type blow struct {
	name   string
	strike func(context.Context, *torture) error
}

// steps are the places at which a build with hooks can end itself.
var steps = slices.Concat(stepsOut, stepsIn, []string{"event.received", "event.handled", "keys.settled"}, stepsRoom)

// shortSteps is how many of them a short run has.
const shortSteps = 8

// makePlan chooses the blows of a run. The seed decides all of it.
func (t *torture) makePlan() ([]blow, error) {
	kinds := []string{"kill", "stop", "homeserver"}
	for _, n := range t.networks {
		kinds = append(kinds, "away:"+n.name, "twice:"+n.name)
		if n.late.Kind != "" {
			kinds = append(kinds, "late:"+n.name)
		}
	}
	if t.setting.Database == "postgres" {
		kinds = append(kinds, "database")
	} else if t.disk != nil {
		kinds = append(kinds, "disk")
	}
	if t.setting.Database == "sqlite" {
		kinds = append(kinds, "power")
	}
	random := len(kinds)
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
		if t.opts.blows == "" { // not all steps, for want of time: TestKilledAtAStep has the most telling ones
			some := kinds[random:]
			t.random.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
			kinds = kinds[:random+shortSteps]
		}
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
	longest := 2500 * time.Millisecond
	if t.opts.short {
		longest = 1200 * time.Millisecond
	}
	for i, name := range names {
		after := 100*time.Millisecond + time.Duration(t.random.Int64N(int64(longest)))
		away := 2*time.Second + time.Duration(t.random.Int64N(int64(2*longest)))
		nth := 1 + t.random.IntN(8)
		kind, rest, _ := strings.Cut(name, ":")
		if kind == "step" {
			if strings.HasPrefix(rest, "room.") && rest != "room.feeding" && rest != "room.handled" {
				nth = 1
			}
			blows[i] = blow{fmt.Sprintf("%s at pass %d", name, nth), func(ctx context.Context, t *torture) error { return t.killAt(ctx, rest, nth) }}
			continue
		}
		blows[i] = blow{fmt.Sprintf("%s after %s", name, after.Round(time.Millisecond)), func(ctx context.Context, t *torture) error {
			if err := pause(ctx, after); err != nil {
				return err
			}
			return strikes[kind](ctx, t, away, rest)
		}}
	}
	return blows
}

// strikes are the kinds of blow; away is how long something is missing, name the network that is meant.
var strikes = map[string]func(ctx context.Context, t *torture, away time.Duration, name string) error{
	"kill": func(ctx context.Context, t *torture, _ time.Duration, _ string) error {
		t.kill()
		return t.start(ctx)
	},
	"stop": func(ctx context.Context, t *torture, _ time.Duration, _ string) error {
		return t.stack.Bridge.Restart(ctx)
	},
	"homeserver": func(ctx context.Context, t *torture, away time.Duration, _ string) error {
		if err := t.stack.Homeserver.Stop(); err != nil {
			return err
		}
		return errors.Join(pause(ctx, away), t.stack.Homeserver.Start(ctx))
	},
	"away": cutNetwork,
	"twice": func(ctx context.Context, t *torture, away time.Duration, name string) error {
		return t.disorder(ctx, away, name, false)
	},
	"late": func(ctx context.Context, t *torture, away time.Duration, name string) error {
		return t.disorder(ctx, away, name, true)
	},
	"database": func(ctx context.Context, t *torture, away time.Duration, _ string) error {
		return lockDatabase(ctx, t, away)
	},
	"disk": func(ctx context.Context, t *torture, away time.Duration, _ string) error {
		return t.disk.full(ctx, away)
	},
	"power": func(ctx context.Context, t *torture, _ time.Duration, _ string) error {
		return t.cutPower(ctx, func(unsynced int64) int64 { return t.random.Int64N(unsynced + 1) })
	},
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

func (t *torture) kill() {
	t.stack.Bridge.Kill()
	t.killed++
}

// killAt restarts the bridge as one that ends itself at a step, and, when it has, starts it as usual. Somebody new writes,
// so that a room is being made.
func (t *torture) killAt(ctx context.Context, step string, nth int) error {
	if err := t.startToEndAt(ctx, step, nth); err != nil {
		return err
	}
	if strings.HasPrefix(step, "room.") {
		if err := t.newChat(ctx); err != nil {
			return err
		}
	}
	select {
	case <-t.stack.Bridge.Done():
		t.killed++
	case <-time.After(8 * time.Second): // the traffic does not go there often enough
		t.kill()
	case <-ctx.Done():
		return ctx.Err()
	}
	return t.start(ctx)
}

// on lists the accounts on a network.
func (t *torture) on(name string) []*account {
	return slices.DeleteFunc(slices.Clone(t.accounts), func(a *account) bool { return a.name != name })
}

// cutNetwork shuts a network to everybody for a while.
func cutNetwork(ctx context.Context, t *torture, away time.Duration, name string) error {
	accounts := t.on(name)
	shut, err := t.stack.Simulator.AddFault(ctx, name, accounts[0].shut)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		end := a.end
		end.Person = a.me.ID
		_, one := t.stack.Simulator.AddFault(ctx, name, end)
		err = errors.Join(err, one)
	}
	return errors.Join(err, pause(ctx, away), t.stack.Simulator.RemoveFault(ctx, name, shut.ID))
}

// heldBack is how long faults hold back what is to come late.
const heldBack = 700 * time.Millisecond

// disorder has a network deliver things twice, or some later than what comes behind them.
func (t *torture) disorder(ctx context.Context, away time.Duration, name string, late bool) (err error) {
	defer func() {
		if on := t.on(name); late && on[0].newest { // what is still held back would be lost with the next blow, as is said there
			err = errors.Join(err, pause(ctx, heldBack))
		}
	}()
	for _, a := range t.on(name) {
		fault := a.network.twice
		if late {
			fault = a.network.late
			a.markUnshown()
		}
		fault.Person = a.me.ID
		made, err := t.stack.Simulator.AddFault(ctx, name, fault)
		if err != nil {
			return err
		}
		defer func() {
			_ = t.stack.Simulator.RemoveFault(ctx, name, made.ID) // it may have struck as often as it was to
			a.lock.Lock()
			defer a.lock.Unlock()
			a.late = false
		}()
	}
	return pause(ctx, away)
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
