package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/util/exhttp"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/meter"
	"crosschat/database"
)

// transaction is the body of PUT /_matrix/app/v1/transactions/{txnId} (application service API; MSC2409 and MSC3202 under
// their unstable names), cut into what is stored one by one.
type transaction struct {
	Events            []json.RawMessage `json:"events"`
	Ephemeral         []json.RawMessage `json:"ephemeral"`
	UnstableEphemeral []json.RawMessage `json:"de.sorunome.msc2409.ephemeral"`
	keys
}

// keys are what encryption needs: a lost one loses messages.
type keys struct {
	ToDevice            json.RawMessage `json:"to_device,omitempty"`
	UnstableToDevice    json.RawMessage `json:"de.sorunome.msc2409.to_device,omitempty"`
	DeviceLists         json.RawMessage `json:"device_lists,omitempty"`
	UnstableDeviceLists json.RawMessage `json:"org.matrix.msc3202.device_lists,omitempty"`
	OTKCounts           json.RawMessage `json:"device_one_time_keys_count,omitempty"`
	UnstableOTKCounts   json.RawMessage `json:"org.matrix.msc3202.device_one_time_keys_count,omitempty"`
}

// lasting are the fields that must not be lost.
func (k *keys) lasting() []json.RawMessage {
	return []json.RawMessage{k.ToDevice, k.UnstableToDevice, k.DeviceLists, k.UnstableDeviceLists}
}

// counts are the fields that come again, with newer values, whenever they matter.
func (k *keys) counts() []json.RawMessage {
	return []json.RawMessage{k.OTKCounts, k.UnstableOTKCounts}
}

// empty is whether fields say nothing: servers send such ones, too.
func empty(fields []json.RawMessage) bool {
	for _, field := range fields {
		switch string(bytes.TrimSpace(field)) {
		case "", "null", "[]", "{}", `{"changed":[],"left":[]}`:
		default:
			return false
		}
	}
	return true
}

// putTransaction stores what a transaction holds, then answers it. It stands in the place of the library's handler.
func (l *Ledger) putTransaction(as *appservice.AppService) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !as.CheckServerToken(w, r) {
			return
		}
		log := l.log.With().Str("transaction_id", r.PathValue("txnID")).Logger()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			mautrix.MNotJSON.WithMessage("The body could not be read").Write(w)
			return
		}
		var txn transaction
		if err := json.Unmarshal(body, &txn); err != nil {
			log.Warn().Err(err).Msg("Transaction is not what the specification says")
			mautrix.MBadJSON.WithMessage("The body could not be parsed").Write(w)
			return
		}
		Passing("transaction.received")
		// The homeserver may hang up; what is half done is brought to its end all the same.
		if err = l.accept(log.WithContext(context.WithoutCancel(r.Context())), r.PathValue("txnID"), &txn); err != nil {
			log.Warn().Err(err).Msg("Transaction could not be stored and has to come again")
			mautrix.MUnknown.WithMessage("The transaction could not be stored").WithStatus(http.StatusServiceUnavailable).Write(w)
			return
		}
		Passing("transaction.stored")
		exhttp.WriteEmptyJSONResponse(w, http.StatusOK)
		Passing("transaction.answered")
	}
}

// accept stores a transaction and hands it on, in the order of calls.
func (l *Ledger) accept(ctx context.Context, txnID string, txn *transaction) error {
	l.accepting.Lock()
	defer l.accepting.Unlock()
	log := zerolog.Ctx(ctx)
	if err := l.opened(ctx); err != nil {
		return err
	}
	rows, passing, print := l.rows(log, txnID, txn)
	if len(rows) > 0 {
		begun := time.Now()
		stored, err := l.store.Accept(ctx, print, l.nextSeq(), rows)
		meter.Transaction.Took(time.Since(begun), err)
		l.counts.accepted.Add(int64(len(stored)))
		if len(stored) > 0 {
			log.Debug().Strs("event_ids", eventIDs(stored)).Msg("Accepted a transaction")
		}
		if l.started {
			l.arrivals.push(arriving(stored)...)
		} // else Start takes it up
		if err != nil {
			return err
		}
		if repeated := len(rows) - len(stored); repeated > 0 {
			l.counts.deduplicated.Add(int64(repeated))
			log.Debug().Int("count", repeated).Msg("Ignored events that the homeserver sent again")
		}
		if !l.started {
			return nil
		}
	}
	if empty(txn.keys.lasting()) && !empty(txn.keys.counts()) {
		if body, err := json.Marshal(txn.keys); err == nil {
			l.arrivals.push(arrival{row: database.Outgoing{RoomID: noRoom, Body: body}})
		}
	}
	// What is only of the moment is neither stored nor waited for.
	for _, raw := range slices.Concat(passing, txn.Ephemeral, txn.UnstableEphemeral) {
		l.arrivals.push(arrival{row: database.Outgoing{Body: raw}})
	}
	return nil
}

func eventIDs(rows []database.Outgoing) []string {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.EventID
	}
	return ids
}

// rows are what of a transaction is stored, passing are the states of rooms that the bridge has set itself, and the
// fingerprint is the same when the homeserver repeats the transaction. It is not made from the bytes, since events have an
// age, nor from the id alone, which a homeserver that was set up anew would use again; and from keys only if there is
// nothing else, since Synapse leaves them out when it repeats a transaction.
func (l *Ledger) rows(log *zerolog.Logger, txnID string, txn *transaction) (rows []database.Outgoing, passing []json.RawMessage, fingerprint string) {
	hash := sha256.New()
	hash.Write([]byte(txnID))
	now := time.Now()
	if len(txn.Events) == 0 {
		for _, part := range txn.keys.lasting() {
			hash.Write([]byte{0})
			hash.Write(part)
		}
	}
	if !empty(txn.keys.lasting()) {
		body, err := json.Marshal(txn.keys)
		if err != nil {
			log.Warn().Err(err).Msg("Keys in a transaction are not what the specification says")
		} else {
			rows = append(rows, database.Outgoing{Seq: l.nextSeq(), Body: body, ReceivedAt: now})
		}
	}
	for _, raw := range txn.Events {
		var evt struct {
			ID        string          `json:"event_id"`
			Room      string          `json:"room_id"`
			Sender    id.UserID       `json:"sender"`
			StateKey  *string         `json:"state_key"`
			Timestamp int64           `json:"origin_server_ts"`
			Content   json.RawMessage `json:"content"`
		}
		err := json.Unmarshal(raw, &evt)
		if err != nil || evt.ID == "" || evt.Room == "" || strings.Contains(evt.ID+evt.Room, "\x00") {
			// To refuse it would make the homeserver send it again for ever.
			log.Warn().Err(err).Msg("Ignored an event that is not what the specification says")
			continue
		}
		hash.Write([]byte("\x00" + evt.ID))
		if l.matrix.ours(evt.Sender, evt.Timestamp, evt.Content) {
			if evt.StateKey != nil {
				passing = append(passing, raw)
			}
			continue
		}
		rows = append(rows, database.Outgoing{Seq: l.nextSeq(), EventID: evt.ID, RoomID: evt.Room, Body: raw, ReceivedAt: now})
	}
	return rows, passing, hex.EncodeToString(hash.Sum(nil))
}

// noRoom stands where a room would, for keys that are not stored.
const noRoom = "-"

// arrival is something on its way to its lane, or a signal to be given when all before it is there.
type arrival struct {
	row     database.Outgoing
	through signal
}

func arriving(rows []database.Outgoing) (list []arrival) {
	for _, row := range rows {
		list = append(list, arrival{row: row})
	}
	return list
}

// pump hands on what was accepted, in order: keys at once, since events wait for them, events to their room's lane.
func (l *Ledger) pump() {
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.arrivals.some:
		}
		for _, a := range l.arrivals.take() {
			if l.ctx.Err() != nil {
				return
			}
			switch row := a.row; {
			case a.through != nil:
				a.through.give()
			case row.EventID != "":
				l.arrived(row)
			case row.Seq != 0 || row.RoomID == noRoom:
				l.takeKeys(row)
			default:
				l.arrivedPassing(row.Body)
			}
		}
	}
}

// deviceListPatience is how long changed device lists are kept: the library looks at them in a goroutine of its own and
// does not say when it is through. Looking twice is harmless.
const deviceListPatience = 30 * time.Second

func (l *Ledger) takeKeys(row database.Outgoing) {
	var txn appservice.Transaction
	if err := json.Unmarshal(row.Body, &txn); err != nil {
		l.log.Warn().Err(err).Msg("Keys in a transaction are not what the specification says")
		l.finish(row.Seq)
		return
	}
	if l.matrix.takeKeys(l.ctx, &txn) {
		time.AfterFunc(deviceListPatience, func() { l.finish(row.Seq) })
		return
	}
	l.finish(row.Seq)
}

func (l *Ledger) arrived(row database.Outgoing) {
	evt := &event.Event{}
	if err := json.Unmarshal(row.Body, evt); err != nil {
		l.log.Warn().Err(err).Str("event_id", row.EventID).Msg("Ignored an event that is not what the specification says")
		l.finish(row.Seq)
		return
	}
	l.complete(evt)
	l.enqueue(&item{row: row, evt: evt, first: row.Tries == 0, perhapsSent: row.Tries > 0})
}

// arrivedPassing takes an ephemeral event, or state that the bridge has set itself.
func (l *Ledger) arrivedPassing(body []byte) {
	evt := &event.Event{}
	if err := json.Unmarshal(body, evt); err != nil || evt.RoomID == "" {
		l.log.Debug().Err(err).Msg("Ignored an ephemeral event that is not what the specification says")
		return
	}
	l.complete(evt)
	if evt.StateKey != nil {
		l.matrix.dispatch(l.ctx, evt)
		return
	}
	l.enqueue(&item{evt: evt})
}

// complete sets what is not in an event's JSON, and remembers state. Ephemeral events have no id.
func (l *Ledger) complete(evt *event.Event) {
	evt.Mautrix.ReceivedAt = time.Now()
	evt.Mautrix.EventSource = event.SourceTimeline
	switch {
	case evt.StateKey != nil:
		evt.Type.Class = event.StateEventType
	case evt.ID == "":
		evt.Mautrix.EventSource = event.SourceEphemeral
		evt.Type.Class = event.EphemeralEventType
	default:
		evt.Type.Class = event.MessageEventType
	}
	l.parse(evt)
	if evt.Type.IsState() {
		l.matrix.remember(l.ctx, evt)
	}
}

// parse makes the content's type, as far as the library knows it: what it doesn't, nobody handles.
func (l *Ledger) parse(evt *event.Event) {
	if err := evt.Content.ParseRaw(evt.Type); err != nil {
		l.log.Debug().Err(err).Stringer("event_id", evt.ID).Stringer("event_type", evt.Type).Msg("Content was not parsed")
	}
}
