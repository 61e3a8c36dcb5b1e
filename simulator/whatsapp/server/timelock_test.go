package server

import (
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
)

// TestTimelock: an account under the lock may answer and may not begin; its client is told from when to when.
func TestTimelock(t *testing.T) {
	s := mustServe(t, Config{})
	alice, bob, carol := mustRegister(t, s, 1), mustRegister(t, s, 2), mustRegister(t, s, 3)
	a, _ := mustPair(t, s, alice)
	b, _ := mustPair(t, s, bob)
	mustSend(t, b, alice.Account().LIDJID(), "do answer")
	await(t, a, 0, isText("do answer"))

	lock := mustFault(t, s, Fault{Kind: "timelock", Person: alice.Account().Phone, Args: map[string]string{"seconds": "600"}})
	told, from := await(t, a, 0, any1[*events.NotifyAccountReachoutTimelock])
	if left := time.Until(told.TimeEnforcementEnds.Time); !told.IsActive || left > 10*time.Minute || left < 9*time.Minute {
		t.Errorf("the client is told %+v, want a lock of ten minutes", told)
	}
	mustSend(t, a, bob.Account().LIDJID(), "an answer")
	_, err := a.SendMessage(withPatience(t), carol.Account().LIDJID(), &waE2E.Message{Conversation: new("hello stranger")})
	if err == nil || !strings.HasSuffix(err.Error(), " 463") {
		t.Errorf("writing to a stranger gives %v, want error 463", err)
	}
	if faults := s.Faults(); len(faults) != 1 || faults[0].Hits != 1 {
		t.Errorf("faults are %+v, want one with one hit", faults)
	}
	if !s.RemoveFault(lock.ID) || s.RemoveFault(lock.ID) {
		t.Error("the fault can be removed never or twice")
	}
	if told, _ = await(t, a, from, any1[*events.NotifyAccountReachoutTimelock]); told.IsActive {
		t.Errorf("the client is told %+v, want the end", told)
	}
	mustSend(t, a, carol.Account().LIDJID(), "hello stranger")
}
