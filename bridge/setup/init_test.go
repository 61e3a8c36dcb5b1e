package setup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/id"

	"crosschat/bridge/setup/setuptest"
)

func TestInitWritesUsableFiles(t *testing.T) {
	hs := setuptest.Synapse(t)
	folder := mustInit(t, hs.URL, "--set", "network.greeting=moin", "--set", "bridge.permissions.other.test=user")
	for _, name := range []string{"config.yaml", "registration.yaml", "doublepuppet.yaml"} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 600", name, info.Mode().Perm())
		}
	}
	if left := names(t, folder); len(left) != 4 {
		t.Errorf("the folder holds %q, want the three files and logs", left)
	}
	s := newSession()
	cfg, problems := s.loadConfig(filepath.Join(folder, "config.yaml"))
	if len(problems) > 0 {
		t.Fatalf("the config that init made is refused: %v", problems)
	}
	if what, remedy := checkRegistrationFile(filepath.Join(folder, "registration.yaml"), cfg); what != "" {
		t.Errorf("the registration that init made is refused: %s %s", what, remedy)
	}
	checkInitialValues(t, folder, cfg)
	if got := s.Bridge.Connector.(*network).config.Greeting; got != "moin" {
		t.Errorf("network.greeting %q, want what --set gave, %q", got, "moin")
	}
	data, err := os.ReadFile(filepath.Join(folder, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	wantIn(t, string(data), "# What the network says first.", "# Permissions for using the bridge.")
}

func checkInitialValues(t *testing.T, folder string, cfg *bridgeconfig.Config) {
	t.Helper()
	for _, check := range []struct{ name, got, want string }{
		{"bot", cfg.AppService.Bot.Username, "crosschat"},
		{"id", cfg.AppService.ID, "crosschat"},
		{"ghosts", cfg.AppService.FormatUsername("whatsapp-lid-1"), "crosschat_whatsapp-lid-1"},
		{"database", cfg.Database.URI, "file:" + folder + "/crosschat.db?_txlock=immediate&_stmt_cache_size=100"},
		{"database type", cfg.Database.Type, "sqlite3-fk-wal"},
		{"log file", cfg.Logging.Writers[1].Filename, folder + "/logs/bridge.log"},
		{"prefix", cfg.Bridge.CommandPrefix, "!cc"},
	} {
		if check.got != check.want {
			t.Errorf("%s is %q, want %q", check.name, check.got, check.want)
		}
	}
	for user, level := range map[string]bridgeconfig.Permissions{
		"@alice:hs.test": bridgeconfig.PermissionLevelAdmin,
		"@bob:hs.test":   bridgeconfig.PermissionLevelUser,
		"@eve:evil.test": bridgeconfig.PermissionLevelBlock,
		"@c:other.test":  bridgeconfig.PermissionLevelUser,
	} {
		if got := cfg.Bridge.Permissions.Get(id.UserID(user)); got != level {
			t.Errorf("permissions of %s: %+v, want %+v", user, got, level)
		}
	}
	enc := cfg.Encryption
	if !enc.Allow || !enc.Default || !enc.SelfSign || !enc.Appservice || !enc.MSC4190 || enc.PickleKey == "generate" {
		t.Errorf("encryption is %+v, want all of it on in appservice mode", enc)
	}
	second, err := appservice.LoadRegistration(filepath.Join(folder, "doublepuppet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.DoublePuppet.Secrets["hs.test"]; got != "as_token:"+second.AppToken {
		t.Error("double_puppet.secrets has another token than doublepuppet.yaml")
	}
	data, err := os.ReadFile(filepath.Join(folder, "doublepuppet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	wantIn(t, string(data), "id: crosschat-doublepuppet\n", "url: null\n", `regex: ^@.*:hs\.test$`, "exclusive: false", "rate_limited: false")
}

func TestInitInstructions(t *testing.T) {
	unreachable := "http://127.0.0.1:1"
	for _, test := range []struct {
		name    string
		address func(*testing.T) string
		flags   []string
		want    []string
		never   string
	}{
		{
			"Synapse", func(t *testing.T) string { return setuptest.Synapse(t).URL }, nil,
			[]string{
				"Found Synapse 1.160.0 at", "Synapse's homeserver.yaml", "app_service_config_files:",
				"/registration.yaml\n", "/doublepuppet.yaml\n", "msc2409_to_device_messages_enabled: true", "msc3202_transaction_extensions: true",
				"Restart the homeserver", "crosschat doctor -c", "crosschat run -c", "appservice mode",
			}, "WARNING",
		},
		{
			"Synapse without encryption", func(t *testing.T) string { return setuptest.Synapse(t).URL }, []string{"--encryption", "off"},
			[]string{"Encryption: off"}, "experimental_features",
		},
		{
			"Dendrite", func(t *testing.T) string { return setuptest.Dendrite(t).URL }, nil,
			[]string{"Found Dendrite at", "app_service_api:", "config_files:", "/sync"}, "experimental_features",
		},
		{
			"another", func(t *testing.T) string {
				hs := setuptest.Synapse(t)
				hs.Server, hs.Federation = "conduwuit", ""
				return hs.URL
			}, nil,
			[]string{"Found homeserver at", "in its own way", "/sync"}, "experimental_features",
		},
		{
			"not up yet", func(*testing.T) string { return unreachable }, nil,
			[]string{"connection refused", "No homeserver answers", "taken for Synapse", "--overwrite", "msc3202"}, "Found",
		},
		{
			"another name", func(t *testing.T) string {
				hs := setuptest.Synapse(t)
				hs.Name = "real.test"
				return hs.URL
			}, nil,
			[]string{"WARNING: it calls itself real.test, not hs.test", "--domain real.test --overwrite"}, "",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSession()
			args := append([]string{"--data", t.TempDir(), "--homeserver", test.address(t), "--domain", "hs.test", "--admin", "@alice:hs.test"}, test.flags...)
			if code := s.Init(args); code != exitOK {
				t.Fatalf("exit code %d: %s", code, s.err.String())
			}
			wantIn(t, s.out.String(), test.want...)
			if test.never != "" && strings.Contains(s.out.String(), test.never) {
				t.Errorf("output has %q:\n%s", test.never, s.out.String())
			}
		})
	}
}

func TestInitAsks(t *testing.T) {
	hs := setuptest.Synapse(t)
	folder := t.TempDir()
	s := newSession()
	s.Interactive = true
	s.Stdin = strings.NewReader("not an address\n" + hs.URL + "\n\nalice\n@alice:hs.test\n")
	if code := s.Init([]string{"--data", folder}); code != exitOK {
		t.Fatalf("exit code %d: %s", code, s.err.String())
	}
	wantIn(t, s.out.String(), "want http:// or https://", "[hs.test]: ", "not a Matrix id; write it like @you:example.com")
	cfg, problems := newSession().loadConfig(filepath.Join(folder, "config.yaml"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if cfg.Homeserver.Domain != "hs.test" || !cfg.Bridge.Permissions.Get("@alice:hs.test").Admin {
		t.Errorf("domain %q, permissions %v: want what was answered", cfg.Homeserver.Domain, cfg.Bridge.Permissions)
	}
}

func TestInitRefuses(t *testing.T) {
	all := []string{"--homeserver", "http://127.0.0.1:1", "--domain", "hs.test", "--admin", "@alice:hs.test"}
	for _, test := range []struct {
		name        string
		args        []string
		interactive bool
		want        []string
	}{
		{"nothing given", nil, false, []string{"missing --homeserver, --domain, --admin", "no terminal", "crosschat help init"}},
		{"admin missing", all[:4], false, []string{"missing --admin"}},
		{"nobody answers", nil, true, []string{"missing --homeserver, --domain, --admin"}},
		{"unknown flag", []string{"--colour", "red"}, false, []string{"-colour", "crosschat help init"}},
		{"stray word", []string{"config.yaml"}, false, []string{`unexpected argument "config.yaml"`}},
		{"bad address", []string{"--homeserver", "hs.test"}, false, []string{`--homeserver is "hs.test": want http://`}},
		{"bad domain", []string{"--domain", "http://hs.test"}, false, []string{"--domain", "not a server name"}},
		{"bad admin", []string{"--admin", "alice"}, false, []string{`--admin is "alice": not a Matrix id`}},
		{"bad port", append(all, "--port", "70000"), false, []string{"--port is 70000: want a port"}},
		{"bad mode", append(all, "--encryption", "maybe"), false, []string{"--encryption", "want one of auto, appservice, sync, off"}},
		{"set without value", append(all, "--set", "bridge.relay"), false, []string{"--set bridge.relay: want key.path=value"}},
		{"set of a section", append(all, "--set", "bridge.relay=1"), false, []string{"--set bridge.relay: a section, not a key; it knows enabled"}},
		{"set of no key", append(all, "--set", "bridge.realy.enabled=true"), false, []string{"--set bridge.realy: unknown key; did you mean bridge.relay?"}},
		{"set below a key", append(all, "--set", "bridge.command_prefix.x=1"), false, []string{"bridge.command_prefix has no keys below it"}},
		{"set of a wrong type", append(all, "--set", "appservice.port=many"), false, []string{`--set appservice.port is "many": want a whole number`}},
		{"set of a wrong value", append(all, "--set", "bridge.permissions.x=boss"), false, []string{"--set bridge.permissions", "boss"}},
		{"set of a bad template", append(all, "--set", "appservice.username_template={{"), false, []string{"username_template", "not"}},
		{"set of what is refused", append(all, "--set", "bridge.async_events=true"), false, []string{"bridge.async_events"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "new")
			s := newSession()
			s.Interactive = test.interactive
			if code := s.Init(append([]string{"--data", folder}, test.args...)); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			wantIn(t, s.err.String(), test.want...)
			if _, err := os.Stat(folder); err == nil {
				t.Error("the folder was made")
			}
		})
	}
}

func TestInitSetKeepsTexts(t *testing.T) {
	folder := mustInit(t, "http://127.0.0.1:1", "--set", "bridge.command_prefix=12", "--set", "appservice.bot.displayname=",
		"--set", "double_puppet.secrets.b.test=as_token:x")
	cfg, problems := newSession().loadConfig(filepath.Join(folder, "config.yaml"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if cfg.Bridge.CommandPrefix != "12" || cfg.AppService.Bot.Displayname != "" || cfg.DoublePuppet.Secrets["b.test"] != "as_token:x" {
		t.Errorf("prefix %q, name %q, secrets of b.test %q: want what --set gave",
			cfg.Bridge.CommandPrefix, cfg.AppService.Bot.Displayname, cfg.DoublePuppet.Secrets["b.test"])
	}
}

func TestInitDatabase(t *testing.T) {
	for _, test := range []struct{ flag, kind, uri string }{
		{"postgres://u:p@db/crosschat?sslmode=disable", "postgres", "postgres://u:p@db/crosschat?sslmode=disable"},
		{"/var/lib/a b/50%?#.db", "sqlite3-fk-wal", "file:/var/lib/a b/50%25%3f%23.db?_txlock=immediate&_stmt_cache_size=100"},
		{"file:/x.db?_txlock=immediate", "sqlite3-fk-wal", "file:/x.db?_txlock=immediate"},
	} {
		folder := mustInit(t, "http://127.0.0.1:1", "--database", test.flag)
		cfg, problems := newSession().loadConfig(filepath.Join(folder, "config.yaml"))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if cfg.Database.Type != test.kind || cfg.Database.URI != test.uri {
			t.Errorf("--database %q: %q, %q, want %q, %q", test.flag, cfg.Database.Type, cfg.Database.URI, test.kind, test.uri)
		}
	}
}

func TestInitNeverOverwritesUnasked(t *testing.T) {
	hs := setuptest.Synapse(t)
	for _, name := range []string{"config.yaml", "registration.yaml", "doublepuppet.yaml"} {
		folder := t.TempDir()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		s := newSession()
		args := []string{"--data", folder, "--homeserver", hs.URL, "--domain", "hs.test", "--admin", "@alice:hs.test"}
		if code := s.Init(args); code != exitWrong {
			t.Errorf("exit code %d, want %d", code, exitWrong)
		}
		wantIn(t, s.err.String(), path+" is there already; nothing was written", "--overwrite")
		if got := names(t, folder); len(got) != 1 {
			t.Errorf("the folder holds %q, want %q alone", got, name)
		}
		if data, _ := os.ReadFile(path); string(data) != "mine" {
			t.Errorf("%s holds %q, want it untouched", name, data)
		}
		if code := s.Init(append(args, "--overwrite")); code != exitOK {
			t.Errorf("with --overwrite: exit code %d, %s", code, s.err.String())
		}
		if data, _ := os.ReadFile(path); string(data) == "mine" {
			t.Errorf("%s was not replaced with --overwrite", name)
		}
		if got := names(t, folder); len(got) != 4 {
			t.Errorf("the folder holds %q, want the three files and logs", got)
		}
	}
}

func TestInitOverwriteKeepsPickleKey(t *testing.T) {
	folder := mustInit(t, "http://127.0.0.1:1")
	key := func() (pickle, token string) {
		cfg, problems := newSession().loadConfig(filepath.Join(folder, "config.yaml"))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return cfg.Encryption.PickleKey, cfg.AppService.ASToken
	}
	pickle, token := key()
	s := newSession()
	if code := s.Init([]string{"--data", folder, "--homeserver", "http://127.0.0.1:1", "--domain", "hs.test", "--admin", "@alice:hs.test", "--overwrite"}); code != exitOK {
		t.Fatal(s.err.String())
	}
	newPickle, newToken := key()
	if newPickle != pickle {
		t.Error("the key of the encryption store changed: an existing database could not be read any more")
	}
	if newToken == token {
		t.Error("the token is the old one")
	}
}

// A failure half-way leaves the folder as it was.
func TestInitAllOrNothing(t *testing.T) {
	t.Run("a folder in the way", func(t *testing.T) {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "config.yaml"), []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(folder, "doublepuppet.yaml"), 0o755); err != nil {
			t.Fatal(err)
		}
		s := newSession()
		code := s.Init([]string{"--data", folder, "--homeserver", "http://127.0.0.1:1", "--domain", "hs.test", "--admin", "@alice:hs.test", "--overwrite"})
		if code != exitWrong {
			t.Errorf("exit code %d, want %d", code, exitWrong)
		}
		wantIn(t, s.err.String(), "doublepuppet.yaml is a folder; nothing was written")
		if got := names(t, folder); len(got) != 2 {
			t.Errorf("the folder holds %q, want what was there", got)
		}
		if data, _ := os.ReadFile(filepath.Join(folder, "config.yaml")); string(data) != "mine" {
			t.Errorf("config.yaml holds %q, want it put back", data)
		}
	})
	t.Run("no folder possible", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		s := newSession()
		code := s.Init([]string{"--data", filepath.Join(file, "data"), "--homeserver", "http://127.0.0.1:1", "--domain", "hs.test", "--admin", "@alice:hs.test"})
		if code != exitWrong {
			t.Errorf("exit code %d, want %d", code, exitWrong)
		}
		wantIn(t, s.err.String(), "make the folder", "nothing was written")
	})
	t.Run("a file appears meanwhile", func(t *testing.T) {
		folder := t.TempDir()
		pl := &plan{folders: []string{folder}, files: []plannedFile{{filepath.Join(folder, "one"), []byte("1")}}}
		written, err := writeBeside(pl.files[0])
		if err != nil {
			t.Fatal(err)
		}
		if err = os.WriteFile(pl.files[0].path, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		var exists *fileExistsError
		if _, err = moveInto(written, pl.files[0].path, false); !errors.As(err, &exists) {
			t.Errorf("error %v, want that the file exists", err)
		}
		if data, _ := os.ReadFile(pl.files[0].path); string(data) != "mine" {
			t.Errorf("the file holds %q, want it untouched", data)
		}
	})
	t.Run("a later file can't be written", func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "a", "b")
		pl := &plan{folders: []string{folder}, files: []plannedFile{
			{filepath.Join(folder, "one"), []byte("1")},
			{filepath.Join(folder, "sub", "two"), []byte("2")}, // its folder is missing: writing fails
		}}
		if err := writeAll(pl, false); err == nil {
			t.Fatal("no error")
		}
		if _, err := os.Stat(filepath.Dir(folder)); err == nil {
			t.Error("the folders that were made are still there")
		}
	})
}

func TestRegistrationsAreYAMLThatHomeserversRead(t *testing.T) {
	text, err := yaml.Marshal(newDoublePuppet("[2001:db8::1]:8448"))
	if err != nil {
		t.Fatal(err)
	}
	var registration appservice.Registration
	if err = yaml.Unmarshal(text, &registration); err != nil {
		t.Fatal(err)
	}
	if got := registration.Namespaces.UserIDs[0].Regex; got != `^@.*:\[2001:db8::1\]:8448$` {
		t.Errorf("regex %q, want the server name taken literally", got)
	}
}

// names lists all in a folder, hidden files too.
func names(t *testing.T, folder string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, _ fs.DirEntry, err error) error {
		if path != "." {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
