package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
)

// start runs the simulator and waits until it says that it is ready. stop ends it and gives what run returned.
func start(t *testing.T, o options) (ready control.Ready, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, o, in, io.Discard)
		_ = in.CloseWithError(err)
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		cancel()
		t.Fatalf("read the line that says ready: %v", err)
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		cancel()
		t.Fatalf("line %q: %v", line, err)
	}
	return ready, func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(10 * time.Second):
			t.Fatal("simulator did not stop")
			return nil
		}
	}
}

func localOptions(t *testing.T) options {
	return options{dir: t.TempDir(), control: "127.0.0.1:0", whatsapp: "127.0.0.1:0", messenger: "127.0.0.1:0"}
}

func TestRun(t *testing.T) {
	o := localOptions(t)
	ready, stop := start(t, o)
	pem, err := os.ReadFile(ready.WhatsApp.CAFile)
	if err != nil || !strings.Contains(string(pem), "BEGIN CERTIFICATE") {
		t.Errorf("certificate authority: %q, %v", pem, err)
	}
	if len(ready.WhatsApp.RootKey) != 64 {
		t.Errorf("root key %q is not 32 bytes in hex", ready.WhatsApp.RootKey)
	}
	api := &control.Client{BaseURL: ready.Control}
	anna, err := api.AddPerson(t.Context(), whatsapp.Name, control.NewPerson{Name: "Anna"})
	if err != nil || anna.Name != "Anna" || !anna.Online {
		t.Errorf("add a person: %+v, %v", anna, err)
	}
	// An await must not keep the program from stopping.
	waiting := make(chan error, 1)
	go func() {
		_, err := api.Await(context.WithoutCancel(t.Context()), whatsapp.Name, anna.ID, control.Match{Text: "never"}, time.Minute)
		waiting <- err
	}()
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := <-waiting; err == nil {
		t.Error("await of what never came succeeded")
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, which := range []string{"control", "whatsapp"} {
		o := localOptions(t)
		if which == "control" {
			o.control = taken.Addr().String()
		} else {
			o.whatsapp = taken.Addr().String()
		}
		err := run(t.Context(), o, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("%s on a taken port: %v", which, err)
		}
	}
}

func TestFolderMissing(t *testing.T) {
	o := localOptions(t)
	o.dir = filepath.Join(o.dir, "missing")
	if err := run(t.Context(), o, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "certificate authority") {
		t.Errorf("folder missing: %v", err)
	}
}
