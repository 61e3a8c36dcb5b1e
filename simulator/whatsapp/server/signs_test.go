package server

import (
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/whatsapp/stanza"
)

func TestReadReceipts(t *testing.T) {
	p := mustPairs(t, Config{})
	ctx := withPatience(t)
	second, _ := mustPair(t, p.s, p.bob)
	sent := mustSend(t, p.a, p.bob.Account().LIDJID(), "read me")
	got, _ := await(t, p.b, 0, isText("read me"))
	ids := []types.MessageID{sent.ID, "earlier"}
	if err := p.b.MarkRead(ctx, ids, got.Info.Timestamp, got.Info.Chat, got.Info.Sender); err != nil {
		t.Fatal(err)
	}
	isRead := func(r *events.Receipt) bool { return r.Type == types.ReceiptTypeRead }
	read, _ := await(t, p.a, 0, isRead)
	if read.Sender != p.bob.Account().LIDJID() || len(read.MessageIDs) != 2 || read.SenderAlt.User != p.bob.Account().Phone {
		t.Errorf("read receipt %+v, want of both messages by bob", read)
	}
	own, _ := await(t, second, 0, isRead)
	if !own.IsFromMe || own.Chat != p.alice.Account().LIDJID() {
		t.Errorf("own read receipt %+v, want in the chat with alice", own)
	}
	// The phone of the author hears of it as well.
	p.alice.mustGet(t, "read receipt", func(n stanza.Node) bool { return n.Tag == "receipt" && stanza.Str(n, "type") == "read" })
}

func TestHiddenReadReceipts(t *testing.T) {
	p := mustPairs(t, Config{})
	ctx := withPatience(t)
	if _, err := p.b.SetPrivacySetting(ctx, types.PrivacySettingTypeReadReceipts, types.PrivacySettingNone); err != nil {
		t.Fatal(err)
	}
	sent := mustSend(t, p.a, p.bob.Account().LIDJID(), "read me")
	got, _ := await(t, p.b, 0, isText("read me"))
	if err := p.b.MarkRead(ctx, []types.MessageID{sent.ID}, got.Info.Timestamp, got.Info.Chat, got.Info.Sender); err != nil {
		t.Fatal(err)
	}
	p.bob.mustGet(t, "own read receipt", func(n stanza.Node) bool {
		return n.Tag == "receipt" && stanza.Str(n, "type") == "read-self" && stanza.Str(n, "recipient") != ""
	})
	for _, e := range p.s.Log(0) {
		if e.User == p.alice.Account().Phone && isStanza("out", "<receipt", `type="read`)(e) {
			t.Errorf("the author was told: %s", e.Data)
		}
	}
}

func TestPhoneReceiptsReachClients(t *testing.T) {
	p := mustPairs(t, Config{})
	sent := mustSend(t, p.a, p.bob.Account().LIDJID(), "to the phone")
	ack, err := p.bob.Request(withPatience(t), stanza.New("receipt", stanza.Attrs{
		"id": sent.ID, "to": deviceJID(p.alice.Account().LIDJID(), 1), "type": "inactive", "t": "1700000000",
	}))
	if err != nil || stanza.Str(*ack, "class") != "receipt" {
		t.Fatalf("receipt answered with %v, %v", ack, err)
	}
	got, _ := await(t, p.a, 0, func(r *events.Receipt) bool { return r.Timestamp.Unix() == 1700000000 })
	if got.Sender != p.bob.Account().LIDJID() {
		t.Errorf("receipt from %s, want bob's phone", got.Sender)
	}
}

func TestTyping(t *testing.T) {
	p := mustPairs(t, Config{})
	for _, test := range []struct {
		state types.ChatPresence
		media types.ChatPresenceMedia
	}{
		{types.ChatPresenceComposing, types.ChatPresenceMediaText},
		{types.ChatPresenceComposing, types.ChatPresenceMediaAudio},
		{types.ChatPresencePaused, types.ChatPresenceMediaText},
	} {
		from := p.b.seen()
		if err := p.a.SendChatPresence(t.Context(), p.bob.Account().LIDJID(), test.state, test.media); err != nil {
			t.Fatal(err)
		}
		got, _ := await(t, p.b, from, any1[*events.ChatPresence])
		if got.State != test.state || got.Media != test.media || got.Sender != p.alice.Account().LIDJID() {
			t.Errorf("got %+v, want %s %s of alice", got, test.state, test.media)
		}
	}
}

func TestPresence(t *testing.T) {
	p := mustPairs(t, Config{})
	ctx := withPatience(t)
	p.a.Store.PushName = "Alice"
	if err := p.a.SendPresence(ctx, types.PresenceAvailable); err != nil {
		t.Fatal(err)
	}
	if _, err := p.s.AwaitLog(ctx, 0, isStanza("in", "<presence", `type="available"`)); err != nil {
		t.Fatal(err)
	}
	if err := p.b.SubscribePresence(ctx, p.alice.Account().LIDJID()); err != nil {
		t.Fatal(err)
	}
	got, from := await(t, p.b, 0, any1[*events.Presence])
	if got.Unavailable || got.From != p.alice.Account().LIDJID() {
		t.Errorf("got %+v, want alice available", got)
	}
	if err := p.a.SendPresence(ctx, types.PresenceUnavailable); err != nil {
		t.Fatal(err)
	}
	got, from = await(t, p.b, from, any1[*events.Presence])
	if !got.Unavailable || got.LastSeen.IsZero() {
		t.Errorf("got %+v, want alice unavailable with a time", got)
	}
	if name := p.alice.Account().PushName; name != "Alice" {
		t.Errorf("push name %q, want the one that came with presence", name)
	}
	if _, err := p.a.SetPrivacySetting(ctx, types.PrivacySettingTypeLastSeen, types.PrivacySettingNone); err != nil {
		t.Fatal(err)
	}
	if err := p.b.SubscribePresence(ctx, p.alice.Account().LIDJID()); err != nil {
		t.Fatal(err)
	}
	if got, _ = await(t, p.b, from, any1[*events.Presence]); !got.LastSeen.IsZero() {
		t.Errorf("got %+v, want no time", got)
	}
}

// A client that loses its connection is not available any more.
func TestPresenceEndsWithTheConnection(t *testing.T) {
	p := mustPairs(t, Config{})
	p.a.Store.PushName = "Alice"
	if err := p.a.SendPresence(t.Context(), types.PresenceAvailable); err != nil {
		t.Fatal(err)
	}
	if err := p.b.SubscribePresence(t.Context(), p.alice.Account().PN()); err != nil {
		t.Fatal(err)
	}
	_, from := await(t, p.b, 0, func(e *events.Presence) bool { return !e.Unavailable && e.From == p.alice.Account().PN() })
	p.a.Disconnect()
	await(t, p.b, from, func(e *events.Presence) bool { return e.Unavailable })
}

func TestCalls(t *testing.T) {
	p := mustPairs(t, Config{})
	lid := p.alice.Account().LIDJID()
	err := p.alice.Send(t.Context(), stanza.New("call", stanza.Attrs{"to": p.bob.Account().LIDJID()},
		stanza.New("offer", stanza.Attrs{"call-id": "C1", "call-creator": lid, "caller_pn": p.alice.Account().PN()})))
	if err != nil {
		t.Fatal(err)
	}
	call, _ := await(t, p.b, 0, any1[*events.CallOffer])
	if call.CallID != "C1" || call.From != lid {
		t.Errorf("call %+v, want C1 of alice", call)
	}
	if err = p.b.RejectCall(withPatience(t), call.From, call.CallID); err != nil {
		t.Error(err)
	}
}
