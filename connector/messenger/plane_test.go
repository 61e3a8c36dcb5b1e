package messenger

import (
	"context"
	"errors"
	"testing"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
)

// A refusal on the plain plane sends a chat that has come back from the encrypted one there again, and no other.
func TestMovedAway(t *testing.T) {
	c := testClient(t)
	c.known = mustLoad(t, mustOpenStore(t), "messenger-1")
	know := func(key int64, known thread) {
		t.Helper()
		change := c.known.begin()
		change.thread(key, func(t *thread) { *t = known })
		if _, _, err := change.commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refusal := errors.Join(errors.New("send"), &wire.RejectedError{Message: "This chat is end-to-end encrypted."})
	back := thread{Type: lightspeed.ThreadEncryptedOneToOne, PlainAgain: true}
	know(1001, back)
	know(1002, thread{Type: lightspeed.ThreadOneToOne})
	for _, test := range []struct {
		key  int64
		err  error
		want bool
	}{
		{1001, wire.ErrNotConnected, false},
		{1002, refusal, false},
		{1003, refusal, false},
		{1001, refusal, true},
		{1001, refusal, false}, // it is there already
	} {
		if got := c.movedAway(t.Context(), test.key, test.err); got != test.want {
			t.Errorf("%d, %v: %t, want %t", test.key, test.err, got, test.want)
		}
	}
	if known, _ := c.known.thread(1001); !known.encrypted() || known.PlainAgain {
		t.Errorf("the chat is %+v, want it encrypted", known)
	}
	// What can't be stored is not said to be so.
	know(1004, back)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if c.movedAway(ended, 1004, refusal) {
		t.Error("the chat counts as moved though that is not stored")
	}
}

// While what was missed is still to be dealt with, a refusal may be out of date.
func TestBehind(t *testing.T) {
	c := testClient(t)
	refusal := &wire.RejectedError{}
	if !c.behind(refusal) || c.behind(wire.ErrNotConnected) {
		t.Error("behind the network a refusal is not tried again, or something else is")
	}
	c.current.Store(true)
	if c.behind(refusal) {
		t.Error("a refusal is tried again though nothing was missed")
	}
}
