package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"maunium.net/go/mautrix/appservice"

	"crosschat/bridge/setup/setuptest"
)

// patience bounds every wait for the program.
const patience = 30 * time.Second

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// authority writes the certificate of an authority that signed nothing: with it, and nobody at its
// address, the WhatsApp side asks no real server.
func authority(t *testing.T) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err = os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// dataFolder makes a data folder with the program itself.
func dataFolder(t *testing.T, homeserver string, flags ...string) (config, registration string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "data")
	args := append([]string{
		"init", "--data", folder, "--homeserver", homeserver, "--domain", "hs.test", "--admin", "@alice:hs.test",
		"--port", freePort(t), "--encryption", "off",
		"--set", "network.simulation.whatsapp.address=127.0.0.1:1",
		"--set", "network.simulation.whatsapp.ca_file=" + authority(t),
		"--set", "network.simulation.whatsapp.root_key=" + strings.Repeat("0a", 32),
	}, flags...)
	if code, _, stderr := run(t, args...); code != 0 {
		t.Fatalf("init: exit code %d, %s", code, stderr)
	}
	return filepath.Join(folder, "config.yaml"), filepath.Join(folder, "registration.yaml")
}

func mustLoad(t *testing.T, hs *setuptest.Homeserver, registration string) {
	t.Helper()
	loaded, err := appservice.LoadRegistration(registration)
	if err != nil {
		t.Fatal(err)
	}
	hs.Load(loaded)
}

// The bridge refuses to start with one clear error, what to do, and nothing else.
func TestRunRefuses(t *testing.T) {
	hs := setuptest.Synapse(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	busyPort := strconv.Itoa(busy.Addr().(*net.TCPAddr).Port)

	for _, test := range []struct {
		name   string
		flags  []string // of init
		change func(t *testing.T, config, registration string)
		says   []string
	}{
		{"unknown key", nil, replace("bridge_notices:", "bridge_notice:"), []string{"the config can't be used", "bridge.bridge_notice: unknown key; did you mean bridge.bridge_notices?"}},
		{"wrong type", nil, replace("bridge_notices: false", "bridge_notices: perhaps"), []string{`bridge.bridge_notices is "perhaps": want true or false`}},
		{"wrong value", nil, replace("domain: hs.test", "domain: http://hs.test"), []string{"homeserver.domain", "not a server name"}},
		{"wrong token", nil, nil, []string{"does not know the bridge's token", "restart it"}},
		{"registration does not match", nil, replace("address: http://127.0.0.1", "address: http://localhost"), []string{"the registration does not fit the config", "appservice.address"}},
		{"port in use", []string{"--port", busyPort}, nil, []string{"port " + busyPort + " on 127.0.0.1 is in use", "Is the bridge running already?"}},
		{"database newer", nil, func(t *testing.T, config, _ string) {
			newer(t, filepath.Join(filepath.Dir(config), "crosschat.db"))
		}, []string{"the database: its schema is newer than this program", "a newer program wrote it"}},
		{"database not writable", []string{"--database", "/dev/null/crosschat.db"}, nil, []string{"the database: /dev/null/crosschat.db can't be: a part of the path is a file"}},
		{"no database server", []string{"--database", "postgres://u:hunter2@127.0.0.1:1/d?sslmode=disable"}, nil, []string{"no PostgreSQL server answers"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			config, registration := dataFolder(t, hs.URL, test.flags...)
			if test.change != nil {
				test.change(t, config, registration)
			}
			before, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := run(t, "run", "-c", config, "-r", registration)
			if code != 1 || stdout != "" {
				t.Errorf("exit code %d, stdout %q, want 1 and nothing", code, stdout)
			}
			wantIn(t, stderr, append(test.says, "crosschat: ", "\n  ")...)
			for _, never := range []string{"goroutine", "panic", "hunter2"} {
				if strings.Contains(stderr, never) {
					t.Errorf("stderr has %q:\n%s", never, stderr)
				}
			}
			if after, _ := os.ReadFile(config); string(after) != string(before) {
				t.Error("the config was changed")
			}
		})
	}
}

func replace(from, to string) func(*testing.T, string, string) {
	return func(t *testing.T, config, _ string) {
		t.Helper()
		data, err := os.ReadFile(config)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), from) {
			t.Fatalf("no %q in the config", from)
		}
		if err = os.WriteFile(config, []byte(strings.ReplaceAll(string(data), from, to)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// newer makes a database as a later program would leave it.
func newer(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite3-fk-wal", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{"CREATE TABLE version (version INTEGER, compat INTEGER)", "INSERT INTO version VALUES (9001, 9000)"} {
		if _, err = db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// process is a bridge that runs.
type process struct {
	*exec.Cmd
	lines chan string
	ended chan error
}

// startBridge starts the bridge without waiting for anything.
func startBridge(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(binary, args...), lines: make(chan string, 1000), ended: make(chan error, 1)}
	p.Dir = t.TempDir()
	output, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stderr = p.Stdout
	if err = p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		scanner := bufio.NewScanner(output)
		for scanner.Scan() {
			p.lines <- scanner.Text()
		}
		close(p.lines)
		p.ended <- p.Wait()
	}()
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

// await reads the program's output until a line has the text.
func (p *process) await(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(patience)
	var seen []string
	for {
		select {
		case line, open := <-p.lines:
			if !open {
				t.Fatalf("the program ended before it said %q:\n%s", text, strings.Join(seen, "\n"))
			}
			seen = append(seen, line)
			if strings.Contains(line, text) {
				return
			}
		case <-timeout:
			t.Fatalf("the program did not say %q:\n%s", text, strings.Join(seen, "\n"))
		}
	}
}

// stop asks the program to stop and wants it to end well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	go func() {
		for range p.lines { // the program must not block on its output
		}
	}()
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("the program ended with %v, want exit code 0", err)
		}
	case <-time.After(patience):
		t.Fatal("the program did not stop")
	}
}

// A homeserver that is down when the bridge starts is waited for, and the bridge goes on by itself.
func TestRunAwaitsHomeserver(t *testing.T) {
	port := freePort(t)
	config, registration := dataFolder(t, "http://127.0.0.1:"+port)
	bridge := startBridge(t, "run", "-c", config, "-r", registration, "-n")
	bridge.await(t, "Waiting for the homeserver")

	hs := setuptest.Synapse(t)
	mustLoad(t, hs, registration)
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: hs.Handler()}
	go server.Serve(listener)
	defer server.Close()
	bridge.await(t, "Bridge started")
	bridge.stop(t)
}

func TestRunStopsWhileItWaits(t *testing.T) {
	config, registration := dataFolder(t, "http://127.0.0.1:1")
	bridge := startBridge(t, "-c", config, "-r", registration, "-n") // without a subcommand
	bridge.await(t, "Waiting for the homeserver")
	bridge.stop(t)
}

// The token may turn out wrong only when the homeserver is up at last.
func TestRunRefusesAfterWaiting(t *testing.T) {
	port := freePort(t)
	config, registration := dataFolder(t, "http://127.0.0.1:"+port)
	bridge := startBridge(t, "run", "-c", config, "-r", registration, "-n")
	bridge.await(t, "Waiting for the homeserver")
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: setuptest.Synapse(t).Handler()}
	go server.Serve(listener)
	defer server.Close()
	bridge.await(t, "crosschat: the homeserver does not know the bridge's token")
	bridge.await(t, "restart it")
	if err = <-bridge.ended; err == nil {
		t.Error("exit code 0, want a failure")
	}
}

// Known Dendrites claim an old specification and are good enough all the same.
func TestRunOnDendrite(t *testing.T) {
	hs := setuptest.Dendrite(t)
	config, registration := dataFolder(t, hs.URL)
	mustLoad(t, hs, registration)
	bridge := startBridge(t, "run", "-c", config, "-r", registration)
	bridge.await(t, "Bridge started")
	bridge.stop(t)
}

func TestRunRefusesOldHomeserver(t *testing.T) {
	hs := setuptest.Synapse(t)
	hs.Versions = []string{"v1.3"}
	config, registration := dataFolder(t, hs.URL)
	mustLoad(t, hs, registration)
	code, _, stderr := run(t, "run", "-c", config, "-r", registration)
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	wantIn(t, stderr, "is too old", "up to v1.3, the bridge needs v1.4", "Update it")

	bridge := startBridge(t, "run", "-c", config, "-r", registration, "--ignore-unsupported-server")
	bridge.await(t, "Bridge started")
	bridge.stop(t)
}
