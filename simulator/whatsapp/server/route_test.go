package server

import (
	"errors"
	"fmt"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/whatsapp/stanza"
)

// pair is two people with a stock client each, who have exchanged a message.
type pair struct {
	s          *Server
	alice, bob *phone
	a, b       *client
}

func mustPairs(t *testing.T, cfg Config) *pair {
	t.Helper()
	p := &pair{s: mustServe(t, cfg)}
	p.alice, p.bob = mustRegister(t, p.s, 1), mustRegister(t, p.s, 2)
	p.a, _ = mustPair(t, p.s, p.alice)
	p.b, _ = mustPair(t, p.s, p.bob)
	mustSend(t, p.a, p.bob.Account().LIDJID(), "first")
	await(t, p.b, 0, isText("first"))
	p.settle(t)
	return p
}

// settle waits until all that was delivered is acknowledged: clients do that in their own time.
func (p *pair) settle(t *testing.T) {
	t.Helper()
	for _, person := range []*phone{p.alice, p.bob} {
		_, err := p.s.AwaitDevice(withPatience(t), person.Account().Phone, func(d Device) bool {
			return d.Number == 1 && d.Queued == 0
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestOfflineQueue(t *testing.T) {
	p := mustPairs(t, Config{})
	p.b.Disconnect()
	ctx := withPatience(t)
	phone := p.bob.Account().Phone
	gone := func(d Device) bool { return d.Number == 1 && !d.Connected }
	if _, err := p.s.AwaitDevice(ctx, phone, gone); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		mustSend(t, p.a, p.bob.Account().LIDJID(), fmt.Sprint("while away ", i))
	}
	from := p.b.seen()
	mustConnect(t, p.b)
	preview, from := await(t, p.b, from, any1[*events.OfflineSyncPreview])
	if preview.Messages != 5 || preview.Total < 5 {
		t.Errorf("preview %+v, want five messages", preview)
	}
	for i := range 5 {
		want := fmt.Sprint("while away ", i)
		var got *events.Message
		if got, from = await(t, p.b, from, any1[*events.Message]); got.Message.GetConversation() != want {
			t.Errorf("message %d is %q, want %q", i, got.Message.GetConversation(), want)
		}
	}
	if done, _ := await(t, p.b, from, any1[*events.OfflineSyncCompleted]); done.Count != preview.Total {
		t.Errorf("completed with %d, want %d", done.Count, preview.Total)
	}
	if _, err := p.s.AwaitDevice(ctx, phone, func(d Device) bool { return d.Number == 1 && d.Queued == 0 }); err != nil {
		t.Errorf("queue was not emptied: %v", err)
	}
}

// A stanza whose handler failed is not acknowledged and comes again at the next login.
func TestUnacknowledgedComesAgain(t *testing.T) {
	p := mustPairs(t, Config{})
	p.b.SynchronousAck = true
	p.b.EnableDecryptedEventBuffer = false
	refuse := p.b.AddEventHandlerWithSuccessStatus(func(event any) bool {
		_, is := event.(*events.Message)
		return !is
	})
	from := p.b.seen()
	mustSend(t, p.a, p.bob.Account().LIDJID(), "refused at first")
	_, from = await(t, p.b, from, isText("refused at first"))
	queued := func(d Device) bool { return d.Number == 1 && d.Queued > 0 }
	if _, err := p.s.AwaitDevice(withPatience(t), p.bob.Account().Phone, queued); err != nil {
		t.Fatal(err)
	}
	p.b.RemoveEventHandler(refuse)
	mark := len(p.s.Log(0))
	p.b.Disconnect()
	mustConnect(t, p.b)
	await(t, p.b, from, any1[*events.OfflineSyncCompleted])
	if _, err := p.s.AwaitLog(withPatience(t), mark, isStanza("out", "<message", `offline="0"`)); err != nil {
		t.Errorf("the message did not come again: %v", err)
	}
}

// The frame that a client repeats after it lost its connection before the ack is not routed twice.
func TestConnectionLostBeforeTheAck(t *testing.T) {
	p := mustPairs(t, Config{})
	from := p.b.seen()
	mark := len(p.s.Log(0))
	mustFault(t, p.s, Fault{Kind: "close_before", Person: p.alice.Account().Phone, Args: map[string]string{"point": "message_ack"}})
	sent := mustSend(t, p.a, p.bob.Account().LIDJID(), "once")
	await(t, p.b, from, isText("once"))
	in, out := 0, 0
	for _, e := range p.s.Log(mark) {
		switch {
		case e.User == p.alice.Account().Phone && !e.Phone && isStanza("in", "<message", sent.ID)(e):
			in++
		case e.User == p.bob.Account().Phone && !e.Phone && isStanza("out", "<message", sent.ID)(e):
			out++
		}
	}
	if in != 2 || out != 1 {
		t.Errorf("client sent it %d times and it was delivered %d times, want 2 and 1", in, out)
	}
}

func TestRepeatedMessageIsAcknowledgedAgain(t *testing.T) {
	s := mustServe(t, Config{})
	alice, bob := mustRegister(t, s, 1), mustRegister(t, s, 2)
	c := mustPairRaw(t, s, alice)
	n := direct("M1", bob.Account().LIDJID(), bob.Account().LIDJID(), alice.Account().LIDJID())
	first := c.mustAsk(t, n)
	if again := c.mustAsk(t, n); stanza.Str(again, "t") != stanza.Str(first, "t") || stanza.Str(again, "error") != "" {
		t.Errorf("second ack %s, want as the first %s", stanza.Render(again), stanza.Render(first))
	}
	c.mustAsk(t, direct("M2", bob.Account().LIDJID(), bob.Account().LIDJID()))
	bob.mustGet(t, "second message", func(n stanza.Node) bool { return stanza.Str(n, "id") == "M2" })
	bob.mu.Lock()
	defer bob.mu.Unlock()
	count := 0
	for _, got := range bob.got {
		if stanza.Str(got, "id") == "M1" {
			count++
		}
	}
	if count != 1 {
		t.Errorf("delivered %d times, want once", count)
	}
}

// direct is a 1:1 message with a made-up ciphertext for each device.
func direct(id string, to types.JID, devices ...types.JID) stanza.Node {
	var targets []stanza.Node
	for _, jid := range devices {
		targets = append(targets, stanza.New("to", stanza.Attrs{"jid": jid},
			stanza.New("enc", stanza.Attrs{"v": "2", "type": "msg"}, []byte{1, 2, 3})))
	}
	return stanza.New("message", stanza.Attrs{"id": id, "to": to, "type": "text"},
		stanza.New("participants", nil, targets), stanza.New("reporting", nil), stanza.New("tctoken", nil, "secret"))
}

func TestAcksOfMessages(t *testing.T) {
	s := mustServe(t, Config{})
	alice, bob := mustRegister(t, s, 1), mustRegister(t, s, 2)
	c := mustPairRaw(t, s, alice)
	lid, pn := bob.Account().LIDJID(), bob.Account().PN()
	ownLID := alice.Account().LIDJID()
	second := lid
	second.Device = 1
	for _, test := range []struct {
		name  string
		n     stanza.Node
		error string
		hash  string
	}{
		{"all devices", direct("1", lid, lid, ownLID), "", ""},
		{"all devices by number", direct("2", pn, pn, alice.Account().PN()), "", ""},
		{"own phone left out", direct("3", lid, lid), "", stanza.DeviceHash([]types.JID{lid, ownLID, deviceJID(ownLID, 1)})},
		{"device that is none", direct("4", lid, lid, ownLID, second), "", ""},
		{"unknown user", direct("5", types.NewJID("999", types.HiddenUserServer)), "404", ""},
		{"unknown group", direct("6", types.NewJID("999", types.GroupServer)), "404", ""},
		{"device JID", direct("7", second, second), "479", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ack := c.mustAsk(t, test.n)
			if got := stanza.Str(ack, "error"); got != test.error {
				t.Errorf("error %q, want %q", got, test.error)
			}
			if got := stanza.Str(ack, "phash"); got != test.hash {
				t.Errorf("hash %q, want %q", got, test.hash)
			}
			if to, _ := stanza.JID(test.n, "to"); ack.Attrs["from"] != to {
				t.Errorf("from %v, want %v", ack.Attrs["from"], to)
			}
		})
	}
	got := bob.mustGet(t, "message", func(n stanza.Node) bool { return stanza.Str(n, "id") == "2" })
	if got.Attrs["from"] != deviceJID(alice.Account().PN(), 1) || got.Attrs["sender_lid"] != ownLID {
		t.Errorf("message by number came as %s", stanza.Render(got))
	}
	for _, tag := range []string{"reporting", "tctoken", "participants"} {
		if _, ok := stanza.Child(got, tag); ok {
			t.Errorf("%s was passed on", tag)
		}
	}
}

func deviceJID(user types.JID, device uint16) types.JID {
	user.Device = device
	return user
}

func TestNothingGoesToThirdParties(t *testing.T) {
	s := mustServe(t, Config{})
	alice, bob, carol := mustRegister(t, s, 1), mustRegister(t, s, 2), mustRegister(t, s, 3)
	c := mustPairRaw(t, s, alice)
	c.mustAsk(t, direct("1", bob.Account().LIDJID(), bob.Account().LIDJID(), carol.Account().LIDJID()))
	c.mustAsk(t, direct("2", carol.Account().LIDJID(), carol.Account().LIDJID()))
	carol.mustGet(t, "message", func(n stanza.Node) bool { return stanza.Str(n, "id") == "2" })
	carol.mu.Lock()
	defer carol.mu.Unlock()
	for _, got := range carol.got {
		if stanza.Str(got, "id") == "1" {
			t.Error("a message for somebody else was delivered")
		}
	}
}

func TestBlockedSender(t *testing.T) {
	p := mustPairs(t, Config{})
	ctx := withPatience(t)
	list, err := p.b.UpdateBlocklist(ctx, p.alice.Account().LIDJID(), events.BlocklistChangeActionBlock)
	if err != nil || len(list.JIDs) != 1 {
		t.Fatalf("block: %+v, %v", list, err)
	}
	from := p.b.seen()
	mustSend(t, p.a, p.bob.Account().LIDJID(), "unheard")
	if _, err = p.b.UpdateBlocklist(ctx, p.alice.Account().LIDJID(), events.BlocklistChangeActionUnblock); err != nil {
		t.Fatal(err)
	}
	mustSend(t, p.a, p.bob.Account().LIDJID(), "heard")
	if got, _ := await(t, p.b, from, any1[*events.Message]); got.Message.GetConversation() != "heard" {
		t.Errorf("got %q, want only what was sent after unblocking", got.Message.GetConversation())
	}
}

func TestRetry(t *testing.T) {
	p := mustPairs(t, Config{})
	from := p.b.seen()
	mustFault(t, p.s, Fault{Kind: "corrupt", Person: p.bob.Account().Phone, Stanza: "message"})
	sent := mustSend(t, p.a, p.bob.Account().LIDJID(), "second try")
	_, from = await(t, p.b, from, any1[*events.UndecryptableMessage])
	got, _ := await(t, p.b, from, isText("second try"))
	if got.Info.ID != sent.ID || !got.Info.Timestamp.Equal(sent.Timestamp) {
		t.Errorf("resent as %q at %v, want %q at %v", got.Info.ID, got.Info.Timestamp, sent.ID, sent.Timestamp)
	}
}

func TestUnavailable(t *testing.T) {
	p := mustPairs(t, Config{})
	from := p.b.seen()
	mustFault(t, p.s, Fault{Kind: "unavailable", Person: p.bob.Account().Phone, Stanza: "message"})
	mustSend(t, p.a, p.bob.Account().LIDJID(), "seen on the phone only")
	got, _ := await(t, p.b, from, any1[*events.UndecryptableMessage])
	if !got.IsUnavailable || got.UnavailableType != events.UnavailableTypeViewOnce {
		t.Errorf("got %+v, want unavailable", got)
	}
}

func TestDeliveryFaults(t *testing.T) {
	p := mustPairs(t, Config{})
	bob := p.bob.Account()
	send := func(text string) { mustSend(t, p.a, bob.LIDJID(), text) }
	fault := func(kind string, args map[string]string) Fault {
		return mustFault(t, p.s, Fault{Kind: kind, Person: bob.Phone, Stanza: "message", Args: args})
	}

	mark, from := len(p.s.Log(0)), p.b.seen()
	fault("duplicate", nil)
	send("twice")
	await(t, p.b, from, isText("twice"))
	for range 2 {
		e, err := p.s.AwaitLog(withPatience(t), mark, func(e Entry) bool {
			return e.User == bob.Phone && !e.Phone && isStanza("out", "<message")(e)
		})
		if err != nil {
			t.Fatal(err)
		}
		mark = e.Index + 1
	}

	from = p.b.seen()
	fault("delay", map[string]string{"ms": "200"})
	send("slow")
	send("fast")
	_, from = await(t, p.b, from, isText("fast"))
	_, from = await(t, p.b, from, isText("slow"))

	fault("clock", map[string]string{"seconds": "-86400"})
	send("yesterday")
	got, from := await(t, p.b, from, isText("yesterday"))
	if age := p.s.cfg.Now().Sub(got.Info.Timestamp).Hours(); age < 23 || age > 25 {
		t.Errorf("message is %.1f hours old, want 24", age)
	}

	lost := fault("lose", nil)
	send("never")
	fault("drop", nil)
	send("later")
	send("now")
	_, from = await(t, p.b, from, isText("now"))
	p.b.Disconnect()
	mustConnect(t, p.b)
	if got, _ = await(t, p.b, from, any1[*events.Message]); got.Message.GetConversation() != "later" {
		t.Errorf("got %q after login, want %q", got.Message.GetConversation(), "later")
	}
	for _, f := range p.s.Faults() {
		if f.Hits != 1 {
			t.Errorf("fault %s hit %d times, want once", f.Kind, f.Hits)
		}
	}
	if !p.s.RemoveFault(lost.ID) {
		t.Error("a spent fault can't be removed")
	}
}

func TestDeaf(t *testing.T) {
	p := mustPairs(t, Config{})
	from := p.b.seen()
	fault := mustFault(t, p.s, Fault{Kind: "deaf", Person: p.bob.Account().Phone})
	mustSend(t, p.a, p.bob.Account().LIDJID(), "into the void")
	//lint:ignore SA1019 there is no other way to send a keepalive at once
	if ok, _ := p.b.DangerousInternals().SendKeepAlive(t.Context()); !ok {
		t.Error("a deaf connection does not answer keepalives")
	}
	queued := func(d Device) bool { return d.Number == 1 && d.Connected && d.Queued > 0 }
	if _, err := p.s.AwaitDevice(withPatience(t), p.bob.Account().Phone, queued); err != nil {
		t.Fatal(err)
	}
	p.s.RemoveFault(fault.ID)
	await(t, p.b, from, isText("into the void"))
}

func TestAckAndRequestErrors(t *testing.T) {
	p := mustPairs(t, Config{})
	ctx := withPatience(t)
	mustFault(t, p.s, Fault{Kind: "ack_error", Args: map[string]string{"error": "463"}})
	_, err := p.a.SendMessage(ctx, p.bob.Account().LIDJID(), &waE2E.Message{Conversation: new("refused")})
	if !errors.Is(err, whatsmeow.ErrServerReturnedError) {
		t.Errorf("send: %v, want %v", err, whatsmeow.ErrServerReturnedError)
	}
	for code, want := range map[string]error{
		"429": whatsmeow.ErrIQRateOverLimit, "503": whatsmeow.ErrIQServiceUnavailable, "500": whatsmeow.ErrIQInternalServerError,
	} {
		mustFault(t, p.s, Fault{Kind: "iq_error", Stanza: "iq/blocklist", Args: map[string]string{"code": code}})
		if _, err = p.a.GetBlocklist(ctx); !errors.Is(err, want) {
			t.Errorf("request with fault %s: %v, want %v", code, err, want)
		}
	}
	if _, err = p.a.GetBlocklist(ctx); err != nil {
		t.Errorf("request after the faults: %v", err)
	}
}

func TestUnannouncedDevice(t *testing.T) {
	p := mustPairs(t, Config{})
	mustFault(t, p.s, Fault{Kind: "unannounced", Person: p.bob.Account().Phone})
	second, number := mustPair(t, p.s, p.bob)
	if number != 2 {
		t.Fatalf("device number %d, want 2", number)
	}
	mark := len(p.s.Log(0))
	mustSend(t, p.a, p.bob.Account().LIDJID(), "misses the second")
	if _, err := p.s.AwaitLog(withPatience(t), mark, isStanza("out", "<ack", `phash="2:`)); err != nil {
		t.Fatal(err)
	}
	mustSend(t, p.a, p.bob.Account().LIDJID(), "reaches the second")
	got, _ := await(t, second, 0, any1[*events.Message])
	if got.Message.GetConversation() != "reaches the second" {
		t.Errorf("second device got %q first", got.Message.GetConversation())
	}
}
