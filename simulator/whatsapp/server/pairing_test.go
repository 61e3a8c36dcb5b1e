package server

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/types/events"
	"go.mau.fi/whatsmeow/util/keys"

	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/stanza"
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
	// The phones got their copies too, addressed as the protocol wants it.
	alice.mustGet(t, "copy of own message", func(n stanza.Node) bool {
		return n.Tag == "message" && stanza.Str(n, "recipient") == bob.Account().LIDJID().String()
	})
	bob.mustGet(t, "message", func(n stanza.Node) bool {
		return n.Tag == "message" && stanza.Str(n, "sender_pn") == alice.Account().PN().String()
	})
	mustNothingUnexpected(t, s)
}

func TestWrongRoot(t *testing.T) {
	s := mustServe(t, Config{})
	for _, what := range []string{"root", "expired", "serial"} {
		mustFault(t, s, Fault{Kind: "wrong_cert", Args: map[string]string{"what": what}})
		if err := mustClient(t, s).Connect(); err == nil {
			t.Errorf("a client accepted a certificate with a fault in %q", what)
		}
	}
}

func TestRefs(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	if _, err := s.FindPairing("2@never"); !errors.Is(err, ErrUnknownRef) {
		t.Errorf("unknown ref: %v, want %v", err, ErrUnknownRef)
	}
	c := mustClient(t, s)
	mustConnect(t, c)
	qr, _ := await(t, c, 0, any1[*events.QR])
	if len(qr.Codes) != refCount {
		t.Fatalf("%d codes, want %d", len(qr.Codes), refCount)
	}
	if _, err := alice.scan(t, qr.Codes[5]); err != nil {
		t.Fatal(err)
	}
	for _, code := range qr.Codes {
		if _, err := alice.scan(t, code); !errors.Is(err, ErrUsedRef) {
			t.Errorf("used ref: %v, want %v", err, ErrUsedRef)
		}
	}
}

func TestPairTimeout(t *testing.T) {
	s := mustServe(t, Config{PairTimeout: 50 * time.Millisecond})
	c := mustDialRaw(t, s, keys.NewKeyPair(), nil)
	ref := string(stanza.ChildBytes(c.mustGet(t, "pair-device", tagged("iq")), "pair-device", "ref"))
	c.mustBeClosed(t)
	err := s.await(withPatience(t), func() bool { return len(s.pairings) == 0 })
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.FindPairing(ref); !errors.Is(err, ErrUnknownRef) {
		t.Errorf("expired ref: %v, want %v", err, ErrUnknownRef)
	}
}

func TestFifthCompanion(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	for want := 1; want <= MaxCompanions; want++ {
		if got := mustSign(t, mustDialRaw(t, s, keys.NewKeyPair(), nil), alice); got != want {
			t.Errorf("device number %d, want %d", got, want)
		}
	}
	c := mustDialRaw(t, s, keys.NewKeyPair(), nil)
	pairing, err := s.FindPairing(string(stanza.ChildBytes(c.mustGet(t, "refs", tagged("iq")), "pair-device", "ref")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = pairing.Complete(t.Context(), alice.Link, Completion{}); !errors.Is(err, ErrTooManyDevices) {
		t.Errorf("fifth companion: %v, want %v", err, ErrTooManyDevices)
	}
	if err = alice.Unlink(2); err != nil {
		t.Fatal(err)
	}
	if got := mustSign(t, mustDialRaw(t, s, keys.NewKeyPair(), nil), alice); got != 2 {
		t.Errorf("device number %d, want the lowest free one, 2", got)
	}
}

func TestPairingRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(*rawClient, stanza.Node) *stanza.Node
		want   error
	}{
		{"by the client", func(_ *rawClient, success stanza.Node) *stanza.Node {
			n := stanza.New("iq", stanza.Attrs{"type": "error", "id": stanza.Str(success, "id")},
				stanza.New("error", stanza.Attrs{"code": "401", "text": "hmac-mismatch"}))
			return &n
		}, ErrPairingRefused},
		{"wrong signature", func(c *rawClient, success stanza.Node) *stanza.Node {
			n := c.sign(t, success, func(signature []byte) { signature[0] ^= 1 })
			return &n
		}, ErrDeviceSignature},
		{"no signature", func(_ *rawClient, success stanza.Node) *stanza.Node {
			n := stanza.New("iq", stanza.Attrs{"type": "result", "id": stanza.Str(success, "id")})
			return &n
		}, ErrDeviceSignature},
		{"client gone", func(*rawClient, stanza.Node) *stanza.Node { return nil }, ErrPairingGone},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := mustServe(t, Config{})
			alice := mustRegister(t, s, 1)
			c := mustDialRaw(t, s, keys.NewKeyPair(), nil)
			pairing, err := s.FindPairing(string(stanza.ChildBytes(c.mustGet(t, "refs", tagged("iq")), "pair-device", "ref")))
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			container := alice.container(t, c.keys.Identity[:], randomBytes(32))
			go func() {
				_, err := pairing.Complete(withPatience(t), alice.Link, Completion{Container: container})
				done <- err
			}()
			success := c.mustGet(t, "pair-success", tagged("iq"))
			if answer := test.answer(c, success); answer != nil {
				c.mustSend(t, *answer)
			} else {
				pairing.c.abort()
			}
			if err = <-done; !errors.Is(err, test.want) {
				t.Errorf("Complete: %v, want %v", err, test.want)
			}
			c.mustBeClosed(t)
			devices, err := s.Devices(alice.Account().Phone)
			if err != nil || len(devices) != 1 {
				t.Errorf("devices %v, %v; want the phone only", devices, err)
			}
		})
	}
}

func TestWrongSecretIsRefusedByTheClient(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	c := mustClient(t, s)
	mustConnect(t, c)
	qr, _ := await(t, c, 0, any1[*events.QR])
	ref, identity, _ := parseQR(t, qr.Codes[0])
	pairing, err := s.FindPairing(ref)
	if err != nil {
		t.Fatal(err)
	}
	_, err = pairing.Complete(withPatience(t), alice.Link, Completion{Container: alice.container(t, identity, randomBytes(32))})
	if !errors.Is(err, ErrPairingRefused) {
		t.Errorf("Complete: %v, want %v", err, ErrPairingRefused)
	}
	await(t, c, 0, any1[*events.PairError])
}

func TestRegistrationRefused(t *testing.T) {
	skipLibraryRace(t)
	s := mustServe(t, Config{})
	good, _ := mustKeys(t, 0)
	for name, spoil := range map[string]func(*waWa6.ClientPayload){
		"signature":       func(p *waWa6.ClientPayload) { p.DevicePairingData.ESkeySig[5] ^= 1 },
		"short identity":  func(p *waWa6.ClientPayload) { p.DevicePairingData.EIdent = p.DevicePairingData.EIdent[1:] },
		"no pairing data": func(p *waWa6.ClientPayload) { p.DevicePairingData = nil },
	} {
		payload := registrationPayload(good)
		payload.DevicePairingData.ESkeySig = append([]byte(nil), payload.DevicePairingData.ESkeySig...)
		spoil(payload)
		t.Run(name, func(t *testing.T) {
			mustDialRaw(t, s, keys.NewKeyPair(), payload).mustBeClosed(t)
		})
	}
}

func TestUnpairedMayDoLittle(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	c := mustDialRaw(t, s, keys.NewKeyPair(), nil)
	c.mustSend(t, stanza.New("iq", stanza.Attrs{"id": "1", "type": "get", "xmlns": "encrypt"}, stanza.New("count", nil)))
	c.mustSend(t, stanza.New("message", stanza.Attrs{"id": "2", "to": alice.Account().PN()}))
	answer := c.mustAsk(t, stanza.New("iq", stanza.Attrs{"id": "3", "type": "get", "xmlns": "w:p"}))
	if kind := stanza.Str(answer, "type"); kind != "result" {
		t.Errorf("keepalive answered with %q, want result", kind)
	}
	for _, e := range s.Log(0) {
		if e.Direction == "out" && e.Phone {
			t.Errorf("something reached a phone: %s", e.Data)
		}
	}
}

func TestPairCodeRequests(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	c := mustClient(t, s)
	mustConnect(t, c)
	await(t, c, 0, any1[*events.QR])
	ctx := withPatience(t)
	ask := func(number, display string) error {
		_, err := c.PairPhone(ctx, number, true, whatsmeow.PairClientChrome, display)
		return err
	}
	if err := ask("19990000000", "Chrome (Linux)"); !errors.Is(err, whatsmeow.ErrIQNotFound) {
		t.Errorf("unknown number: %v, want %v", err, whatsmeow.ErrIQNotFound)
	}
	mustFault(t, s, Fault{Kind: "iq_error", Stanza: "iq/md", Args: map[string]string{"code": "429"}})
	if err := ask(alice.Account().Phone, "Chrome (Linux)"); !errors.Is(err, whatsmeow.ErrIQRateOverLimit) {
		t.Errorf("with a fault: %v, want %v", err, whatsmeow.ErrIQRateOverLimit)
	}
	if err := ask(alice.Account().Phone, "Chrome"); !errors.Is(err, whatsmeow.ErrIQBadRequest) {
		t.Errorf("bad display name: %v, want %v", err, whatsmeow.ErrIQBadRequest)
	}
	if err := ask(alice.Account().Phone, "Chrome (Linux)"); err != nil {
		t.Fatal(err)
	}
	request, err := alice.AwaitCodeRequest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if request.Display != "Chrome (Linux)" || len(request.WrappedEphemeral) != 80 {
		t.Errorf("request of %q with %d bytes", request.Display, len(request.WrappedEphemeral))
	}
	// The companion can't know that these bytes hold no key wrapped by its code, so it answers.
	if err = request.PrimaryHello(append(randomBytes(79), 1), alice.identity.PublicKey().PublicKey()); err != nil {
		t.Fatal(err)
	}
	finish, err := request.AwaitFinish(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if finish.CompanionIdentity != request.Pairing.Keys.Identity {
		t.Error("companion's identity differs from its registration")
	}
	request.Pairing.Abort()
	if err = s.await(ctx, func() bool { return len(s.pairings) == 0 }); err != nil {
		t.Fatal(err)
	}
	if err = request.PrimaryHello(nil, [32]byte{}); !errors.Is(err, ErrPairingGone) {
		t.Errorf("hello after the end: %v, want %v", err, ErrPairingGone)
	}
}

func TestAwaitCodeRequestEnds(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := alice.AwaitCodeRequest(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestServersShareNothingButTheRoot(t *testing.T) {
	one, two := mustServe(t, Config{}), mustServe(t, Config{})
	mustRegister(t, one, 1)
	mustRegister(t, two, 1)
	if one.RootKey() != two.RootKey() || string(one.CAPEM()) == string(two.CAPEM()) {
		t.Error("want one root and two certificate authorities")
	}
	other, err := noise.NewRoot()
	if err != nil {
		t.Fatal(err)
	}
	if other.PublicKey() == one.RootKey() {
		t.Error("roots are alike")
	}
}

func mustFault(t *testing.T, s *Server, f Fault) Fault {
	t.Helper()
	added, err := s.AddFault(f)
	if err != nil {
		t.Fatal(err)
	}
	return added
}
