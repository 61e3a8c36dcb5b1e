package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"

	"maunium.net/go/mautrix/id"
)

// A homeserver may hand over what is about an event before that event: Synapse goes on with its next transaction while it
// waits to repeat one that failed, and Dendrite's redactions come another way (see listener). Handled then, an edit, a
// reaction or a deletion would come to nothing. So it is put off until the event comes, and its room goes on without it.

// earlyLimit is how long something is put off at most: a little more than the longest pause that Dendrite makes between two
// tries (64 s in appservice/consumers/roomserver.go v0.15). Synapse's pauses grow without end, but begin with two seconds.
const earlyLimit = 90 * time.Second

// askLimit is how long the homeserver may take to say whose an event is.
const askLimit = 5 * time.Second

// mostEarly bounds what is put off; more than that is handled as it comes.
const mostEarly = 1000

// early is what came before the event that it is about, by that event's id. The ledger's lock guards it.
type early map[id.EventID][]*item

// putOff keeps the first item for later if the event that it is about has not been handled; it is false if it is to be handled
// now.
func (ln *lane) putOff(it *item) bool {
	l := ln.ledger
	target := cmp.Or(redactionTarget(it.evt), relationTarget(it.evt))
	limit := time.Until(it.row.ReceivedAt.Add(earlyLimit))
	if target == "" || limit <= 0 {
		return false
	}
	found := l.find(it, target)
	if found == bridged {
		return false
	}
	if found == accepted && l.awaitArrivals() != nil {
		return false
	}
	if !ln.displace(it, target, found == nowhere) {
		return false
	}
	if found == nowhere {
		l.goDo(func() {
			l.pause(limit)
			if l.ctx.Err() == nil {
				l.release(it)
			}
		})
	}
	return true
}

// displace puts the first item right behind the event that it is about, if that is in the lane, else, if it is to wait for
// that, among what is put off. It is false if neither was done, since the item was cancelled meanwhile, or too many are put off.
func (ln *lane) displace(it *item, target id.EventID, wait bool) bool {
	l := ln.ledger
	l.lock.Lock()
	defer l.lock.Unlock()
	if len(ln.items) == 0 || ln.items[0] != it {
		return false
	}
	i := slices.IndexFunc(ln.items, func(it *item) bool { return it.evt.ID == target })
	if i < 0 && (!wait || !l.early.add(target, it)) {
		return false
	}
	ln.items = slices.Delete(ln.items, 0, 1)
	if i > 0 {
		ln.items = slices.Insert(ln.items, i, it)
	}
	return true
}

// release brings an item back into its lane, unless that was done, or it was cancelled.
func (l *Ledger) release(it *item) {
	l.lock.Lock()
	found := l.early.remove(func(other *item) bool { return other == it })
	l.lock.Unlock()
	if found != nil {
		l.enqueue(it)
	}
}

// whereabouts are what is known of an event to which another one refers.
type whereabouts int

const (
	nowhere  whereabouts = iota
	accepted             // it was handed over: it is on its way to its lane, in that, or handled without a row of its own
	bridged              // it is bridged, or is not to be waited for
)

// find tells what is known of an event to which an item refers.
func (l *Ledger) find(it *item, target id.EventID) whereabouts {
	if portal, err := l.bridge.GetPortalByMXID(l.ctx, it.evt.RoomID); err != nil || portal == nil {
		return bridged
	}
	if has, err := l.hasRow(l.ctx, target); err != nil || has { // while the database is away nothing can be told
		return bridged
	}
	if was, err := l.store.Accepted(l.ctx, string(target)); err != nil {
		return bridged
	} else if was {
		return accepted
	}
	// What the bridge itself has sent is not handed over to it: a question of the bot's, say, that is clicked on.
	ctx, cancel := context.WithTimeout(l.ctx, askLimit)
	defer cancel()
	if l.matrix.sentByUs(ctx, it.evt.RoomID, target) {
		return bridged
	}
	return nowhere
}

// hasRow is whether an event is bridged.
func (l *Ledger) hasRow(ctx context.Context, target id.EventID) (bool, error) {
	if row, err := l.bridge.DB.Message.GetPartByMXID(ctx, target); err != nil || row != nil {
		return row != nil, err
	}
	row, err := l.bridge.DB.Reaction.GetByMXID(ctx, target)
	return row != nil, err
}

// knows is whether an event has been handed over of late, or is bridged.
func (l *Ledger) knows(ctx context.Context, target id.EventID) (bool, error) {
	if was, err := l.store.Accepted(ctx, string(target)); err != nil || was {
		return was, err
	}
	return l.hasRow(ctx, target)
}

// awaitArrivals returns when all that was accepted before has come to its lane, or the ledger stops.
func (l *Ledger) awaitArrivals() error {
	through := newSignal()
	l.accepting.Lock() // so that what is stored by now is among the arrivals
	l.arrivals.push(arrival{through: through})
	l.accepting.Unlock()
	select {
	case <-through:
		return nil
	case <-l.ctx.Done():
		return errStopped
	}
}

// add is false if there is no room for more. The ledger's lock is held, as for all of the following.
func (e early) add(target id.EventID, it *item) bool {
	count := 0
	for _, items := range e {
		count += len(items)
	}
	if count < mostEarly {
		e[target] = append(e[target], it)
	}
	return count < mostEarly
}

// follow puts a redaction behind an event that is put off itself and that the network may have all the same; it is false if
// there is no such event.
func (e early) follow(target id.EventID, redaction *item) bool {
	for _, items := range e {
		if slices.ContainsFunc(items, func(it *item) bool { return it.evt.ID == target && it.perhapsSent }) {
			return e.add(target, redaction)
		}
	}
	return false
}

// take takes out what waits for an event.
func (e early) take(target id.EventID) []*item {
	items := e[target]
	delete(e, target)
	return items
}

// remove takes the first item out that is the one, nil if none is.
func (e early) remove(is func(*item) bool) *item {
	for target, items := range e {
		if i := slices.IndexFunc(items, is); i >= 0 {
			found := items[i]
			if e[target] = slices.Delete(items, i, i+1); len(e[target]) == 0 {
				delete(e, target)
			}
			return found
		}
	}
	return nil
}
