package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"crosschat/e2e"
	"crosschat/e2e/lab"
)

// settingFromEnv reads what the suite runs against:
//
//	CROSSCHAT_HS          synapse (default) or dendrite (where there can be no Synapse)
//	CROSSCHAT_ENCRYPTION  appservice (default), sync (default with Dendrite) or off
//	CROSSCHAT_DB          sqlite (default) or postgres
//
// and besides CROSSCHAT_RACE=1 builds the bridge with the race detector, CROSSCHAT_KEEP names a folder in which all data
// and logs stay.
func settingFromEnv(t *testing.T) lab.Setting {
	t.Helper()
	s := lab.Setting{
		Homeserver: lab.Kind(os.Getenv("CROSSCHAT_HS")), Encryption: lab.Encryption(os.Getenv("CROSSCHAT_ENCRYPTION")),
		Database: os.Getenv("CROSSCHAT_DB"),
	}
	if s.Homeserver == "" {
		s.Homeserver = lab.Synapse
		if err := lab.SynapseUnavailable(); err != nil {
			s.Homeserver = lab.Dendrite
			loud.Do(func() { announce(err) })
		}
	}
	if s.Encryption == "" {
		s.Encryption = lab.EncryptionAppservice
		if s.Homeserver == lab.Dendrite {
			s.Encryption = lab.EncryptionSync
		}
	}
	if s.Database == "" {
		s.Database = "sqlite"
	}
	if s.Homeserver == lab.Dendrite && s.Encryption == lab.EncryptionAppservice {
		t.Fatal("CROSSCHAT_ENCRYPTION=appservice needs Synapse: Dendrite sends no encryption data to bridges; choose sync or off")
	}
	return s
}

var loud sync.Once

// announce says what the results lack when Dendrite stands in for Synapse.
func announce(why error) {
	lab.Notice("anything on Synapse, so no encryption in appservice mode: %v. Dendrite takes its place.", why)
}

// lazyStack starts a stack when the first scenario needs it, and stops it when the test that owns it ends.
type lazyStack struct {
	t       *testing.T // the owner
	setting lab.Setting
	set     map[string]string            // more keys of the bridge's config
	started func(*testing.T, *lab.Stack) // may be nil

	once  sync.Once
	stack *lab.Stack
}

// get fails the calling test if the stack could not be started.
func (l *lazyStack) get(t *testing.T) *lab.Stack {
	t.Helper()
	l.once.Do(func() { l.start(t) })
	if l.stack == nil {
		t.Fatal("the stack could not be started: see the first scenario")
	}
	return l.stack
}

// starting is held while a stack is started: what it needs may have to be installed, and only one can install.
var starting sync.Mutex

func (l *lazyStack) start(t *testing.T) {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	ctx := l.t.Context()
	programs, err := builtPrograms()
	if err != nil {
		t.Fatal(err)
	}
	dir := l.t.TempDir()
	if keep := os.Getenv("CROSSCHAT_KEEP"); keep != "" {
		if err = os.MkdirAll(keep, 0o700); err != nil {
			t.Fatal(err)
		}
		if dir, err = os.MkdirTemp(keep, time.Now().Format("150405-")); err != nil {
			t.Fatal(err)
		}
		t.Logf("everything is kept in %s", dir)
	}
	if err = lab.EnsureFFmpeg(ctx, say); err != nil {
		lab.Notice("voice messages and stickers: %v", err)
	}
	// Whether a message is delivered is told to Matrix clients in these events only.
	set := map[string]string{"matrix.message_status_events": "true"}
	maps.Copy(set, l.set)
	begin := time.Now()
	l.stack, err = lab.StartStack(ctx, lab.StackOptions{
		Setting: l.setting, Programs: programs, Dir: dir, Progress: say,
		Set: set,
	})
	if err != nil {
		t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if err := l.stack.Stop(); err != nil {
			l.t.Error(err)
		}
	})
	t.Logf("stack (%s) started in %s", l.setting, time.Since(begin).Round(100*time.Millisecond))
	if l.started != nil {
		l.started(t, l.stack)
	}
}

// say shows progress at once: setting up takes minutes the first time, and go test holds back what tests log.
func say(line string) { fmt.Fprintln(os.Stderr, line) }

var programs struct {
	once sync.Once
	dir  string
	lab.Programs
	err error
}

// builtPrograms builds bridge and simulator once for all tests.
func builtPrograms() (lab.Programs, error) {
	programs.once.Do(func() {
		if programs.dir, programs.err = os.MkdirTemp("", "crosschat-e2e-"); programs.err == nil {
			programs.Programs, programs.err = lab.BuildPrograms(context.Background(), say, programs.dir, os.Getenv("CROSSCHAT_RACE") == "1")
		}
	})
	return programs.Programs, programs.err
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(programs.dir)
	os.Exit(code)
}

// results is the file that outcomes are written to. Without CROSSCHAT_RESULTS it is nil, and writes nothing.
type results struct {
	mu   sync.Mutex
	file *os.File
}

func openResults(t *testing.T) *results {
	t.Helper()
	path := os.Getenv("CROSSCHAT_RESULTS")
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return &results{file: file}
}

func (r *results) write(t *testing.T, result e2e.Result) {
	t.Helper()
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := json.NewEncoder(r.file).Encode(result); err != nil {
		t.Errorf("write result: %v", err)
	}
}

func (r *results) writeRun(t *testing.T, stack *lab.Stack) {
	t.Helper()
	r.write(t, e2e.Result{Run: &e2e.Run{Setting: stack.Setting, Version: homeserverVersion(t, stack.Homeserver), Time: time.Now()}})
}

// homeserverVersion asks the homeserver what it is. Without federation the question goes to its Server header.
func homeserverVersion(t *testing.T, h *lab.Homeserver) string {
	t.Helper()
	if h.Kind == lab.Dendrite {
		version, err := lab.DendriteVersion()
		if err != nil {
			t.Fatal(err)
		}
		return "Dendrite/" + strings.TrimPrefix(version, "v")
	}
	resp, err := http.Get(h.URL + "/_matrix/client/versions")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if server := resp.Header.Get("Server"); server != "" {
		return server
	}
	return string(h.Kind)
}
