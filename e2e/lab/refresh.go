package lab

import (
	"context"
	"fmt"
	"slices"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Refresh reads all rooms that the user has joined anew, like a client that starts with an empty store: Dendrite's sync may leave
// out a room just joined, or an event.
func (u *User) Refresh(ctx context.Context) error {
	joined, err := u.Client.JoinedRooms(ctx)
	if err != nil {
		return fmt.Errorf("list rooms: %w", err)
	}
	for _, room := range joined.JoinedRooms {
		events, err := u.history(ctx, room)
		if err != nil {
			return err
		}
		u.mu.Lock()
		u.log(room).refresh(events)
		u.announce()
		u.mu.Unlock()
	}
	return nil
}

// history is all of a room, the oldest event first.
func (u *User) history(ctx context.Context, room id.RoomID) (events []*event.Event, err error) {
	for from := ""; ; {
		page, err := u.Client.Messages(ctx, room, from, "", mautrix.DirectionBackward, nil, 1000)
		if err != nil {
			return nil, fmt.Errorf("read room %s: %w", room, err)
		}
		for _, evt := range page.Chunk {
			evt.RoomID, evt.Type.Class = room, event.MessageEventType
			if evt.StateKey != nil {
				evt.Type.Class = event.StateEventType
			}
			_ = evt.Content.ParseRaw(evt.Type) // what can't be parsed is of no interest
			if evt.Type == event.EventEncrypted {
				if decrypted, err := u.crypto.Decrypt(ctx, evt); err == nil { // else it stays so, and counts as that
					evt = decrypted
				}
			}
			events = append(events, evt)
		}
		if from = page.End; from == "" || len(page.Chunk) == 0 {
			slices.Reverse(events)
			return events, nil
		}
	}
}

// refresh puts events into the log that it lacks, in their places. What came meanwhile stays behind them.
func (l *roomLog) refresh(events []*event.Event) {
	shown := l.timeline
	known := l.at
	l.timeline, l.at = nil, make(map[id.EventID]int)
	for _, evt := range events {
		if i, ok := known[evt.ID]; ok {
			evt = shown[i]
		}
		l.add(evt)
	}
	for _, evt := range shown {
		l.add(evt)
	}
}
