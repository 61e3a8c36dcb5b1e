package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
)

// TestInitAndDoctor sets the bridge up as an admin does, on each homeserver that can be had here: init finds out which it is
// and chooses encryption for it; doctor says what is missing, then that all is well, before the bridge runs and while it does.
func TestInitAndDoctor(t *testing.T) {
	t.Parallel()
	for kind, want := range map[lab.Kind]struct {
		transactions, devices bool
		named, says           string
	}{
		lab.Synapse:  {true, true, "Synapse ", "keys come with the homeserver's transactions (tried)"},
		lab.Dendrite: {false, false, "Dendrite", "keys come by /sync"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			if err := lab.SynapseUnavailable(); kind == lab.Synapse && err != nil {
				lab.Notice("init and doctor on Synapse: %v", err)
				t.SkipNow() // the notice has said so loudly
			}
			b, h := initialised(t, kind)
			var config struct {
				Encryption struct{ Allow, Default, Appservice, MSC4190 bool }
			}
			data, err := os.ReadFile(filepath.Join(b.Dir, "config.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if err = yaml.Unmarshal(data, &config); err != nil {
				t.Fatal(err)
			}
			if e := config.Encryption; !e.Allow || !e.Default || e.Appservice != want.transactions || e.MSC4190 != want.devices {
				t.Errorf("init chose %+v, want transactions %t, devices %t", e, want.transactions, want.devices)
			}
			mustExamine(t, b, false, want.named, "restart it")
			if err = h.InstallAppservices(t.Context(), b.Registration, b.DoublePuppet); err != nil {
				t.Fatal(err)
			}
			if err = b.AwaitKnown(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustExamine(t, b, true, want.named, want.says, "registered just now")
			if err = b.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := b.Stop(); err != nil {
					t.Error(err)
				}
			})
			mustExamine(t, b, true, want.named, "@crosschat:"+h.Domain)
		})
	}
}

// initialised starts a homeserver and runs init, which is left to find out what the homeserver can.
func initialised(t *testing.T, kind lab.Kind) (*lab.Bridge, *lab.Homeserver) {
	t.Helper()
	programs, err := builtPrograms()
	if err != nil {
		t.Fatal(err)
	}
	starting.Lock()
	defer starting.Unlock()
	h, err := lab.StartHomeserver(t.Context(), lab.HomeserverOptions{Kind: kind, Dir: t.TempDir(), Encrypted: true, Progress: say})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	})
	b, err := lab.NewBridge(t.Context(), lab.BridgeOptions{
		Binary: programs.Bridge, Dir: filepath.Join(t.TempDir(), "data"), Homeserver: h.URL, Domain: h.Domain,
		Admin: id.NewUserID("admin", h.Domain), Encryption: "auto",
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, h
}

// mustExamine runs doctor, and checks how it ends and that it says some words.
func mustExamine(t *testing.T, b *lab.Bridge, well bool, words ...string) {
	t.Helper()
	said, err := b.Run(t.Context(), "doctor")
	if (err == nil) != well {
		t.Errorf("doctor ends with %v, want success %t:\n%s", err, well, said)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("doctor does not say %q:\n%s", word, said)
		}
	}
}
