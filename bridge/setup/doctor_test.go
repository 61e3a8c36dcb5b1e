package setup

import (
	"context"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"maunium.net/go/mautrix/appservice"

	"crosschat/bridge/setup/setuptest"
)

// report is doctor's report on a data folder: the status of each check by its name, and all of it.
func report(t *testing.T, folder string) (code int, status map[string]string, text string) {
	t.Helper()
	s := newSession()
	code = s.Doctor([]string{"-c", filepath.Join(folder, "config.yaml")})
	status = map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^(ok|limited|wrong) +(double puppet|\S+) `).FindAllStringSubmatch(s.out.String(), -1) {
		status[line[2]] = line[1]
	}
	if s.err.Len() > 0 {
		t.Errorf("stderr: %s", s.err.String())
	}
	return code, status, s.out.String()
}

func TestDoctor(t *testing.T) {
	for _, test := range []struct {
		name  string
		hs    func(testing.TB) *setuptest.Homeserver
		flags []string
		// change makes something wrong after init and before the homeserver loads the registrations.
		change func(t *testing.T, hs *setuptest.Homeserver, folder string)
		code   int
		want   string // "check=status", those that are not ok; -check: not made
		says   []string
	}{
		{name: "all well on Synapse", hs: setuptest.Synapse, says: []string{
			"Synapse 1.160.0", "(7 ms)", "@crosschat:hs.test, registered just now", "(tried)",
		}},
		{name: "Dendrite", hs: setuptest.Dendrite, want: "homeserver=limited ping=limited encryption=limited", says: []string{
			"hands bridges no deletions, typing and receipts", "by /sync (network.ledger.listen)", "can't be asked whether it reaches", "by /sync",
		}},
		{name: "Dendrite in appservice mode", hs: setuptest.Dendrite, flags: []string{"--encryption", "appservice"}, code: 1,
			want: "homeserver=limited ping=limited encryption=wrong",
			says: []string{"Dendrite sends appservices no keys", "set encryption.appservice and encryption.msc4190 to false"}},
		{name: "Synapse by sync", hs: setuptest.Synapse, flags: []string{"--encryption", "sync"}, says: []string{"by /sync"}},
		{name: "Synapse with delegated login by sync", hs: setuptest.Synapse, code: 1,
			flags:  []string{"--encryption", "sync", "--set", "encryption.msc4190=false"},
			change: func(_ *testing.T, hs *setuptest.Homeserver, _ string) { hs.Flows = []string{"m.login.sso"} },
			want:   "encryption=wrong", says: []string{"lets no appservice log in", "set encryption.msc4190 to true"}},
		{name: "encryption off", hs: setuptest.Synapse, flags: []string{"--encryption", "off"}, want: "encryption=limited", says: []string{"can't read encrypted rooms"}},
		{name: "no MSC3202", hs: setuptest.Synapse, code: 1,
			change: func(_ *testing.T, hs *setuptest.Homeserver, _ string) { hs.KeyCounts = false },
			want:   "encryption=wrong", says: []string{"not when they run out (MSC3202)", "msc3202_transaction_extensions"}},
		{name: "no MSC4190", hs: setuptest.Synapse, code: 1,
			change: func(_ *testing.T, hs *setuptest.Homeserver, _ string) { hs.MSC4190 = false },
			want:   "encryption=wrong", says: []string{"does not let the bot make a device (MSC4190)", "io.element.msc4190: true"}},
		{name: "the bridge has run", hs: setuptest.Synapse,
			change: func(_ *testing.T, hs *setuptest.Homeserver, _ string) { hs.AddDevice("OLD"); hs.ToDevice = false },
			says:   []string{"not tried, since the bridge runs or has run"}},
		{name: "signed with another database", hs: setuptest.Synapse, code: 1,
			change: func(_ *testing.T, hs *setuptest.Homeserver, _ string) { hs.Signed = true },
			want:   "encryption=wrong", says: []string{"signed its keys with another database", "go back to that database", "crosschat new-keys -c"}},
		{name: "locked with another key", hs: setuptest.Synapse, code: 1,
			change: func(t *testing.T, _ *setuptest.Homeserver, folder string) {
				addAccount(t, filepath.Join(folder, "crosschat.db"), "another")
			},
			want: "encryption=wrong", says: []string{"locked with another encryption.pickle_key", "crosschat new-keys -c"}},
		{name: "signed with this database", hs: setuptest.Synapse,
			change: func(t *testing.T, hs *setuptest.Homeserver, folder string) {
				hs.Signed = true
				addRecoveryKey(t, filepath.Join(folder, "crosschat.db"))
			}},
		{name: "too old", hs: setuptest.Synapse, code: 1,
			change: func(_ *testing.T, hs *setuptest.Homeserver, _ string) { hs.Versions = []string{"r0.6.1", "v1.3"} },
			want:   "homeserver=wrong -token -ping -bot -encryption -double", says: []string{"up to v1.3, the bridge needs v1.4", "Not checked"}},
		{name: "other domain", hs: setuptest.Synapse, code: 1,
			change: func(_ *testing.T, hs *setuptest.Homeserver, _ string) { hs.Name = "real.test" },
			want:   "token=wrong double=wrong -ping -bot -encryption", says: []string{`homeserver.domain is "hs.test", but the homeserver calls itself "real.test"`}},
		{name: "unknown key in config", hs: setuptest.Synapse, code: 1,
			change: func(t *testing.T, _ *setuptest.Homeserver, folder string) {
				edit(t, filepath.Join(folder, "config.yaml"), "bridge_notices:", "bridge_notice:")
			},
			want: "config=wrong -database -homeserver -registration -token -ping -bot -encryption -double",
			says: []string{"bridge.bridge_notice: unknown key; did you mean bridge.bridge_notices?", "Not checked, since they need what is wrong above: database"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			hs := test.hs(t)
			folder := mustInit(t, hs.URL, test.flags...)
			mustLoad(t, hs, folder)
			if test.change != nil {
				test.change(t, hs, folder)
			}
			before := hs.Devices()
			code, status, text := report(t, folder)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			wantStatus(t, status, test.want)
			wantIn(t, text, test.says...)
			if after := hs.Devices(); after != before {
				t.Errorf("the bot has %d devices afterwards, want %d as before", after, before)
			}
			if t.Failed() {
				t.Log(text)
			}
		})
	}
}

func addRecoveryKey(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite3-fk-wal", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"CREATE TABLE kv_store (bridge_id TEXT, key TEXT, value TEXT)",
		"INSERT INTO kv_store VALUES ('', 'recovery_key', 'EsT7 fake')",
	} {
		if _, err = db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// wantStatus compares with a list such as "ping=limited -bot"; all else is to be ok.
func wantStatus(t *testing.T, got map[string]string, list string) {
	t.Helper()
	want := map[string]string{}
	for _, c := range checks {
		want[c.name] = "ok"
	}
	for item := range strings.FieldsSeq(strings.ReplaceAll(list, "double", "double_puppet")) {
		name, status, _ := strings.Cut(item, "=")
		name = strings.ReplaceAll(strings.TrimPrefix(name, "-"), "_", " ")
		want[name] = status
	}
	for name, status := range want {
		if got[name] != status {
			t.Errorf("check %q is %q, want %q", name, got[name], status)
		}
	}
}

func TestDoctorOnRegistrations(t *testing.T) {
	for _, test := range []struct {
		name string
		// change alters what the homeserver has loaded.
		change func(*appservice.Registration)
		want   string
		says   []string
	}{
		{"not loaded", nil, "token=wrong -ping -bot -encryption", []string{"does not know the bridge's token", "registration.yaml", "restart it"}},
		{"other hs_token", func(r *appservice.Registration) { r.ServerToken = "other" }, "ping=wrong -encryption", []string{"calls with another hs_token"}},
		{"other id", func(r *appservice.Registration) { r.ID = "other" }, "ping=wrong -encryption", []string{`another id than "crosschat"`}},
		{"nothing at its url", func(r *appservice.Registration) { r.URL = "http://127.0.0.1:1" }, "ping=wrong -encryption",
			[]string{"can't connect to", "set appservice.address"}},
		{"bot not claimed", func(r *appservice.Registration) { r.Namespaces.UserIDs = r.Namespaces.UserIDs[1:] }, "bot=wrong -encryption",
			[]string{"does not give the bridge the id @crosschat:hs.test"}},
		{"no MSC4190", func(r *appservice.Registration) { r.MSC4190 = false }, "encryption=wrong", []string{"MSC4190"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			hs := setuptest.Synapse(t)
			folder := mustInit(t, hs.URL)
			second, err := appservice.LoadRegistration(filepath.Join(folder, "doublepuppet.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			hs.Load(second)
			if test.change != nil {
				first, err := appservice.LoadRegistration(filepath.Join(folder, "registration.yaml"))
				if err != nil {
					t.Fatal(err)
				}
				test.change(first)
				hs.Load(first)
			}
			code, status, text := report(t, folder)
			if code != exitWrong {
				t.Errorf("exit code %d, want %d", code, exitWrong)
			}
			wantStatus(t, status, test.want)
			wantIn(t, text, test.says...)
		})
	}
}

func TestDoctorOnSecondRegistration(t *testing.T) {
	hs := setuptest.Synapse(t)
	folder := mustInit(t, hs.URL)
	first, err := appservice.LoadRegistration(filepath.Join(folder, "registration.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	hs.Load(first)
	code, status, text := report(t, folder)
	if code != exitWrong {
		t.Errorf("exit code %d, want %d", code, exitWrong)
	}
	wantStatus(t, status, "double=wrong")
	wantIn(t, text, "does not know the second registration", "give doublepuppet.yaml to the homeserver")

	edit(t, filepath.Join(folder, "config.yaml"), "as_token:", "other:", "other: "+first.AppToken, "as_token: "+first.AppToken)
	code, status, text = report(t, folder)
	if code != exitOK {
		t.Errorf("without the secret: exit code %d, want %d", code, exitOK)
	}
	wantStatus(t, status, "double=limited")
	wantIn(t, text, "not set up for hs.test")
}

func TestDoctorOnRegistrationFile(t *testing.T) {
	for _, test := range []struct {
		name     string
		from, to string
		says     []string
	}{
		{"other url", "url: http", "url: https", []string{`url is https://127`, "appservice.address"}},
		{"other id", "id: crosschat", "id: mine", []string{"id is mine", "appservice.id"}},
		{"other token", "as_token: ", "as_token: x", []string{"as_token is (hidden)", "appservice.as_token"}},
		{"no ephemeral events", "receive_ephemeral: true", "receive_ephemeral: false", []string{"receive_ephemeral is false", "appservice.ephemeral_events"}},
		{"no MSC3202", "org.matrix.msc3202: true", "org.matrix.msc3202: false", []string{"encryption.appservice"}},
		{"no MSC4190", "io.element.msc4190: true", "", []string{"encryption.msc4190"}},
		{"other ghosts", "crosschat_.*", "ghost_.*", []string{"no entry covers @crosschat_whatsapp-lid-"}},
		{"other server", `hs\.test`, `other\.test`, []string{"no entry covers @crosschat:hs.test"}},
		{"not exclusive", "exclusive: true", "exclusive: false", []string{"not exclusive: others could take the id"}},
		{"bad pattern", "^@crosschat_.*", "^@crosschat_(", []string{"is no regular expression"}},
		{"no registration", "id: crosschat", "name: crosschat", []string{"is no registration"}},
		{"no YAML", "id: crosschat", "id: [", []string{"is no registration"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			hs := setuptest.Synapse(t)
			folder := mustInit(t, hs.URL)
			mustLoad(t, hs, folder)
			edit(t, filepath.Join(folder, "registration.yaml"), test.from, test.to)
			code, status, text := report(t, folder)
			if code != exitWrong {
				t.Errorf("exit code %d, want %d", code, exitWrong)
			}
			wantStatus(t, status, "registration=wrong")
			wantIn(t, text, test.says...)
		})
	}
	t.Run("missing", func(t *testing.T) {
		hs := setuptest.Synapse(t)
		folder := mustInit(t, hs.URL)
		mustLoad(t, hs, folder)
		if err := os.Remove(filepath.Join(folder, "registration.yaml")); err != nil {
			t.Fatal(err)
		}
		_, status, text := report(t, folder)
		wantStatus(t, status, "registration=wrong")
		wantIn(t, text, "there is no file", "name it with -r")
	})
}

func TestDoctorOnUnreachableHomeserver(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	defer page.Close()
	for _, test := range []struct{ name, address, says string }{
		{"nobody there", "http://127.0.0.1:1", "connection refused: nothing listens there"},
		{"no such host", "http://nowhere.invalid", `its name "nowhere.invalid" is not known here`},
		{"not Matrix", plain.URL, "not as a Matrix homeserver: HTTP 404"},
		{"a web page", page.URL, "not as a Matrix homeserver: no JSON"},
		{"https to http", strings.Replace(plain.URL, "http:", "https:", 1), "it speaks plain http, not https"},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := mustInit(t, test.address)
			code, status, text := report(t, folder)
			if code != exitWrong {
				t.Errorf("exit code %d, want %d", code, exitWrong)
			}
			wantStatus(t, status, "homeserver=wrong -token -ping -bot -encryption -double")
			wantIn(t, text, test.says, "start it, or correct homeserver.address")
		})
	}
}

// With the bridge running, doctor leaves the port to it; with another program there it says so.
func TestDoctorWithPortInUse(t *testing.T) {
	for _, test := range []struct {
		name  string
		serve http.HandlerFunc
		want  string
		says  string
	}{
		{"the bridge", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) }, "", "reaches the running bridge at"},
		{"another program", http.NotFound, "ping=wrong -encryption", "reaches another program, or a bridge with other tokens"},
	} {
		t.Run(test.name, func(t *testing.T) {
			hs := setuptest.Synapse(t)
			server := httptest.NewServer(test.serve)
			defer server.Close()
			_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
			folder := mustInit(t, hs.URL, "--port", port)
			mustLoad(t, hs, folder)
			_, status, text := report(t, folder)
			wantStatus(t, status, test.want)
			wantIn(t, text, test.says)
		})
	}
}

// The homeserver must not think that the bridge has what waits for it.
func TestStandInPutsEventsOff(t *testing.T) {
	stand := &standIn{token: "hs", trials: make(chan trial, 1)}
	call := func(path, token, body string) int {
		request := httptest.NewRequest("PUT", path, strings.NewReader(body))
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		stand.ServeHTTP(answer, request)
		return answer.Code
	}
	const txn = "/_matrix/app/v1/transactions/1"
	for _, test := range []struct {
		name, path, token, body string
		want                    int
	}{
		{"events", txn, "hs", `{"events":[{"type":"m.room.message"}]}`, 503},
		{"typing", txn, "hs", `{"events":[],"ephemeral":[{}]}`, 503},
		{"another's message to a device", txn, "hs", `{"events":[],"to_device":[{"type":"m.room_key"}]}`, 503},
		{"ours beside events", txn, "hs", `{"events":[{}],"to_device":[{"type":"app.crosschat.doctor"}]}`, 503},
		{"no JSON", txn, "hs", `{`, 503},
		{"a query", "/_matrix/app/v1/users/@a:b", "hs", ``, 503},
		{"ours alone", txn, "hs", `{"events":[],"to_device":[{"type":"app.crosschat.doctor"}]}`, 200},
		{"wrong token", txn, "other", `{"events":[]}`, 403},
	} {
		if got := call(test.path, test.token, test.body); got != test.want {
			t.Errorf("%s: status %d, want %d", test.name, got, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	<-stand.trials
	if got := stand.awaitTrial(ctx); got != undecided {
		t.Errorf("trial after something was put off: %v, want %v", got, undecided)
	}
}

func TestDoctorUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-h"}, exitOK, "crosschat doctor: check a set-up"},
		{[]string{"--colour"}, exitUsage, "colour"},
		{[]string{"config.yaml"}, exitUsage, `unexpected argument "config.yaml"`},
	} {
		s := newSession()
		if code := s.Doctor(test.args); code != test.code {
			t.Errorf("%q: exit code %d, want %d", test.args, code, test.code)
		}
		wantIn(t, s.out.String()+s.err.String(), test.says)
	}
}
