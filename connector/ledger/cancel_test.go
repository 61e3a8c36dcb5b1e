package ledger

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
)

// HandleMatrixMessageRemove implements bridgev2.RedactionHandlingNetworkAPI.
func (c client) HandleMatrixMessageRemove(_ context.Context, msg *bridgev2.MatrixMessageRemove) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.sent = append(c.sent, "remove "+string(msg.TargetMessage.ID))
	return nil
}

var (
	errUnsure   = Pending(bridgev2.WrapErrorInStatus(errors.New("no answer came")))
	errSurelyNo = Pending(bridgev2.WrapErrorInStatus(errors.New("not connected")).WithIsCertain(true))
)

// A redacted event that the network may have is not just forgotten, but sent, or found sent, and deleted there.
func TestRedactionOfWhatMayBeSent(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error // of the first try
		orders bool  // the first run ends in order
		want   []string
	}{
		{"it is not known whether it was sent", errUnsure, true, []string{"a", "b", "remove $1"}},
		{"surely not sent, but who knows after a crash", errSurelyNo, false, []string{"a", "b", "remove $1"}},
		{"surely not sent", errSurelyNo, true, []string{"b"}},
	} {
		for _, restart := range []bool{false, true} {
			if !restart && !test.orders {
				continue
			}
			name := test.name
			if restart {
				name += ", in the next run"
			}
			t.Run(name, func(t *testing.T) {
				dir, wire := t.TempDir(), newWire()
				wire.send = func(string) error { // once; called with the wire's lock
					wire.send = nil
					wire.online = make(chan struct{})
					return test.err
				}
				s := mustSet(t, dir, wire)
				s.start()
				s.hand("1", message("$1", "a"), message("$2", "b"))
				s.await("both to wait", func() bool { return s.parked() == 2 })
				if restart {
					s.ledger.Stop()
					if !test.orders {
						s.unrest()
					}
					s.ledger.bridge.Stop()
					s = mustSet(t, dir, wire)
					s.start()
					s.await("both to wait again", func() bool { return s.parked() == 2 })
				}
				s.hand("2", redaction("$3", "$1"))
				s.await("the redaction to be known", func() bool {
					return s.parked() == map[bool]int{true: 1, false: 3}[len(test.want) == 1]
				})
				wire.setOnline(true)
				s.await("everything to be done", func() bool { return len(wire.texts()) >= len(test.want) })
				if failed := s.empty(); len(failed) != 0 {
					t.Errorf("failed are %+v", failed)
				}
				if got := wire.texts(); !slices.Equal(got, test.want) {
					t.Errorf("done was %q, want %q", got, test.want)
				}
			})
		}
	}
}

// parked counts the events that wait in the room while the network is away.
func (s *scene) parked() int {
	s.ledger.lock.Lock()
	defer s.ledger.lock.Unlock()
	if ln := s.ledger.lanes[laneKey{room: chatRoom}]; ln != nil && ln.parked {
		return len(ln.items)
	}
	return 0
}

// unrest makes the last run one that did not end in order.
func (s *scene) unrest() {
	s.Helper()
	_, err := s.ledger.store.Rise(context.WithoutCancel(s.Context()))
	s.must(err)
}

// What was sent before a crash, and is redacted before anybody has looked whether it was, is deleted.
func TestRedactionOfWhatWasSentBeforeACrash(t *testing.T) {
	dir, wire := t.TempDir(), newWire()
	first := mustSet(t, dir, wire)
	first.hand("1", message("$1", "a"))
	_, err := first.ledger.bridge.GetGhostByID(t.Context(), "me") // so that the row may name them
	first.must(err)
	first.must(first.ledger.bridge.DB.Message.Insert(t.Context(), &bridgedb.Message{
		ID: "1", MXID: "$1", Room: networkid.PortalKey{ID: "anna", Receiver: "login"}, SenderID: "me", Timestamp: time.Now(),
	}))
	first.ledger.Stop()
	first.unrest()
	first.ledger.bridge.Stop()
	second := mustSet(t, dir, wire)
	second.hand("2", redaction("$2", "$1"))
	second.start()
	second.awaitTexts("remove 1")
	if failed := second.empty(); len(failed) != 0 {
		t.Errorf("failed are %+v", failed)
	}
}
