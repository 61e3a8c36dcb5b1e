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

// putOff keeps an item for later if nothing is known of the event that it is about; it is false if it is to be handled now.
func (l *Ledger) putOff(it *item) bool {
	target := cmp.Or(redactionTarget(it.evt), relationTarget(it.evt))
	limit := time.Until(it.row.ReceivedAt.Add(earlyLimit))
	if target == "" || limit <= 0 || !l.unknown(it, target) {
		return false
	}
	if !l.early.add(l, target, it) {
		return false
	}
	if !l.unknown(it, target) && l.early.drop(l, it) { // it came meanwhile
		return false
	}
	l.goDo(func() {
		l.pause(limit)
		if l.early.drop(l, it) && l.ctx.Err() == nil {
			l.enqueue(it)
		}
	})
	return true
}

// unknown is whether nothing is known of an event to which an item in a portal refers. While the database is away nothing is
// unknown.
func (l *Ledger) unknown(it *item, target id.EventID) bool {
	if portal, err := l.bridge.GetPortalByMXID(l.ctx, it.evt.RoomID); err != nil || portal == nil {
		return false
	}
	if known, err := l.knows(l.ctx, target); err != nil || known {
		return false
	}
	// What the bridge itself has sent is not handed over to it: a question of the bot's, say, that is clicked on.
	ctx, cancel := context.WithTimeout(l.ctx, askLimit)
	defer cancel()
	return !l.matrix.sentByUs(ctx, it.evt.RoomID, target)
}

// knows is whether an event has been handed over of late, or is bridged.
func (l *Ledger) knows(ctx context.Context, target id.EventID) (bool, error) {
	if accepted, err := l.store.Accepted(ctx, string(target)); err != nil || accepted {
		return accepted, err
	}
	if row, err := l.bridge.DB.Message.GetPartByMXID(ctx, target); err != nil || row != nil {
		return row != nil, err
	}
	row, err := l.bridge.DB.Reaction.GetByMXID(ctx, target)
	return row != nil, err
}

// add is false if there is no room for more.
func (e early) add(l *Ledger, target id.EventID, it *item) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	count := 0
	for _, items := range e {
		count += len(items)
	}
	if count < mostEarly {
		e[target] = append(e[target], it)
	}
	return count < mostEarly
}

// take takes out what waits for an event. The ledger's lock is held.
func (e early) take(target id.EventID) []*item {
	items := e[target]
	delete(e, target)
	return items
}

// drop takes an item out; it is false if it is not there any more.
func (e early) drop(l *Ledger, it *item) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	return e.remove(func(other *item) bool { return other == it }) != nil
}

// remove takes the first item out that is the one, nil if none is. The ledger's lock is held.
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
