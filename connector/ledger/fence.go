package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// A homeserver may carry out a request that was cut short long after it has ended: Dendrite v0.15 puts events into a queue for
// each room, and tells clients of them after yet another one. Whoever looks in the room meanwhile does not see what will be
// there. So the bridge puts a state event behind it, which clients do not show, and looks when that is to be seen.

// stateFence is such an event.
var stateFence = event.Type{Type: "app.crosschat.fence", Class: event.StateEventType}

const (
	// fenceLimit is how long the event may take to be seen.
	fenceLimit = 20 * time.Second
	// fencePause is between two looks.
	fencePause = 50 * time.Millisecond
)

// fence returns when what was asked of the homeserver before is to be seen in a room.
func (s librarySide) fence(ctx context.Context, room id.RoomID) error {
	if !s.l.reticent {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, fenceLimit)
	defer cancel()
	sent, err := s.mx.Bot.SendStateEvent(ctx, room, stateFence, "", map[string]any{"id": rand.Text()}) // the same again would be left out
	if refused, ok := errors.AsType[mautrix.HTTPError](err); ok && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError &&
		!refused.IsStatus(http.StatusTooManyRequests) {
		s.l.log.Debug().Err(err).Stringer("room_id", room).Msg("Could not wait for earlier requests in a room")
		return nil // the room is not the bot's, or is gone
	} else if err != nil {
		return fmt.Errorf("wait for earlier requests in room %s: %w", room, err)
	}
	for {
		page, err := s.mx.Bot.Messages(ctx, room, "", "", mautrix.DirectionBackward, nil, 20)
		if err == nil && slices.ContainsFunc(page.Chunk, func(evt *event.Event) bool { return evt.ID == sent.EventID }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for earlier requests in room %s: %w", room, errors.Join(context.Cause(ctx), err))
		case <-time.After(fencePause):
		}
	}
}
