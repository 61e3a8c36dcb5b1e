package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/database"
)

// question is one of the bot's to a homeserver that a test plays.
type question struct {
	since    string
	patience time.Duration
	answer   chan<- any // a string with JSON, or an error
}

// asked is a homeserver that is asked for what it does not hand over, and hands nothing on to bridgev2.
type asked struct {
	matrixSide
	questions chan question

	lock       sync.Mutex
	dispatched []*event.Event
}

func (a *asked) sync(ctx context.Context, since string, patience time.Duration) (*syncAnswer, error) {
	answer := make(chan any)
	select {
	case a.questions <- question{since, patience, answer}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case got := <-answer:
		if err, ok := got.(error); ok {
			return nil, err
		}
		var parsed syncAnswer
		return &parsed, json.Unmarshal([]byte(got.(string)), &parsed)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *asked) dispatch(ctx context.Context, evt *event.Event) {
	if evt.ID != "" {
		a.matrixSide.dispatch(ctx, evt)
		return
	}
	a.lock.Lock()
	defer a.lock.Unlock()
	a.dispatched = append(a.dispatched, evt)
}

func (a *asked) moments() []*event.Event {
	a.lock.Lock()
	defer a.lock.Unlock()
	return a.dispatched
}

// listening makes the ledger of a scene listen to a homeserver that the test plays.
func (s *scene) listening() *asked {
	home := &asked{matrixSide: s.ledger.matrix, questions: make(chan question)}
	s.ledger.matrix = home
	s.ledger.config.Listen = listenAuto
	s.ledger.Listen()
	return home
}

// next is the homeserver's next question.
func (s *scene) next(home *asked, since string) question {
	s.Helper()
	select {
	case q := <-home.questions:
		if q.since != since {
			s.Fatalf("asked what is new since %q, want %q", q.since, since)
		}
		return q
	case <-time.After(patience):
		s.Fatalf("not asked what is new since %q", since)
		return question{}
	}
}

func (s *scene) heardUpTo() string {
	s.Helper()
	token, err := database.NewSettings(s.ledger.bridge.DB.Database, s.ledger.bridge.ID).Get(s.Context(), heardSetting)
	s.must(err)
	return token
}

func (s *scene) accepted(eventID string) bool {
	s.Helper()
	known, err := s.ledger.store.Accepted(s.Context(), eventID)
	s.must(err)
	return known
}

// answerWith is an answer to /sync with redactions in the room.
func answerWith(token string, redactions ...string) string {
	var events []json.RawMessage
	for _, text := range redactions {
		events = append(events, json.RawMessage(text))
	}
	timeline, _ := json.Marshal(events)
	return fmt.Sprintf(`{"next_batch":%q,"rooms":{"join":{%q:{"timeline":{"events":%s}}}}}`, token, chatRoom, timeline)
}

// TestListensForRedactions shows what a homeserver does not hand over: a redaction of a message that waits takes it back, in
// the next run, too.
func TestListensForRedactions(t *testing.T) {
	dir, wire := t.TempDir(), newWire()
	s := mustSet(t, dir, wire)
	home := s.listening()
	wire.setOnline(false)
	s.start()
	s.next(home, "").answer <- answerWith("t1", redaction("$old", "$before"))
	q := s.next(home, "t1")
	if s.accepted("$old") {
		t.Error("what was redacted before the bot listened is taken in")
	}
	if got := s.heardUpTo(); got != "t1" {
		t.Errorf("noted is %q, want t1", got)
	}
	s.hand("1", message("$1", "taken back"))
	q.answer <- answerWith("t2", redaction("$r1", "$1"))
	s.next(home, "t2")
	s.await("the message to be cancelled", func() bool { return s.ledger.counts.cancelled.Load() == 1 })
	wire.setOnline(true)
	s.hand("2", message("$2", "stays"))
	s.awaitTexts("stays")
	s.ledger.Stop()
	if got := s.heardUpTo(); got != "t2" {
		t.Errorf("at the end noted is %q, want t2", got)
	}

	s = mustSet(t, dir, wire)
	home = s.listening()
	wire.setOnline(false)
	s.start()
	s.hand("3", message("$3", "taken back, too"))
	// Newer room versions have the target elsewhere.
	s.next(home, "t2").answer <- answerWith("t3", `{"type":"m.room.redaction","event_id":"$r3","sender":"`+alice+`","content":{"redacts":"$3"}}`)
	q = s.next(home, "t3")
	s.await("the message to be cancelled", func() bool { return s.ledger.counts.cancelled.Load() == 1 })

	// A homeserver that was set up anew.
	q.answer <- fmt.Errorf("%w: test", errBadToken)
	s.next(home, "").answer <- answerWith("n1")
	s.next(home, "n1")
}

// TestListensForMoments shows that typing and receipts get where transactions' do, and that nonsense does no harm.
func TestListensForMoments(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	home := s.listening()
	s.start()
	s.next(home, "").answer <- answerWith("t1")
	s.next(home, "t1").answer <- fmt.Sprintf(`{"next_batch":"t2","rooms":{"join":{
		%q:{"timeline":{"events":[null,7,[],"x",{},{"type":"m.room.redaction"},{"type":"m.room.message","event_id":"$x","sender":"@a:b"}]},
			"ephemeral":{"events":[null,"x",{"type":"m.typing","content":{"user_ids":[%q]}},
			{"type":"m.receipt","content":{"$1":{"m.read":{%q:{"ts":1}}}}}]}}}}}`, chatRoom, alice, alice)
	q := s.next(home, "t2")
	s.await("typing and a receipt", func() bool { return len(home.moments()) == 2 })
	for i, want := range []event.Type{event.EphemeralEventTyping, event.EphemeralEventReceipt} {
		if got := home.moments()[i]; got.Type != want || got.RoomID != chatRoom || got.Content.Parsed == nil {
			t.Errorf("handed on is %s in %q, want %s in %q", got.Type.Type, got.RoomID, want.Type, chatRoom)
		}
	}
	if s.accepted("$x") {
		t.Error("a message that was not asked for is taken in")
	}
	q.answer <- errors.New("the homeserver is away")
	s.next(home, "t2")
}

// TestWhoListens shows when the bot listens.
func TestWhoListens(t *testing.T) {
	for _, test := range []struct {
		setting        string
		reticent, want bool
	}{{listenAuto, false, false}, {listenAuto, true, true}, {listenAlways, false, true}, {listenNever, true, false}} {
		l := &Ledger{config: &Config{Listen: test.setting}}
		if test.reticent {
			l.Listen()
		}
		if got := l.listens(); got != test.want {
			t.Errorf("%s, reticent %t: %t, want %t", test.setting, test.reticent, got, test.want)
		}
	}
}

// TestSync shows the question as a homeserver gets it, and that a token that it refuses is told from other failures.
func TestSync(t *testing.T) {
	var asked url.Values
	status, body := http.StatusOK, `{"next_batch":"t2","rooms":{"join":{"!r:x":{"ephemeral":{"events":[{"type":"m.typing"}]}}}}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	client, err := mautrix.NewClient(server.URL, id.UserID("@bot:x"), "token")
	if err != nil {
		t.Fatal(err)
	}
	side := librarySide{mx: &matrix.Connector{Bot: &appservice.IntentAPI{Client: client}}}
	answer, err := side.sync(t.Context(), "t1", time.Second)
	if err != nil || answer.NextBatch != "t2" || len(answer.Rooms.Join["!r:x"].Ephemeral.Events) != 1 {
		t.Errorf("the answer is %+v, %v", answer, err)
	}
	if asked.Get("since") != "t1" || asked.Get("timeout") != "1000" || asked.Get("set_presence") != "offline" || !json.Valid([]byte(asked.Get("filter"))) {
		t.Errorf("asked is %v", asked)
	}
	status, body = http.StatusBadRequest, `{"errcode":"M_INVALID_PARAM","error":"malformed sync token"}`
	if _, err = side.sync(t.Context(), "t1", time.Second); !errors.Is(err, errBadToken) {
		t.Errorf("a refused token gives %v, want %v", err, errBadToken)
	}
	if _, err = side.sync(t.Context(), "", time.Second); err == nil || errors.Is(err, errBadToken) {
		t.Errorf("a refused question without token gives %v", err)
	}
	status = http.StatusBadGateway
	if _, err = side.sync(t.Context(), "t1", time.Second); err == nil || errors.Is(err, errBadToken) {
		t.Errorf("a homeserver that is away gives %v", err)
	}
}
