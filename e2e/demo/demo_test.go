package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"crosschat/e2e/lab"
)

var binary string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "crosschat-demo-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "demo")
	if out, err := exec.Command("go", "build", "-tags", "goolm", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the demo: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// running is a demo in progress.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.Writer
	lines chan string
	seen  []string
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	cmd := exec.Command(binary, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	r := &running{t: t, cmd: cmd, in: in, lines: make(chan string, 1000)}
	go func() {
		defer close(r.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			r.lines <- scan.Text()
		}
	}()
	return r
}

// await reads on until a line has all parts, and returns it.
func (r *running) await(parts ...string) string {
	r.t.Helper()
	// The first run on a machine builds a homeserver.
	limit := time.After(5 * time.Minute)
next:
	for {
		select {
		case line, ok := <-r.lines:
			if !ok {
				r.t.Fatalf("the demo ended before a line with %q; it said\n%s", parts, strings.Join(r.seen, "\n"))
			}
			r.seen = append(r.seen, line)
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue next
				}
			}
			return line
		case <-limit:
			r.t.Fatalf("no line with %q; the demo said\n%s", parts, strings.Join(r.seen, "\n"))
		}
	}
}

// ends waits until the demo has ended, and returns its exit status.
func (r *running) ends() int {
	r.t.Helper()
	for line := range r.lines {
		r.seen = append(r.seen, line)
	}
	_ = r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode()
}

func TestScript(t *testing.T) {
	r := start(t, "-exit")
	_, folder, _ := strings.Cut(r.await("All files of this demo are in"), " are in ")
	if status := r.ends(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	all := strings.Join(r.seen, "\n")
	for _, want := range []string{
		"your Matrix client    | Anna (WhatsApp): Hi!", "Anna's phone          | you: Only the app.",
		"your Matrix client    | Ben (Messenger): [image]", "Ben's phone           | you: What colours!",
		"your Matrix client    | Clara (Instagram): Which app", "Clara's phone         | you: In none of them",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing says %q", want)
		}
	}
	if _, err := os.Stat(folder); err == nil {
		t.Errorf("%s is still there", folder)
	}
	if t.Failed() {
		t.Logf("the demo said\n%s", all)
	}
}

func TestTypingAndInterrupt(t *testing.T) {
	r := start(t, "-dir", t.TempDir())
	simulator := portOf(r.await("The simulator plays"))
	homeserver := portOf(r.await("The homeserver (dendrite) answers"))
	r.await("Ctrl-C ends")
	for _, line := range []string{"nonsense", "Anna> are you still there?", "clara> and you?"} {
		if _, err := fmt.Fprintln(r.in, line); err != nil {
			t.Fatal(err)
		}
	}
	r.await("(type \"Anna> some text\"")
	r.await("your Matrix client", "Anna (WhatsApp): are you still there?")
	r.await("your Matrix client", "Clara (Instagram): and you?")
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status := r.ends(); status != 0 {
		t.Errorf("exit status %d after an interrupt; it said\n%s", status, strings.Join(r.seen, "\n"))
	}
	for _, port := range []string{simulator, homeserver} {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			t.Errorf("somebody still listens on port %s", port)
		}
	}
}

// With a homeserver that runs already, the demo waits until somebody has installed the bridge's registrations there.
func TestExistingHomeserver(t *testing.T) {
	h, err := lab.StartHomeserver(t.Context(), lab.HomeserverOptions{Kind: lab.Dendrite, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	})
	if _, err = h.Register(t.Context(), "somebody", "a long password"); err != nil {
		t.Fatal(err)
	}
	r := start(t, "-exit", "-homeserver", h.URL, "-domain", h.Domain, "-user", "somebody", "-password", "a long password")
	registration := strings.TrimSpace(r.await("registration.yaml"))
	doublePuppet := strings.TrimSpace(r.await("doublepuppet.yaml"))
	r.await("Waiting until the homeserver knows them")
	if err = h.InstallAppservices(t.Context(), registration, doublePuppet); err != nil {
		t.Fatal(err)
	}
	if status := r.ends(); status != 0 {
		t.Errorf("exit status %d; it said\n%s", status, strings.Join(r.seen, "\n"))
	}
}

func portOf(line string) string { return line[strings.LastIndex(line, ":")+1:] }

func TestClearSentences(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"port in use":        {[]string{"-exit", "-port", port}, "port " + port + " can't be used"},
		"bridge port in use": {[]string{"-exit", "-bridge-port", port}, "port " + port + " can't be used"},
		"stray argument":     {[]string{"now"}, `unexpected argument "now"`},
		"half a homeserver":  {[]string{"-homeserver", "http://127.0.0.1:1"}, "server name"},
		"unknown kind":       {[]string{"-exit", "-kind", "conduit"}, `unknown homeserver "conduit"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, c.args...)
			if status := r.ends(); status != 1 {
				t.Errorf("exit status %d, want 1", status)
			}
			if said := strings.Join(r.seen, "\n"); !strings.Contains(said, c.want) {
				t.Errorf("nothing says %q in\n%s", c.want, said)
			}
		})
	}
}
