package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/database"
)

// A homeserver may hand bridges less than the application service API says. Dendrite v0.15 keeps redactions to itself
// (syncapi/consumers/roomserver.go returns before appservices are told) and all that is only of the moment
// (appservice/consumers knows nothing but room events). Clients are told by /sync, and the bot is in every portal, so there
// it listens like a client. What comes twice is recognised by its id.

const (
	// heardSetting has the token up to which the bot has listened; stored for ever.
	heardSetting = "crosschat.heard"
	// heardPause is between two times that the token is stored without need.
	heardPause = time.Minute
	// syncPatience is how long the homeserver may keep a question open.
	syncPatience = 30 * time.Second
)

// Listen says that the homeserver is known not to hand over everything, so that the bot asks for the rest, unless the config
// knows better, and to carry out late what it has taken (see fence). It is called before Start.
func (l *Ledger) Listen() { l.reticent = true }

// listens is whether the bot is to listen.
func (l *Ledger) listens() bool {
	return l.config.Listen == listenAlways || l.config.Listen == listenAuto && l.reticent
}

// syncAnswer is an answer to /sync (client API), as far as it is asked for.
type syncAnswer struct {
	NextBatch string `json:"next_batch"`
	Rooms     struct {
		Join map[id.RoomID]struct {
			Timeline  struct{ Events []json.RawMessage } `json:"timeline"`
			Ephemeral struct{ Events []json.RawMessage } `json:"ephemeral"`
		} `json:"join"`
	} `json:"rooms"`
}

// syncFilter asks for redactions, receipts and typing only.
const syncFilter = `{"presence":{"not_types":["*"]},"account_data":{"not_types":["*"]},"room":{` +
	`"state":{"not_types":["*"]},"account_data":{"not_types":["*"]},` +
	`"timeline":{"types":["m.room.redaction"],"limit":1000},"ephemeral":{"types":["m.receipt","m.typing"]}}}`

// errBadToken is why the homeserver does not go on from where the bot was: it may have been set up anew.
var errBadToken = errors.New("the homeserver does not know where the bot has listened to")

// sync asks what is new since a token; from the beginning if it is empty.
func (s librarySide) sync(ctx context.Context, since string, patience time.Duration) (*syncAnswer, error) {
	client := s.mx.Bot.Client
	query := map[string]string{"filter": syncFilter, "set_presence": string(event.PresenceOffline), "timeout": fmt.Sprint(patience.Milliseconds())}
	if since != "" {
		query["since"] = since
	}
	var answer syncAnswer
	address := client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "sync"}, query)
	silent := zerolog.Nop() // the client would log each question, and as an error that the homeserver is away: listen says so
	_, err := client.MakeFullRequest(silent.WithContext(ctx), mautrix.FullRequest{
		Method: "GET", URL: address, ResponseJSON: &answer, MaxAttempts: 1, Logger: &silent,
	})
	var refusal mautrix.HTTPError
	if errors.As(err, &refusal) && refusal.IsStatus(400) && since != "" {
		return nil, fmt.Errorf("%w: %w", errBadToken, err)
	} else if err != nil {
		return nil, fmt.Errorf("ask what the homeserver does not hand over: %w", err)
	}
	return &answer, nil
}

// listener is the bot's ear. One goroutine owns it.
type listener struct {
	l        *Ledger
	settings *database.Settings

	since   string
	noted   string // of since, what is stored
	notedAt time.Time
}

// listen asks for what is new, one question after the other, until the ledger stops.
func (l *Ledger) listen() {
	ear := &listener{l: l, settings: database.NewSettings(l.bridge.DB.Database, l.bridge.ID)}
	pause := firstPause
	for l.ctx.Err() == nil {
		err := ear.round(l.ctx)
		switch {
		case err == nil:
			pause = firstPause
		case l.ctx.Err() == nil:
			l.log.Warn().Err(err).Stringer("next_try_in", pause).Msg("Could not learn of deletions, receipts and typing")
			l.pause(pause)
			pause = min(2*pause, longestPause)
		}
	}
	if err := ear.note(context.WithoutCancel(l.ctx)); err != nil {
		l.log.Warn().Err(err).Msg("Could not note how far the bot has listened; some of it is asked for again")
	}
}

// round asks once and passes on what is new.
func (e *listener) round(ctx context.Context) (err error) {
	if e.notedAt.IsZero() {
		if e.since, err = e.settings.Get(ctx, heardSetting); err != nil {
			return err
		}
		e.noted, e.notedAt = e.since, time.Now()
	}
	patience := syncPatience
	if e.since == "" {
		patience = 0 // the first question is only for the token
	}
	answer, err := e.l.matrix.sync(ctx, e.since, patience)
	if errors.Is(err, errBadToken) {
		e.since, e.noted = "", ""
	}
	if err != nil {
		return err
	}
	if e.since != "" {
		if err = e.take(ctx, answer); err != nil {
			return err
		}
	}
	first := e.since == ""
	e.since = answer.NextBatch
	if first || time.Since(e.notedAt) >= heardPause {
		return e.note(ctx)
	}
	return nil
}

// take passes on what is new. Of what is of the moment nothing is stored.
func (e *listener) take(ctx context.Context, answer *syncAnswer) error {
	txn := &transaction{}
	for room, news := range answer.Rooms.Join {
		for _, raw := range news.Ephemeral.Events {
			if raw = inRoom(raw, room); raw != nil {
				txn.Ephemeral = append(txn.Ephemeral, raw)
			}
		}
		for _, raw := range news.Timeline.Events {
			var evt struct{ Type string }
			if raw = inRoom(raw, room); raw != nil && json.Unmarshal(raw, &evt) == nil && evt.Type == event.EventRedaction.Type { // servers need not filter
				txn.Events = append(txn.Events, raw)
			}
		}
	}
	if len(txn.Events)+len(txn.Ephemeral) == 0 {
		return nil
	}
	return e.l.accept(ctx, "heard "+e.since, txn)
}

// inRoom is an event as transactions have it: with its room, which /sync has around it. It is nil if it is no object.
func inRoom(raw json.RawMessage, room id.RoomID) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return nil
	}
	fields["room_id"], _ = json.Marshal(room)
	with, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	return with
}

// note stores how far the bot has listened, so that what is deleted while the bridge is down is learnt of.
func (e *listener) note(ctx context.Context) error {
	if e.since == e.noted {
		return nil
	}
	if err := e.settings.Set(ctx, heardSetting, e.since); err != nil {
		return err
	}
	e.noted, e.notedAt = e.since, time.Now()
	return nil
}
