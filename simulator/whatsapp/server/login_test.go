package server

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"go.mau.fi/whatsmeow/util/keys"

	"crosschat/simulator/whatsapp/stanza"
)

func TestLoginRefused(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	c := mustPairRaw(t, s, alice)
	for _, test := range []struct {
		name   string
		noise  *keys.KeyPair
		user   uint64
		device uint32
	}{
		{"other noise key", keys.NewKeyPair(), 15550000001, 1},
		{"other device", c.noise, 15550000001, 2},
		{"the phone itself", c.noise, 15550000001, 0},
		{"unknown user", c.noise, 15550000009, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			other := mustDialRaw(t, s, test.noise, &waWa6.ClientPayload{Username: &test.user, Device: &test.device})
			n := other.mustGet(t, "failure", tagged("failure"))
			if reason := stanza.Str(n, "reason"); reason != "401" {
				t.Errorf("reason %q, want 401", reason)
			}
			other.mustBeClosed(t)
		})
	}
	// The rightful connection is still there.
	c.mustAsk(t, stanza.New("iq", stanza.Attrs{"id": "1", "type": "get", "xmlns": "w:p"}))
}

func TestSecondLoginReplacesTheFirst(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	a, _ := mustPair(t, s, alice)
	second := mustClientOf(t, s, a.Store)
	mustConnect(t, second)
	await(t, a, 0, any1[*events.StreamReplaced])
	await(t, second, 0, any1[*events.Connected])
	mustSend(t, second, alice.Account().LIDJID(), "note to self")
}

func TestUnlink(t *testing.T) {
	s := mustServe(t, Config{})
	alice, bob := mustRegister(t, s, 1), mustRegister(t, s, 2)
	a, number := mustPair(t, s, alice)
	b, _ := mustPair(t, s, bob)
	mustSend(t, b, alice.Account().LIDJID(), "so that the device list is cached")
	await(t, a, 0, isText("so that the device list is cached"))
	store := *a.Store
	if err := alice.Unlink(number); err != nil {
		t.Fatal(err)
	}
	out, _ := await(t, a, 0, any1[*events.LoggedOut])
	if out.OnConnect {
		t.Error("logged out on connect, want while connected")
	}
	if err := alice.Unlink(number); !errors.Is(err, ErrUnknownDevice) {
		t.Errorf("second unlink: %v, want %v", err, ErrUnknownDevice)
	}
	again := mustClientOf(t, s, &store)
	mustConnect(t, again)
	out, _ = await(t, again, 0, any1[*events.LoggedOut])
	if !out.OnConnect || out.Reason != events.ConnectFailureLoggedOut {
		t.Errorf("got %+v, want a refusal on connect", out)
	}
	// Bob's client heard of it: its list needs no correction, so the ack has no hash.
	from := len(s.Log(0))
	sent := mustSend(t, b, alice.Account().LIDJID(), "still there?")
	ack, err := s.AwaitLog(withPatience(t), from, isStanza("out", "<ack", sent.ID))
	if err != nil {
		t.Fatal(err)
	}
	if contains(ack.Data, "phash") {
		t.Errorf("ack %s has a hash, want none", ack.Data)
	}
}

func TestLogoutByTheClient(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	a, _ := mustPair(t, s, alice)
	if err := a.Logout(withPatience(t)); err != nil {
		t.Fatal(err)
	}
	devices, err := s.Devices(alice.Account().Phone)
	if err != nil || len(devices) != 1 {
		t.Errorf("devices %v, %v; want the phone only", devices, err)
	}
}

func TestFailures(t *testing.T) {
	s := mustServe(t, Config{CloseDelay: 100 * time.Millisecond})
	alice := mustRegister(t, s, 1)
	a, _ := mustPair(t, s, alice)
	relogin := func(args map[string]string) int {
		a.Disconnect()
		from := a.seen()
		mustFault(t, s, Fault{Kind: "failure", Person: alice.Account().Phone, Args: args})
		mustConnect(t, a)
		return from
	}
	from := relogin(map[string]string{"reason": "402", "code": "101", "expire": "3600"})
	ban, _ := await(t, a, from, any1[*events.TemporaryBan])
	if ban.Code != events.TempBanSentToTooManyPeople || ban.Expire != time.Hour {
		t.Errorf("ban %+v, want code 101 for an hour", ban)
	}
	from = relogin(map[string]string{"reason": "405"})
	await(t, a, from, any1[*events.ClientOutdated])
	from = relogin(map[string]string{"reason": "503"})
	await(t, a, from, any1[*events.Connected]) // the next try passes
}

// TestOutdated: a client that is too old is turned away, paired or not, and learns from the page what is wanted.
func TestOutdated(t *testing.T) {
	s := mustServe(t, Config{CloseDelay: 100 * time.Millisecond})
	alice := mustRegister(t, s, 1)
	a, _ := mustPair(t, s, alice)
	own := store.GetWAVersion()
	wanted := own
	wanted[2]++
	outdated := mustFault(t, s, Fault{Kind: "outdated", Args: map[string]string{"version": wanted.String()}})
	mustFault(t, s, Fault{Kind: "version_page", Args: map[string]string{"revision": fmt.Sprint(wanted[2])}})
	for _, c := range []*client{a, mustClient(t, s)} {
		c.Disconnect()
		from := c.seen()
		mustConnect(t, c)
		await(t, c, from, any1[*events.ClientOutdated])
	}
	if latest, err := whatsmeow.GetLatestVersion(t.Context(), httpClient(s)); err != nil || *latest != wanted {
		t.Errorf("the page names %v, %v; want %s", latest, err, wanted)
	}
	a.GetClientPayload = func() *waWa6.ClientPayload {
		payload := a.Store.GetClientPayload()
		payload.UserAgent.AppVersion = wanted.ProtoAppVersion()
		return payload
	}
	a.Disconnect()
	from := a.seen()
	mustConnect(t, a)
	await(t, a, from, any1[*events.Connected])
	if faults := s.Faults(); faults[0].ID != outdated.ID || faults[0].Hits != 2 {
		t.Errorf("faults are %+v, want the first to have struck twice", faults)
	}
}

func TestStreamErrors(t *testing.T) {
	s := mustServe(t, Config{CloseDelay: 50 * time.Millisecond})
	alice := mustRegister(t, s, 1)
	a, _ := mustPair(t, s, alice)
	from := a.seen()
	mustFault(t, s, Fault{Kind: "stream_error", Args: map[string]string{"code": "503"}})
	_, from = await(t, a, from, any1[*events.Disconnected])
	await(t, a, from, any1[*events.Connected])
	await(t, a, from, any1[*events.OfflineSyncCompleted])
	mustFault(t, s, Fault{Kind: "stream_error", Args: map[string]string{"code": "499"}})
	odd, _ := await(t, a, from, any1[*events.StreamError])
	if odd.Code != "499" {
		t.Errorf("code %q, want 499", odd.Code)
	}
}

func TestKeepAlive(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	a, _ := mustPair(t, s, alice)
	old := whatsmeow.KeepAliveResponseDeadline
	whatsmeow.KeepAliveResponseDeadline = 300 * time.Millisecond
	defer func() { whatsmeow.KeepAliveResponseDeadline = old }()
	//lint:ignore SA1019 there is no other way to send a keepalive at once
	inside := a.DangerousInternals()
	if ok, _ := inside.SendKeepAlive(t.Context()); !ok {
		t.Error("keepalive was not answered")
	}
	fault := mustFault(t, s, Fault{Kind: "withhold", Stanza: "iq/w:p", Times: -1})
	if ok, _ := inside.SendKeepAlive(t.Context()); ok {
		t.Error("keepalive was answered although replies are withheld")
	}
	if !s.RemoveFault(fault.ID) || s.RemoveFault(fault.ID) {
		t.Error("want a fault to be removed once")
	}
	if ok, _ := inside.SendKeepAlive(t.Context()); !ok {
		t.Error("keepalive was not answered again")
	}
}

func TestUnknownRequests(t *testing.T) {
	s := mustServe(t, Config{})
	c := mustPairRaw(t, s, mustRegister(t, s, 1))
	for _, test := range []struct {
		namespace  string
		unexpected bool
	}{{"urn:never:heard:of", true}, {"newsletter", false}} {
		before := len(s.Unexpected())
		answer := c.mustAsk(t, stanza.New("iq", stanza.Attrs{
			"id": test.namespace, "type": "get", "xmlns": test.namespace, "to": types.ServerJID,
		}, stanza.New("what", nil)))
		if code := errorCode(answer); code != "501" {
			t.Errorf("%s: error %q, want 501", test.namespace, code)
		}
		if noted := len(s.Unexpected()) > before; noted != test.unexpected {
			t.Errorf("%s: noted as unexpected %t, want %t", test.namespace, noted, test.unexpected)
		}
	}
	c.mustSend(t, stanza.New("surprise", nil))
	if _, err := s.AwaitLog(withPatience(t), 0, isStanza("in", "<surprise")); err != nil {
		t.Fatal(err)
	}
	if got := s.Unexpected(); len(got) != 2 || got[1].What != "<surprise/>" || got[1].Device != 1 {
		t.Errorf("unexpected %+v, want two with the surprise last", got)
	}
}

func TestMalformedFromTheClient(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	for name, plain := range map[string][]byte{
		"not a node": {0, 1, 2, 3}, "empty": {}, "jid without user": {0, 248, 3, 19, 8, 247, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := mustPairRaw(t, s, alice)
			if err := c.send(plain); err != nil {
				t.Fatal(err)
			}
			c.mustBeClosed(t)
		})
	}
}

func TestSparseStanzasAreSurvived(t *testing.T) {
	s := mustServe(t, Config{})
	c := mustPairRaw(t, s, mustRegister(t, s, 1))
	for tag := range handlers {
		for _, attrs := range []stanza.Attrs{
			{}, {"to": types.ServerJID}, {"id": "1", "to": types.GroupServerJID}, {"to": types.StatusBroadcastJID, "id": "2"},
			{"id": "3", "to": "text"}, {"id": "4", "to": types.NewJID("200000000001", types.HiddenUserServer), "category": "peer"},
		} {
			for _, kind := range []string{"", "get", "set", "retry", "read", "server-error", "subscribe"} {
				n := stanza.With(stanza.New(tag, nil, stanza.New("enc", nil)), "type", kind)
				for key, value := range attrs {
					n.Attrs[key] = value
				}
				c.mustSend(t, n)
			}
		}
	}
	for namespace := range iqHandlers {
		for _, kind := range []string{"get", "set"} {
			for _, child := range []string{
				"", "active2", "key", "usync", "sync", "privacy", "tokens", "item", "query", "create", "leave", "invite",
				"link_code_companion_reg", "remove-companion-device", "rotate", "picture", "participating", "add",
			} {
				n := stanza.New("iq", stanza.Attrs{"id": "x", "xmlns": namespace, "type": kind})
				if child != "" {
					n.Content = []stanza.Node{stanza.New(child, nil, stanza.New("user", nil), stanza.New("collection", nil))}
				}
				c.mustSend(t, n)
			}
		}
	}
	c.mustAsk(t, stanza.New("iq", stanza.Attrs{"id": "alive", "type": "get", "xmlns": "w:p"}))
}
