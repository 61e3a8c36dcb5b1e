package setup

import (
	"database/sql"
	"path/filepath"
	"testing"

	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/crypto"

	"crosschat/bridge/setup/setuptest"
)

// GetDBMetaTypes implements bridgev2.NetworkConnector.
func (n *network) GetDBMetaTypes() database.MetaTypes { return database.MetaTypes{} }

// addAccount stores encryption keys in a database as the bridge does, locked with a key.
func addAccount(t *testing.T, path, key string) {
	t.Helper()
	db, err := dbutil.NewWithDialect("file:"+path+"?_txlock=immediate", "sqlite3-fk-wal")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store := crypto.NewSQLCryptoStore(db, dbutil.NoopLogger, "", "DEVICE", []byte(key))
	if err = store.DB.Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err = store.PutAccount(t.Context(), crypto.NewOlmAccount()); err != nil {
		t.Fatal(err)
	}
}

// look reads one value of a database, "" if there is none.
func look(t *testing.T, path, query string) (value string) {
	t.Helper()
	db, err := sql.Open("sqlite3-fk-wal", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err = db.QueryRow(query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestNewKeys(t *testing.T) {
	hs := setuptest.Synapse(t)
	hs.Signed = true
	const accounts = "SELECT COUNT(*) FROM crypto_account"
	for _, test := range []struct {
		name     string
		prepare  func(t *testing.T, folder, database string)
		accounts string // that are left; "" if nobody made the table
	}{
		{"a new database", func(*testing.T, string, string) {}, ""},
		{"keys that the config unlocks", func(t *testing.T, folder, database string) {
			cfg, _ := newSession().loadConfig(filepath.Join(folder, "config.yaml"))
			addAccount(t, database, cfg.Encryption.PickleKey)
		}, "1"},
		{"keys that it does not", func(t *testing.T, _, database string) { addAccount(t, database, "lost") }, "0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := mustInit(t, hs.URL)
			mustLoad(t, hs, folder)
			path := filepath.Join(folder, "crosschat.db")
			test.prepare(t, folder, path)
			if code, status, text := report(t, folder); code != exitWrong || status["encryption"] != "wrong" {
				t.Fatalf("before, doctor says %d\n%s", code, text)
			}
			s := newSession()
			if code := s.NewKeys([]string{"-c", filepath.Join(folder, "config.yaml")}); code != exitOK {
				t.Fatalf("exit code %d: %s", code, s.err.String())
			}
			wantIn(t, s.out.String(), "new keys at its next start")
			if got := look(t, path, "SELECT value FROM kv_store WHERE key='recovery_key'"); got != "overwrite" {
				t.Errorf("the library finds %q, want %q", got, "overwrite")
			}
			if test.accounts != "" {
				if got := look(t, path, accounts); got != test.accounts {
					t.Errorf("%s accounts are left, want %s", got, test.accounts)
				}
			}
			if code, _, text := report(t, folder); code != exitOK {
				t.Errorf("afterwards doctor says %d\n%s", code, text)
			}
		})
	}
}

func TestNewKeysRefuses(t *testing.T) {
	hs := setuptest.Synapse(t)
	off := mustInit(t, hs.URL, "--encryption", "off")
	s := newSession()
	if code := s.NewKeys([]string{"-c", filepath.Join(off, "config.yaml")}); code != exitWrong {
		t.Errorf("without encryption: exit code %d, want %d", code, exitWrong)
	}
	wantIn(t, s.err.String(), "encryption is off")

	running := mustInit(t, hs.URL)
	cfg, _ := newSession().loadConfig(filepath.Join(running, "config.yaml"))
	listener, err := listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s = newSession()
	if code := s.NewKeys([]string{"-c", filepath.Join(running, "config.yaml")}); code != exitWrong {
		t.Errorf("while the bridge runs: exit code %d, want %d", code, exitWrong)
	}
	wantIn(t, s.err.String(), "in use", "Stop the bridge first")
}

// init chooses by what the homeserver can, and the registration fits.
func TestInitChoosesEncryption(t *testing.T) {
	another := func(t testing.TB) *setuptest.Homeserver {
		hs := setuptest.Synapse(t)
		hs.Server, hs.Federation = "conduwuit", ""
		return hs
	}
	for _, test := range []struct {
		name                       string
		hs                         func(testing.TB) *setuptest.Homeserver
		flag                       string
		allow, appservice, devices bool
	}{
		{"Synapse", setuptest.Synapse, "auto", true, true, true},
		{"Synapse by sync", setuptest.Synapse, "sync", true, false, true},
		{"Synapse without", setuptest.Synapse, "off", false, false, false},
		{"Dendrite", setuptest.Dendrite, "auto", true, false, false},
		{"another", another, "auto", true, false, false},
		{"another, where it is known", another, "appservice", true, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := mustInit(t, test.hs(t).URL, "--encryption", test.flag)
			cfg, problems := newSession().loadConfig(filepath.Join(folder, "config.yaml"))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			e := cfg.Encryption
			if e.Allow != test.allow || e.Default != test.allow || e.SelfSign != test.allow || e.Appservice != test.appservice || e.MSC4190 != test.devices {
				t.Errorf("allow %t, default %t, self_sign %t, appservice %t, msc4190 %t; want the first three %t, then %t and %t",
					e.Allow, e.Default, e.SelfSign, e.Appservice, e.MSC4190, test.allow, test.appservice, test.devices)
			}
			if what, remedy := checkRegistrationFile(filepath.Join(folder, "registration.yaml"), cfg); what != "" {
				t.Errorf("the registration does not fit: %s %s", what, remedy)
			}
		})
	}
}
