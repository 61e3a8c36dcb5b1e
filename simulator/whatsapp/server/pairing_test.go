package server

import (
	"testing"

	"go.mau.fi/whatsmeow/types/events"
)

func TestPairAndText(t *testing.T) {
	s := mustServe(t, Config{})
	alice, bob := mustRegister(t, s, 1), mustRegister(t, s, 2)
	a, _ := mustPair(t, s, alice)
	b, number := mustPair(t, s, bob)
	if number != 1 {
		t.Errorf("device number %d, want 1", number)
	}
	sent := mustSend(t, a, bob.Account().LIDJID(), "hello")
	got, _ := await(t, b, 0, isText("hello"))
	if got.Info.ID != sent.ID || got.Info.PushName != "Person 1" || !got.Info.Timestamp.Equal(sent.Timestamp) {
		t.Errorf("got id %q, name %q, time %v; want %q, %q, %v", got.Info.ID, got.Info.PushName, got.Info.Timestamp,
			sent.ID, "Person 1", sent.Timestamp)
	}
	await(t, a, 0, func(r *events.Receipt) bool { return r.MessageIDs[0] == sent.ID && r.Sender.Device == 1 })
	mustSend(t, b, alice.Account().PN(), "and back")
	back, _ := await(t, a, 0, isText("and back"))
	if back.Info.SenderAlt.User != bob.Account().Phone {
		t.Errorf("alternate sender %q, want %q", back.Info.SenderAlt.User, bob.Account().Phone)
	}
	mustNothingUnexpected(t, s)
}
