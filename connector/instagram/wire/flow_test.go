package wire

import (
	"slices"
	"testing"

	"crosschat/simulator/control"
)

func TestLoad(t *testing.T) {
	n := newNetwork(t)
	c := n.client(newRecorder(), n.credentials(), State{}, nil)
	account, err := c.Load(t.Context())
	n.must(err)
	if account.IGID != n.igid(n.own) || account.FBID == 0 || account.FullName != "Own" || account.Username == "" {
		t.Errorf("got %+v, want Own", account)
	}
	n.expectNothingOdd()
}

func TestTextBothWays(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	thread := n.chat(c, r)
	if peer, ok := thread.Peer(); !ok || peer.IGID != n.igid(n.alice) || thread.IDs.Key != peer.FBID.ThreadKey() || !thread.IDs.Complete() {
		t.Errorf("thread is %+v, want Alice's", thread)
	}
	otid := c.NewOTID()
	sent, err := c.SendText(t.Context(), Text{OTID: otid, Thread: thread.IDs.Short, Text: "hi 👋"})
	n.must(err)
	n.sees(n.alice, control.Match{Kind: "message", Contains: "hi 👋"})
	echo := waitForEvent(t, r, "echo", func(m NewMessage) bool { return m.Message.OTID == otid })
	if echo.Message.ID != sent.ID || echo.Message.Sender != c.FBID() {
		t.Errorf("echo is %+v, want id %q of %v", echo.Message, sent.ID, c.FBID())
	}
	again, err := c.SendText(t.Context(), Text{OTID: otid, Thread: thread.IDs.Short, Text: "hi 👋"})
	if err != nil || again.ID != sent.ID {
		t.Errorf("sent again: got %+v and %v, want %+v", again, err, sent)
	}
	if got := r.texts(); !slices.Equal(got, []string{"first", "hi 👋"}) {
		t.Errorf("messages %q, want two", got)
	}
	n.expectNothingOdd()
}
