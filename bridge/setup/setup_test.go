package setup

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.mau.fi/util/configupgrade"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"

	"crosschat/bridge/setup/setuptest"
)

// network is a connector with a config and nothing else: setup asks it for no more.
type network struct {
	bridgev2.NetworkConnector
	config struct {
		Greeting string `yaml:"greeting"`
		Retries  int    `yaml:"retries"`
	}
}

func (n *network) GetName() bridgev2.BridgeName {
	return bridgev2.BridgeName{DisplayName: "Crosschat", NetworkID: "crosschat", DefaultPort: 29380, DefaultCommandPrefix: "!cc"}
}

func (n *network) GetConfig() (string, any, configupgrade.Upgrader) {
	const example = "# What the network says first.\ngreeting: hello\n# How often it says so.\nretries: 3\n"
	return example, &n.config, configupgrade.SimpleUpgrader(func(helper configupgrade.Helper) {
		helper.Copy(configupgrade.Str, "greeting")
		helper.Copy(configupgrade.Int, "retries")
	})
}

// ValidateConfig implements bridgev2.ConfigValidatingNetwork.
func (n *network) ValidateConfig() error {
	if n.config.Retries < 0 {
		return fmt.Errorf("network.retries is %d: want 0 or more", n.config.Retries)
	}
	return nil
}

// session is a program with its output.
type session struct {
	*Program
	out, err bytes.Buffer
}

func newSession() *session {
	s := &session{}
	s.Program = &Program{
		Bridge:    &mxmain.BridgeMain{Name: "crosschat", Connector: &network{}},
		Stdin:     strings.NewReader(""),
		Stdout:    &s.out,
		Stderr:    &s.err,
		Commit:    "unknown",
		BuildTime: "unknown",
	}
	return s
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// mustInit makes a data folder for a homeserver.
func mustInit(t *testing.T, address string, flags ...string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "data")
	s := newSession()
	args := append([]string{
		"--data", folder, "--homeserver", address, "--domain", "hs.test", "--admin", "@alice:hs.test",
		"--port", strconv.Itoa(freePort(t)),
	}, flags...)
	if code := s.Init(args); code != exitOK {
		t.Fatalf("init %q: exit code %d, stderr %q", args, code, s.err.String())
	}
	return folder
}

// mustLoad gives a homeserver the registrations of a data folder.
func mustLoad(t *testing.T, hs *setuptest.Homeserver, folder string) {
	t.Helper()
	for _, name := range []string{"registration.yaml", "doublepuppet.yaml"} {
		registration, err := appservice.LoadRegistration(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		hs.Load(registration)
	}
}

// edit replaces text in a file, which must be there.
func edit(t *testing.T, path string, changes ...string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("%s: no %q in it", path, changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	if err = os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantIn fails unless all parts are in a text.
func wantIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("output lacks %q:\n%s", part, text)
		}
	}
}
