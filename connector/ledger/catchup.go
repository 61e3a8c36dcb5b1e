package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// A homeserver that is stopped may forget what it was about to hand over: Synapse notes that an appservice has an event
// when it has only queued it in memory (handlers/appservice.py, set_appservice_last_pos). So when the homeserver was away,
// the rooms are read for what never came.

const (
	stepOutage = "outage" // the homeserver was away, since the key

	// outageMargin is how long before it was found to be away a homeserver may have queued what it forgot.
	outageMargin = time.Minute
	// returnPause is how long the homeserver is given to hand over by itself what it remembers.
	returnPause = 10 * time.Second
	// outagePage and mostPages bound how many events of a room are looked at.
	outagePage = "100"
	mostPages  = 10
)

// missed notes, once for each time, that the homeserver does not answer.
func (l *Ledger) missed() {
	l.lock.Lock()
	known := l.outage
	l.outage = true
	l.lock.Unlock()
	if known || l.ctx.Err() != nil {
		return
	}
	l.goDo(func() {
		if err := l.begin(l.ctx, begunStep{stepOutage, time.Now().UTC().Format(time.RFC3339Nano)}); err != nil {
			l.log.Warn().Err(err).Msg("Could not note that the homeserver is away")
		}
	})
}

// watchHomeserver looks for what never came, each time that the homeserver was away.
func (l *Ledger) watchHomeserver() {
	for l.ctx.Err() == nil {
		l.pause(returnPause)
		since, found := l.lastOutage()
		if !found || l.matrix.answers(l.ctx) != nil {
			continue
		}
		l.lock.Lock()
		l.outage = false // from now on another one is noted anew
		l.lock.Unlock()
		until := time.Now()
		l.pause(returnPause)
		if l.ctx.Err() != nil {
			return
		}
		if err := l.catchUp(since.Add(-outageMargin), until); err != nil {
			l.log.Warn().Err(err).Msg("Could not yet look for what the homeserver forgot to hand over")
		}
	}
}

// lastOutage is when the homeserver was first found to be away of the times that were not looked into yet.
func (l *Ledger) lastOutage() (since time.Time, found bool) {
	l.lock.Lock()
	defer l.lock.Unlock()
	for step := range l.begun {
		at, err := time.Parse(time.RFC3339Nano, step.key)
		if step.kind != stepOutage || err != nil {
			continue
		}
		if !found || at.Before(since) {
			since, found = at, true
		}
	}
	return since, found
}

// catchUp takes in what users sent to portals in a time and what never came. What came already is known by its id.
func (l *Ledger) catchUp(since, until time.Time) error {
	portals, err := l.bridge.DB.Portal.GetAllWithMXID(l.ctx)
	if err != nil {
		return fmt.Errorf("list the rooms: %w", err)
	}
	for _, portal := range portals {
		recent, err := l.matrix.recent(l.ctx, portal.MXID, since)
		if err != nil {
			l.log.Warn().Err(err).Stringer("room_id", portal.MXID).Msg("Could not read a room for what never came")
			if l.matrix.answers(l.ctx) != nil {
				return err // it is away again
			}
			continue
		}
		txn := &transaction{}
		if txn.Events, err = l.unbridged(between(recent, portal.MXID, since, until)); err != nil {
			return err
		}
		if len(txn.Events) == 0 {
			continue
		}
		before := l.counts.accepted.Load()
		if err = l.accept(l.ctx, fmt.Sprintf("catch-up %s %s", portal.MXID, until.Format(time.RFC3339Nano)), txn); err != nil {
			return err
		}
		if came := l.counts.accepted.Load() - before; came > 0 {
			l.log.Warn().Int64("count", came).Stringer("room_id", portal.MXID).Msg("Took in events that the homeserver had not handed over")
		}
	}
	return l.endOutages(until)
}

// unbridged leaves out what is known: what came before the last ids that the ledger remembers may have come, too.
func (l *Ledger) unbridged(events []json.RawMessage) (unknown []json.RawMessage, err error) {
	for _, raw := range events {
		var evt struct {
			ID id.EventID `json:"event_id"`
		}
		if json.Unmarshal(raw, &evt) != nil {
			continue
		}
		known, err := l.knows(l.ctx, evt.ID)
		if err != nil {
			return nil, err
		}
		if !known {
			unknown = append(unknown, raw)
		}
	}
	return unknown, nil
}

// endOutages forgets those that began before a time.
func (l *Ledger) endOutages(until time.Time) error {
	l.lock.Lock()
	var ended []begunStep
	for step := range l.begun {
		at, err := time.Parse(time.RFC3339Nano, step.key)
		if step.kind == stepOutage && (err != nil || at.Before(until)) {
			ended = append(ended, step)
		}
	}
	l.lock.Unlock()
	for _, step := range ended {
		if err := l.end(l.ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// between picks the events of a room that people sent in a time, oldest first, out of a page that begins with the newest.
func between(page []json.RawMessage, room id.RoomID, since, until time.Time) (picked []json.RawMessage) {
	for _, raw := range slices.Backward(page) {
		var evt struct {
			Type      string          `json:"type"`
			Room      id.RoomID       `json:"room_id"`
			StateKey  *string         `json:"state_key"`
			Timestamp int64           `json:"origin_server_ts"`
			Unsigned  json.RawMessage `json:"unsigned"`
		}
		if json.Unmarshal(raw, &evt) != nil || evt.StateKey != nil || evt.Room != room {
			continue
		}
		switch evt.Type {
		case event.EventMessage.Type, event.EventEncrypted.Type, event.EventSticker.Type, event.EventReaction.Type, event.EventRedaction.Type:
		default:
			continue
		}
		var unsigned struct {
			Redacted json.RawMessage `json:"redacted_because"`
		}
		_ = json.Unmarshal(evt.Unsigned, &unsigned) // it may be missing
		if at := time.UnixMilli(evt.Timestamp); at.Before(since) || at.After(until) || unsigned.Redacted != nil {
			continue
		}
		picked = append(picked, raw)
	}
	return picked
}

// recent reads the events of a room since a time, newest first, and some before it.
func (s librarySide) recent(ctx context.Context, room id.RoomID, since time.Time) (all []json.RawMessage, err error) {
	client := s.mx.Bot.Client
	query := map[string]string{"dir": "b", "limit": outagePage}
	for range mostPages {
		var page struct {
			Chunk []json.RawMessage `json:"chunk"`
			End   string            `json:"end"`
		}
		address := client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "rooms", room, "messages"}, query)
		if _, err = client.MakeRequest(ctx, http.MethodGet, address, nil, &page); err != nil {
			return nil, fmt.Errorf("read the newest events of %s: %w", room, err)
		}
		all = append(all, page.Chunk...)
		if page.End == "" || len(page.Chunk) == 0 || slices.ContainsFunc(page.Chunk, func(raw json.RawMessage) bool { return s.sentBefore(raw, since) }) {
			break
		}
		query["from"] = page.End
	}
	return all, nil
}

// sentBefore is whether somebody's event is from before a time. Those of ghosts bear the network's times.
func (s librarySide) sentBefore(raw json.RawMessage, since time.Time) bool {
	var evt struct {
		Sender    id.UserID `json:"sender"`
		Timestamp int64     `json:"origin_server_ts"`
	}
	return json.Unmarshal(raw, &evt) == nil && !s.l.bridge.IsGhostMXID(evt.Sender) && time.UnixMilli(evt.Timestamp).Before(since)
}

// answers is nil if the homeserver does.
func (s librarySide) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, returnPause)
	defer cancel()
	_, err := s.mx.Bot.Whoami(ctx)
	return err
}
