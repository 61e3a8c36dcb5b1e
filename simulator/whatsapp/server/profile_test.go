package server

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/whatsapp/stanza"
)

var jpeg = []byte{0xff, 0xd8, 0xff, 0xe0, 1, 2, 3}

func TestPictures(t *testing.T) {
	p := mustPairs(t, Config{})
	ctx := withPatience(t)
	alice := p.alice.Account().LIDJID()
	if _, err := p.b.GetProfilePictureInfo(ctx, alice, nil); !errors.Is(err, whatsmeow.ErrProfilePictureNotSet) {
		t.Errorf("no picture: %v, want %v", err, whatsmeow.ErrProfilePictureNotSet)
	}
	if _, err := p.alice.SetPicture([]byte("GIF89a")); err == nil {
		t.Error("a GIF was accepted")
	}
	id, err := p.alice.SetPicture(jpeg)
	if err != nil {
		t.Fatal(err)
	}
	change, _ := await(t, p.b, 0, any1[*events.Picture])
	if change.PictureID != id || change.JID != alice || change.Remove {
		t.Errorf("told of %+v, want id %q of alice", change, id)
	}
	info, err := p.b.GetProfilePictureInfo(ctx, alice, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(info.DirectPath, "/") || !strings.Contains(info.DirectPath, "?") {
		t.Errorf("direct path %q, want one with a question mark", info.DirectPath)
	}
	response, err := httpClient(p.s).Get(info.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	var body bytes.Buffer
	if _, err = body.ReadFrom(response.Body); err != nil || !bytes.Equal(body.Bytes(), jpeg) {
		t.Errorf("fetched %x, %v; want %x", body.Bytes(), err, jpeg)
	}
	same, err := p.b.GetProfilePictureInfo(ctx, alice, &whatsmeow.GetProfilePictureParams{ExistingID: id})
	if err != nil || same != nil {
		t.Errorf("known picture: %+v, %v; want nothing", same, err)
	}
	if _, err = p.a.SetPrivacySetting(ctx, types.PrivacySettingTypeProfile, types.PrivacySettingNone); err != nil {
		t.Fatal(err)
	}
	if _, err = p.b.GetProfilePictureInfo(ctx, alice, nil); !errors.Is(err, whatsmeow.ErrProfilePictureUnauthorized) {
		t.Errorf("hidden picture: %v, want %v", err, whatsmeow.ErrProfilePictureUnauthorized)
	}
	if _, err = p.alice.SetPicture(nil); err != nil {
		t.Fatal(err)
	}
	await(t, p.b, 0, func(e *events.Picture) bool { return e.Remove })
}

func TestAbout(t *testing.T) {
	p := mustPairs(t, Config{})
	ctx := withPatience(t)
	if err := p.alice.SetAbout("by the phone"); err != nil {
		t.Fatal(err)
	}
	await(t, p.b, 0, func(e *events.UserAbout) bool { return e.Status == "by the phone" })
	if err := p.a.SetStatusMessage(ctx, types.SetStatusInput{Text: new("by the client")}); err != nil {
		t.Fatal(err)
	}
	await(t, p.b, 0, func(e *events.UserAbout) bool { return e.Status == "by the client" })
	info, err := p.b.GetUserInfo(ctx, []types.JID{p.alice.Account().LIDJID()})
	if err != nil {
		t.Fatal(err)
	}
	if got := info[p.alice.Account().LIDJID()].Status; got != "by the client" {
		t.Errorf("about %q, want %q", got, "by the client")
	}
}

func TestNumberLookup(t *testing.T) {
	p := mustPairs(t, Config{})
	bob := p.bob.Account()
	found, err := p.a.IsOnWhatsApp(withPatience(t), []string{"+" + bob.Phone, "+19990000000"})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || !found[0].IsIn || found[0].JID != bob.LIDJID() || found[1].IsIn {
		t.Errorf("found %+v, want bob by LID and nobody", found)
	}
}

// What is asked by number without lid mode is answered by number, with the LID if asked for.
func TestUsyncByNumber(t *testing.T) {
	s := mustServe(t, Config{})
	c := mustPairRaw(t, s, mustRegister(t, s, 1))
	bob := mustRegister(t, s, 2).Account()
	ask := func(user stanza.Node, protocols ...stanza.Node) stanza.Node {
		answer := c.mustAsk(t, stanza.New("iq", stanza.Attrs{"id": "u", "xmlns": "usync", "type": "get", "to": types.ServerJID},
			stanza.New("usync", stanza.Attrs{"sid": "7", "mode": "query", "context": "interactive", "index": "0", "last": "true"},
				stanza.New("query", nil, protocols), stanza.New("list", nil, user))))
		got, _ := stanza.Child(answer, "usync", "list", "user")
		return got
	}
	got := ask(stanza.New("user", nil, stanza.New("contact", nil, "+"+bob.Phone)), stanza.New("contact", nil), stanza.New("lid", nil))
	lid, _ := stanza.Child(got, "lid")
	contact, _ := stanza.Child(got, "contact")
	if got.Attrs["jid"] != bob.PN() || lid.Attrs["val"] != bob.LIDJID() || stanza.Text(contact) != "+"+bob.Phone {
		t.Errorf("got %s, want bob by number with LID", stanza.Render(got))
	}
	got = ask(stanza.New("user", stanza.Attrs{"jid": bob.LIDJID()}), stanza.New("lid", nil), stanza.New("devices", nil))
	if _, ok := stanza.Child(got, "lid"); ok {
		t.Errorf("a LID was answered with itself: %s", stanza.Render(got))
	}
	if list, _ := stanza.Child(got, "devices", "device-list"); stanza.Str(list, "hash") != stanza.DeviceHash([]types.JID{bob.LIDJID()}) {
		t.Errorf("device list %s", stanza.Render(list))
	}
	if got = ask(stanza.New("user", stanza.Attrs{"jid": types.NewJID("1", types.HiddenUserServer)}), stanza.New("devices", nil)); got.Tag != "usync" && got.Tag == "user" {
		t.Errorf("unknown user answered with %s", stanza.Render(got))
	}
}

func TestVersionPage(t *testing.T) {
	s := mustServe(t, Config{})
	version, err := whatsmeow.GetLatestVersion(t.Context(), httpClient(s))
	if err != nil {
		t.Fatal(err)
	}
	if version[2] != clientRevision {
		t.Errorf("version %v, want revision %d", version, clientRevision)
	}
}

func TestPreKeys(t *testing.T) {
	s := mustServe(t, Config{})
	alice, bob := mustRegister(t, s, 1), mustRegister(t, s, 2)
	c := mustPairRaw(t, s, alice)
	bundle := func(jid types.JID) stanza.Node {
		answer := c.mustAsk(t, stanza.New("iq", stanza.Attrs{"id": "k", "xmlns": "encrypt", "type": "get", "to": types.ServerJID},
			stanza.New("key", nil, stanza.New("user", stanza.Attrs{"jid": jid, "reason": "identity"}))))
		user, _ := stanza.Child(answer, "list", "user")
		return user
	}
	given := map[string]bool{}
	for i := range 25 {
		jid := bob.Account().LIDJID()
		if i%2 == 1 {
			jid = bob.Account().PN()
		}
		user := bundle(jid)
		if user.Attrs["jid"] != jid {
			t.Fatalf("asked for %v, answered for %v", jid, user.Attrs["jid"])
		}
		key := string(stanza.ChildBytes(user, "key", "id"))
		if i < 20 && (key == "" || given[key]) || i >= 20 && key != "" {
			t.Errorf("request %d got key %x; want each of 20 once, then none", i, key)
		}
		given[key] = true
		if len(stanza.ChildBytes(user, "skey", "signature")) != 64 {
			t.Error("no signed prekey in the bundle")
		}
	}
	low := func(n stanza.Node) bool { return n.Tag == "notification" && stanza.Str(n, "type") == "encrypt" }
	told := bob.mustGet(t, "low stock notification", low)
	if count, _ := stanza.Child(told, "count"); stanza.Str(count, "value") != "4" {
		t.Errorf("told of %s, want 4 left", stanza.Render(told))
	}
	// A key that was handed out does not come back by being uploaded again.
	fresh, _ := mustKeys(t, 21)
	if err := bob.AddPreKeys(fresh.PreKeys); err != nil {
		t.Fatal(err)
	}
	if devices, err := s.Devices(bob.Account().Phone); err != nil || devices[0].PreKeys != 1 {
		t.Errorf("%d prekeys, %v; want only the new one", devices[0].PreKeys, err)
	}
	if unknown := bundle(deviceJID(bob.Account().LIDJID(), 9)); errorCode(unknown) != "404" {
		t.Errorf("unknown device answered with %s", stanza.Render(unknown))
	}
}

func TestUploadRefused(t *testing.T) {
	s := mustServe(t, Config{})
	c := mustPairRaw(t, s, mustRegister(t, s, 1))
	upload := func(identity, signature []byte) string {
		signed := c.keys.Signed
		return errorCode(c.mustAsk(t, stanza.New("iq", stanza.Attrs{"id": "p", "xmlns": "encrypt", "type": "set"},
			stanza.New("registration", nil, registrationBytes(c.keys.RegistrationID)), stanza.New("type", nil, []byte{5}),
			stanza.New("identity", nil, identity), stanza.New("list", nil),
			stanza.New("skey", nil, stanza.New("id", nil, id24(signed.ID)), stanza.New("value", nil, signed.Public[:]),
				stanza.New("signature", nil, signature)))))
	}
	good := c.keys.Signed.Signature[:]
	if code := upload(c.keys.Identity[:], good); code != "" {
		t.Errorf("good upload: error %s", code)
	}
	if code := upload(randomBytes(32), good); code != "406" {
		t.Errorf("other identity: error %q, want 406", code)
	}
	if code := upload(c.keys.Identity[:], randomBytes(64)); code != "406" {
		t.Errorf("bad signature: error %q, want 406", code)
	}
	digest := c.mustAsk(t, stanza.New("iq", stanza.Attrs{"id": "d", "xmlns": "encrypt", "type": "get"}, stanza.New("digest", nil)))
	if !bytes.Equal(stanza.ChildBytes(digest, "digest", "identity"), c.keys.Identity[:]) {
		t.Errorf("digest %s", stanza.Render(digest))
	}
}

func TestReinstall(t *testing.T) {
	p := mustPairs(t, Config{})
	bad, _ := mustKeys(t, 1)
	bad.Signed.Signature[0] ^= 1
	if err := p.bob.ReplaceKeys(bad); err == nil {
		t.Error("keys with a wrong signature were accepted")
	}
	fresh, _ := mustKeys(t, 1)
	if err := p.bob.ReplaceKeys(fresh); err != nil {
		t.Fatal(err)
	}
	await(t, p.a, 0, func(e *events.IdentityChange) bool { return e.JID == p.bob.Account().LIDJID() && !e.Implicit })
}

func TestRegisterRefuses(t *testing.T) {
	s := mustServe(t, Config{})
	mustRegister(t, s, 1)
	keys, _ := mustKeys(t, 0)
	for _, test := range []struct {
		account Account
		want    string
	}{
		{Account{Phone: "15550000001", LID: "5"}, "taken"},
		{Account{Phone: "5", LID: "200000000001"}, "taken"},
		{Account{Phone: "6"}, "both are needed"},
	} {
		_, err := s.Register(test.account, keys, func(stanza.Node) {})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("register %+v: %v, want %q", test.account, err, test.want)
		}
	}
	keys.Signed.Signature[0] ^= 1
	if _, err := s.Register(Account{Phone: "7", LID: "8"}, keys, func(stanza.Node) {}); err == nil {
		t.Error("keys with a wrong signature were accepted")
	}
}
