package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/event"
)

// Settle is asked by the converter of a message of the user's own that comes from the network, so in the portal's loop. It
// is true if the message is the echo of an event from Matrix of which nobody knew yet whether it was sent: the answer was
// lost, or the program ended before it could store it. Then row, completed, is stored as that event's, the user is told
// that it was sent, and nothing else is to be shown. is says whether the message is the event's, by the id that the network
// made for it; decrypted or not, an event has the same id and time. row needs ID, SenderID and Timestamp.
func Settle(ctx context.Context, login *bridgev2.UserLogin, portal *bridgev2.Portal, row *bridgedb.Message, is func(*event.Event) bool) (bool, error) {
	l := of(login.Bridge)
	if l == nil || portal.MXID == "" {
		return false, nil
	}
	rows, err := l.store.Unsettled(ctx, string(portal.MXID))
	if err != nil {
		return false, err
	}
	for _, waiting := range rows {
		evt := &event.Event{}
		if json.Unmarshal(waiting.Body, evt) != nil || !is(evt) {
			continue
		}
		row.MXID, row.SenderMXID, row.Room = evt.ID, evt.Sender, portal.PortalKey
		if _, err = login.Bridge.GetGhostByID(ctx, row.SenderID); err != nil { // the row refers to it
			return false, fmt.Errorf("get ghost %q: %w", row.SenderID, err)
		}
		if err = login.Bridge.DB.Message.Insert(ctx, row); err != nil {
			return false, fmt.Errorf("store the row of message %q: %w", row.ID, err)
		}
		l.counts.deduplicated.Add(1)
		zerolog.Ctx(ctx).Debug().Stringer("event_id", evt.ID).Str("message_id", string(row.ID)).
			Msg("The echo tells that an event was sent whose answer was lost")
		if !waiting.FailedAt.IsZero() { // one that waits is found to have its row when its turn comes
			l.finish(waiting.Seq)
			l.showSent(ctx, evt)
		}
		return true, nil
	}
	return false, nil
}

// Waits is asked as Settle is, where the echo alone does not make an event sent: it is true if the message is one of an
// event that is still to be tried again. Then nothing is to be shown.
func Waits(ctx context.Context, login *bridgev2.UserLogin, portal *bridgev2.Portal, is func(*event.Event) bool) (bool, error) {
	l := of(login.Bridge)
	if l == nil || portal.MXID == "" {
		return false, nil
	}
	rows, err := l.store.Unsettled(ctx, string(portal.MXID))
	if err != nil {
		return false, err
	}
	for _, waiting := range rows {
		evt := &event.Event{}
		if waiting.FailedAt.IsZero() && json.Unmarshal(waiting.Body, evt) == nil && is(evt) {
			return true, nil
		}
	}
	return false, nil
}

// showSent tells that an event was sent, where that did not come out in the usual way.
func (l *Ledger) showSent(ctx context.Context, evt *event.Event) {
	l.matrix.showStatus(ctx, &bridgev2.MessageStatus{Status: event.MessageStatusSuccess}, bridgev2.StatusEventInfoFromEvent(evt))
}

// Settled is asked before an event is sent again: the error, which is one of Pending, says that Settle has found out in the
// meantime that it was sent. The next try takes that for its outcome.
func Settled(ctx context.Context, login *bridgev2.UserLogin, evt *event.Event) error {
	row, err := login.Bridge.DB.Message.GetPartByMXID(ctx, evt.ID)
	switch {
	case err != nil:
		return Pending(fmt.Errorf("look for the row of event %q: %w", evt.ID, err))
	case row != nil:
		return Pending(errSettled)
	default:
		return nil
	}
}

var errSettled = errors.New("the event was sent already")
