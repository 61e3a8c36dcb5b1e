package server

import (
	"encoding/hex"
	"errors"
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"go.mau.fi/whatsmeow/util/keys"

	"crosschat/simulator/whatsapp/stanza"
)

func TestPrivacyTokens(t *testing.T) {
	p := mustPairs(t, Config{})
	own := p.alice.Account()
	answer, err := p.alice.Request(withPatience(t), stanza.New("iq", stanza.Attrs{
		"xmlns": "privacy", "type": "set", "to": types.ServerJID,
	}, stanza.New("tokens", nil, stanza.New("token", stanza.Attrs{
		"jid": p.bob.Account().LIDJID(), "t": "1700000000", "type": "trusted_contact",
	}, "secret"))))
	if err != nil || stanza.Str(*answer, "type") != "result" {
		t.Fatalf("tokens answered with %v, %v", answer, err)
	}
	got := p.bob.mustGet(t, "token", func(n stanza.Node) bool {
		return stanza.Str(n, "type") == "privacy_token" && string(stanza.ChildBytes(n, "tokens", "token")) == "secret"
	})
	if got.Attrs["from"] != own.PN() || got.Attrs["sender_lid"] != own.LIDJID() {
		t.Errorf("token came as %s", stanza.Render(got))
	}
}

// A companion that lost a file asks its phone, and the phone notifies that companion only.
func TestMediaRetryTravelsBetweenCompanionAndPhone(t *testing.T) {
	s := mustServe(t, Config{})
	alice, bob := mustRegister(t, s, 1), mustRegister(t, s, 2)
	c := mustPairRaw(t, s, alice)
	rmr := stanza.New("rmr", stanza.Attrs{"jid": bob.Account().LIDJID(), "from_me": "false"})
	c.mustAsk(t, stanza.New("receipt", stanza.Attrs{"id": "M1", "to": alice.Account().PN(), "type": "server-error"},
		stanza.New("encrypt", nil, stanza.New("enc_p", nil, []byte{1})), rmr))
	asked := alice.mustGet(t, "request", func(n stanza.Node) bool { return stanza.Str(n, "type") == "server-error" })
	from, _ := stanza.JID(asked, "from")
	if from != deviceJID(alice.Account().PN(), 1) || len(stanza.Children(asked)) != 2 {
		t.Errorf("request came as %s", stanza.Render(asked))
	}
	err := alice.Send(t.Context(), stanza.New("notification", stanza.Attrs{"id": "M1", "to": from, "type": "mediaretry"}, rmr))
	if err != nil {
		t.Fatal(err)
	}
	got := c.mustGet(t, "answer", func(n stanza.Node) bool { return stanza.Str(n, "type") == "mediaretry" })
	if got.Attrs["from"] != alice.Account().PN() || stanza.Str(got, "id") != "M1" || stanza.Str(got, "to") != "" {
		t.Errorf("answer came as %s", stanza.Render(got))
	}
	// The same from a client is refused: clients have nothing to notify.
	c.mustSend(t, stanza.New("notification", stanza.Attrs{"id": "1", "to": alice.Account().PN(), "type": "x"}))
	if _, err = s.AwaitLog(withPatience(t), 0, isStanza("in", `<notification id="1"`)); err != nil {
		t.Fatal(err)
	}
	if got := s.Unexpected(); len(got) != 1 {
		t.Errorf("unexpected %+v, want the client's notification", got)
	}
}

func TestPeerMessages(t *testing.T) {
	s := mustServe(t, Config{})
	alice, bob := mustRegister(t, s, 1), mustRegister(t, s, 2)
	c := mustPairRaw(t, s, alice)
	peer := func(id string, to types.JID) stanza.Node {
		return stanza.New("message", stanza.Attrs{"id": id, "to": to, "category": "peer", "push_priority": "high", "type": "text"},
			stanza.New("meta", stanza.Attrs{"appdata": "default"}),
			stanza.New("enc", stanza.Attrs{"v": "2", "type": "msg"}, []byte(id)))
	}
	c.mustAsk(t, peer("up", alice.Account().PN()))
	got := alice.mustGet(t, "peer message", func(n stanza.Node) bool { return stanza.Str(n, "id") == "up" })
	if got.Attrs["from"] != deviceJID(alice.Account().PN(), 1) || stanza.Str(got, "category") != "peer" ||
		stanza.Str(got, "recipient") != "" {
		t.Errorf("peer message came as %s", stanza.Render(got))
	}
	if ack := c.mustAsk(t, peer("stray", bob.Account().PN())); stanza.Str(ack, "error") != "403" {
		t.Errorf("peer message to somebody else: %s", stanza.Render(ack))
	}
	ack, err := alice.Request(withPatience(t), peer("down", deviceJID(alice.Account().PN(), 1)))
	if err != nil || stanza.Str(*ack, "error") != "" {
		t.Fatalf("ack %v, %v", ack, err)
	}
	got = c.mustGet(t, "peer message", tagged("message"))
	if got.Attrs["from"] != alice.Account().PN() || stanza.Str(got, "push_priority") != "high" {
		t.Errorf("peer message came as %s", stanza.Render(got))
	}
	if _, ok := stanza.Child(got, "meta"); !ok {
		t.Error("meta was lost")
	}
}

func TestStatusBroadcast(t *testing.T) {
	s := mustServe(t, Config{})
	alice, bob := mustRegister(t, s, 1), mustRegister(t, s, 2)
	c := mustPairRaw(t, s, alice)
	n := direct("S1", types.StatusBroadcastJID, bob.Account().LIDJID())
	n.Content = append(stanza.Children(n), stanza.New("enc", stanza.Attrs{"v": "2", "type": "skmsg"}, []byte{9}))
	c.mustAsk(t, n)
	got := bob.mustGet(t, "status", tagged("message"))
	if got.Attrs["from"] != types.StatusBroadcastJID || got.Attrs["participant"] != deviceJID(alice.Account().LIDJID(), 1) {
		t.Errorf("status came as %s", stanza.Render(got))
	}
	if encs := got.GetChildrenByTag("enc"); len(encs) != 2 || stanza.Str(encs[1], "type") != "skmsg" {
		t.Errorf("status has %d ciphertexts, want the own and then the common one", len(encs))
	}
}

func TestPhoneOffline(t *testing.T) {
	s := mustServe(t, Config{})
	alice, bob := mustRegister(t, s, 1), mustRegister(t, s, 2)
	c := mustPairRaw(t, s, alice)
	bob.SetOnline(false)
	if err := bob.Send(t.Context(), stanza.New("presence", nil)); !errors.Is(err, ErrOffline) {
		t.Errorf("send while offline: %v, want %v", err, ErrOffline)
	}
	for _, id := range []string{"1", "2", "3"} {
		c.mustAsk(t, direct(id, bob.Account().LIDJID(), bob.Account().LIDJID()))
	}
	bob.mu.Lock()
	if len(bob.got) > 0 && bob.got[len(bob.got)-1].Tag == "message" {
		t.Error("a message reached a phone that is off")
	}
	bob.mu.Unlock()
	if bob.Online() {
		t.Error("phone is online, want offline")
	}
	bob.SetOnline(true)
	bob.mustGet(t, "third message", func(n stanza.Node) bool { return stanza.Str(n, "id") == "3" })
	bob.mu.Lock()
	defer bob.mu.Unlock()
	want := 1
	for _, n := range bob.got {
		if n.Tag == "message" {
			if id := stanza.Str(n, "id"); id != string(rune('0'+want)) {
				t.Errorf("message %d is %q", want, id)
			}
			want++
		}
	}
}

func TestStampOfPhones(t *testing.T) {
	p := mustPairs(t, Config{})
	lid := p.alice.Account().LIDJID()
	n := stanza.With(direct("T1", p.bob.Account().LIDJID(), p.bob.Account().LIDJID()), "t", "1700000000")
	ack, err := p.alice.Request(withPatience(t), n)
	if err != nil || stanza.Str(*ack, "t") != "1700000000" {
		t.Errorf("ack %v, %v; want the time that the phone asked for", ack, err)
	}
	got := p.bob.mustGet(t, "message", func(n stanza.Node) bool { return stanza.Str(n, "id") == "T1" })
	if stanza.Str(got, "t") != "1700000000" || got.Attrs["from"] != lid {
		t.Errorf("message came as %s", stanza.Render(got))
	}
}

func TestPush(t *testing.T) {
	p := mustPairs(t, Config{})
	phone := p.bob.Account().Phone
	dirty := stanza.New("ib", stanza.Attrs{"from": types.ServerJID}, stanza.New("dirty", stanza.Attrs{"type": "groups"}))
	mark := len(p.s.Log(0))
	if err := p.s.Push(phone, 1, dirty); err != nil {
		t.Fatal(err)
	}
	if _, err := p.s.AwaitLog(withPatience(t), mark, isStanza("out", "<dirty")); err != nil {
		t.Error(err)
	}
	grouped := stanza.New("receipt", stanza.Attrs{"from": types.NewJID("123", types.GroupServer), "type": "read"},
		stanza.New("participants", stanza.Attrs{"key": "M1"},
			stanza.New("user", stanza.Attrs{"jid": p.alice.Account().LIDJID(), "t": "1700000000"})))
	if err := p.s.Push(phone, 1, grouped); err != nil {
		t.Fatal(err)
	}
	await(t, p.b, 0, func(r *events.Receipt) bool { return r.MessageIDs[0] == "M1" })
	for _, err := range []error{p.s.Push("1", 1, dirty), p.s.Push(phone, 7, dirty)} {
		if !errors.Is(err, ErrUnknownUser) && !errors.Is(err, ErrUnknownDevice) {
			t.Errorf("push to nobody: %v", err)
		}
	}
	if err := p.s.Push(phone, 1, stanza.Node{Tag: "x", Content: 1.5}); !errors.Is(err, stanza.ErrMalformed) {
		t.Errorf("push of what can't be written: %v, want %v", err, stanza.ErrMalformed)
	}
}

func TestOddFaults(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	if _, err := s.AddFault(Fault{Kind: "earthquake"}); err == nil {
		t.Error("an unknown kind was accepted")
	}
	c := mustPairRaw(t, s, alice)
	junk := []byte{0, 248, 1, 244}
	mustFault(t, s, Fault{Kind: "malformed", Args: map[string]string{"hex": hex.EncodeToString(junk)}})
	if _, err := s.AwaitLog(withPatience(t), 0, isStanza("out", "malformed: 00f801f4")); err != nil {
		t.Error(err)
	}
	ping := func(id string) stanza.Node {
		return stanza.New("iq", stanza.Attrs{"id": id, "type": "get", "xmlns": "w:p"})
	}
	mustFault(t, s, Fault{Kind: "ignore", Stanza: "iq/w:p", Skip: 1, Times: 2})
	for _, id := range []string{"1", "2", "3", "4"} {
		c.mustSend(t, ping(id))
	}
	for _, want := range []string{"1", "4"} {
		if got := c.mustGet(t, "reply", tagged("iq")); stanza.Str(got, "id") != want {
			t.Errorf("reply to %q, want to %q", stanza.Str(got, "id"), want)
		}
	}
	mustFault(t, s, Fault{Kind: "close_after", MatchID: "5"})
	c.mustSend(t, ping("5"))
	c.mustGet(t, "last reply", func(n stanza.Node) bool { return stanza.Str(n, "id") == "5" })
	c.mustBeClosed(t)

	bob := mustRegister(t, s, 2)
	mustFault(t, s, Fault{Kind: "no_prekeys", Person: bob.Account().Phone, Times: -1})
	answer, err := alice.Request(withPatience(t), stanza.New("iq", stanza.Attrs{"xmlns": "encrypt", "type": "get"},
		stanza.New("key", nil, stanza.New("user", stanza.Attrs{"jid": bob.Account().LIDJID()}))))
	if err != nil {
		t.Fatal(err)
	}
	if key := stanza.ChildBytes(*answer, "list", "user", "key", "id"); key != nil {
		t.Errorf("bundle has the one-time prekey %x, want none", key)
	}
}

// Without the delay after 515 the restart may be lost, which is what the fault is for.
func TestCloseRightAfterPairing(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	mustFault(t, s, Fault{Kind: "close_after", Args: map[string]string{"point": "515"}})
	c := mustDialRaw(t, s, keys.NewKeyPair(), nil)
	mustSign(t, c, alice)
	c.mustBeClosed(t)
}

func TestClosedServer(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	c := mustPairRaw(t, s, alice)
	waiting := make(chan error, 2)
	go func() {
		_, err := s.AwaitLog(t.Context(), 0, func(Entry) bool { return false })
		waiting <- err
	}()
	go func() {
		_, err := s.AwaitDevice(t.Context(), "nobody", func(Device) bool { return true })
		waiting <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.mustBeClosed(t)
	for range 2 {
		if err := <-waiting; !errors.Is(err, ErrClosed) {
			t.Errorf("await: %v, want %v", err, ErrClosed)
		}
	}
	if err := alice.Send(t.Context(), stanza.New("presence", nil)); !errors.Is(err, ErrClosed) {
		t.Errorf("send: %v, want %v", err, ErrClosed)
	}
}
