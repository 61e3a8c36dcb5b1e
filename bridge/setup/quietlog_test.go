package setup

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.mau.fi/zeroconfig"
)

func TestWithoutField(t *testing.T) {
	for _, test := range []struct{ name, line, want string }{
		{"not there", `{"level":"debug","a":1}`, `{"level":"debug","a":1}`},
		{"at the end", `{"a":1,"req_body":{"body":"x"}}`, `{"a":1}`},
		{"in the middle", `{"a":1,"req_body":"x","b":2}`, `{"a":1,"b":2}`},
		{"twice", `{"a":1,"req_body":[1,{"c":","}],"b":2,"req_body":null}`, `{"a":1,"b":2}`},
		{"value that is cut off", `{"a":1,"req_body":{"body":"x`, "{\"a\":1}\n"},
		{"name inside a text", `{"a":"\"req_body\": 1"}`, `{"a":"\"req_body\": 1"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := string(withoutField([]byte(test.line), "req_body")); got != test.want {
				t.Errorf("withoutField = %q, want %q", got, test.want)
			}
		})
	}
}

// TestQuietWriters compiles a logging config as mxmain does, pretty and plain.
func TestQuietWriters(t *testing.T) {
	dir := t.TempDir()
	cfg := zeroconfig.Config{}
	for _, format := range []zeroconfig.LogFormat{zeroconfig.LogFormatJSON, zeroconfig.LogFormatPretty} {
		cfg.Writers = append(cfg.Writers, zeroconfig.WriterConfig{
			Type: zeroconfig.WriterTypeFile, Format: format,
			FileConfig: zeroconfig.FileConfig{Filename: filepath.Join(dir, string(format))},
		})
	}
	quietWriters(&cfg)
	log, err := cfg.Compile()
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	body := json.RawMessage(`{"msgtype":"m.text","body":"canary"}`)
	log.Debug().Str("method", "PUT").RawJSON("req_body", body).Int("status", 200).Msg("Request completed")
	log.Trace().RawJSON("req_body", json.RawMessage(`{"body":"at trace"}`)).Msg("Request completed")
	log.Debug().Str("mx_command", `{"xs":"canary"}`).Msg("Received unknown command")
	log.Debug().Str("mx_command", "list-logins").Msg("Processed a command")
	for _, format := range []string{"json", "pretty"} {
		written, err := os.ReadFile(filepath.Join(dir, format))
		if err != nil {
			t.Fatal(err)
		}
		text := string(written)
		if strings.Contains(text, "canary") || !strings.Contains(text, "Request completed") || !strings.Contains(text, "200") || !strings.Contains(text, "at trace") || !strings.Contains(text, "unknown command") || !strings.Contains(text, "list-logins") {
			t.Errorf("the %s log has %s", format, text)
		}
	}
}

func TestQuietWriterKeepsLevels(t *testing.T) {
	var out bytes.Buffer
	inner := zeroconfig.MinMaxLevelWriter(&out, zerolog.WarnLevel, zerolog.ErrorLevel)
	log := zerolog.New(quietWriter{inner})
	log.Info().Msg("too little")
	log.Warn().Msg("enough")
	if got := out.String(); strings.Contains(got, "too little") || !strings.Contains(got, "enough") {
		t.Errorf("the log has %s", got)
	}
	if _, err := io.WriteString(quietWriter{&out}, "plain"); err != nil {
		t.Error(err)
	}
}
