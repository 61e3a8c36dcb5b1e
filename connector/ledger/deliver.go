package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/meter"
	"crosschat/database"
)

const (
	// maxTries bounds the attempts at an event that fails although homeserver and database answer: it would fail for
	// ever and hold up all that comes behind it.
	maxTries = 5

	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second

	// usualHandling is after how long it is worth to ask whether bridgev2 has given up on an event.
	usualHandling = 2 * time.Second
	// handlingLimit is a little more than the five minutes after which bridgev2 goes on without an event.
	handlingLimit = 6 * time.Minute
)

// Message is a message, or an edit of one, on its way to Matrix.
type Message struct {
	ID networkid.MessageID
	// TransactionID is what bridgev2.MatrixMessage.AddPendingToIgnore was given, if the message may be the echo of one
	// that Matrix sent.
	TransactionID networkid.TransactionID
	// Convert makes what Matrix shows. It returns bridgev2.ErrIgnoringRemoteEvent if nothing is to be shown; any other
	// error means that another try may help. Content that can't be shown is no error but a notice.
	Convert func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error)
}

// DeliverMessage hands a message to bridgev2 and blocks until it is in Matrix and its row is stored: then it returns nil,
// and the network may be told so. While the homeserver or the database is away it tries again, with growing pauses,
// until ctx ends; the error then means that the network must deliver the message again, which is harmless: a message
// whose row is stored is not sent again, nor is one of which the homeserver knows the transaction id. A message that
// fails five times although both answer is noted as undelivered, the user is told, and nil returned. What was to be done
// WhenThere is done then.
func DeliverMessage(ctx context.Context, login *bridgev2.UserLogin, meta simplevent.EventMeta, msg Message) error {
	meta.Type = bridgev2.RemoteEventMessage
	l := of(login.Bridge)
	if l != nil && l.removed.has(login.ID, msg.ID) {
		return nil
	}
	parts := begunStep{stepParts, partsName(login.ID, meta.PortalKey, msg.ID)}
	Passing("message.received")
	begun, result := time.Now(), meter.Stored
	err := persist(ctx, login, meta.Type, func() error {
		if err := l.forgetParts(ctx, login, meta.PortalKey, msg.ID, parts); err != nil {
			return err
		}
		if err := l.beforeRoom(ctx, login, meta); err != nil {
			return err
		}
		try := newAttempt(string(login.ID), string(meta.PortalKey.ID), "message", string(msg.ID))
		withTry := meta
		withTry.MutateContextFunc = try.into
		err := handle(ctx, login, withTry, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
			return &simplevent.Message[Message]{
				EventMeta: meta, ID: msg.ID, TransactionID: msg.TransactionID, Data: msg,
				ConvertMessageFunc: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, msg Message) (*bridgev2.ConvertedMessage, error) {
					converted, err := msg.Convert(ctx, portal, intent)
					if errors.Is(err, bridgev2.ErrIgnoringRemoteEvent) {
						try.ignore()
						return nil, err
					}
					if err == nil {
						try.expect(converted)
						if len(converted.Parts) > 1 {
							err = l.begin(ctx, parts)
						}
					}
					Passing("message.converted")
					return converted, Unconverted(ctx, err)
				},
			}
		})
		Passing("message.handled")
		if err != nil {
			return err
		}
		if err = stored(ctx, login, meta.PortalKey, msg.ID, try); err != nil {
			return err
		}
		try.stored()
		return away(errors.Join(l.end(ctx, parts), l.end(ctx, begunStep{stepRoom, portalName(meta.PortalKey)})))
	}, func(cause error) error {
		result = meter.Undelivered
		return l.giveUp(ctx, login, meta, msg.ID, cause)
	})
	Passing("message.stored")
	if err != nil {
		return err
	}
	meter.Outcome(login.ID, meter.In, meter.Message, result, time.Since(begun))
	if l == nil {
		return nil
	}
	l.settling.taken.give()
	return l.overtaken.do(ctx, login.ID, msg.ID)
}

// forgetParts deletes the rows of a message of which an earlier run may have stored only some: bridgev2 takes one row for
// the whole message. What is sent again the homeserver recognises.
func (l *Ledger) forgetParts(ctx context.Context, login *bridgev2.UserLogin, portal networkid.PortalKey, id networkid.MessageID, step begunStep) error {
	if !l.interrupted(step) {
		return nil
	}
	rows, err := login.Bridge.DB.Message.GetAllPartsByID(ctx, portal.Receiver, id)
	if err != nil {
		return awayError{fmt.Errorf("look for the row of message %q: %w", id, err)}
	}
	return away(deleteRows(ctx, login, rows))
}

// giveUp notes a message that Matrix does not take, and has the user told.
func (l *Ledger) giveUp(ctx context.Context, login *bridgev2.UserLogin, meta simplevent.EventMeta, id networkid.MessageID, cause error) error {
	if l == nil {
		return nil
	}
	u := database.Undelivered{
		Seq: l.nextSeq(), LoginID: string(login.ID), PortalID: string(meta.PortalKey.ID),
		PortalReceiver: string(meta.PortalKey.Receiver), MessageID: string(id), SenderID: string(meta.Sender.Sender),
		SentAt: meta.Timestamp, Reason: cause.Error(),
		Notice: fmt.Sprintf("⚠️ A message of %s could not be brought here. Look for it on your phone.",
			meta.Timestamp.UTC().Format("2006-01-02 15:04 MST")),
	}
	if err := l.store.AddUndelivered(ctx, u); err != nil {
		return awayError{err}
	}
	l.counts.undelivered.Add(1)
	l.tellUndelivered(u)
	return nil
}

// Deliver is DeliverMessage for events without a row of their own (receipts, changes of a chat): they count as delivered
// when bridgev2 has handled them and no request failed for want of a homeserver, and no query for want of a database. make is
// called once a try; it must put meta into the event it returns.
func Deliver(ctx context.Context, login *bridgev2.UserLogin, meta simplevent.EventMeta, make func(simplevent.EventMeta) bridgev2.RemoteEvent) error {
	return DeliverOnce(ctx, login, "", meta, make)
}

// DeliverOnce is Deliver for events that show as Matrix events, such as edits, reactions and deletions. The key names the
// event for the network, the same each time the network delivers it and for no other: from it come the transaction ids of
// what bridgev2 sends for it, so that the homeserver drops a repeat.
func DeliverOnce(ctx context.Context, login *bridgev2.UserLogin, key string, meta simplevent.EventMeta, make func(simplevent.EventMeta) bridgev2.RemoteEvent) error {
	Passing("event.received")
	begun, result, l := time.Now(), meter.Stored, of(login.Bridge)
	err := persist(ctx, login, meta.Type, func() error {
		try := newAttempt(string(login.ID), string(meta.PortalKey.ID), meta.Type.String(), key)
		try.numbered = key != ""
		withTry := meta
		withTry.MutateContextFunc = try.into
		var evt bridgev2.RemoteEvent
		err := handle(ctx, login, withTry, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
			evt = make(meta)
			return evt
		})
		if err != nil {
			return err
		}
		if err := try.trouble(); err != nil {
			return err
		}
		if l != nil { // what looks for a row that it does not get goes on as if there was none
			if err := l.store.Reachable(ctx); err != nil {
				return awayError{err}
			}
			if gone, ok := evt.(bridgev2.RemoteMessageRemove); ok && meta.Type == bridgev2.RemoteEventMessageRemove {
				l.removed.add(login.ID, gone.GetTargetMessage())
			}
		}
		try.stored()
		return nil
	}, func(error) error {
		result = meter.Undelivered
		return nil
	})
	Passing("event.handled")
	if err != nil {
		return err
	}
	meter.Outcome(login.ID, meter.In, meter.Event, result, time.Since(begun))
	if l != nil {
		l.settling.taken.give()
	}
	return nil
}

// awayError is a failure that lies with the homeserver or the database, not with the event.
type awayError struct{ error }

func (e awayError) Unwrap() error { return e.error }

// away makes an awayError of an error, if there is one.
func away(err error) error {
	if err == nil {
		return nil
	}
	return awayError{err}
}

// persist repeats try until it succeeds, is given up, or ctx ends. giveUp is called with the last error; its own is as
// good as one of try.
func persist(ctx context.Context, login *bridgev2.UserLogin, kind bridgev2.RemoteEventType, try func() error, giveUp func(error) error) error {
	log := login.Log.With().Str("action", "deliver").Stringer("event_type", kind).Logger()
	pause := firstPause
	for fruitless := 0; ; {
		err := try()
		if err == nil {
			return nil
		}
		if !errors.As(err, new(awayError)) {
			if fruitless++; fruitless >= maxTries {
				if giveUpErr := giveUp(err); giveUpErr == nil {
					log.Error().Err(err).Msg("Gave up on an event that Matrix does not take")
					return nil
				}
			}
		}
		log.Warn().Err(err).Stringer("pause", pause).Msg("Event is not in Matrix yet")
		if l := of(login.Bridge); l != nil {
			l.counts.redelivered.Add(1)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("deliver %s: %w (%w)", kind, context.Cause(ctx), err)
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// handle makes an event around meta, queues it and blocks until bridgev2 is through with it, however it went.
func handle(ctx context.Context, login *bridgev2.UserLogin, meta simplevent.EventMeta, make func(simplevent.EventMeta) bridgev2.RemoteEvent) error {
	handled := newSignal()
	after := meta.PostHandleFunc
	meta.PostHandleFunc = func(ctx context.Context, portal *bridgev2.Portal) {
		if after != nil {
			after(ctx, portal)
		}
		handled.give()
	}
	if result := login.QueueRemoteEvent(make(meta)); !result.Success {
		return awayError{fmt.Errorf("queue event: %w", result.Error)}
	}
	if err := handled.await(ctx, usualHandling); err == nil {
		return nil
	} else if ctx.Err() != nil {
		return awayError{fmt.Errorf("wait for bridgev2 to handle the event: %w", err)}
	}
	// bridgev2 does not call back for an event whose room it could not create. Asking is left for when it is needed, since
	// the library reads the portal then while the portal's loop may be making the room.
	ask(login, meta.PortalKey, handled)
	if err := handled.await(ctx, handlingLimit); err != nil {
		return awayError{fmt.Errorf("wait for bridgev2 to handle the event: %w", err)}
	}
	return nil
}

// ask has a signal given when the portal's loop is through with all that was queued before: bridgev2 takes a portal's events
// one after the other, and names the next one when it looks at it.
func ask(login *bridgev2.UserLogin, portal networkid.PortalKey, through signal) {
	login.QueueRemoteEvent(&simplevent.EventMeta{
		Type:       bridgev2.RemoteEventUnknown,
		PortalKey:  portal,
		LogContext: func(c zerolog.Context) zerolog.Context { through.give(); return c },
	})
}

// signal is given once, at least, and awaited by one.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) give() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// await returns nil when the signal is given; the error says that ctx or the limit came first.
func (s signal) await(ctx context.Context, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return fmt.Errorf("not within %s", limit)
	}
}

// stored is nil if the message's rows are complete, or its converter wants none.
func stored(ctx context.Context, login *bridgev2.UserLogin, portal networkid.PortalKey, id networkid.MessageID, try *attempt) error {
	parts, ignored := try.outcome()
	if ignored {
		return nil
	}
	rows, err := login.Bridge.DB.Message.GetAllPartsByID(ctx, portal.Receiver, id)
	if err != nil {
		return awayError{fmt.Errorf("look for the row of message %q: %w", id, err)}
	}
	if len(rows) > 0 && len(rows) >= parts {
		return nil
	}
	if err := deleteRows(ctx, login, rows); err != nil {
		return awayError{err}
	}
	if err := try.trouble(); err != nil {
		return err
	}
	return fmt.Errorf("%d of %d parts of message %q stored", len(rows), parts, id)
}

// deleteRows makes bridgev2 send a message again of which only some parts were stored; the homeserver recognises those
// by their transaction ids.
func deleteRows(ctx context.Context, login *bridgev2.UserLogin, rows []*bridgedb.Message) error {
	for _, row := range rows {
		if err := login.Bridge.DB.Message.Delete(ctx, row.RowID); err != nil {
			return fmt.Errorf("delete the row of part %q of message %q: %w", row.PartID, row.ID, err)
		}
	}
	return nil
}
