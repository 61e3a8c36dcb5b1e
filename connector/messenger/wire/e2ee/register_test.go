package e2ee

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waArmadilloICDC"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/util/keys"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"

	"crosschat/connector/metaweb/fingerprint"
	"crosschat/connector/metaweb/web"
)

type icdcVector struct {
	Details       string
	FetchResponse json.RawMessage `json:"fetch_response"`
	Sequence      string          `json:"icdc_seq"`
	Timestamp     string          `json:"icdc_ts"`
	Hash          string          `json:"ihash_base64"`
	PrivateKey    string          `json:"private_key_of_the_new_device"`
	Signed        string          `json:"signed_list_base64_one_valid_signature"`
}

func mustVector(t *testing.T) icdcVector {
	t.Helper()
	data, err := os.ReadFile("../testdata/e2ee.json")
	if err != nil {
		t.Fatal(err)
	}
	var vector struct{ ICDC icdcVector }
	if err = json.Unmarshal(data, &vector); err != nil {
		t.Fatal(err)
	}
	return vector.ICDC
}

func (v icdcVector) device(t *testing.T) *store.Device {
	t.Helper()
	raw, err := hex.DecodeString(v.PrivateKey)
	if err != nil || len(raw) != 32 {
		t.Fatalf("private key %q: %v", v.PrivateKey, err)
	}
	identity := keys.NewKeyPairFromPrivateKey([32]byte(raw))
	return &store.Device{IdentityKey: identity, SignedPreKey: identity.CreateSignedPreKey(0x010203), RegistrationID: 0x01020304,
		NoiseKey: keys.NewKeyPair()}
}

func TestListVector(t *testing.T) {
	vector := mustVector(t)
	var fetched struct {
		Identities []string `json:"device_identities"`
		Sequence   int32    `json:"icdc_seq"`
	}
	if err := json.Unmarshal(vector.FetchResponse, &fetched); err != nil {
		t.Fatal(err)
	}
	other, err := base64.RawURLEncoding.DecodeString(fetched.Identities[0])
	if err != nil {
		t.Fatal(err)
	}
	device := vector.device(t)
	list := &deviceList{sequence: fetched.Sequence, devices: [][]byte{other}}
	list.add(device.IdentityKey.Pub[:])
	details, err := list.details(time.Unix(1790000000, 0))
	if err != nil || hex.EncodeToString(details) != vector.Details {
		t.Errorf("details %x and %v, want %s", details, err, vector.Details)
	}
	signed, err := list.sign(device, time.Unix(1790000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	if got := base64.StdEncoding.EncodeToString(signed.hash); got != vector.Hash {
		t.Errorf("hash %q, want %q", got, vector.Hash)
	}
	if fmt.Sprint(signed.sequence) != vector.Sequence || fmt.Sprint(signed.timestamp) != vector.Timestamp {
		t.Errorf("sequence %d at %d, want %s at %s", signed.sequence, signed.timestamp, vector.Sequence, vector.Timestamp)
	}
	theirs, err := base64.StdEncoding.DecodeString(vector.Signed)
	if err != nil {
		t.Fatal(err)
	}
	for name, encoded := range map[string][]byte{"ours": signed.encoded, "the vector's": theirs} {
		if !validList(t, encoded, *device.IdentityKey.Pub) {
			t.Errorf("%s is not signed by the device", name)
		}
	}
	list.add(device.IdentityKey.Pub[:])
	if list.sequence != 6 || len(list.devices) != 2 || list.own != 1 {
		t.Errorf("added twice the list is number %d with %d devices", list.sequence, len(list.devices))
	}
}

func validList(t *testing.T, encoded []byte, key [32]byte) bool {
	t.Helper()
	var list waArmadilloICDC.SignedICDCIdentityList
	if err := proto.Unmarshal(encoded, &list); err != nil || len(list.GetSignature()) != 64 {
		t.Fatalf("signed list %x: %v", encoded, err)
	}
	return ecc.VerifySignature(ecc.NewDjbECPublicKey(key), list.GetDetails(), [64]byte(list.GetSignature()))
}

// newRegistration is one against a server that answers the two steps as given and passes on the forms.
func newRegistration(t *testing.T, fetch, register string) (*Registration, chan url.Values) {
	t.Helper()
	forms := make(chan url.Values, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		if r.Header.Get("Cookie") != "" || r.Header.Get("Sec-Fetch-Site") != "cross-site" ||
			r.Header.Get("Content-Type") != "application/x-www-form-urlencoded; charset=UTF-8" || r.Header.Get("Origin") != "https://site" {
			t.Errorf("request has headers %v", r.Header)
		}
		forms <- r.PostForm
		answer := fetch
		if r.URL.Path == "/register" {
			answer = register
		}
		if answer == "" {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	client, err := web.NewClient(web.Options{Transport: http.DefaultTransport.(*http.Transport).Clone(), Site: "https://site",
		Hosts: []string{"site"}, Cookies: web.NewCookies(map[string]string{"xs": "canary"}), Identity: web.DefaultIdentity()})
	if err != nil {
		t.Fatal(err)
	}
	return &Registration{Web: client, Config: Config{FetchURL: server.URL + "/fetch", RegisterURL: server.URL + "/register"},
		Site: "https://site", FBID: 100, AppID: "7", CAT: "cat", Device: mustVector(t).device(t)}, forms
}

func TestRegister(t *testing.T) {
	r, forms := newRegistration(t, string(mustVector(t).FetchResponse),
		`{"status":200,"type":"new","product":"msgr","wa_device_id":21,"icdc_success":true}`)
	if err := Register(t.Context(), *r); err != nil {
		t.Fatal(err)
	}
	if got := r.Device.ID.String(); got != "100:21@msgr" {
		t.Errorf("device is %q, want %q", got, "100:21@msgr")
	}
	if r.Device.Account == nil || len(r.Device.Account.DeviceSignature) != 64 {
		t.Errorf("account is %v, want one of zeros", r.Device.Account)
	}
	fetch, register := <-forms, <-forms
	for name, want := range map[string]string{"fbid": "100", "fb_cat": "cat", "app_id": "7", "device_id": r.Device.FacebookUUID.String()} {
		if fetch.Get(name) != want || register.Get(name) != want {
			t.Errorf("%s is %q and %q, want %q", name, fetch.Get(name), register.Get(name), want)
		}
	}
	key := r.Device.SignedPreKey
	for name, want := range map[string][]byte{"e_regid": {1, 2, 3, 4}, "e_keytype": {5}, "e_ident": r.Device.IdentityKey.Pub[:],
		"e_skey_id": {1, 2, 3}, "e_skey_val": key.Pub[:], "e_skey_sig": key.Signature[:]} {
		if got, err := base64.StdEncoding.DecodeString(register.Get(name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is %x and %v, want %x", name, got, err, want)
		}
	}
	if register.Get("ihash") != mustVector(t).Hash || register.Get("icdc_seq") != "6" || register.Get("icdc_ts") == "" {
		t.Errorf("list is %q number %q at %q", register.Get("ihash"), register.Get("icdc_seq"), register.Get("icdc_ts"))
	}
	list, err := base64.StdEncoding.DecodeString(register.Get("icdc_list"))
	if err != nil || !validList(t, list, *r.Device.IdentityKey.Pub) {
		t.Errorf("list is not signed: %v", err)
	}
}

func TestRegisterRefused(t *testing.T) {
	good := `{"device_identities":[],"icdc_seq":0,"status":200}`
	var refused *RefusedError
	var status *web.StatusError
	for name, test := range map[string]struct {
		fetch, register string
		as              any
		is              error
	}{
		"list refused":      {`{"status":401}`, "", &refused, nil},
		"list forbidden":    {"", "", &status, nil},
		"list is HTML":      {"<html>", "", nil, ErrBadAnswer},
		"key too short":     {`{"device_identities":["AAAA"],"status":200}`, "", nil, ErrBadAnswer},
		"key is no base64":  {`{"device_identities":["*"],"status":200}`, "", nil, ErrBadAnswer},
		"sequence too high": {`{"icdc_seq":2147483647,"status":200}`, "", nil, ErrBadAnswer},
		"negative sequence": {`{"icdc_seq":-1,"status":200}`, "", nil, ErrBadAnswer},
		"too many devices":  {`{"device_identities":[` + strings.Repeat(`"A",`, maxDevices) + `"A"],"status":200}`, "", nil, ErrBadAnswer},
		"refused":           {good, `{"status":403}`, &refused, nil},
		"list not taken":    {good, `{"status":200,"wa_device_id":1,"icdc_success":false}`, &refused, nil},
		"no device":         {good, `{"status":200}`, nil, ErrBadAnswer},
		"device too high":   {good, `{"status":200,"wa_device_id":65536}`, nil, ErrBadAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := newRegistration(t, test.fetch, test.register)
			err := Register(t.Context(), *r)
			if err == nil || test.is != nil && !errors.Is(err, test.is) || test.as != nil && !errors.As(err, test.as) {
				t.Errorf("got %v, want %v %T", err, test.is, test.as)
			}
			if r.Device.ID != nil {
				t.Errorf("device has id %v", r.Device.ID)
			}
		})
	}
}

type fixedTokens struct{ err error }

func (f fixedTokens) CAT() (string, error)             { return "cat", f.err }
func (f fixedTokens) RefreshCAT(context.Context) error { return nil }

func TestClient(t *testing.T) {
	r, _ := newRegistration(t, `{"status":200}`, `{"status":200,"wa_device_id":21}`)
	if err := Register(t.Context(), *r); err != nil {
		t.Fatal(err)
	}
	client := NewClient(Options{Config: Default(), Site: "https://site", FBID: 100, Identity: web.DefaultIdentity(),
		Transports: fingerprint.Transports(fingerprint.Options{}), Device: r.Device, Tokens: fixedTokens{}, Log: waLog.Noop})
	if !client.SynchronousAck || !client.EnableDecryptedEventBuffer || client.RefreshCAT == nil ||
		client.MessengerConfig.WebsocketURL != Default().Socket || client.MessengerConfig.BaseURL != "https://site" {
		t.Errorf("client is not set up for messenger: %+v", client.MessengerConfig)
	}
	payload := client.GetClientPayload()
	ua := payload.GetUserAgent()
	if payload.GetDevice() != 21 || string(payload.GetFbCat()) != "cat" || payload.GetUsername() != 100 || payload.GetPassive() ||
		!payload.GetPull() || string(payload.GetFbUserAgent()) != web.DefaultIdentity().UserAgent ||
		payload.GetProduct().String() != "MESSENGER" || ua.GetPlatform().String() != "BLUE_WEB" ||
		ua.GetAppVersion().GetPrimary() != 301 || ua.GetAppVersion().GetTertiary() != 2 || ua.GetDevice() != "Chrome" {
		t.Errorf("introduces itself as %v", payload)
	}
}
