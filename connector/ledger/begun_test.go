package ledger

import (
	"context"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
)

var fromAnna = simplevent.EventMeta{
	PortalKey: networkid.PortalKey{ID: "anna", Receiver: "login"}, Sender: bridgev2.EventSender{Sender: "anna"},
	CreatePortal: true, Timestamp: time.UnixMilli(1_700_000_000_000),
}

// inParts is a message of the network that Matrix shows as two.
func inParts(id networkid.MessageID) Message {
	return Message{ID: id, Convert: func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
		converted := parts("a", "b")
		for _, part := range converted.Parts {
			part.Type, part.Content = event.EventMessage, &event.MessageEventContent{MsgType: event.MsgText, Body: string(part.ID)}
		}
		return converted, nil
	}}
}

func (s *scene) begunSteps() (count int) {
	s.Helper()
	size, err := s.ledger.store.Size(s.Context())
	s.must(err)
	return size.Begun
}

func TestHalfStoredMessageIsCompletedAfterACrash(t *testing.T) {
	dir, wire := t.TempDir(), newWire()
	first := mustSet(t, dir, wire)
	first.start()
	login := first.user.GetDefaultLogin()
	// What a crash after the first part leaves: its row, and the note that two were begun.
	_, err := first.ledger.bridge.GetGhostByID(t.Context(), "anna")
	first.must(err)
	first.must(first.ledger.bridge.DB.Message.Insert(t.Context(), &bridgedb.Message{
		ID: "1", PartID: "a", MXID: "$a", Room: fromAnna.PortalKey, SenderID: "anna", Timestamp: fromAnna.Timestamp,
	}))
	first.must(first.ledger.begin(t.Context(), begunStep{stepParts, partsName(login.ID, fromAnna.PortalKey, "1")}))
	first.ledger.Stop()
	first.ledger.bridge.Stop()
	second := mustSet(t, dir, wire)
	second.start()
	second.must(DeliverMessage(t.Context(), second.user.GetDefaultLogin(), fromAnna, inParts("1")))
	rows, err := second.ledger.bridge.DB.Message.GetAllPartsByID(t.Context(), "login", "1")
	if err != nil || len(rows) != 2 {
		t.Errorf("%d rows (%v), want 2", len(rows), err)
	}
	if got := second.begunSteps(); got != 0 {
		t.Errorf("%d steps are still noted", got)
	}
}

func TestHalfMadeRoomIsCompletedAfterACrash(t *testing.T) {
	dir, wire := t.TempDir(), newWire()
	first := mustSet(t, dir, wire)
	first.start()
	first.must(first.ledger.begin(t.Context(), begunStep{stepRoom, portalName(fromAnna.PortalKey)}))
	first.ledger.Stop()
	first.ledger.bridge.Stop()
	second := mustSet(t, dir, wire)
	second.start()
	second.must(DeliverMessage(t.Context(), second.user.GetDefaultLogin(), fromAnna, inParts("1")))
	if got := len(second.matrix.Calls("CreateRoom")); got != 0 {
		t.Errorf("%d rooms were made, want none: there is one", got)
	}
	if got := second.begunSteps(); got != 0 {
		t.Errorf("%d steps are still noted", got)
	}
}

func TestUndeliveredMessageIsNotedAndTold(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.start()
	s.must(s.ledger.giveUp(t.Context(), s.user.GetDefaultLogin(), fromAnna, "1", context.DeadlineExceeded))
	s.await("word of it", func() bool { return len(s.notices()) == 1 })
	entries, err := s.ledger.Outbox(t.Context(), s.user)
	if err != nil || len(entries) != 1 || entries[0].Direction != "to_matrix" || entries[0].MessageID != "1" {
		t.Fatalf("entries are %+v (%v)", entries, err)
	}
	s.must(s.ledger.Drop(t.Context(), s.user, entries[0].Number))
	if entries, err = s.ledger.Outbox(t.Context(), s.user); err != nil || len(entries) != 0 {
		t.Errorf("entries are %+v (%v)", entries, err)
	}
}
