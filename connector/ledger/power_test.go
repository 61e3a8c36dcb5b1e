package ledger

import (
	"testing"

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
