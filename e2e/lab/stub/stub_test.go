package stub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
)

// The bridge starts against the stub, and its bot answers in a chat.
func TestBridgeRunsOnStub(t *testing.T) {
	root, err := lab.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "crosschat")
	build := exec.Command("go", "build", "-tags", "goolm", "-o", binary, "./bridge")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the bridge: %v\n%s", err, out)
	}
	s, err := Start(Options{Record: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	b, err := lab.NewBridge(t.Context(), lab.BridgeOptions{
		Binary: binary, Dir: t.TempDir(), Homeserver: s.URL, Domain: s.Domain, Admin: id.NewUserID("admin", s.Domain),
		Encryption: lab.EncryptionOff,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err = s.Attach(b.Registration); err != nil {
		t.Fatal(err)
	}
	if err = b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	user := id.NewUserID("anna", s.Domain)
	room := s.OpenChat(user, b.Bot)
	said := func(text string) func(*Event) bool {
		return func(e *Event) bool {
			return e.Sender == b.Bot && e.Type == "m.room.message" && strings.Contains(strings.ToLower(string(e.Content)), text)
		}
	}
	if _, err = s.Await(ctx, room, said("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err = s.SendText(room, user, "version"); err != nil {
		t.Fatal(err)
	}
	if _, err = s.Await(ctx, room, said("crosschat v0")); err != nil {
		t.Fatal(err)
	}
	joined := func(r Request) bool { return r.User == b.Bot && strings.HasSuffix(r.Path, "/join") }
	if !slices.ContainsFunc(s.Requests(), joined) {
		t.Errorf("no request of the bot to join the room was recorded among %d", len(s.Requests()))
	}
}

func TestRepeatedTransactionIsOneEvent(t *testing.T) {
	s, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	room := s.OpenChat("@anna:stub.localhost", "@crosschat:stub.localhost")
	var ids []string
	for _, txn := range []string{"a", "a", "b"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut,
			s.URL+"/_matrix/client/v3/rooms/"+room.String()+"/send/m.room.message/"+txn+"?user_id=@crosschat:stub.localhost",
			bytes.NewReader([]byte(`{"msgtype":"m.text","body":"hi"}`)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			ID string `json:"event_id"`
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, answer.ID)
	}
	if ids[0] != ids[1] || ids[1] == ids[2] || ids[0] == "" {
		t.Errorf("event ids are %q, want the first two the same", ids)
	}
}

func TestUnknownRequestIsRefused(t *testing.T) {
	s, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	resp, err := http.Get(s.URL + "/_matrix/client/v3/sync")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %s, want 404", resp.Status)
	}
	if err = s.Attach(filepath.Join(t.TempDir(), "missing.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("attaching without a registration gives %v", err)
	}
}
