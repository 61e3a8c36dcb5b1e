package ledger

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	bridgestatus "maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

const (
	// keyPatience is how long an event waits for the key to decrypt it: a little more than the library waits.
	keyPatience = 27 * time.Second
	// goOnLimit is a little less than the five minutes after which bridgev2 goes on without an event.
	goOnLimit = 290 * time.Second
	// lateLimit is how long an event may take that bridgev2 went on without.
	lateLimit = 15 * time.Minute
	// orphanLimit is how long an event for a room without login may take.
	orphanLimit = 10 * time.Second
)

// verdict is what became of one try.
type verdict int

const (
	sent    verdict = iota // the network has it, and its row is stored
	ignored                // bridgev2 has nothing to do for it
	failed                 // for good
	again                  // no outcome
	rowless                // the network has it, but its row is missing
	stopped                // the ledger stops
)

type outcome struct {
	verdict verdict
	status  bridgev2.MessageStatus // why it failed or is tried again
	shown   bool                   // the library has shown the status already
	patient bool                   // the fault is our side's: such a try does not count
	handled bool                   // the network was given it
}

// final is an outcome that may not be tried again.
func (o outcome) final() outcome {
	if o.verdict == rowless {
		return outcome{verdict: sent}
	}
	o.verdict, o.shown = failed, false
	o.status = o.status.WithStatus(event.MessageStatusRetriable).WithSendNotice(true)
	return o
}

// flight is an event that bridgev2 has.
type flight struct {
	decrypted chan struct{} // closed when an encrypted event was decrypted
	spoiled   chan error    // has why it could not be decrypted although its key is there
	told      chan struct{} // closed with the first status
	seq       int64         // the event's number
	began     time.Time
	resumed   bool // the try is to be counted when the event is decrypted

	lock   sync.Mutex
	status *bridgev2.MessageStatus
	stored bool // its row is, see RowStored
}

func (f *flight) tell(status *bridgev2.MessageStatus) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.status != nil {
		return
	}
	f.status = status
	close(f.told)
}

// isDecrypted is called with each event that the library hands on, decrypted ones too.
func (f *flight) isDecrypted() {
	f.lock.Lock()
	defer f.lock.Unlock()
	select {
	case <-f.decrypted:
	default:
		close(f.decrypted)
	}
}

// flight is that of an event, or nil.
func (l *Ledger) flight(evt id.EventID) *flight {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.flights[evt]
}

// RowStored is for bridgev2.MatrixMessageResponse.PostSave, which bridgev2 calls when it has stored a message's row: then the
// ledger need not look for it. Networks may do without.
func RowStored(login *bridgev2.UserLogin) func(context.Context, *bridgedb.Message) {
	return func(_ context.Context, row *bridgedb.Message) {
		l := of(login.Bridge)
		if l == nil {
			return
		}
		if f := l.flight(row.MXID); f != nil {
			f.lock.Lock()
			defer f.lock.Unlock()
			f.stored = true
		}
	}
}

// observe is given every message status before it is shown.
func (l *Ledger) observe(status *bridgev2.MessageStatus, info *bridgev2.MessageStatusEventInfo) {
	f := l.flight(info.SourceEventID)
	switch {
	case f != nil:
		f.tell(status)
	case status.SendNotice && (status.Status == event.MessageStatusFail || status.Status == event.MessageStatusRetriable):
		// Of something that has its outcome, or never had one to wait for.
		l.goDo(func() { l.tellAside(status, info) })
	}
}

// fly hands an event to bridgev2 and blocks until that is through with it.
func (l *Ledger) fly(it *item) outcome {
	evt := it.fresh()
	l.parse(evt)
	if evt.StateKey == nil && !l.bridge.Config.Permissions.Get(evt.Sender).SendEvents {
		l.matrix.dispatch(l.ctx, evt) // which says so to the sender, and decrypts nothing
		return outcome{verdict: ignored}
	}
	portal, login, err := l.destination(l.ctx, evt)
	if err != nil {
		return l.away(err)
	}
	if portal == nil || l.isCommand(evt) {
		return l.flyAlone(it, evt)
	}
	f, landed := l.takeOff(it, evt)
	defer landed()
	if it.row.Tries > 0 {
		if isMessage(evt) {
			if row, err := l.bridge.DB.Message.GetPartByMXID(l.ctx, evt.ID); err != nil {
				return l.away(err)
			} else if row != nil {
				l.counts.deduplicated.Add(1)
				l.showSent(l.ctx, evt)
				return outcome{verdict: sent}
			}
		}
		if evt.Type == event.EventEncrypted {
			f.resumed = true // waiting for a key is no try, see begins
		} else if err := l.store.Tried(l.ctx, it.row.Seq); err != nil {
			return l.away(err)
		}
	}
	it.row.Tries++
	Passing("room.feeding")
	l.matrix.dispatch(l.ctx, evt)
	if evt.Type == event.EventEncrypted && l.matrix.decrypts() {
		if out := l.awaitDecryption(f); out != nil {
			return l.countTry(it, *out)
		}
	}
	out := l.judge(evt, f, l.awaitHandling(portal, login, f, evt))
	out.handled = true
	Passing("room.handled")
	return out
}

// isCommand is whether an event in a portal is a command to the bot, which is known of what is not encrypted.
func (l *Ledger) isCommand(evt *event.Event) bool {
	content, ok := evt.Content.Parsed.(*event.MessageEventContent)
	return ok && evt.Type == event.EventMessage && strings.HasPrefix(content.Body, l.bridge.Config.CommandPrefix)
}

// begins is called with an event that was encrypted, before the library handles it: its try begins here.
func (l *Ledger) begins(ctx context.Context, f *flight, evt *event.Event) {
	if l.isCommand(evt) { // as in flyAlone
		if err := l.store.Finish(ctx, f.seq); err != nil {
			l.log.Warn().Err(err).Stringer("event_id", evt.ID).Msg("A command could not be forgotten")
		}
	} else if f.resumed {
		if err := l.store.Tried(ctx, f.seq); err != nil {
			l.log.Warn().Err(err).Stringer("event_id", evt.ID).Msg("A try could not be counted")
		}
	}
}

// flyAlone hands on a command, or an event of a room that is no portal: a command as well, or an invitation. Those have no
// outcome that could be waited for. A command is forgotten before, so that a crash loses it rather than repeating it; the
// user misses the answer.
func (l *Ledger) flyAlone(it *item, evt *event.Event) outcome {
	if evt.StateKey == nil {
		if err := l.store.Finish(l.ctx, it.row.Seq); err != nil {
			return l.away(err)
		}
	}
	if evt.Type != event.EventEncrypted || !l.matrix.decrypts() {
		l.matrix.dispatch(l.ctx, evt)
		return outcome{verdict: ignored}
	}
	f, landed := l.takeOff(it, evt)
	defer landed()
	l.matrix.dispatch(l.ctx, evt)
	if out := l.awaitDecryption(f); out != nil && out.verdict != stopped {
		l.tellAside(&out.status, bridgev2.StatusEventInfoFromEvent(evt))
	}
	return outcome{verdict: ignored}
}

// takeOff makes the flight of an event; landed ends it.
func (l *Ledger) takeOff(it *item, evt *event.Event) (f *flight, landed func()) {
	f = &flight{decrypted: make(chan struct{}), spoiled: make(chan error, 1), told: make(chan struct{}), seq: it.row.Seq, began: time.Now()}
	l.lock.Lock()
	defer l.lock.Unlock()
	l.flights[evt.ID] = f
	return f, func() {
		l.lock.Lock()
		defer l.lock.Unlock()
		delete(l.flights, evt.ID)
	}
}

// fresh is the event as it came, for one try, with content that is to be parsed: the library changes what it is given.
func (it *item) fresh() *event.Event {
	evt := *it.evt
	evt.Content = event.Content{VeryRaw: it.evt.Content.VeryRaw, Raw: it.evt.Content.Raw}
	return &evt
}

// isMessage is whether a row in bridgev2's table of messages belongs to an event that was sent. What an encrypted event
// is its relation tells, which is not encrypted.
func isMessage(evt *event.Event) bool {
	var relation *event.RelatesTo
	switch content := evt.Content.Parsed.(type) {
	case *event.MessageEventContent:
		relation = content.RelatesTo
	case *event.EncryptedEventContent:
		relation = content.RelatesTo
	default:
		return false
	}
	return relation == nil || relation.Type == "" || relation.Type == event.RelThread
}

// away is a try that failed because something of ours does not answer.
func (l *Ledger) away(err error) outcome {
	if l.ctx.Err() != nil {
		return outcome{verdict: stopped}
	}
	return outcome{verdict: again, patient: true, status: bridgev2.WrapErrorInStatus(err).
		WithMessage("the bridge had trouble with its database; send the message again")}
}

// ourFault is whether a message's file could not be read because the homeserver did not answer, or for want of space to
// put it. That another server, from which ours would have to get the file, does not answer is none: it may be for ever.
func ourFault(err error) bool {
	if !errors.Is(err, bridgev2.ErrMediaDownloadFailed) {
		return false
	}
	var request mautrix.HTTPError
	return errors.As(err, &request) && request.Response == nil || errors.Is(err, syscall.ENOSPC)
}

// awaitDecryption waits until an encrypted event is decrypted; then it returns nil. The key may come after the event. An
// error with the key at hand is mostly one of the database and gone at the next try.
func (l *Ledger) awaitDecryption(f *flight) *outcome {
	var status bridgev2.MessageStatus
	select {
	case <-f.decrypted:
		return nil
	case <-l.ctx.Done():
		return &outcome{verdict: stopped}
	case err := <-f.spoiled:
		var withheld *event.RoomKeyWithheldEventContent
		if errors.As(err, &withheld) { // which no further try changes
			status = bridgev2.WrapErrorInStatus(err).WithIsCertain(true).WithSendNotice(true).
				WithMessage("your client did not give the bridge the key to decrypt it; send it again")
			return &outcome{verdict: failed, status: status, shown: true}
		}
		status = bridgev2.WrapErrorInStatus(err).WithIsCertain(true).WithSendNotice(true).
			WithMessage("the bridge could not decrypt it; send it again")
		return &outcome{verdict: again, status: status}
	case <-time.After(keyPatience):
		status = bridgev2.WrapErrorInStatus(errors.New("no key came to decrypt the message")).WithIsCertain(true).WithSendNotice(true).
			WithMessage("the bridge did not get the key to decrypt it; send it again")
		return &outcome{verdict: failed, status: status, shown: true}
	}
}

// countTry notes a try that is to be followed by another. If the database does not take it, that was why it failed.
func (l *Ledger) countTry(it *item, out outcome) outcome {
	if out.verdict != again {
		return out
	}
	if err := l.store.Tried(l.ctx, it.row.Seq); err != nil {
		return l.away(err)
	}
	return out
}

// awaitHandling blocks until bridgev2 has said what became of the event, or is through with it; then it returns nil.
func (l *Ledger) awaitHandling(portal *bridgev2.Portal, login *bridgev2.UserLogin, f *flight, evt *event.Event) error {
	if login == nil {
		if err := l.awaitWord(f, nil, orphanLimit); !errors.Is(err, errLate) {
			return err
		}
		return nil
	}
	began := time.Now()
	if isMessage(evt) { // of which it says something nearly always, and to ask makes it work as much as a small event does
		if err := l.awaitWord(f, nil, usualHandling); !errors.Is(err, errLate) {
			return err
		}
	}
	through := newSignal()
	ask(login, portal.PortalKey, through)
	err := l.awaitWord(f, through, handlingLimit)
	if err == nil && time.Since(began) < goOnLimit || errors.Is(err, errStopped) {
		return err
	}
	// bridgev2 goes on after five minutes, but the event is still being handled.
	return l.awaitWord(f, nil, lateLimit)
}

var errLate = errors.New("event is not handled")

// awaitWord blocks until bridgev2 has said what became of the event, or the signal that it is through with it is given; the
// error is errLate if neither comes within the limit, or errStopped.
func (l *Ledger) awaitWord(f *flight, through signal, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-f.told:
		return nil
	case <-through:
		return nil
	case <-timer.C:
		return errLate
	case <-l.ctx.Done():
		return errStopped
	}
}

// judge makes an outcome of what bridgev2 said.
func (l *Ledger) judge(evt *event.Event, f *flight, err error) outcome {
	f.lock.Lock()
	status, stored := f.status, f.stored
	f.lock.Unlock()
	switch {
	case status != nil && status.Status == event.MessageStatusSuccess:
		faulted := l.faulted.Load() >= f.began.UnixNano()
		if evt.Type == event.EventReaction && faulted { // its row may be missing, and without it can't be taken away
			return outcome{verdict: rowless, patient: true}
		}
		if stored || !isMessage(evt) || status.Step == bridgestatus.MsgStepCommand {
			return outcome{verdict: sent} // a command has no row, and may not be given twice
		}
		row, err := l.bridge.DB.Message.GetPartByMXID(context.WithoutCancel(l.ctx), evt.ID)
		if err != nil {
			return l.away(err)
		} else if row == nil {
			return outcome{verdict: rowless, patient: faulted}
		}
		return outcome{verdict: sent}
	case l.closing.Load() || errors.Is(err, errStopped):
		return outcome{verdict: stopped}
	case err != nil:
		return outcome{verdict: again, status: bridgev2.WrapErrorInStatus(err).WithErrorAsMessage()}
	case status == nil:
		return outcome{verdict: ignored}
	case status.Status == event.MessageStatusPending:
		return outcome{verdict: again, status: *status}
	}
	if err := l.store.Reachable(l.ctx); err != nil {
		return l.away(err)
	}
	if ourFault(status.InternalError) {
		return outcome{verdict: again, patient: true, status: *status}
	}
	if status.SendNotice || !status.IsCertain { // an error that nobody has put into words is not certain
		return outcome{verdict: failed, status: status.WithSendNotice(true), shown: true}
	}
	return outcome{verdict: ignored}
}
