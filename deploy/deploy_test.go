// Package deploy holds the shell scripts of the container image, and the tests of everything that puts the bridge into
// containers: the scripts are run against a recording stand-in for the program, and Dockerfile, docker-compose.yaml and
// .dockerignore are compared with each other and with what the program needs. No container engine is used.
package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeProgram stands in for crosschat: it writes its arguments, one a line and a blank line after each call, to $CALLS,
// and its init leaves the files that the real one leaves. It fails if $INIT_FAILS is set.
const fakeProgram = `#!/bin/sh
printf '%s\n' "$@" '' >>"$CALLS"
[ "$1" = init ] || exit 0
[ -z "${INIT_FAILS:-}" ] || { echo "init: no" >&2; exit 7; }
for f in config registration doublepuppet; do echo "$f of $CROSSCHAT_DOMAIN" >"$3/$f.yaml"; done
`

// sandbox is a folder with stand-ins for the programs that the scripts call.
type sandbox struct {
	data, bin, calls string
}

func newSandbox(t *testing.T) sandbox {
	t.Helper()
	dir := t.TempDir()
	s := sandbox{data: filepath.Join(dir, "data"), bin: filepath.Join(dir, "bin"), calls: filepath.Join(dir, "calls")}
	for _, folder := range []string{s.data, s.bin} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.addProgram(t, "crosschat", fakeProgram)
	return s
}

// addProgram makes a program that the scripts find under that name.
func (s sandbox) addProgram(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.bin, name), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// run runs a script and returns what it printed and its exit status.
func (s sandbox) run(t *testing.T, script string, env []string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{script}, args...)...)
	cmd.Env = append([]string{
		"PATH=" + s.bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"CALLS=" + s.calls,
		"CROSSCHAT_DATA=" + s.data,
	}, env...)
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatalf("run %s: %v", script, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// programCalls returns the arguments of each call of the program, in order.
func (s sandbox) programCalls(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile(s.calls)
	if os.IsNotExist(err) {
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	var calls [][]string
	for call := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n\n"), "\n\n") {
		calls = append(calls, strings.Split(call, "\n"))
	}
	return calls
}

var settings = []string{
	"CROSSCHAT_HOMESERVER=http://synapse:8008", "CROSSCHAT_DOMAIN=example.com", "CROSSCHAT_ADMIN=@you:example.com",
}

func TestEntrypoint(t *testing.T) {
	initCall := func(s sandbox, address, encryption string, more ...string) []string {
		return append([]string{
			"init", "--data", s.data, "--homeserver", "http://synapse:8008", "--domain", "example.com", "--admin", "@you:example.com",
			"--hostname", "0.0.0.0", "--port", "29380", "--address", address, "--encryption", encryption,
		}, more...)
	}
	runCall := func(s sandbox) []string {
		return []string{"run", "-c", s.data + "/config.yaml", "-r", s.data + "/registration.yaml"}
	}
	tests := []struct {
		name    string
		env     []string
		args    []string
		prepare func(*testing.T, *sandbox)
		want    func(sandbox) [][]string
		status  int
		says    []string
	}{{
		name: "first start makes the configuration, then runs",
		env:  settings,
		want: func(s sandbox) [][]string {
			return [][]string{initCall(s, "http://crosschat:29380", "auto"), runCall(s)}
		},
	}, {
		name: "every setting is passed on, each as one argument",
		env: append(slices.Clone(settings), "CROSSCHAT_ADDRESS=http://10.0.0.2:29380", "CROSSCHAT_ENCRYPTION=off",
			"CROSSCHAT_DATABASE=postgres://u:p w*@db/x?sslmode=disable"),
		want: func(s sandbox) [][]string {
			return [][]string{
				initCall(s, "http://10.0.0.2:29380", "off", "--database", "postgres://u:p w*@db/x?sslmode=disable"), runCall(s),
			}
		},
	}, {
		name:    "later starts need no settings",
		prepare: haveConfig,
		want:    func(s sandbox) [][]string { return [][]string{runCall(s)} },
	}, {
		name: "init makes the configuration only",
		env:  settings,
		args: []string{"init"},
		want: func(s sandbox) [][]string { return [][]string{initCall(s, "http://crosschat:29380", "auto")} },
	}, {
		name:    "init again does nothing",
		args:    []string{"init"},
		prepare: haveConfig,
		want:    func(sandbox) [][]string { return nil },
	}, {
		name: "other arguments go to the program",
		args: []string{"doctor", "-c", "a b"},
		want: func(sandbox) [][]string { return [][]string{{"doctor", "-c", "a b"}} },
	}, {
		name:   "missing settings are all named",
		env:    settings[1:2],
		want:   func(sandbox) [][]string { return nil },
		status: 1,
		says:   []string{"missing: CROSSCHAT_HOMESERVER CROSSCHAT_ADMIN\n", "for example"},
	}, {
		name:    "a data folder that is no folder",
		env:     settings,
		prepare: func(_ *testing.T, s *sandbox) { s.data = filepath.Join(s.bin, "crosschat") },
		want:    func(sandbox) [][]string { return nil },
		status:  1,
		says:    []string{"cannot be written by user", "chown"},
	}, {
		name:   "nothing runs if the configuration can't be made",
		env:    append(slices.Clone(settings), "INIT_FAILS=yes"),
		want:   func(s sandbox) [][]string { return [][]string{initCall(s, "http://crosschat:29380", "auto")} },
		status: 7,
		says:   []string{"init: no"},
	}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSandbox(t)
			if test.prepare != nil {
				test.prepare(t, &s)
			}
			out, status := s.run(t, "entrypoint.sh", test.env, test.args...)
			if status != test.status {
				t.Errorf("exit status %d, want %d; it printed %q", status, test.status, out)
			}
			if got, want := s.programCalls(t), test.want(s); !slices.EqualFunc(got, want, slices.Equal) {
				t.Errorf("the program was called with\n%q, want\n%q", got, want)
			}
			for _, text := range test.says {
				if !strings.Contains(out, text) {
					t.Errorf("it printed %q, want %q in it", out, text)
				}
			}
		})
	}
}

func haveConfig(t *testing.T, s *sandbox) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.data, "config.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
