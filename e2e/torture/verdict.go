package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
)

const (
	// quietLimit is how long everything may take to arrive after the last blow, stillLimit how long nothing may change
	// before the rest counts as lost. After hundreds of blows a small machine has much to catch up on.
	quietLimit = 40 * time.Minute
	stillLimit = 75 * time.Second
)

// tally counts what went wrong in one direction of one network.
type tally struct {
	name                        string
	accepted, shown             int
	lost, doubled, order, wrong int
	told                        int // not shown, but the sender was told so
	swapped                     int // came to the bridge out of order already
	forgotten                   int // the homeserver never handed them to the bridge
	changes, ineffective        int // edits, reactions and deletions, and those of them that are not to be seen
	cut                         int // changes that are not to be seen, of messages whose rows a power cut may have taken
	examples                    []string
	asked                       bool // see network
}

func (v *tally) bad() bool { return v.lost+v.doubled+v.order+v.wrong+v.ineffective > 0 }

// missing is how much has not arrived yet.
func (v *tally) missing() int { return v.lost + v.ineffective + v.cut }

func (v *tally) example(what, text string) {
	if len(v.examples) < 20 {
		v.examples = append(v.examples, v.name+", "+what+": "+text)
	}
}

// compare holds what one side shows against what the other said. before says whether the first of two came to the bridge
// before the second, came whether one came there at all; told are those of which the sender was told that they were not
// bridged.
func (v *tally) compare(all []*said, list []*shown, told map[*said]bool, before func(first, second *said) bool, came func(*said) bool) map[*said]*shown {
	v.shown += len(list)
	place := make(map[string]int, len(all))
	for i, s := range all {
		if place[s.text] = i; v.asked && s.edited != "" {
			place[s.edited] = i
		}
	}
	seen := make(map[*said]*shown)
	last := -1
	for _, found := range list {
		i, known := place[found.text]
		if !known {
			if !found.gone {
				v.wrong++
				v.example("wrong", found.text)
			}
			continue
		}
		s := all[i]
		if found.text == s.edited {
			found.edited = s.edited
		}
		switch {
		case seen[s] != nil:
			v.doubled++
			v.example("doubled", s.String())
			continue
		case i < last && v.asked && s.deleted:
		case i < last && (s.doubtful || before(all[last], s)): // Synapse forgets what it took and did not answer: that is found later
			v.swapped++
		case i < last:
			v.order++
			v.example("out of order", s.String()+", after "+all[last].String())
		default:
			last = i
		}
		seen[s] = found
	}
	for _, s := range all {
		if !s.doubtful {
			v.accepted++
		}
		switch {
		case seen[s] != nil || s.doubtful || s.deleted:
		case told[s]:
			v.told++
		case !came(s):
			v.forgotten++
		default:
			v.lost++
			v.example("lost", s.String())
		}
	}
	return seen
}

// compareChanges looks whether what was done to messages is to be seen on them, and with deep whether files are the same.
func (v *tally) compareChanges(ctx context.Context, seen map[*said]*shown, told map[*said]bool, deep bool) {
	for s, found := range seen {
		if s.file != nil && (found.same == nil || deep && !found.gone && !found.same(ctx, s.file)) {
			v.wrong++
			v.example("wrong file", s.String())
		}
		if s.unsure || told[s] {
			continue
		}
		check := func(wanted, is bool, what string) {
			if !wanted {
				return
			}
			v.changes++
			switch {
			case is:
			case s.cut:
				v.cut++
				v.example("not "+what+", perhaps because of the power cut", s.String())
			default:
				v.ineffective++
				v.example("not "+what, s.String())
			}
		}
		check(s.deleted, found.gone, "deleted")
		check(s.edited != "" && !s.deleted, found.edited == s.edited, "edited")
		check(s.reaction != "" && !s.deleted, len(found.reactions) == 1 && sameEmoji(found.reactions[0], s.reaction), "reacted to")
		if !s.deleted && found.gone {
			v.wrong++
			v.example("deleted though nobody wanted it", s.String())
		}
	}
}

// sameEmoji compares two emoji; networks add and leave out the mark that asks for a colourful one.
func sameEmoji(a, b string) bool {
	const colourful = "\ufe0f"
	return strings.ReplaceAll(a, colourful, "") == strings.ReplaceAll(b, colourful, "")
}

// verdict is the outcome of a run.
type verdict struct {
	tallies   []*tally // by network: in, out
	rooms     int      // second rooms for a chat
	repeats   int      // messages that reached a phone more than once under the same id, and that it therefore shows once
	undecoded int      // events in Matrix that the user's client could not decrypt
	overrun   int      // how often whatsmeow said that its queue is full and order is lost
	err       error
}

func (v *verdict) bad() bool {
	bad := v.rooms > 0 || v.undecoded > 0 || v.err != nil
	for _, one := range v.tallies {
		bad = bad || one.bad()
	}
	return bad
}

// missing is how much has not arrived yet.
func (v *verdict) missing() (missing int) {
	for _, one := range v.tallies {
		missing += one.missing()
	}
	return missing + v.undecoded
}

// judge compares all that was said with all that is shown. The last time it looks deep: it reads files and logs.
func (t *torture) judge(ctx context.Context, deep bool) *verdict {
	v := &verdict{}
	handed := map[id.EventID]int{}
	if deep {
		handed, v.overrun = t.handed(), t.overrun()
	}
	tallies := make(map[string]*tally)
	for _, n := range t.networks {
		for _, direction := range []string{"in", "out"} {
			one := &tally{name: n.name + " " + direction, asked: n.asked && direction == "in"}
			tallies[one.name] = one
			v.tallies = append(v.tallies, one)
		}
	}
	for _, a := range t.accounts {
		rooms := a.rooms()
		a.lock.Lock()
		for _, c := range a.chats {
			err := t.judgeChat(ctx, v, c, rooms[c.ghost], tallies, handed, deep)
			v.err = errors.Join(v.err, err)
		}
		a.lock.Unlock()
	}
	if v.overrun > 0 { // the library gives up order when 2048 stanzas wait, and says so, but not on which network
		for _, name := range []string{"whatsapp in", "messenger-e2ee in"} {
			if one := tallies[name]; one != nil {
				one.order = 0
			}
		}
	}
	return v
}

// judgeChat adds what became of a chat. Its account's lock is held.
func (t *torture) judgeChat(ctx context.Context, v *verdict, c *chat, rooms []*lab.Room, tallies map[string]*tally, handed map[id.EventID]int, deep bool) error {
	v.rooms += max(0, len(rooms)-1)
	var inMatrix []*shown
	told, changesTold := make(map[*said]bool), make(map[*said]bool)
	for _, room := range rooms {
		list, undecoded, events := c.inMatrix(room)
		inMatrix = append(inMatrix, list...)
		v.undecoded += undecoded
		for evt := range events {
			a := c.asked[evt]
			if a == nil {
				continue
			}
			of := told
			if a.change {
				of = changesTold
			}
			if of[a.said] = true; a.caption != nil {
				of[a.caption] = true
			}
		}
	}
	in, out := tallies[c.name+" in"], tallies[c.name+" out"]
	for evt, a := range c.asked { // what the bridge got before its message, or never
		if a.change && deep && t.struck["homeserver"] > 0 && handed[evt] < handed[id.EventID(a.id)] {
			changesTold[a.said] = true
			out.swapped++
		}
	}
	seen := in.compare(c.in, inMatrix, nil, func(first, second *said) bool { return first.late || second.late },
		func(*said) bool { return true })
	in.compareChanges(ctx, seen, nil, deep)
	onPhone, repeats, err := c.onPhone(ctx)
	if err != nil {
		return err
	}
	v.repeats += repeats
	seen = out.compare(c.out, onPhone, told, func(first, second *said) bool {
		return handed[id.EventID(first.id)] < handed[id.EventID(second.id)]
	}, func(s *said) bool { return !deep || t.struck["homeserver"] == 0 || handed[id.EventID(s.id)] > 0 })
	out.compareChanges(ctx, seen, changesTold, deep)
	return nil
}

// quiet waits until everything has arrived, or nothing moves any more.
func (t *torture) quiet(ctx context.Context) error {
	fmt.Println("waiting until all is quiet")
	began, moved, before, refreshed := time.Now(), time.Now(), -1, false
	for time.Since(began) < quietLimit && time.Since(moved) < stillLimit {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		if err := errors.Join(t.stack.Bridge.Ended(), t.heal(ctx)); err != nil {
			return err
		}
		v := t.judge(ctx, false)
		if v.err != nil {
			return v.err
		}
		missing := v.missing()
		if missing == 0 {
			return pause(ctx, 3*time.Second) // for what comes twice
		}
		if missing != before {
			before, moved, refreshed = missing, time.Now(), false
		} else if !refreshed && time.Since(moved) > stillLimit/2 {
			refreshed = true
			if err := t.refresh(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *verdict) table(t *torture, took time.Duration) string {
	var b strings.Builder
	chats := 0
	for _, a := range t.accounts {
		chats += len(a.chats)
	}
	fmt.Fprintf(&b, "\n%s; seed %d; %d users, %d chats; %s\n", t.setting, t.opts.seed, t.opts.users, chats, took.Round(time.Second))
	fmt.Fprintf(&b, "blows:")
	for _, name := range slices.Sorted(maps.Keys(t.struck)) {
		fmt.Fprintf(&b, " %s %d;", name, t.struck[name])
	}
	fmt.Fprintf(&b, " of them %d ended the bridge by SIGKILL", t.killed)
	fmt.Fprintf(&b, "\n%-15s %9s %6s %8s %13s %6s %16s %9s %12s\n", "direction", "accepted", "lost", "doubled", "out of order", "wrong",
		"failed and told", "changes", "ineffective")
	swapped, forgotten, cut := 0, 0, 0
	for _, row := range v.tallies {
		fmt.Fprintf(&b, "%-15s %9d %6d %8d %13d %6d %16d %9d %12d\n", row.name, row.accepted, row.lost, row.doubled, row.order, row.wrong,
			row.told, row.changes, row.ineffective)
		swapped, forgotten, cut = swapped+row.swapped, forgotten+row.forgotten, cut+row.cut
	}
	if v.overrun > 0 {
		fmt.Fprintf(&b, "whatsmeow's queue overran %d times: the order of what came through it counts for nothing\n", v.overrun)
	}
	fmt.Fprintf(&b, "came out of order to the bridge %d, never handed over by a homeserver that was stopped %d\n", swapped, forgotten)
	if cut > 0 {
		fmt.Fprintf(&b, "changes of messages whose rows a power cut may have taken, that are not to be seen: %d\n", cut)
	}
	if t.healed > 0 {
		fmt.Fprintf(&b, "the homeserver served no clients until it was restarted: %d times\n", t.healed)
	}
	fmt.Fprintf(&b, "second rooms %d, not decrypted %d, repeats that phones recognised %d\n", v.rooms, v.undecoded, v.repeats)
	for _, row := range v.tallies {
		for _, example := range row.examples {
			fmt.Fprintln(&b, "  "+example)
		}
	}
	if v.err != nil {
		fmt.Fprintln(&b, "  could not be judged:", v.err)
	}
	return b.String()
}
