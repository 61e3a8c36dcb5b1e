package setup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.mau.fi/util/configupgrade"
	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"

	"crosschat/connector/nearest"
)

// good is a config with the least that a bridge needs.
const good = `network:
    greeting: moin
bridge:
    permissions:
        hs.test: user
database:
    type: sqlite3-fk-wal
    uri: file:crosschat.db?_txlock=immediate
homeserver:
    address: http://localhost:8008
    domain: hs.test
appservice:
    as_token: mysecretastoken
    hs_token: mysecrethstoken
`

func TestLoadConfigRefuses(t *testing.T) {
	for _, test := range []struct {
		name, from, to string
		want           []string // parts of what is said
	}{
		{"empty", good, "", []string{"the file is empty"}},
		{"only a comment", good, "# nothing\n", []string{"the file"}},
		{"a list", good, "- a\n- b\n", []string{"line 1", "no keys"}},
		{"no YAML", "    domain: hs.test", "    domain: [hs.test", []string{"line ", "not YAML", "indentation"}},
		{"a tab", "    domain: hs.test", "\tdomain: hs.test", []string{"line ", "not YAML"}},
		{"two documents", "homeserver:", "---\nhomeserver:", []string{"second document"}},
		{"an alias", "domain: hs.test", "domain: &d hs.test\n    software: *d", []string{"line 12", "*d refers to another place", "write the value out"}},
		{"an alias to itself", "network:\n    greeting: moin", "network: &n\n    greeting: *n", []string{"*n refers to another place"}},
		{"unknown section", "homeserver:", "homesever:", []string{"line 9: homesever: unknown key; did you mean homeserver?"}},
		{"unknown key", "    domain: hs.test", "    domian: hs.test", []string{"line 11: homeserver.domian: unknown key; did you mean homeserver.domain?"}},
		{"key elsewhere", "    domain: hs.test", "    domain: hs.test\n    msc4190: true", []string{"homeserver.msc4190: unknown key; did you mean encryption.msc4190?"}},
		{"key of nowhere", "    domain: hs.test", "    domain: hs.test\n    zzzzzzzzzzz: 1", []string{"homeserver.zzzzzzzzzzz: unknown key; remove it"}},
		{"merge key", "    domain: hs.test", "    domain: hs.test\n    <<: {}", []string{"homeserver.<<: unknown key"}},
		{"network key", "greeting: moin", "greting: moin", []string{"line 2: network.greting: unknown key; did you mean network.greeting?"}},
		{"legacy config", "    as_token:", "    database:\n        uri: x\n    as_token:", []string{"appservice.database: unknown key; did you mean database?"}},
		{"twice", "    domain: hs.test", "    domain: hs.test\n    domain: hs.test", []string{"line 12: homeserver.domain: set a second time (first in line 11); keep one"}},
		{"section as text", "homeserver:\n    address: http://localhost:8008\n    domain: hs.test\n", "homeserver: localhost\n", []string{`line 9: homeserver is "localhost": want a section`, "it knows address, domain"}},
		{"text for a number", "    as_token:", "    port: many\n    as_token:", []string{`line 13: appservice.port is "many": want a whole number`}},
		{"quoted number", "    as_token:", "    port: \"29380\"\n    as_token:", []string{`appservice.port is "29380": want a whole number; take the quotes away`}},
		{"number too large", "    as_token:", "    port: 70000\n    as_token:", []string{"appservice.port is 70000: want a whole number from 0 to 65535"}},
		{"port 0", "    as_token:", "    port: 0\n    as_token:", []string{`line 13: appservice.port is "0": want a port from 1 to 65535; write 29380`}},
		{"number for a text", "greeting: moin", "greeting: 5", []string{"network.greeting is 5: want a text; put it in quotes"}},
		{"network type", "greeting: moin", "retries: lots", []string{`network.retries is "lots": want a whole number`}},
		{"network value", "greeting: moin", "retries: -1", []string{"network.retries is -1: want 0 or more"}},
		{"list for a text", "domain: hs.test", "domain: [hs.test]", []string{"homeserver.domain is a list: want a text"}},
		{"null for a text", "domain: hs.test", "domain:", []string{"homeserver.domain is null: want a text"}},
		{"token is a number", "mysecretastoken", "1234567", []string{"appservice.as_token is (hidden): want a text"}},
		{"duration", "    permissions:", "    send_reconnect_wait: soon\n    permissions:", []string{`bridge.send_reconnect_wait is "soon": want a duration such as 30s or 5m`}},
		{"permission level", "hs.test: user", "hs.test: usr", []string{"bridge.permissions", "invalid permissions level usr"}},
		{"nobody permitted", "hs.test: user", "example.com: user", []string{"line 5: bridge.permissions: nobody may use the bridge; add"}},
		{"trust level", "appservice:", "encryption:\n    verification_levels:\n        receive: perhaps\nappservice:", []string{`encryption.verification_levels.receive is "perhaps": invalid trust state`}},
		{"log writer key", "appservice:", "logging:\n    writers:\n        - typ: stdout\nappservice:", []string{"logging", "unknown key typ"}},
		{"log level", "appservice:", "logging:\n    min_level: loud\nappservice:", []string{"logging", "loud"}},
		{"status notices", "    permissions:", "    bridge_status_notices: some\n    permissions:", []string{`bridge.bridge_status_notices is "some": want one of none, errors, all; write none`}},
		{"cleanup", "    permissions:", "    cleanup_on_logout: {manual: {private: burn}}\n    permissions:", []string{`bridge.cleanup_on_logout: unknown action "burn"; write nothing, kick`}},
		{"async events", "    permissions:", "    async_events: true\n    permissions:", []string{`bridge.async_events is "true"`, "write false"}},
		{"example address", "localhost:8008", "example.localhost:8008", []string{`line 10: homeserver.address is "http://example.localhost:8008": still the example's`}},
		{"address without scheme", "http://localhost:8008", "localhost:8008", []string{"homeserver.address", "want http:// or https:// in front; write it like"}},
		{"domain is an address", "domain: hs.test", "domain: https://hs.test/", []string{"homeserver.domain", "not a server name; write the part after the colon"}},
		{"software", "    domain: hs.test", "    domain: hs.test\n    software: synapse", []string{`homeserver.software is "synapse": want one of`, "write standard"}},
		{"no token", "    as_token: mysecretastoken\n", "", []string{"appservice.as_token: not set; generate the tokens"}},
		{"same tokens", "mysecrethstoken", "mysecretastoken", []string{"appservice.hs_token: the same as as_token"}},
		{"template", "    as_token:", "    username_template: ghost\n    as_token:", []string{`appservice.username_template is "ghost": the id of the person must be in it as {{.}}; write crosschat_{{.}}`}},
		{"broken template", "    as_token:", "    username_template: \"{{\"\n    as_token:", []string{"appservice.username_template", "not a template"}},
		{"template takes all", "    as_token:", "    username_template: \"{{.}}\"\n    as_token:", []string{"every user of the homeserver would be taken for a ghost"}},
		{"upper case bot", "    as_token:", "    bot: {username: Cross Chat}\n    as_token:", []string{"appservice.bot.username", "write crosschat"}},
		{"bad avatar", "    as_token:", "    bot: {avatar: http://x/y.png}\n    as_token:", []string{"bot avatar"}},
		{"database type", "type: sqlite3-fk-wal", "type: mysql", []string{`database.type is "mysql": want one of sqlite3-fk-wal, postgres`}},
		{"address of another kind", "file:crosschat.db?_txlock=immediate", "postgres://u:hunter2@h/d", []string{"database.uri: a PostgreSQL address, but database.type is sqlite3-fk-wal; write type: postgres"}},
		{"unquoted password", "type: sqlite3-fk-wal\n    uri: file:crosschat.db?_txlock=immediate", "type: postgres\n    uri: postgres://u:hunter2#x@h/d", []string{"database.uri: not an address; in the password write"}},
		{"no connections", "    type: sqlite3-fk-wal", "    max_open_conns: 0\n    type: sqlite3-fk-wal", []string{"database.max_open_conns", "at least one"}},
		{"require without default", "appservice:", "encryption: {allow: true, require: true}\nappservice:", []string{"encryption.require"}},
		{"default without allow", "appservice:", "encryption: {default: true}\nappservice:", []string{"encryption.default", "but encryption.allow is false"}},
		{"no ephemeral events", "    as_token:", "    ephemeral_events: false\n    as_token:", nil},
		{"no way for keys", "appservice:", "encryption: {allow: true, appservice: true}\nappservice:\n    ephemeral_events: false", []string{`appservice.ephemeral_events is "false"`, "keys come with"}},
		{"public media", "appservice:", "public_media: {enabled: true}\nappservice:", []string{"public_media.enabled", "set appservice.public_address"}},
		{"direct media", "appservice:", "direct_media: {enabled: true}\nappservice:", []string{"direct_media.enabled", "write false"}},
		{"short secret", "appservice:", "provisioning: {shared_secret: short}\nappservice:", []string{"provisioning.shared_secret: shorter than 16"}},
		{"unset variable", "network:", "env_config_prefix: CCTEST_\nnetwork:", []string{"environment CCTEST_*", "nowhere", "correct the variable"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("CCTEST_nowhere.key", "1")
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
				t.Fatal(err)
			}
			edit(t, path, test.from, test.to)
			cfg, problems := newSession().loadConfig(path)
			var said []string
			for _, problem := range problems {
				said = append(said, problem.String())
			}
			text := strings.Join(said, "\n")
			if test.want == nil && (cfg == nil || text != "") {
				t.Fatalf("refused: %q, want it taken", text)
			} else if test.want != nil && cfg != nil {
				t.Fatalf("taken, want %q", test.want)
			}
			wantIn(t, text, test.want...)
			for _, secret := range []string{"mysecret", "1234567", "hunter2"} {
				if strings.Contains(text, secret) {
					t.Errorf("a secret is shown: %q", text)
				}
			}
		})
	}
}

func TestLoadConfigTakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("env_config_prefix: CCTEST_\n"+good), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CCTEST_HOMESERVER__DOMAIN", "env.test")
	s := newSession()
	cfg, problems := s.loadConfig(path)
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	if cfg.Homeserver.Domain != "env.test" {
		t.Errorf("domain %q, want the environment's %q", cfg.Homeserver.Domain, "env.test")
	}
	if got := s.Bridge.Connector.(*network).config.Greeting; got != "moin" {
		t.Errorf("network's greeting %q, want %q", got, "moin")
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(after) != "env_config_prefix: CCTEST_\n"+good {
		t.Errorf("the file was changed to %q", after)
	}
}

// The example's keys must all be known, and be wrong only for being the example's.
func TestExamplePassesKeysAndTypes(t *testing.T) {
	text, err := Example(&network{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSchema(&network{})
	if err != nil {
		t.Fatal(err)
	}
	top, problems := parseStrictly([]byte(text))
	if problems = append(problems, s.check(top)...); len(problems) > 0 {
		t.Errorf("problems in the example: %v", problems)
	}
	unread := []string{"database.max_conn_idle_time", "database.max_conn_lifetime", "direct_media.allow_proxy"} // by mxmain
	for path := range s.types {
		if s.goType(strings.Split(path, ".")) == nil && !slices.Contains(unread, path) {
			t.Errorf("no Go type known for %s: its values would go unchecked", path)
		}
	}
}

// What setup takes for missing keys must be what mxmain takes, or the checks speak of another bridge.
func TestExampleIsMxmains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("homeserver: {domain: hs.test}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := mxmainExample(&network{})
	if err != nil {
		t.Fatal(err)
	}
	ours, _, err := configupgrade.Do(path, false, upgrader(&network{}, text))
	if err != nil {
		t.Fatal(err)
	}
	mxmains := &mxmain.BridgeMain{Name: "crosschat", Connector: &network{}, ConfigPath: path, SaveConfig: true}
	mxmains.LoadConfig()
	theirs, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := withoutSecrets(t, ours), withoutSecrets(t, theirs); got != want {
		t.Errorf("defaults differ from mxmain's:\n%s\nwant:\n%s", got, want)
	}
}

func withoutSecrets(t *testing.T, config []byte) string {
	t.Helper()
	var values map[string]any
	if err := yaml.Unmarshal(config, &values); err != nil {
		t.Fatal(err)
	}
	for _, path := range [][]string{
		{"provisioning", "shared_secret"}, {"public_media", "signing_key"}, {"direct_media", "server_key"}, {"encryption", "pickle_key"},
	} {
		setIn(values, "secret", path...)
	}
	text, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func FuzzStrict(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("network: {<<: {}}\n? [a]: b\n"))
	f.Add([]byte("bridge: {permissions: {1: {2: 3}}}\nlogging: {writers: [1]}"))
	s, err := newSchema(&network{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		top, problems := parseStrictly(data)
		if top == nil && len(problems) == 0 {
			t.Fatal("nothing parsed, and nothing said")
		} else if top != nil {
			s.check(top)
		}
	})
}

func TestNearest(t *testing.T) {
	for _, test := range []struct{ word, want string }{
		{"dcotor", "doctor"}, {"docter", "doctor"}, {"rn", "run"}, {"initialise", ""}, {"x", ""},
	} {
		if got := nearest.To(test.word, commands); got != test.want {
			t.Errorf("nearest(%q) = %q, want %q", test.word, got, test.want)
		}
	}
}
