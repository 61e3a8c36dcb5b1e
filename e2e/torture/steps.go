package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// The steps of the two ways, in order. Deeds without a row of their own, which are those that change a message, pass
// others on their way to Matrix.
var (
	stepsOut = []string{
		"transaction.received", "transaction.stored", "transaction.answered", "room.feeding", "network.sending", "network.sent",
		"room.handled", "outcome.stored",
	}
	stepsIn      = []string{"message.received", "message.converted", "matrix.sending", "matrix.sent", "message.handled", "message.stored"}
	stepsChanged = []string{"event.received", "matrix.sending", "matrix.sent", "event.handled"}
	stepsRoom    = []string{"room.noted", "room.made"}
)

// captionDeeds are about files whose captions are messages of their own: the end comes between the two.
var captionDeeds = []deed{
	{what: sendFile, out: true, step: "network.sent"},
	{what: sendFile, out: true, step: "network.sent", nth: 2},
	{what: sendFile, out: true, step: "caption.keeping"},
	{what: remove, out: true, step: "caption.unsent", file: true},
	{what: remove, out: true, step: "network.sent", file: true},
}

// deed is something that is done while the bridge is about to end at a step.
type deed struct {
	what act
	out  bool
	step string
	nth  int  // at which pass of the step; 0 is the first
	room bool // by somebody new
	file bool // what is changed is a file
}

func (d deed) String() string {
	direction := "in"
	if d.out {
		direction = "out"
	}
	if d.room {
		direction += " to a new room"
	}
	step := d.step
	if d.nth > 1 {
		step = fmt.Sprintf("%s, pass %d", step, d.nth)
	}
	if d.file {
		direction += " of a file"
	}
	return fmt.Sprintf("%s %s, killed at %s", d.what, direction, step)
}

// allDeeds is each deed at each step that it passes.
func allDeeds() (all []deed) {
	for _, what := range []act{write, sendFile, edit, react, remove} {
		for _, step := range stepsOut {
			all = append(all, deed{what: what, out: true, step: step})
		}
		steps := stepsIn
		if what > sendFile {
			steps = stepsChanged
		}
		for _, step := range steps {
			all = append(all, deed{what: what, step: step})
		}
	}
	for _, step := range slices.Concat(stepsRoom, stepsIn) {
		all = append(all, deed{what: write, step: step, room: true})
	}
	return all
}

// killDuring has something done in a chat that is quiet otherwise, ends the bridge at a step of its way, starts it again, and
// waits until everything has arrived.
func (t *torture) killDuring(ctx context.Context, a *account, d deed) error {
	random := rand.New(rand.NewPCG(t.opts.seed, uint64(t.killed)))
	c := a.writable()[0]
	do := func(what act) error {
		if d.room {
			return a.newChat(ctx)
		}
		if d.file && what == d.what {
			c.changes(ctx, what, c.lastFile(), random)
			return nil
		}
		if d.out {
			c.userActs(ctx, what, random)
			return nil
		}
		return c.contactActs(ctx, what, random)
	}
	if d.what > sendFile {
		before := write
		if d.file {
			before = sendFile
		}
		if err := do(before); err != nil {
			return err
		}
		if err := t.settled(ctx); err != nil {
			return fmt.Errorf("before the deed: %w", err)
		}
	}
	err := t.startToEndAt(ctx, d.step, max(1, d.nth))
	if err != nil {
		return err
	}
	if err = do(d.what); err != nil {
		return err
	}
	select {
	case <-t.stack.Bridge.Done():
		t.killed++
	case <-time.After(30 * time.Second):
		return errors.New("the step was not reached")
	case <-ctx.Done():
		return ctx.Err()
	}
	if err = t.start(ctx); err != nil {
		return err
	}
	return t.settled(ctx)
}

// overtake has a contact delete what they have just written, and change another message, while the network holds the messages
// back, so that what is about them comes first.
func (t *torture) overtake(ctx context.Context, a *account) error {
	random := rand.New(rand.NewPCG(t.opts.seed, uint64(t.killed)))
	c := a.writable()[0]
	c.did(func() { c.late = true })
	defer c.did(func() { c.late = false })
	for _, changes := range [][]act{{remove}, {edit, react}} {
		fault := a.network.late
		fault.Person, fault.Times = a.me.ID, 1
		if _, err := t.stack.Simulator.AddFault(ctx, a.name, fault); err != nil {
			return err
		}
		if err := c.hears(ctx, c.newText("in")); err != nil {
			return err
		}
		for _, what := range changes {
			if err := c.contactChanges(ctx, what, c.lastHeard(), random); err != nil {
				return err
			}
		}
	}
	return t.settled(ctx)
}

// lastHeard is the last message that the contact has sent.
func (c *chat) lastHeard() *said {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.in[len(c.in)-1]
}

// startToEndAt restarts the bridge as one that ends itself when it passes a step for the n-th time. That may be before it
// is ready, which is no error.
func (t *torture) startToEndAt(ctx context.Context, step string, nth int) error {
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
	if err != nil && t.stack.Bridge.Ended() == nil {
		return err
	}
	return nil
}

// settled waits until all that was said is shown.
func (t *torture) settled(ctx context.Context) error {
	return t.accounts[0].user.Await(ctx, "everything to arrive", func(ctx context.Context) error {
		v := t.judge(ctx, false)
		if v.missing() > 0 || v.err != nil {
			return fmt.Errorf("%s", v.table(t, 0))
		}
		return nil
	})
}

// everyStep does each deed at each step, on each network, instead of random traffic.
func (t *torture) everyStep(ctx context.Context) error {
	for _, n := range t.networks {
		deeds := allDeeds()
		if n.pictures {
			deeds = append(deeds, captionDeeds...)
		}
		for i, d := range deeds {
			if err := t.killDuring(ctx, t.on(n.name)[0], d); err != nil {
				return fmt.Errorf("%s, %s: %w", n.name, d, err)
			}
			t.struck["step:"+d.step]++
			fmt.Printf("%s %d/%d: %s\n", n.name, i+1, len(deeds), d)
		}
	}
	return nil
}
