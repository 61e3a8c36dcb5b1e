package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write example-config.yaml and registration.yaml anew")

// binary is the program, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

func build(m *testing.M) int {
	folder, err := os.MkdirTemp("", "crosschat-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "crosschat")
	// Without the tag the Matrix side wants the C library olm.
	command := exec.Command("go", "build", "-tags", "goolm", "-ldflags", "-X main.Commit=0123456789abcdef", "-o", binary, ".")
	if output, err := command.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, output)
		return 1
	}
	return m.Run()
}

// run runs the program to its end.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary, args...)
	command.Dir = t.TempDir()
	var out, err bytes.Buffer
	command.Stdout, command.Stderr = &out, &err
	failure := command.Run()
	var exit *exec.ExitError
	if failure != nil && !errors.As(failure, &exit) {
		t.Fatalf("run %q: %v", args, failure)
	}
	return command.ProcessState.ExitCode(), out.String(), err.String()
}

// golden compares a generated file at the top of the repository with what the program writes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("..", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what the program writes; run `go test -tags goolm ./bridge -update` and look at the difference.\nGot:\n%s", name, got)
	}
}

func TestExampleConfigIsCurrent(t *testing.T) {
	code, stdout, stderr := run(t, "-e", "-c", "-")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	golden(t, "example-config.yaml", stdout)
}

const registrationHead = `# What a registration of Crosschat looks like, as ` + "`crosschat -g`" + ` writes it. The homeserver needs yours, with tokens of
# its own: ` + "`crosschat init`" + ` makes it, and a second one for double puppeting.
`

func TestRegistrationIsCurrent(t *testing.T) {
	folder := t.TempDir()
	config, registration := filepath.Join(folder, "config.yaml"), filepath.Join(folder, "registration.yaml")
	if code, _, stderr := run(t, "-e", "-c", config); code != 0 {
		t.Fatal(stderr)
	}
	data, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.ReplaceAll(data, []byte("domain: example.com"), []byte("domain: hs.test"))
	if err = os.WriteFile(config, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run(t, "-g", "-c", config, "-r", registration); code != 0 {
		t.Fatal(stderr)
	}
	if data, err = os.ReadFile(registration); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(registration)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("registration has mode %o, want 600", info.Mode().Perm())
	}
	shape := regexp.MustCompile(`(?m)^(as_token|hs_token|sender_localpart): \w+$`).ReplaceAllString(string(data), "$1: made-by-crosschat")
	golden(t, "registration.yaml", registrationHead+strings.ReplaceAll(shape, `hs\.test`, `example\.com`))
}

func TestExampleIsNeverOverwritten(t *testing.T) {
	config := filepath.Join(t.TempDir(), "Config.yaml") // upper case: flags may not change paths
	if err := os.WriteFile(config, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-e", "-c", config}, {"-e", "--config=" + config}, {"-e", "-c" + config}} {
		if code, _, stderr := run(t, args...); code != 1 || !strings.Contains(stderr, config+" already exists") {
			t.Errorf("%q: exit code %d, stderr %q, want 1 and that it exists", args, code, stderr)
		}
	}
	if data, _ := os.ReadFile(config); string(data) != "mine" {
		t.Errorf("the file holds %q", data)
	}
}

func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		args   []string
		code   int
		stdout []string
		stderr []string
	}{
		{[]string{"version"}, 0, []string{"crosschat v0.1.0+dev.01234567\n", "commit     0123456789abcdef", "mautrix    v0.31.0", "whatsmeow  v0.0.0-"}, nil},
		{[]string{"-v"}, 0, []string{"crosschat v0.1.0+dev"}, nil},
		{[]string{"--version-json"}, 0, []string{`"Name":"crosschat"`}, nil},
		{[]string{"help"}, 0, []string{"Usage:", "crosschat init", "A first start:"}, nil},
		{[]string{"-h"}, 0, []string{"Usage:", "crosschat doctor"}, nil},
		{[]string{"-c", "config.yaml", "-h"}, 0, []string{"--generate-registration"}, nil},
		{[]string{"help", "init"}, 0, []string{"--homeserver URL", "Examples:"}, nil},
		{[]string{"init", "-h"}, 0, []string{"--homeserver URL"}, nil},
		{[]string{"run", "-h"}, 0, []string{"--generate-registration", "Examples:"}, nil},
		{[]string{"help", "docter"}, 2, nil, []string{`unknown command "docter"; did you mean "doctor"?`}},
		{[]string{"start"}, 2, nil, []string{`unknown command "start"`, "see: crosschat help"}},
		{[]string{"whatever"}, 2, nil, []string{`unknown command "whatever"; there are run, init, doctor, new-keys, debug, version, help`}},
		{[]string{"--colour"}, 2, nil, []string{"unknown flag: colour", "crosschat help run"}},
		{[]string{"run", "config.yaml"}, 2, nil, []string{`unexpected argument "config.yaml"`}},
		{[]string{"run", ""}, 2, nil, []string{"an argument is empty"}},
		{[]string{"run"}, 1, nil, []string{"there is no file config.yaml; name it with -c, or write one with `crosschat init`"}},
		{[]string{"-g"}, 1, nil, []string{"there is no file config.yaml"}},
		{[]string{"help", "new-keys"}, 0, []string{"encryption.pickle_key"}, nil},
		{[]string{"new-keys"}, 1, nil, []string{"there is no file config.yaml"}},
		{[]string{"new-keys", "now"}, 2, nil, []string{`unexpected argument "now"`}},
		{[]string{"init"}, 2, nil, []string{"missing --homeserver, --domain, --admin"}},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			code, stdout, stderr := run(t, test.args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			wantIn(t, stdout, test.stdout...)
			wantIn(t, stderr, test.stderr...)
		})
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
