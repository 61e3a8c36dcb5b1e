package ledger

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
)

// echo has the network bring back a message that may be one of Matrix's; it is shown unless it is.
func (s *scene) echo(eventID, text string, at time.Time) {
	s.Helper()
	login := s.user.GetDefaultLogin()
	meta := simplevent.EventMeta{
		PortalKey: networkid.PortalKey{ID: "anna", Receiver: "login"}, Timestamp: at,
		Sender: bridgev2.EventSender{Sender: "me", SenderLogin: login.ID, IsFromMe: true},
	}
	id := networkid.MessageID("remote " + eventID)
	s.must(DeliverMessage(s.Context(), login, meta, Message{
		ID: id,
		Convert: func(ctx context.Context, portal *bridgev2.Portal, _ bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			row := &bridgedb.Message{ID: id, SenderID: "me", Timestamp: at}
			settled, err := Settle(ctx, login, portal, row, func(evt *event.Event) bool { return evt.ID.String() == eventID })
			if err != nil {
				return nil, err
			} else if settled {
				return nil, bridgev2.ErrIgnoringRemoteEvent
			}
			return &bridgev2.ConvertedMessage{Parts: []*bridgev2.ConvertedMessagePart{{
				Type: event.EventMessage, Content: &event.MessageEventContent{MsgType: event.MsgText, Body: text},
			}}}, nil
		},
	}))
}

// shown are the texts that came to Matrix from the network.
func (s *scene) shown() (texts []string) {
	for _, call := range s.matrix.Calls("SendMessage") {
		if content, ok := call.Content.(*event.MessageEventContent); ok && content.MsgType == event.MsgText {
			texts = append(texts, content.Body)
		}
	}
	return texts
}

// sentAs fails unless an event has a row as the network's message, with the network's time.
func (s *scene) sentAs(eventID string, at time.Time) {
	s.Helper()
	row, err := s.ledger.bridge.DB.Message.GetFirstPartByID(s.Context(), "login", networkid.MessageID("remote "+eventID))
	if err != nil || row == nil || row.MXID.String() != eventID || row.SenderMXID != alice || !row.Timestamp.Equal(at) {
		s.Errorf("row of %s is %+v (%v)", eventID, row, err)
	}
}

// The answer to a message is lost, and its echo comes before it can be sent again: with the next connection, or after the
// program was killed.
func TestEchoSettlesWhatHasNoAnswer(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		dir, wire := t.TempDir(), newWire()
		s := mustSet(t, dir, wire)
		wire.send = func(string) error {
			wire.online = make(chan struct{}) // the wire's lock is held
			return Pending(errors.New("the answer was lost"))
		}
		s.start()
		s.hand("1", message("$1", "a"))
		s.await("the message to wait for the network again", func() bool {
			statuses := s.matrix.Statuses()
			return len(statuses) > 1 && statuses[len(statuses)-1].Status == event.MessageStatusPending
		})
		if restarted {
			s.ledger.Stop()
			s.ledger.bridge.Stop()
			s = mustSet(t, dir, wire)
			s.start()
		}
		at := time.UnixMilli(1_700_000_000_123)
		s.echo("$1", "a", at)
		s.echo("$other", "from elsewhere", at)
		wire.lock.Lock()
		wire.send = nil
		close(wire.online)
		wire.lock.Unlock()
		if failed := s.empty(); len(failed) != 0 {
			t.Errorf("failed are %+v", failed)
		}
		s.sentAs("$1", at)
		if got := wire.texts(); len(got) != 0 {
			t.Errorf("restarted %t: sent %q again", restarted, got)
		}
		if got := s.shown(); strings.Join(got, "|") != "from elsewhere" {
			t.Errorf("restarted %t: shown as the network's are %q, want the one from elsewhere only", restarted, got)
		}
		if statuses := s.matrix.Statuses(); statuses[len(statuses)-1].Status != event.MessageStatusSuccess {
			t.Errorf("restarted %t: last status is %q, want success", restarted, statuses[len(statuses)-1].Status)
		}
	}
}

// A message that was given up, since nothing said that it was sent, may turn out to have been.
func TestEchoSettlesWhatHasFailed(t *testing.T) {
	wire := newWire()
	wire.send = func(string) error {
		return bridgev2.WrapErrorInStatus(errors.New("no word of it")).WithSendNotice(true)
	}
	s := mustSet(t, t.TempDir(), wire)
	s.start()
	s.hand("1", message("$1", "a"))
	if failed := s.empty(); len(failed) != 1 {
		t.Fatalf("failed are %+v", failed)
	}
	at := time.UnixMilli(1_700_000_000_123)
	s.echo("$1", "a", at)
	s.sentAs("$1", at)
	s.await("nothing to be left in the outbox", func() bool {
		failed, err := s.ledger.store.Failed(s.Context())
		return err == nil && len(failed) == 0
	})
	if got := s.shown(); len(got) != 0 {
		t.Errorf("shown as the network's are %q, want none", got)
	}
}
