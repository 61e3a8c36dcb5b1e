package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Some steps leave half a thing behind if the process ends in their midst. They are noted before, and the note is taken
// away after; one that is found at the next start says what to finish.
const (
	stepRoom  = "room"  // bridgev2 makes a portal's room, stores that, and invites people
	stepParts = "parts" // bridgev2 sends the parts of a message, and stores a row for each
)

type begunStep struct{ kind, key string }

// portalName is a portal as a key of a step.
func portalName(key networkid.PortalKey) string {
	name, err := json.Marshal([]string{string(key.ID), string(key.Receiver)})
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(name)
}

// partsName is a message as a key of a step.
func partsName(login networkid.UserLoginID, portal networkid.PortalKey, message networkid.MessageID) string {
	return strings.Join([]string{string(login), portalName(portal), string(message)}, " ")
}

func parsePortalName(name string) (networkid.PortalKey, error) {
	var parts [2]string
	if err := json.Unmarshal([]byte(name), &parts); err != nil {
		return networkid.PortalKey{}, fmt.Errorf("parse portal name %q: %w", name, err)
	}
	return networkid.PortalKey{ID: networkid.PortalID(parts[0]), Receiver: networkid.UserLoginID(parts[1])}, nil
}

func (l *Ledger) loadBegun(ctx context.Context) error {
	for _, kind := range []string{stepRoom, stepParts, stepOutage} {
		keys, err := l.store.Begun(ctx, kind)
		if err != nil {
			return err
		}
		for _, key := range keys {
			l.begun[begunStep{kind, key}] = true
		}
	}
	return nil
}

// begin notes a step, if it is not noted yet. Without a ledger nothing is noted.
func (l *Ledger) begin(ctx context.Context, step begunStep) error {
	if l == nil {
		return nil
	}
	l.lock.Lock()
	_, known := l.begun[step]
	l.lock.Unlock()
	if known {
		return nil
	}
	if err := l.store.Begin(ctx, step.kind, step.key); err != nil {
		return err
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	l.begun[step] = false
	return nil
}

// end takes the note of a step away, if there is one.
func (l *Ledger) end(ctx context.Context, step begunStep) error {
	if l == nil {
		return nil
	}
	l.lock.Lock()
	_, known := l.begun[step]
	l.lock.Unlock()
	if !known {
		return nil
	}
	if err := l.store.End(ctx, step.kind, step.key); err != nil {
		return err
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	delete(l.begun, step)
	return nil
}

// noted is whether a step was begun, in whichever run, and not ended.
func (l *Ledger) noted(step begunStep) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	_, known := l.begun[step]
	return known
}

// interrupted is whether an earlier run began a step and did not end it.
func (l *Ledger) interrupted(step begunStep) bool {
	if l == nil {
		return false
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.begun[step]
}

// beforeRoom is called before an event is queued that may make a room. If an earlier run ended while it made this one, or
// this run could not bring that to its end because database or homeserver went away, what came after the room itself is
// done now: storing it, learning that it is encrypted and who is in it, and inviting its people.
func (l *Ledger) beforeRoom(ctx context.Context, login *bridgev2.UserLogin, meta simplevent.EventMeta) error {
	if l == nil || !meta.CreatePortal {
		return nil
	}
	portal, err := login.Bridge.GetPortalByKey(ctx, meta.PortalKey)
	if err != nil {
		return awayError{fmt.Errorf("look up portal: %w", err)}
	}
	step := begunStep{stepRoom, portalName(meta.PortalKey)}
	if portal.MXID == "" {
		if err := l.begin(ctx, step); err != nil {
			return awayError{err}
		}
		Passing("room.noted")
		return nil
	}
	if !l.noted(step) {
		return nil
	}
	if err = portal.Save(ctx); err != nil {
		return awayError{fmt.Errorf("store room %s of portal %q: %w", portal.MXID, portal.ID, err)}
	}
	if err = l.matrix.learn(ctx, portal.MXID); err != nil {
		return awayError{err}
	}
	resync := simplevent.EventMeta{Type: bridgev2.RemoteEventChatResync, PortalKey: meta.PortalKey}
	return handle(ctx, login, resync, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.ChatResync{
			EventMeta: meta,
			GetChatInfoFunc: func(ctx context.Context, portal *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
				l.addToSpace(ctx, login, portal)
				return login.Client.GetChatInfo(ctx, portal)
			},
		}
	})
}

func (l *Ledger) addToSpace(ctx context.Context, login *bridgev2.UserLogin, portal *bridgev2.Portal) {
	place, err := l.bridge.DB.UserPortal.GetOrCreate(ctx, login.UserLogin, portal.PortalKey)
	if err == nil {
		err = login.AddPortalToSpace(ctx, portal, place.CopyWithoutValues())
	}
	if err != nil {
		l.log.Warn().Err(err).Str("portal_id", string(portal.ID)).Msg("Could not put a room into its user's space")
	}
}

// adoptRooms looks among the bot's rooms for those that were made but not stored: each bears its chat in m.bridge
// (MSC2346), and bridgev2 sets that while it makes the room.
func (s librarySide) adoptRooms(ctx context.Context, l *Ledger) {
	var missing []*bridgev2.Portal
	for step := range l.begun {
		if step.kind != stepRoom {
			continue
		}
		key, err := parsePortalName(step.key)
		if err != nil {
			l.log.Error().Err(err).Msg("A note in the ledger is damaged")
			continue
		}
		portal, err := l.bridge.GetPortalByKey(ctx, key)
		if err != nil {
			l.log.Error().Err(err).Str("portal_id", string(key.ID)).Msg("Could not look up a portal whose room was being made")
		} else if portal.MXID == "" {
			missing = append(missing, portal)
		}
	}
	if len(missing) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.adopt(ctx, l, missing); err != nil {
		l.log.Warn().Err(err).Int("count", len(missing)).Msg("Could not look for rooms that were being made; they may be made a second time")
	}
}

func (s librarySide) adopt(ctx context.Context, l *Ledger, missing []*bridgev2.Portal) error {
	joined, err := s.mx.Bot.JoinedRooms(ctx)
	if err != nil {
		return fmt.Errorf("list the bot's rooms: %w", err)
	}
	// The newest are likely to be last, and one search may be long.
	for _, room := range slices.Backward(joined.JoinedRooms) {
		if known, err := l.bridge.GetPortalByMXID(ctx, room); err != nil {
			return fmt.Errorf("look up room %s: %w", room, err)
		} else if known != nil {
			continue
		}
		var info event.BridgeEventContent
		if err := s.mx.Bot.StateEvent(ctx, room, event.StateBridge, s.mx.GetUniqueBridgeID(), &info); err != nil {
			continue // not a portal's room
		}
		i := slices.IndexFunc(missing, func(p *bridgev2.Portal) bool {
			return string(p.ID) == info.Channel.ID && string(p.Receiver) == info.Channel.Receiver
		})
		if i < 0 || info.BridgeBot != s.mx.Bot.UserID {
			continue
		}
		portal := missing[i]
		if err := s.learn(ctx, room); err != nil {
			return err
		}
		if err := portal.UpdateMatrixRoomID(l.ctx, room, bridgev2.UpdateMatrixRoomIDParams{FailIfMXIDSet: true}); err != nil {
			return fmt.Errorf("store room %s of portal %q: %w", room, portal.ID, err)
		}
		l.log.Info().Stringer("room_id", room).Str("portal_id", string(portal.ID)).Msg("Took over a room that was being made when the bridge ended")
		if missing = slices.Delete(missing, i, i+1); len(missing) == 0 {
			return nil
		}
	}
	return nil
}

// learn asks the homeserver for the state of a room: what it told while the room was made may have been lost with the
// process, or for want of a database. Without it a message would be sent in the clear, or its key to nobody.
func (s librarySide) learn(ctx context.Context, room id.RoomID) error {
	if _, err := s.mx.Bot.State(ctx, room); err != nil {
		return fmt.Errorf("read the state of room %s: %w", room, err)
	}
	if s.mx.Crypto != nil {
		s.mx.Crypto.ResetSession(ctx, room) // its key may have been given to too few
	}
	return nil
}
