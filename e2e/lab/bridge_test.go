package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"
)

// The bridge is set up by its own init, is known to the homeserver, answers through its bot (encrypted where that is the
// setting), and does so again after it was killed.
func TestBridgeAnswers(t *testing.T) {
	root, err := ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "crosschat")
	if err = goBuild(t.Context(), testProgress(t), build{dir: root, pkg: "./bridge", out: binary, flags: []string{"-tags", "goolm"}}); err != nil {
		t.Fatal(err)
	}
	eachHomeserver(t, func(t *testing.T, h *Homeserver) {
		ctx := t.Context()
		encryption := EncryptionAppservice
		if h.Kind == Dendrite {
			encryption = EncryptionSync
		}
		b, err := NewBridge(ctx, BridgeOptions{
			Binary: binary, Dir: filepath.Join(t.TempDir(), "data"), Homeserver: h.URL, Domain: h.Domain,
			Admin: id.NewUserID("admin", h.Domain), Encryption: encryption,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err = h.InstallAppservices(ctx, b.Registration, b.DoublePuppet); err != nil {
			t.Fatal(err)
		}
		if err = b.AwaitKnown(ctx); err != nil {
			t.Fatal(err)
		}
		if err = b.Start(ctx); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Stop(); err != nil {
				t.Error(err)
			}
		})
		anna := loginUser(t, h, "anna")
		bot, err := anna.OpenBot(ctx, b.Bot, true)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			answer, err := bot.Ask(ctx, "version")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.ToLower(answer), "crosschat") {
				t.Errorf("the bot answers %q to version", answer)
			}
			b.Kill()
			if b.Ended() == nil {
				t.Error("the bridge was killed and counts as running")
			}
			if err = b.Start(ctx); err != nil {
				t.Fatal(err)
			}
		}
		lines, _, err := b.Log(0)
		if err != nil || len(lines) == 0 {
			t.Fatalf("the log has %d lines, error %v", len(lines), err)
		}
		for _, line := range lines {
			if line.Severe() {
				t.Error(line.Raw)
			}
		}
		token, err := os.ReadFile(b.Registration)
		if err != nil {
			t.Fatal(err)
		}
		_, token2, _ := strings.Cut(string(token), "as_token: ")
		token2, _, _ = strings.Cut(token2, "\n")
		for _, line := range Leaks(lines, []string{token2, anna.Password}) {
			t.Errorf("a secret is in the log: %s", line.Raw)
		}
	})
}

func TestLeaksAndSevere(t *testing.T) {
	b := &Bridge{Dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(b.Dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := `{"level":"trace","message":"Sending","text":"sesame"}
{"level":"debug","message":"Sending","text":"sesame"}
{"level":"error","message":"Went wrong"}
{"level":"info","message":"Panic in portal"}
this is no JSON
{"level":"error","message":"not whole`
	before := strings.TrimSuffix(b.LogPath(), ".log") + "-2030-01-01T00-00-00.000.log"
	for path, part := range map[string]string{before: text[:strings.Index(text, "\n")+1], b.LogPath(): text[strings.Index(text, "\n")+1:]} {
		if err := os.WriteFile(path, []byte(part), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines, end, err := b.Log(0)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 5 || end != int64(strings.LastIndex(text, "\n")+1) {
		t.Errorf("%d lines up to byte %d", len(lines), end)
	}
	if last := lines[len(lines)-1]; last.Offset != int64(strings.Index(text, last.Raw)) {
		t.Errorf("line %q is at byte %d", last.Raw, last.Offset)
	}
	var severe []string
	for _, line := range lines {
		if line.Severe() {
			severe = append(severe, line.Raw)
		}
	}
	if len(severe) != 3 {
		t.Errorf("severe are %q", severe)
	}
	if leaks := Leaks(lines, []string{"sesame"}); len(leaks) != 1 || leaks[0].Level != "debug" {
		t.Errorf("leaks are %v", leaks)
	}
}
