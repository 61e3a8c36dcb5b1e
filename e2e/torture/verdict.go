package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

const (
	// quietLimit is how long everything may take to arrive after the last blow, stillLimit how long nothing may change
	// before the rest counts as lost.
	quietLimit = 10 * time.Minute
	stillLimit = 75 * time.Second
)

// tally counts what went wrong in one direction.
type tally struct {
	accepted, shown             int
	lost, doubled, order, wrong int
	told                        int // not shown, but the sender was told so
	swapped                     int // came to the bridge out of order already
	examples                    []string
}

func (v *tally) bad() bool { return v.lost+v.doubled+v.order+v.wrong > 0 }

// compare holds what one side shows against what the other accepted. Texts that are maybe accepted may be missing, and those
// of which the sender was told that they were not bridged.
func (v *tally) compare(accepted []string, maybe, told map[string]bool, arrival map[string]int, shown []string) {
	v.accepted += len(accepted) - len(maybe)
	v.shown += len(shown)
	place := make(map[string]int, len(accepted))
	for i, text := range accepted {
		place[text] = i
	}
	seen := make(map[string]int)
	last := -1
	for _, text := range shown {
		i, known := place[text]
		seen[text]++
		switch {
		case !known:
			v.wrong++
			v.example("wrong", text)
		case seen[text] > 1:
			v.doubled++
			v.example("doubled", text)
		case i < last && arrival[text] > arrival[accepted[last]]:
			v.swapped++
		case i < last:
			v.order++
			v.example("out of order", text+", after "+accepted[last])
		default:
			last = i
		}
	}
	for _, text := range accepted {
		switch {
		case seen[text] > 0 || maybe[text]:
		case told[text]:
			v.told++
		default:
			v.lost++
			v.example("lost", text)
		}
	}
}

func (v *tally) example(what, text string) {
	if len(v.examples) < 20 {
		v.examples = append(v.examples, what+": "+text)
	}
}

// verdict is the outcome of a run.
type verdict struct {
	in, out   tally
	rooms     int // second rooms for a chat
	repeats   int // texts that reached a phone more than once under the same id, and that it therefore shows once
	undecoded int // events in Matrix that the user's client could not decrypt
	overrun   int // how often whatsmeow said that its queue is full and order is lost
	err       error
}

func (v *verdict) bad() bool {
	if v.overrun > 0 {
		v.in.order = 0 // the library gives up order when 2048 stanzas wait, and says so
	}
	return v.in.bad() || v.out.bad() || v.rooms > 0 || v.undecoded > 0 || v.err != nil
}

func (t *torture) judge(ctx context.Context) *verdict {
	v := &verdict{}
	handed := t.handed()
	for _, c := range t.traffic.chats {
		rooms := t.traffic.roomsOf(c)
		v.rooms += max(0, len(rooms)-1)
		var inMatrix []string
		told := make(map[string]bool)
		for _, room := range rooms {
			gone := redacted(room)
			for _, evt := range room.Messages() {
				switch {
				case evt.Sender == t.stack.Bridge.Bot && !gone[evt.ID] && strings.Contains(evt.Content.AsMessage().Body, "bridged"):
					told[c.events[evt.Content.AsMessage().RelatesTo.GetReplyTo()]] = true
				case evt.Sender != c.ghost:
				case evt.Type == event.EventEncrypted:
					v.undecoded++
				default:
					inMatrix = append(inMatrix, evt.Content.AsMessage().Body)
				}
			}
		}
		v.in.compare(c.in, nil, nil, nil, inMatrix)
		onPhone, repeats, err := t.onPhone(ctx, c)
		if err != nil {
			v.err = err
			return v
		}
		v.repeats += repeats
		v.out.compare(c.out, c.maybe, told, arrivals(handed, c.events), onPhone)
	}
	return v
}

// handed is the place of each event in the order in which the homeserver handed them to the bridge. Synapse does not keep
// the order when a transaction fails and the bridge is back at once: it may send the next one first.
func (t *torture) handed() map[string]int {
	places := make(map[string]int)
	lines, _, err := t.stack.Bridge.Log(0)
	if err != nil {
		return places
	}
	for _, line := range lines {
		if line.Message != "Accepted a transaction" {
			continue
		}
		var entry struct {
			Events []string `json:"event_ids"`
		}
		if json.Unmarshal([]byte(line.Raw), &entry) != nil {
			continue
		}
		for _, eventID := range entry.Events {
			places[eventID] = len(places) + 1
		}
	}
	return places
}

// arrivals is handed for the texts of a chat.
func arrivals(handed map[string]int, events map[id.EventID]string) map[string]int {
	places := make(map[string]int)
	for eventID, text := range events {
		places[text] = handed[eventID.String()]
	}
	return places
}

// redacted are the events of a room that were taken back: the bridge does so with what it said too early.
func redacted(room *lab.Room) map[id.EventID]bool {
	gone := make(map[id.EventID]bool)
	for _, evt := range room.Timeline() {
		if evt.Type == event.EventRedaction {
			gone[evt.Redacts] = true
			gone[evt.Content.AsRedaction().Redacts] = true
		}
	}
	return gone
}

// onPhone lists what the contact's phone shows of the user. A phone shows what comes again under the same id once.
func (t *torture) onPhone(ctx context.Context, c *chat) (texts []string, repeats int, err error) {
	events, err := t.stack.Simulator.Timeline(ctx, network, c.with.ID, 0)
	if err != nil {
		return nil, 0, err
	}
	seen := make(map[string]bool)
	for _, e := range events {
		if e.Kind != control.KindMessage || e.Sender != t.traffic.me.ID {
			continue
		}
		if seen[e.ID] {
			repeats++
			continue
		}
		seen[e.ID] = true
		texts = append(texts, e.Text)
	}
	return texts, repeats, nil
}

// quiet waits until everything has arrived, or nothing moves any more.
func (t *torture) quiet(ctx context.Context) error {
	fmt.Println("waiting until all is quiet")
	began, moved, before := time.Now(), time.Now(), -1
	for time.Since(began) < quietLimit && time.Since(moved) < stillLimit {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		if err := t.stack.Bridge.Ended(); err != nil {
			return err
		}
		v := t.judge(ctx)
		if v.err != nil {
			return v.err
		}
		if v.in.lost == 0 && v.out.lost == 0 && v.undecoded == 0 {
			return pause(ctx, 3*time.Second) // for what comes twice
		}
		if now := v.in.shown + v.out.shown - v.undecoded; now != before {
			before, moved = now, time.Now()
		}
	}
	return nil
}

// overrun counts how often whatsmeow had more waiting than it keeps in order.
func (t *torture) overrun() (times int) {
	lines, _, err := t.stack.Bridge.Log(0)
	if err != nil {
		return 0
	}
	for _, line := range lines {
		if strings.Contains(line.Message, "message ordering is no longer guaranteed") {
			times++
		}
	}
	return times
}

func (v *verdict) table(t *torture, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s; seed %d; %d chats; %s\n", t.setting, t.opts.seed, len(t.traffic.chats), took.Round(time.Second))
	fmt.Fprintf(&b, "blows:")
	for _, name := range slices.Sorted(maps.Keys(t.struck)) {
		fmt.Fprintf(&b, " %s %d;", name, t.struck[name])
	}
	fmt.Fprintf(&b, "\n%-20s %9s %6s %8s %13s %6s %16s\n", "direction", "accepted", "lost", "doubled", "out of order", "wrong", "failed and told")
	for _, row := range []struct {
		name string
		*tally
	}{{"network to Matrix", &v.in}, {"Matrix to network", &v.out}} {
		fmt.Fprintf(&b, "%-20s %9d %6d %8d %13d %6d %16d\n", row.name, row.accepted, row.lost, row.doubled, row.order, row.wrong, row.told)
	}
	if v.overrun > 0 {
		fmt.Fprintf(&b, "whatsmeow's queue overran %d times: order from the network counts for nothing\n", v.overrun)
	}
	if v.out.swapped > 0 {
		fmt.Fprintf(&b, "%d came from the homeserver out of order\n", v.out.swapped)
	}
	fmt.Fprintf(&b, "second rooms %d, not decrypted %d, repeats that phones recognised %d\n",
		v.rooms, v.undecoded, v.repeats)
	for _, example := range append(v.in.examples, v.out.examples...) {
		fmt.Fprintln(&b, "  "+example)
	}
	if v.err != nil {
		fmt.Fprintln(&b, "  could not be judged:", v.err)
	}
	return b.String()
}
