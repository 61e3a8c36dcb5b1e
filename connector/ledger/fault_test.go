package ledger

import (
	"context"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	bridgestatus "maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
)

// TestFailedQueriesRepeat: the library logs that the database did not take something, and goes on.
func TestFailedQueriesRepeat(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want int
	}{{"disk full", sqlite3.Error{Code: sqlite3.ErrFull}, 2}, {"wrong query", sqlite3.Error{Code: sqlite3.ErrError}, 1}} {
		t.Run(test.name, func(t *testing.T) {
			s := mustSet(t, t.TempDir(), newWire())
			s.start()
			tries := make(chan struct{}, 9)
			meta := simplevent.EventMeta{
				Type: bridgev2.RemoteEventChatResync, PortalKey: networkid.PortalKey{ID: "anna", Receiver: "login"},
				PreHandleFunc: func(ctx context.Context, _ *bridgev2.Portal) {
					if tries <- struct{}{}; len(tries) == 1 {
						s.ledger.databaseFailed(ctx, test.err)
					}
				},
			}
			s.must(Deliver(t.Context(), s.user.GetDefaultLogin(), meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
				return &simplevent.ChatResync{EventMeta: meta}
			}))
			if len(tries) != test.want {
				t.Errorf("handled %d times, want %d", len(tries), test.want)
			}
		})
	}
}

// TestNoRowForWantOfADatabase: what is sent, but whose row the database did not take, has no outcome until it does.
func TestNoRowForWantOfADatabase(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	text := &event.Event{ID: "$1", Type: event.EventMessage, Content: event.Content{Parsed: &event.MessageEventContent{Body: "a"}}}
	reaction := &event.Event{ID: "$2", Type: event.EventReaction, Content: event.Content{Parsed: &event.ReactionEventContent{}}}
	judge := func(evt *event.Event, began time.Time) outcome {
		return s.ledger.judge(evt, &flight{began: began, status: &bridgev2.MessageStatus{
			Step: bridgestatus.MsgStepRemote, Status: event.MessageStatusSuccess,
		}}, nil)
	}
	began := time.Now()
	s.ledger.databaseFailed(t.Context(), sqlite3.Error{Code: sqlite3.ErrFull})
	for _, test := range []struct {
		name  string
		evt   *event.Event
		began time.Time
		want  outcome
	}{
		{"text amid it", text, began, outcome{verdict: rowless, patient: true}},
		{"reaction amid it", reaction, began, outcome{verdict: rowless, patient: true}},
		{"text afterwards", text, time.Now().Add(time.Second), outcome{verdict: rowless}},
		{"reaction afterwards", reaction, time.Now().Add(time.Second), outcome{verdict: sent}},
	} {
		if got := judge(test.evt, test.began); got.verdict != test.want.verdict || got.patient != test.want.patient {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}
