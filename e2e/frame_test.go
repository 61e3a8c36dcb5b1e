package e2e_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crosschat/e2e"
	"crosschat/e2e/lab"
)

// The list is agreed on outside this repository; where that original is at hand, ours must be the same.
func TestListIsTheAgreedOne(t *testing.T) {
	root, err := lab.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	agreed, err := os.ReadFile(filepath.Join(root, "..", "shared", "conformance", "scenarios.tsv"))
	if errors.Is(err, os.ErrNotExist) {
		t.Log("the original is not here: nothing to compare with")
		return
	} else if err != nil {
		t.Fatal(err)
	}
	ours, err := os.ReadFile("scenarios.tsv")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, agreed) {
		t.Error("e2e/scenarios.tsv differs from ../shared/conformance/scenarios.tsv")
	}
}

// Each promise is either built as a scenario or listed as pending.
func TestNothingIsMissing(t *testing.T) {
	list, err := e2e.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	pending, err := e2e.Pending()
	if err != nil {
		t.Fatal(err)
	}
	built := make(map[string]bool)
	for _, s := range builtScenarios() {
		for _, network := range s.networks {
			if name := e2e.Name(network, s.id); built[name] {
				t.Errorf("%s is built twice", name)
			} else {
				built[name] = true
			}
		}
	}
	for _, s := range list {
		for _, network := range e2e.Networks {
			name := e2e.Name(network, s.ID)
			switch {
			case !s.On[network]:
				if built[name] || pending[name] {
					t.Errorf("%s is no cell of the list", name)
				}
			case built[name] && pending[name]:
				t.Errorf("%s is built, and in pending.txt", name)
			case !built[name] && !pending[name]:
				t.Errorf("%s is neither built nor in pending.txt", name)
			}
			delete(built, name)
			delete(pending, name)
		}
	}
	for name := range built {
		t.Errorf("%s is built, but not in scenarios.tsv", name)
	}
	for name := range pending {
		t.Errorf("%s is in pending.txt, but not in scenarios.tsv", name)
	}
}

func TestTable(t *testing.T) {
	run := e2e.Run{Setting: lab.Setting{Homeserver: lab.Synapse, Encryption: lab.EncryptionOff, Database: "sqlite"},
		Version: "Synapse 1.0", Time: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	outcomes := make(map[string]e2e.Outcome)
	for i, s := range builtScenarios() {
		for _, network := range s.networks {
			outcomes[e2e.Name(network, s.id)] = []e2e.Outcome{e2e.Passed, e2e.Failed}[i%2]
		}
	}
	var out bytes.Buffer
	if err := e2e.Table(&out, run, outcomes); err != nil {
		t.Fatal(err)
	}
	list, err := e2e.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	head := slices.Index(lines, "| id | whatsapp | messenger | messenger-e2ee | instagram |")
	if head < 0 {
		t.Fatalf("no head in\n%s", out.String())
	}
	if rows := lines[head+2:]; len(rows) != len(list) {
		t.Errorf("%d rows, want %d", len(rows), len(list))
	}
	for _, want := range []string{"| login.qr | passed | - | - | - |", "| login.relog | failed | failed | ", "Synapse 1.0", "2030-01-02"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	delete(outcomes, "whatsapp/login.qr")
	if err := e2e.Table(&out, run, outcomes); err == nil || !strings.Contains(err.Error(), "whatsapp/login.qr") {
		t.Errorf("a missing result gives %v, want an error that names whatsapp/login.qr", err)
	}
}

func TestReadResults(t *testing.T) {
	for name, c := range map[string]struct{ text, wrong string }{
		"good":            {`{"run":{"version":"x"}}` + "\n" + `{"network":"whatsapp","scenario":"login.qr","outcome":"passed"}`, ""},
		"no run":          {`{"network":"whatsapp","scenario":"login.qr","outcome":"passed"}`, "does not say what was run"},
		"unknown outcome": {`{"run":{}}` + "\n" + `{"network":"whatsapp","scenario":"login.qr","outcome":"fine"}`, `outcome "fine"`},
		"broken":          {`{"run":{}`, "parse results"},
	} {
		t.Run(name, func(t *testing.T) {
			_, outcomes, err := e2e.ReadResults(strings.NewReader(c.text))
			switch {
			case c.wrong == "" && err != nil:
				t.Error(err)
			case c.wrong == "" && outcomes["whatsapp/login.qr"] != e2e.Passed:
				t.Errorf("outcomes are %v", outcomes)
			case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
				t.Errorf("error is %v, want one with %q", err, c.wrong)
			}
		})
	}
}
