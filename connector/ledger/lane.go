package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/meter"
	"crosschat/database"
)

const (
	// maxCrashes bounds how often an event may be taken up after a restart: one that brings the program down each time
	// would do so for ever.
	maxCrashes = 10
	// glance is how long a connection may take to say that it stands.
	glance = 200 * time.Millisecond
	// lookAgain is how long a wait for the network goes on before everything is looked at anew: logins come and go.
	lookAgain = 10 * time.Second
	// mostEphemeral bounds the receipts and typing that wait for a busy room; of more, the oldest go.
	mostEphemeral = 32
)

// item is an event on its way into its room.
type item struct {
	row database.Outgoing // Seq is 0 if it is not stored
	evt *event.Event

	shown bool // as pending
	first bool // no try was counted in the database when it came

	// perhapsSent says that the network may have it: a try has no outcome that rules it out, or an earlier run may have tried.
	// Guarded by ledger.lock.
	perhapsSent bool
}

// laneKey is a room, twice: what is not stored does not wait behind what is.
type laneKey struct {
	room      id.RoomID
	ephemeral bool
}

// lane hands the events of a room to bridgev2, one after the other. Its goroutine runs while there are any.
type lane struct {
	ledger *Ledger
	key    laneKey

	// Guarded by ledger.lock. The first item is being handled; flying is set while bridgev2 has it, and parked while it
	// waits for the network.
	items     []*item
	flying    bool
	parked    bool
	interrupt context.CancelFunc // ends the wait of the first item

	// Owned by the goroutine.
	parkedSince time.Time
	noticed     bool
}

// enqueue puts an event into its room's lane. A redaction of one that still waits cancels both, unless the network may have
// that one already: then it is sent once more, to know what is to be deleted. Behind an event comes what was put off for it.
func (l *Ledger) enqueue(it *item) {
	key := laneKey{it.evt.RoomID, it.row.Seq == 0}
	l.lock.Lock()
	ln := l.lanes[key]
	if ln == nil {
		ln = &lane{ledger: l, key: key}
		l.lanes[key] = ln
		l.goDo(ln.run)
	}
	if target := redactionTarget(it.evt); target != "" {
		if l.early.follow(target, it) {
			l.lock.Unlock()
			return
		}
		if !ln.perhapsSent(target) && (ln.cancel(target) || ln.cancelEarly(target)) {
			l.lock.Unlock()
			l.finish(it.row.Seq)
			return
		}
	}
	ln.items = slices.Insert(ln.items, ln.place(it.evt), it)
	if key.ephemeral && len(ln.items) > mostEphemeral {
		ln.items = slices.Delete(ln.items, 1, 2)
	}
	parked, next := ln.parked, l.early.take(it.evt.ID)
	l.lock.Unlock()
	if parked {
		l.showPending(it)
	}
	for _, it := range next {
		l.enqueue(it)
	}
}

// place is where an event belongs in the lane: at the end, unless something that waits is about it, or was sent by the same
// user after it. A homeserver that found the bridge away for a moment may hand over a reaction before its message, or one
// message before another. The first item keeps its place, since it is being handled. The ledger's lock is held.
func (ln *lane) place(evt *event.Event) int {
	for i, it := range ln.items {
		if i > 0 && (evt.ID != "" && (relationTarget(it.evt) == evt.ID || redactionTarget(it.evt) == evt.ID) || sentBefore(evt, it.evt)) {
			return i
		}
	}
	return len(ln.items)
}

// sentBefore is whether a user sent one event before another. Different users' homeservers may have different clocks.
func sentBefore(first, second *event.Event) bool {
	return first.Sender == second.Sender && first.Timestamp > 0 && first.Timestamp < second.Timestamp
}

// relationTarget is the event that one edits, reacts to or votes on, which is told in the clear.
func relationTarget(evt *event.Event) id.EventID {
	relatable, ok := evt.Content.Parsed.(event.Relatable)
	if !ok {
		return ""
	}
	relation := relatable.OptionalGetRelatesTo()
	return cmp.Or(relation.GetReplaceID(), relation.GetAnnotationID(), relation.GetReferenceID())
}

func redactionTarget(evt *event.Event) id.EventID {
	if evt.Type != event.EventRedaction {
		return ""
	}
	if content, ok := evt.Content.Parsed.(*event.RedactionEventContent); ok && content.Redacts != "" {
		return content.Redacts
	}
	return evt.Redacts
}

// perhapsSent is whether the network may have an event. The ledger's lock is held.
func (ln *lane) perhapsSent(target id.EventID) bool {
	return slices.ContainsFunc(ln.items, func(it *item) bool { return it.evt.ID == target && it.perhapsSent })
}

// cancel takes an event out that bridgev2 does not have at the moment. The ledger's lock is held.
func (ln *lane) cancel(target id.EventID) bool {
	i := slices.IndexFunc(ln.items, func(it *item) bool { return it.evt.ID == target })
	if i < 0 || i == 0 && ln.flying {
		return false
	}
	ln.ledger.cancelled(ln.items[i])
	ln.items = slices.Delete(ln.items, i, i+1)
	if i == 0 && ln.interrupt != nil {
		ln.interrupt()
	}
	return true
}

// cancelEarly is cancel for what was put off.
func (ln *lane) cancelEarly(target id.EventID) bool {
	it := ln.ledger.early.remove(func(it *item) bool { return it.evt.ID == target })
	if it != nil {
		ln.ledger.cancelled(it)
	}
	return it != nil
}

func (l *Ledger) cancelled(it *item) {
	l.finish(it.row.Seq)
	l.counts.cancelled.Add(1)
	l.goDo(func() { l.meter(it, meter.Cancelled) }) // looks into the database, perhaps
}

func (ln *lane) run() {
	for {
		it := ln.head()
		if it == nil {
			return
		}
		switch {
		case it.row.Seq == 0:
			ln.ledger.matrix.dispatch(ln.ledger.ctx, it.evt)
		case ln.putOff(it):
			continue // it may be back in the lane by now
		case !ln.handle(it):
			return
		}
		ln.remove(it)
	}
}

// head is the first item; nil if there is none, which ends the lane, or the ledger stops.
func (ln *lane) head() *item {
	l := ln.ledger
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.ctx.Err() != nil {
		return nil
	}
	if len(ln.items) == 0 {
		delete(l.lanes, ln.key)
		return nil
	}
	return ln.items[0]
}

func (ln *lane) remove(it *item) {
	ln.ledger.lock.Lock()
	defer ln.ledger.lock.Unlock()
	ln.flying = false
	if i := slices.Index(ln.items, it); i >= 0 {
		ln.items = slices.Delete(ln.items, i, i+1)
	}
}

// takeOff marks the item as being with bridgev2; it is false if it was cancelled.
func (ln *lane) takeOff(it *item) bool {
	ln.ledger.lock.Lock()
	defer ln.ledger.lock.Unlock()
	ln.flying = len(ln.items) > 0 && ln.items[0] == it
	return ln.flying
}

// landed ends a try. One that certainly came to nothing leaves it as it was whether the network may have the event.
func (ln *lane) landed(it *item, out outcome) {
	ln.ledger.lock.Lock()
	defer ln.ledger.lock.Unlock()
	ln.flying = false
	it.perhapsSent = it.perhapsSent || out.handled && !(out.verdict == again && out.status.IsCertain)
}

// handle brings an event to its outcome; it is false if the ledger stops before.
func (ln *lane) handle(it *item) bool {
	l := ln.ledger
	if it.row.Tries >= maxCrashes {
		l.meter(it, meter.Failed)
		return l.fail(it, bridgev2.WrapErrorInStatus(errors.New("the bridge ended each time it handled this event")).
			WithErrorAsMessage().WithStatus(event.MessageStatusFail).WithSendNotice(true))
	}
	pause := firstPause
	for tries := 1; ; tries++ {
		switch waited, err := ln.awaitNetwork(it); {
		case errors.Is(err, errCancelled):
			return true
		case errors.Is(err, errExpired):
			l.counts.expired.Add(1)
			l.meter(it, meter.Expired)
			return l.failShown(it, l.expiredStatus(it.evt))
		case err != nil:
			return false
		case waited:
			tries, pause = 1, firstPause
		}
		if !ln.takeOff(it) {
			return true // cancelled at the last moment
		}
		out := l.fly(it)
		ln.landed(it, out)
		if out.patient {
			tries--
		}
		if tries == maxTries && (out.verdict == again || out.verdict == rowless) {
			out = out.final()
		}
		switch out.verdict {
		case sent:
			l.counts.sent.Add(1)
			l.meter(it, meter.Sent)
			l.finish(it.row.Seq)
			return true
		case ignored:
			l.counts.ignored.Add(1)
			l.meter(it, meter.Ignored)
			l.finish(it.row.Seq)
			return true
		case failed:
			l.meter(it, meter.Failed)
			if out.shown {
				return l.fail(it, out.status)
			}
			return l.failShown(it, out.status)
		case stopped:
			return false
		}
		l.counts.retried.Add(1)
		l.log.Debug().Str("event_id", it.row.EventID).AnErr("cause", out.status.InternalError).Int("tries", tries).
			Msg("Event has no outcome yet and is tried again")
		l.pause(pause)
		pause = min(2*pause, longestPause)
	}
}

// meter counts the outcome of an event, unless it is of a room that is no portal.
func (l *Ledger) meter(it *item, result meter.Result) {
	portal, err := l.bridge.GetPortalByMXID(l.ctx, it.evt.RoomID)
	if err != nil || portal == nil {
		return
	}
	kind := meter.Event
	if isMessage(it.evt) {
		kind = meter.Message
	}
	meter.Outcome(portal.ID, meter.Out, kind, result, time.Since(it.row.ReceivedAt))
}

var (
	errCancelled = errors.New("the event was redacted")
	errExpired   = errors.New("the event has waited too long")
)

// awaitNetwork blocks until the network takes messages of the item's room; waited is false if it did all the time.
func (ln *lane) awaitNetwork(it *item) (waited bool, err error) {
	l := ln.ledger
	defer ln.unpark()
	for patience := glance; ; patience = lookAgain {
		ctx, stop := context.WithTimeout(l.ctx, min(patience, time.Until(it.row.ReceivedAt.Add(l.config.ExpireAfter))))
		if err := ln.waitingFor(it, stop); err != nil {
			stop()
			return waited, err
		}
		err := l.awaitConnection(ctx, it.evt)
		cut := ctx.Err()
		stop()
		switch {
		case l.ctx.Err() != nil:
			return waited, errStopped
		case err == nil:
			return waited, nil
		case time.Since(it.row.ReceivedAt) >= l.config.ExpireAfter:
			return waited, errExpired
		case cut == nil: // the database, and not the network, is away
			l.log.Warn().Err(err).Str("event_id", it.row.EventID).Msg("Could not look up whose room an event is for")
			l.pause(time.Second)
		}
		waited = true
		ln.park(it)
	}
}

// waitingFor says that the item waits until stop is called; the error is that it was cancelled meanwhile.
func (ln *lane) waitingFor(it *item, stop context.CancelFunc) error {
	ln.ledger.lock.Lock()
	defer ln.ledger.lock.Unlock()
	if len(ln.items) == 0 || ln.items[0] != it {
		return errCancelled
	}
	ln.interrupt = stop
	return nil
}

// awaitConnection blocks until the network to which the event goes takes messages. An event that goes to none need not
// wait; nor does state, which is not sent but compared.
func (l *Ledger) awaitConnection(ctx context.Context, evt *event.Event) error {
	if evt.StateKey != nil {
		return nil
	}
	portal, login, err := l.destination(ctx, evt)
	if err != nil || portal == nil || login == nil || login.Client == nil || !login.Client.IsLoggedIn() {
		return err
	}
	if connection, ok := login.Client.(Connection); ok {
		return connection.AwaitConnection(ctx)
	}
	return nil
}

// destination is the portal and the login of an event; both are nil if it is for no portal, login is if there is none
// that would take it.
func (l *Ledger) destination(ctx context.Context, evt *event.Event) (*bridgev2.Portal, *bridgev2.UserLogin, error) {
	portal, err := l.bridge.GetPortalByMXID(ctx, evt.RoomID)
	if err != nil || portal == nil {
		return nil, nil, err
	}
	if portal.Receiver != "" {
		login, err := l.bridge.GetExistingUserLoginByID(ctx, portal.Receiver)
		return portal, login, err
	}
	user, err := l.bridge.GetUserByMXID(ctx, evt.Sender)
	if err != nil || user == nil {
		return portal, nil, err
	}
	login, _, err := portal.FindPreferredLogin(ctx, user, true)
	if errors.Is(err, bridgev2.ErrNotLoggedIn) {
		err = nil
	} else if login == nil {
		login = portal.Relay
	}
	return portal, login, err
}

// park shows, while the first item waits, that all do.
func (ln *lane) park(first *item) {
	l := ln.ledger
	l.lock.Lock()
	if ln.parkedSince.IsZero() {
		ln.parkedSince = time.Now()
	}
	ln.parked = true
	items := slices.Clone(ln.items)
	l.lock.Unlock()
	for _, it := range items {
		l.showPending(it)
		if it != first && it.evt.StateKey != nil { // does not wait for the network, so it need not wait for those that do
			if l.fly(it).verdict == ignored {
				l.finish(it.row.Seq)
				ln.remove(it)
			}
		}
	}
	if !ln.noticed && time.Since(ln.parkedSince) >= l.config.NoticeAfter {
		ln.noticed = true
		l.sayWaiting(first.evt)
	}
}

func (ln *lane) unpark() {
	ln.ledger.lock.Lock()
	defer ln.ledger.lock.Unlock()
	ln.parked, ln.interrupt = false, nil
	ln.parkedSince, ln.noticed = time.Time{}, false
}

func (l *Ledger) expiredStatus(evt *event.Event) bridgev2.MessageStatus {
	return bridgev2.WrapErrorInStatus(errExpired).WithStatus(event.MessageStatusFail).
		WithErrorReason(event.MessageStatusTooOld).WithIsCertain(true).WithSendNotice(true).
		WithMessage(fmt.Sprintf("%s could not be reached for %s, so the message has expired; send it again if it still matters",
			l.networkOf(evt), l.config.ExpireAfter))
}

// networkOf is the name of a room's network, for texts.
func (l *Ledger) networkOf(evt *event.Event) string {
	portal, err := l.bridge.GetPortalByMXID(l.ctx, evt.RoomID)
	filler, ok := l.bridge.Network.(bridgev2.PortalBridgeInfoFillingNetwork)
	if err != nil || portal == nil || !ok {
		return "the network"
	}
	var content event.BridgeEventContent
	filler.FillPortalBridgeInfo(portal, &content)
	return content.Protocol.DisplayName
}
