package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
)

func TestBetween(t *testing.T) {
	evt := func(id, kind, room string, at int64, more string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"event_id":%q,"type":%q,"room_id":%q,"origin_server_ts":%d,"content":{}%s}`, id, kind, room, at, more))
	}
	page := []json.RawMessage{
		evt("$late", "m.room.message", chatRoom, 9000, ""),
		evt("$6", "m.room.redaction", chatRoom, 6000, ""),
		evt("$5", "m.reaction", chatRoom, 5000, ""),
		evt("$gone", "m.room.message", chatRoom, 4500, `,"unsigned":{"redacted_because":{}}`),
		json.RawMessage(`"nonsense"`),
		evt("$state", "m.room.name", chatRoom, 4000, `,"state_key":""`),
		evt("$elsewhere", "m.room.message", "!other:"+fakematrix.Server, 4000, ""),
		evt("$unknown", "org.example", chatRoom, 4000, ""),
		evt("$3", "m.room.encrypted", chatRoom, 3000, `,"unsigned":{"age":5}`),
		evt("$early", "m.room.message", chatRoom, 1000, ""),
	}
	var got []string
	for _, raw := range between(page, chatRoom, time.UnixMilli(2000), time.UnixMilli(8000)) {
		var picked struct {
			ID string `json:"event_id"`
		}
		if err := json.Unmarshal(raw, &picked); err != nil {
			t.Fatal(err)
		}
		got = append(got, picked.ID)
	}
	if fmt.Sprint(got) != "[$3 $5 $6]" {
		t.Errorf("picked are %q, want $3, $5, $6", got)
	}
}

// forgetting is a homeserver that has events which it did not hand over.
type forgetting struct {
	matrixSide
	events []json.RawMessage
}

func (f forgetting) recent(context.Context, id.RoomID, time.Time) ([]json.RawMessage, error) {
	return f.events, nil
}

func TestWhatTheHomeserverForgotIsTakenInOnce(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	now := time.Now()
	forgotten := message("$2", "forgotten")
	stamp := fmt.Sprintf(`{"origin_server_ts":%d,`, now.UnixMilli())
	s.ledger.matrix = forgetting{s.ledger.matrix, []json.RawMessage{
		json.RawMessage(stamp + forgotten[1:]), json.RawMessage(stamp + message("$1", "handed over")[1:]),
	}}
	s.start()
	s.hand("1", message("$1", "handed over"))
	s.awaitTexts("handed over")
	s.empty()
	s.must(s.ledger.begin(t.Context(), begunStep{stepOutage, now.UTC().Format(time.RFC3339Nano)}))
	since, found := s.ledger.lastOutage()
	if !found || !since.Equal(now) {
		t.Errorf("the outage began at %s (%t), want %s", since, found, now)
	}
	for range 2 {
		s.must(s.ledger.catchUp(since.Add(-outageMargin), now.Add(time.Second)))
	}
	s.awaitTexts("handed over", "forgotten")
	s.empty()
	if _, found = s.ledger.lastOutage(); found || s.begunSteps() != 0 {
		t.Error("the outage is still noted")
	}
	s.hand("2", forgotten) // it remembers
	s.hand("3", message("$3", "next"))
	s.awaitTexts("handed over", "forgotten", "next")
}

// TestWhatIsBridgedIsNotTakenInAgain: not even if so much came since that the ledger has forgotten its id.
func TestWhatIsBridgedIsNotTakenInAgain(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	now := time.Now()
	first := message("$1", "long ago")
	s.ledger.matrix = forgetting{s.ledger.matrix, []json.RawMessage{json.RawMessage(fmt.Sprintf(`{"origin_server_ts":%d,`, now.UnixMilli()) + first[1:])}}
	s.start()
	s.hand("1", first)
	s.awaitTexts("long ago")
	s.empty()
	_, err := s.ledger.bridge.DB.Exec(t.Context(), "DELETE FROM crosschat_transaction")
	s.must(err)
	s.must(s.ledger.catchUp(now.Add(-outageMargin), now.Add(time.Second)))
	s.empty()
	s.awaitTexts("long ago")
	if accepted := s.ledger.counts.accepted.Load(); accepted != 1 {
		t.Errorf("%d events were taken in, want 1", accepted)
	}
}
