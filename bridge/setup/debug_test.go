package setup

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"
)

func TestDebugRedact(t *testing.T) {
	captured := `for (;;);{"data":{"viewer":{"name":"Anna Canary","id":"100000000001001"}}}`
	path := filepath.Join(t.TempDir(), "answer.json")
	if err := os.WriteFile(path, []byte(captured), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"redact"}, {"redact", path}} {
		var out, errs bytes.Buffer
		p := &Program{Bridge: &mxmain.BridgeMain{Name: "crosschat"}, Stdout: &out, Stderr: &errs}
		if code := p.Debug(args, strings.NewReader(captured)); code != exitOK {
			t.Fatalf("debug %q ends with %d: %s", args, code, errs.String())
		}
		got := out.String()
		if len(got) != len(captured)+1 || strings.Contains(got, "Canary") || strings.Contains(got, "100000000001001") ||
			!strings.HasPrefix(got, `for (;;);{"data":{"viewer":{"name":"`) {
			t.Errorf("debug %q writes %s", args, got)
		}
	}
	for _, args := range [][]string{nil, {"reduce"}, {"redact", "a", "b"}, {"redact", path + ".none"}} {
		var out, errs bytes.Buffer
		p := &Program{Bridge: &mxmain.BridgeMain{Name: "crosschat"}, Stdout: &out, Stderr: &errs}
		if code := p.Debug(args, strings.NewReader(captured)); code == exitOK || out.Len() > 0 || errs.Len() == 0 {
			t.Errorf("debug %q ends with %d, writes %q", args, code, out.String())
		}
	}
}
