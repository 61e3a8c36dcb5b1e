package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// roomLog is what a client was shown of one room. Its user's mutex guards it.
type roomLog struct {
	// timeline has each event once, in the order of the room, decrypted in place when its key comes.
	timeline []*event.Event
	at       map[id.EventID]int
	// undecryptable says why, for events whose key never came.
	undecryptable map[id.EventID]error
	typing        []id.UserID
	// typed counts, for each user, how often they began to type.
	typed    map[id.UserID]int
	receipts map[id.EventID]map[id.UserID]event.ReceiptType
	account  []*event.Event
}

// log returns the record of a room. The caller holds u.mu.
func (u *User) log(room id.RoomID) *roomLog {
	l := u.rooms[room]
	if l == nil {
		l = &roomLog{
			at: make(map[id.EventID]int), undecryptable: make(map[id.EventID]error), typed: make(map[id.UserID]int),
			receipts: make(map[id.EventID]map[id.UserID]event.ReceiptType),
		}
		u.rooms[room] = l
	}
	return l
}

// onEvent is called by the sync goroutine, and by others for events that were decrypted late.
func (u *User) onEvent(ctx context.Context, evt *event.Event) {
	u.mu.Lock()
	l := u.log(evt.RoomID)
	switch {
	case evt.Mautrix.EventSource&event.SourceEphemeral != 0:
		l.addEphemeral(evt)
	case evt.Mautrix.EventSource&event.SourceAccountData != 0:
		if evt.RoomID == "" {
			u.account = append(u.account, evt)
		} else {
			l.account = append(l.account, evt)
		}
	case evt.RoomID != "" && evt.ID != "":
		l.add(evt)
	}
	u.announce()
	u.mu.Unlock()
	if evt.Type == event.StateMember && evt.GetStateKey() == u.ID.String() {
		u.onOwnMembership(ctx, evt)
	}
}

// onOwnMembership accepts invitations. After a join it asks for the room's whole state: Dendrite's incremental sync
// often lacks name and encryption of a room just joined, and without the latter we would send in plaintext.
func (u *User) onOwnMembership(ctx context.Context, evt *event.Event) {
	var err error
	switch evt.Content.AsMember().Membership {
	case event.MembershipInvite:
		_, err = u.Client.JoinRoomByID(ctx, evt.RoomID)
	case event.MembershipJoin:
		_, err = u.Client.State(ctx, evt.RoomID)
	}
	if err != nil && ctx.Err() == nil {
		u.fail(fmt.Errorf("handle membership of %s in %s: %w", u.ID, evt.RoomID, err))
	}
}

func (u *User) onDecryptError(evt *event.Event, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.log(evt.RoomID).undecryptable[evt.ID] = err
	u.announce()
}

func (l *roomLog) add(evt *event.Event) {
	if i, ok := l.at[evt.ID]; ok {
		if evt.Mautrix.EventSource&event.SourceDecrypted != 0 {
			l.timeline[i] = evt
			delete(l.undecryptable, evt.ID)
		}
		return
	}
	l.at[evt.ID] = len(l.timeline)
	l.timeline = append(l.timeline, evt)
}

func (l *roomLog) addEphemeral(evt *event.Event) {
	switch evt.Type {
	case event.EphemeralEventTyping:
		now := evt.Content.AsTyping().UserIDs
		for _, user := range now {
			if !slices.Contains(l.typing, user) {
				l.typed[user]++
			}
		}
		l.typing = now
	case event.EphemeralEventReceipt:
		for eventID, byType := range *evt.Content.AsReceipt() {
			for kind, byUser := range byType {
				for user := range byUser {
					if l.receipts[eventID] == nil {
						l.receipts[eventID] = make(map[id.UserID]event.ReceiptType)
					}
					l.receipts[eventID][user] = kind
				}
			}
		}
	}
}

// Room is a room as its user's client shows it.
type Room struct {
	ID   id.RoomID
	User *User
}

// Room gives access to a room by its id.
func (u *User) Room(room id.RoomID) *Room { return &Room{ID: room, User: u} }

// Timeline returns all events so far in the room's order, state events too, decrypted where that was possible.
func (r *Room) Timeline() []*event.Event {
	r.User.mu.Lock()
	defer r.User.mu.Unlock()
	return slices.Clone(r.User.log(r.ID).timeline)
}

// Messages returns the events of type m.room.message and m.sticker, and those that are still encrypted.
func (r *Room) Messages() []*event.Event {
	return slices.DeleteFunc(r.Timeline(), func(evt *event.Event) bool {
		return evt.Type != event.EventMessage && evt.Type != event.EventSticker && evt.Type != event.EventEncrypted
	})
}

// Mark is a position in the room's timeline: AwaitEvent can be told to look at later events only.
func (r *Room) Mark() int {
	r.User.mu.Lock()
	defer r.User.mu.Unlock()
	return len(r.User.log(r.ID).timeline)
}

// Typing lists who is shown as typing just now.
func (r *Room) Typing() []id.UserID {
	r.User.mu.Lock()
	defer r.User.mu.Unlock()
	return slices.Clone(r.User.log(r.ID).typing)
}

// Receipt says whether the client was shown a read receipt of user on that very event.
func (r *Room) Receipt(eventID id.EventID, user id.UserID) bool {
	r.User.mu.Lock()
	defer r.User.mu.Unlock()
	kind, ok := r.User.log(r.ID).receipts[eventID][user]
	return ok && (kind == event.ReceiptTypeRead || kind == event.ReceiptTypeReadPrivate)
}

// AwaitEvent waits for an event at or after position from that match accepts.
func (r *Room) AwaitEvent(ctx context.Context, from int, what string, match func(*event.Event) bool) (*event.Event, error) {
	var found *event.Event
	err := r.User.Await(ctx, what, func(context.Context) error {
		timeline := r.Timeline()
		i := slices.IndexFunc(timeline[min(from, len(timeline)):], match)
		if i < 0 {
			return fmt.Errorf("not in room %s, which has:\n%s", r.ID, r.Describe())
		}
		found = timeline[from+i]
		return nil
	})
	return found, err
}

// AwaitText waits for a message with this body from that sender, at or after position from.
func (r *Room) AwaitText(ctx context.Context, from int, sender id.UserID, body string) (*event.Event, error) {
	what := fmt.Sprintf("text %q from %s", body, sender)
	return r.AwaitEvent(ctx, from, what, func(evt *event.Event) bool {
		return evt.Sender == sender && evt.Type == event.EventMessage && evt.Content.AsMessage().Body == body
	})
}

// Describe lists the last events of the room, one a line, for error messages.
func (r *Room) Describe() string {
	timeline := r.Timeline()
	r.User.mu.Lock()
	defer r.User.mu.Unlock()
	l := r.User.log(r.ID)
	var b strings.Builder
	const most = 40
	if len(timeline) > most {
		fmt.Fprintf(&b, "  (%d earlier events)\n", len(timeline)-most)
		timeline = timeline[len(timeline)-most:]
	}
	for _, evt := range timeline {
		fmt.Fprintf(&b, "  %s\n", describe(evt, l.undecryptable[evt.ID]))
	}
	if len(l.typing) > 0 {
		fmt.Fprintf(&b, "  typing: %v\n", l.typing)
	}
	for eventID, users := range l.receipts {
		fmt.Fprintf(&b, "  receipts on %s: %v\n", eventID, users)
	}
	return b.String()
}

func describe(evt *event.Event, undecryptable error) string {
	line := fmt.Sprintf("%s %s %s", evt.ID, evt.Sender, evt.Type.Type)
	if evt.StateKey != nil {
		line += fmt.Sprintf("[%s]", *evt.StateKey)
	}
	if undecryptable != nil {
		return line + ": can't be decrypted: " + undecryptable.Error()
	}
	content, err := json.Marshal(evt.Content.Raw)
	if err != nil {
		return line + ": " + err.Error()
	}
	const most = 240
	if len(content) > most {
		content = append(content[:most:most], "…"...)
	}
	return line + " " + string(content)
}
