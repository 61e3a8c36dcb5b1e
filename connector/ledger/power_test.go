package ledger

import (
	"context"
	"errors"
	"testing"

	"github.com/mattn/go-sqlite3"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
)

// TestWhatIsTakenIsSettled shows that the rows of what networks deliver come to survive a power cut without anybody asking.
func TestWhatIsTakenIsSettled(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.start()
	login := s.user.GetDefaultLogin()
	meta := simplevent.EventMeta{PortalKey: networkid.PortalKey{ID: "anna", Receiver: "login"}, Sender: bridgev2.EventSender{Sender: "anna"}}
	served := func() int64 {
		s.ledger.settling.Lock()
		defer s.ledger.settling.Unlock()
		return s.ledger.settling.served
	}
	before := served()
	s.must(DeliverMessage(t.Context(), login, meta, shown("1")))
	s.await("the message's row to be synced", func() bool { return served() > before })

	before = served()
	meta.Type = bridgev2.RemoteEventMessageRemove
	s.must(Deliver(t.Context(), login, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.MessageRemove{EventMeta: meta, TargetMessage: "1"}
	}))
	s.await("its deletion to be synced", func() bool { return served() > before })
}

// TestNoKeysAfterAFault shows that no keys are given away when it could not be stored which were used.
func TestNoKeysAfterAFault(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.start()
	const update = "UPDATE crypto_olm_session SET session=$1 WHERE session_id=$2"
	for _, test := range []struct {
		query string
		err   error
		fails bool
	}{
		{update, nil, false},
		{"UPDATE message SET mxid=$1", sqlite3.Error{Code: sqlite3.ErrFull}, false},
		{update, sqlite3.Error{Code: sqlite3.ErrFull}, true},
		{update, errors.New("sql: database is closed"), true},
	} {
		s.ledger.unkept.Store(0)
		s.ledger.Queried(t.Context(), test.query, test.err)
		if err := s.ledger.keepKeys(t.Context()); (err != nil) != test.fails {
			t.Errorf("after %q with %v: error %v, want one: %t", test.query, test.err, err, test.fails)
		}
	}
	// One account whose connection ends in the midst of a query holds up nobody else.
	ended, end := context.WithCancel(t.Context())
	end()
	s.ledger.unkept.Store(0)
	s.ledger.Queried(ended, update, context.Canceled)
	if err := s.ledger.keepKeys(t.Context()); err != nil {
		t.Errorf("after a query whose asker has ended: %v", err)
	}
	s.ledger.Queried(t.Context(), update, sqlite3.Error{Code: sqlite3.ErrFull})
	s.ledger.unkept.Add(-int64(unkeptLimit))
	if err := s.ledger.keepKeys(t.Context()); err != nil {
		t.Errorf("long after: %v", err)
	}
}
