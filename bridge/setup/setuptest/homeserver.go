// Package setuptest plays a homeserver towards package setup and the start of the program: what it
// is, whose a token is, the appservice ping, the bot's account and device, and messages to that
// device. It keeps no rooms; what it does not know it answers with M_UNRECOGNIZED.
//
// It differs from a real homeserver in that it pushes nothing by itself but what is sent to the
// bot's device, and gives up on that after the first try: retries can't be shown with it.
package setuptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"maunium.net/go/mautrix/appservice"
)

// Homeserver is a fake homeserver. Its fields are set before its first use.
type Homeserver struct {
	Name       string   // server name
	Server     string   // Server header
	Federation string   // name in the federation API's version, "" for no federation API
	Dendrite   bool     // has Dendrite's monitoring page
	Versions   []string // of the client API
	Flows      []string // ways to log in
	MSC4190    bool     // lets appservices make devices
	ToDevice   bool     // pushes messages to devices (msc2409_to_device_messages_enabled)
	KeyCounts  bool     // pushes key counts (msc3202_transaction_extensions)
	Signed     bool     // every user has cross-signing keys

	URL string

	t       testing.TB
	mu      sync.Mutex
	loaded  []*appservice.Registration
	users   map[string]bool
	devices map[string]bool
}

// Synapse returns a running homeserver that can all that Synapse can.
func Synapse(t testing.TB) *Homeserver {
	return start(&Homeserver{
		Name: "hs.test", Server: "Synapse/1.160.0", Federation: "Synapse",
		Versions: []string{"v1.11", "v1.12"}, Flows: []string{"m.login.password", "m.login.application_service"},
		MSC4190: true, ToDevice: true, KeyCounts: true,
	}, t)
}

// Dendrite returns a running homeserver that can what Dendrite v0.15 can.
func Dendrite(t testing.TB) *Homeserver {
	return start(&Homeserver{
		Name: "hs.test", Dendrite: true, Versions: []string{"v1.1", "v1.2"},
		Flows: []string{"m.login.password", "m.login.application_service"},
	}, t)
}

func start(hs *Homeserver, t testing.TB) *Homeserver {
	hs.t, hs.users, hs.devices = t, map[string]bool{}, map[string]bool{}
	server := httptest.NewServer(hs.Handler())
	t.Cleanup(server.Close)
	hs.URL = server.URL
	return hs
}

// Load gives the homeserver a registration, as if it had been restarted with it.
func (hs *Homeserver) Load(registration *appservice.Registration) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.loaded = append(hs.loaded, registration)
}

// Devices are the bot's devices that are left.
func (hs *Homeserver) Devices() int {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return len(hs.devices)
}

// AddDevice makes a device of the bot's, as a bridge that has run leaves one.
func (hs *Homeserver) AddDevice(device string) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.devices[device] = true
}

// Handler returns what the homeserver answers with, for a server of the test's own.
func (hs *Homeserver) Handler() http.Handler {
	mux := http.NewServeMux()
	// Fields are read when asked: a test may change them after the start.
	open := func(pattern string, served func() bool, answer func() any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			if !served() {
				hs.fail(w, 404, "M_UNRECOGNIZED", "Unrecognized request")
				return
			}
			hs.write(w, 200, answer())
		})
	}
	always := func() bool { return true }
	federates := func() bool { return hs.Federation != "" }
	open("GET /_matrix/client/versions", always, func() any { return map[string]any{"versions": hs.Versions} })
	open("GET /_matrix/federation/v1/version", federates, func() any {
		return map[string]any{"server": map[string]string{"name": hs.Federation, "version": "1.160.0 (b=x)"}}
	})
	open("GET /_matrix/key/v2/server", federates, func() any { return map[string]string{"server_name": hs.Name} })
	if hs.Dendrite {
		mux.HandleFunc("GET /_dendrite/monitor/up", func(http.ResponseWriter, *http.Request) {})
	}
	open("GET /_matrix/client/v3/login", always, func() any {
		flows := []map[string]string{}
		for _, flow := range hs.Flows {
			flows = append(flows, map[string]string{"type": flow})
		}
		return map[string]any{"flows": flows}
	})
	mux.HandleFunc("GET /_matrix/client/v3/account/whoami", hs.as(hs.whoami))
	mux.HandleFunc("POST /_matrix/client/v3/register", hs.as(hs.register))
	mux.HandleFunc("POST /_matrix/client/v1/appservice/{id}/ping", hs.as(hs.ping))
	mux.HandleFunc("POST /_matrix/client/v3/keys/query", hs.as(hs.queryKeys))
	mux.HandleFunc("GET /_matrix/client/v3/devices", hs.as(hs.listDevices))
	mux.HandleFunc("PUT /_matrix/client/v3/devices/{device}", hs.as(hs.changeDevice))
	mux.HandleFunc("DELETE /_matrix/client/v3/devices/{device}", hs.as(hs.changeDevice))
	mux.HandleFunc("PUT /_matrix/client/v3/sendToDevice/{type}/{txn}", hs.as(hs.sendToDevice))
	open("/", func() bool { return false }, nil)
	return mux
}

// as finds the registration that a token belongs to.
func (hs *Homeserver) as(next func(http.ResponseWriter, *http.Request, *appservice.Registration)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		hs.mu.Lock()
		i := slices.IndexFunc(hs.loaded, func(reg *appservice.Registration) bool { return reg.AppToken == token })
		var registration *appservice.Registration
		if i >= 0 {
			registration = hs.loaded[i]
		}
		hs.mu.Unlock()
		if registration == nil {
			hs.fail(w, 401, "M_UNKNOWN_TOKEN", "Invalid access token passed.")
			return
		}
		next(w, r, registration)
	}
}

func (hs *Homeserver) whoami(w http.ResponseWriter, r *http.Request, registration *appservice.Registration) {
	user := r.URL.Query().Get("user_id")
	if user == "" {
		user = fmt.Sprintf("@%s:%s", registration.SenderLocalpart, hs.Name)
	} else if !hs.has(user) {
		hs.fail(w, 403, "M_FORBIDDEN", "Application service has not registered this user")
		return
	}
	hs.write(w, 200, map[string]string{"user_id": user})
}

func (hs *Homeserver) has(user string) bool {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return hs.users[user]
}

func (hs *Homeserver) register(w http.ResponseWriter, r *http.Request, registration *appservice.Registration) {
	var body struct {
		Username     string `json:"username"`
		InhibitLogin bool   `json:"inhibit_login"`
	}
	hs.read(r, &body)
	user := fmt.Sprintf("@%s:%s", body.Username, hs.Name)
	switch {
	case !body.InhibitLogin:
		hs.fail(w, 400, "M_INVALID_PARAM", "inhibit_login must be set")
	case !claimed(registration, user):
		hs.fail(w, 400, "M_EXCLUSIVE", "Invalid user localpart for this application service.")
	case hs.has(user):
		hs.fail(w, 400, "M_USER_IN_USE", "User ID already taken.")
	default:
		hs.mu.Lock()
		hs.users[user] = true
		hs.mu.Unlock()
		hs.write(w, 200, map[string]string{"user_id": user})
	}
}

// claimed compares with the ids that these tests use, without regular expressions of the product's.
func claimed(registration *appservice.Registration, user string) bool {
	return slices.ContainsFunc(registration.Namespaces.UserIDs, func(ns appservice.Namespace) bool {
		return ns.Exclusive && strings.NewReplacer("^", "", "$", "", `\`, "").Replace(ns.Regex) == user
	})
}

func (hs *Homeserver) ping(w http.ResponseWriter, r *http.Request, registration *appservice.Registration) {
	var body map[string]string
	hs.read(r, &body)
	if r.PathValue("id") != registration.ID {
		hs.fail(w, 403, "M_FORBIDDEN", "Mismatching application service ID in path")
		return
	}
	status, err := hs.call("POST", registration, "/_matrix/app/v1/ping", body)
	switch {
	case err != nil:
		hs.fail(w, 502, "M_CONNECTION_FAILED", "ConnectError")
	case status != 200:
		hs.fail(w, 502, "M_BAD_STATUS", fmt.Sprintf("HTTP %d", status))
	default:
		hs.write(w, 200, map[string]int{"duration_ms": 7})
	}
}

func (hs *Homeserver) queryKeys(w http.ResponseWriter, r *http.Request, _ *appservice.Registration) {
	var body struct {
		Users map[string]any `json:"device_keys"`
	}
	hs.read(r, &body)
	masters := map[string]any{}
	for user := range body.Users {
		if hs.Signed {
			masters[user] = map[string]any{"user_id": user, "usage": []string{"master"}, "keys": map[string]string{"ed25519:A": "A"}}
		}
	}
	hs.write(w, 200, map[string]any{"master_keys": masters})
}

func (hs *Homeserver) listDevices(w http.ResponseWriter, _ *http.Request, _ *appservice.Registration) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	devices := []map[string]string{}
	for device := range hs.devices {
		devices = append(devices, map[string]string{"device_id": device})
	}
	hs.write(w, 200, map[string]any{"devices": devices})
}

func (hs *Homeserver) changeDevice(w http.ResponseWriter, r *http.Request, registration *appservice.Registration) {
	if !hs.MSC4190 || !registration.MSC4190 {
		hs.fail(w, 404, "M_NOT_FOUND", "Unknown device")
		return
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if r.Method == http.MethodDelete {
		delete(hs.devices, r.PathValue("device"))
	} else {
		hs.devices[r.PathValue("device")] = true
	}
	hs.write(w, 200, struct{}{})
}

func (hs *Homeserver) sendToDevice(w http.ResponseWriter, r *http.Request, registration *appservice.Registration) {
	if hs.ToDevice {
		txn := map[string]any{
			"events":                          []any{},
			"de.sorunome.msc2409.to_device":   []map[string]string{{"type": r.PathValue("type")}},
			"de.sorunome.msc2409.ephemeral":   []any{},
			"org.matrix.msc3202.device_lists": map[string]any{"changed": []string{}},
		}
		if !hs.KeyCounts {
			delete(txn, "org.matrix.msc3202.device_lists")
		}
		if status, err := hs.call("PUT", registration, "/_matrix/app/v1/transactions/1", txn); err != nil || status != 200 {
			hs.t.Errorf("transaction with a message to a device: status %d, error %v, want 200", status, err)
		}
	}
	hs.write(w, 200, struct{}{})
}

// call sends the appservice a request.
func (hs *Homeserver) call(method string, registration *appservice.Registration, path string, body any) (int, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequest(method, registration.URL+path, bytes.NewReader(data))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+registration.ServerToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

func (hs *Homeserver) read(r *http.Request, into any) {
	data, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		hs.t.Errorf("%s %s: body: %v", r.Method, r.URL.Path, err)
	}
}

func (hs *Homeserver) write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	if hs.Server != "" {
		w.Header().Set("Server", hs.Server)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (hs *Homeserver) fail(w http.ResponseWriter, status int, code, text string) {
	hs.write(w, status, map[string]string{"errcode": code, "error": text})
}
