package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"gopkg.in/yaml.v3"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector"
	"crosschat/connector/fakematrix"
	"crosschat/simulator/control"
	simulated "crosschat/simulator/whatsapp"
	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/server"
)

// These tests run the whole bridge in one process: the composite with all its networks, a simulated WhatsApp on the wire,
// and a Matrix that fails when it is told to, which a real homeserver can't be made to do.

const (
	faultDeadline = 30 * time.Second
	aliceMXID     = id.UserID("@alice:" + fakematrix.Server)
)

// errAway is what a homeserver that is down looks like to the bridge.
var errAway = errors.New("connection refused")

// noiseRoot is one for all simulated servers of the process: the product keeps its public half process-wide.
var noiseRoot = sharedRoot()

func sharedRoot() *noise.Root {
	root, err := noise.NewRoot()
	if err != nil {
		panic(err)
	}
	return root
}

// world is a simulated WhatsApp with two people, and Alice's bridge to it.
type world struct {
	*testing.T
	dir    string
	phones *control.Client
	matrix *fakematrix.Matrix
	bridge *bridgev2.Bridge
	alice  control.Person
	anna   control.Person
	config string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := server.New(server.Config{Root: noiseRoot, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatalf("make simulated server: %v", err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	people := simulated.New(s, zerolog.Nop())
	api := httptest.NewServer(control.NewServer(people))
	t.Cleanup(func() {
		api.Close()
		people.Close()
		if err := errors.Join(s.Close(), <-served); err != nil {
			t.Errorf("close simulated server: %v", err)
		}
	})
	w := &world{T: t, dir: t.TempDir(), phones: &control.Client{BaseURL: api.URL}}
	ca, key := filepath.Join(w.dir, "ca.pem"), s.RootKey()
	if err := os.WriteFile(ca, s.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.config = fmt.Sprintf("simulation: {whatsapp: {address: %q, ca_file: %q, root_key: %q}}\nwhatsapp: {device_type: firefox}", s.Address(), ca, hex.EncodeToString(key[:]))
	w.alice, w.anna = w.person("Alice"), w.person("Anna")
	w.start()
	w.logIn()
	return w
}

// start starts the bridge on what is in its folder, with a Matrix that has seen nothing yet.
func (w *world) start() {
	w.Helper()
	composite := connector.New()
	example, config, _ := composite.GetConfig()
	for _, part := range []string{example, w.config} {
		if err := yaml.Unmarshal([]byte(part), config); err != nil {
			w.Fatalf("read config: %v", err)
		}
	}
	w.matrix = fakematrix.New()
	w.bridge = fakematrix.NewBridge(w.T, w.matrix, composite, w.dir, func(message string) bool {
		return strings.HasPrefix(message, "Failed to") // announced by the tests that make Matrix fail
	})
	fakematrix.MustStart(w.T, w.bridge)
}

func (w *world) person(name string) control.Person {
	w.Helper()
	p, err := w.phones.AddPerson(w.Context(), simulated.Name, control.NewPerson{Name: name})
	if err != nil {
		w.Fatalf("add %s: %v", name, err)
	}
	return p
}

func (w *world) logIn() {
	w.Helper()
	user, err := w.bridge.GetUserByMXID(w.Context(), aliceMXID)
	if err != nil {
		w.Fatalf("get user: %v", err)
	}
	login, err := w.bridge.Network.CreateLogin(w.Context(), user, "whatsapp-qr")
	if err != nil {
		w.Fatalf("create login: %v", err)
	}
	step, err := login.Start(w.Context())
	if err != nil {
		w.Fatalf("start login: %v", err)
	}
	linked, err := w.phones.ScanQR(w.Context(), simulated.Name, w.alice.ID, step.DisplayAndWaitParams.Data)
	if err != nil {
		w.Fatalf("scan: %v", err)
	}
	if linked.Name != "Crosschat" || linked.Type != "firefox" {
		w.Errorf("the phone lists %+v, want %q of type %q", linked, "Crosschat", "firefox")
	}
	if _, err := login.(bridgev2.LoginProcessDisplayAndWait).Wait(w.Context()); err != nil {
		w.Fatalf("wait for login: %v", err)
	}
}

func (w *world) send(texts ...string) {
	w.Helper()
	for _, text := range texts {
		if _, err := w.phones.Send(w.Context(), simulated.Name, w.anna.ID, control.SendRequest{To: w.alice.ID, Text: text}); err != nil {
			w.Fatalf("send %q: %v", text, err)
		}
	}
}

func (w *world) breaks(fault control.Fault) {
	w.Helper()
	if _, err := w.phones.AddFault(w.Context(), simulated.Name, fault); err != nil {
		w.Fatalf("add fault: %v", err)
	}
}

// stored waits until there are rows of all that Matrix shows. What has none would be sent again after a restart, which a
// homeserver sees by its transaction id and this Matrix does not.
func (w *world) stored() {
	w.Helper()
	err := w.matrix.Await(faultDeadline, "rows of all that is shown", func() bool {
		return !slices.ContainsFunc(w.texts(), func(call fakematrix.Call) bool {
			row, err := w.bridge.DB.Message.GetPartByMXID(w.Context(), call.EventID)
			return err != nil || row == nil
		})
	})
	if err != nil {
		w.Fatal(err)
	}
}

// texts are the texts that Matrix has from Anna, in its order.
func (w *world) texts() []fakematrix.Call {
	return slices.DeleteFunc(w.matrix.Calls("SendMessage"), func(call fakematrix.Call) bool {
		content, ok := call.Content.(*event.MessageEventContent)
		return !ok || content.MsgType != event.MsgText
	})
}

func (w *world) shown() (bodies []string) {
	for _, call := range w.texts() {
		bodies = append(bodies, call.Content.(*event.MessageEventContent).Body)
	}
	return bodies
}

// awaitShown waits until Matrix has exactly these texts, then sends one more, so that a double that is under way is seen.
func (w *world) awaitShown(want ...string) {
	w.Helper()
	w.await(want)
	w.send("fence")
	w.await(append(slices.Clone(want), "fence"))
}

func (w *world) await(want []string) {
	w.Helper()
	if err := w.matrix.Await(faultDeadline, fmt.Sprintf("texts %q", want), func() bool { return len(w.shown()) >= len(want) }); err != nil {
		w.Fatal(err)
	}
	if got := w.shown(); !slices.Equal(got, want) {
		w.Fatalf("Matrix shows %q, want %q", got, want)
	}
}

func TestMessageDeliveredTwiceIsShownOnce(t *testing.T) {
	w := newWorld(t)
	w.breaks(control.Fault{Kind: "duplicate", Person: w.alice.ID, Stanza: "message", Times: 2})
	w.send("one", "two", "three")
	w.awaitShown("one", "two", "three")
}

func TestHomeserverAwayLosesAndReordersNothing(t *testing.T) {
	for _, op := range []string{"CreateRoom", "SendMessage"} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			var failures atomic.Int32
			w.matrix.Intercept = func(_ context.Context, call fakematrix.Call) error {
				if call.Op == op && failures.Add(1) <= 2 {
					return errAway
				}
				return nil
			}
			w.send("one", "two", "three")
			w.awaitShown("one", "two", "three")
			if rooms := len(w.matrix.Calls("CreateRoom")); op == "CreateRoom" && rooms < 1 {
				t.Errorf("%d rooms made", rooms)
			}
		})
	}
}

func TestHungHomeserverIsOutlivedByARestart(t *testing.T) {
	w := newWorld(t)
	w.send("before")
	w.await([]string{"before"})
	w.stored()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	w.matrix.Intercept = func(ctx context.Context, call fakematrix.Call) error {
		if call.Op != "SendMessage" {
			return nil
		}
		select {
		case <-hang:
		case <-ctx.Done():
		}
		return errAway
	}
	w.send("one", "two") // handed over, but not acknowledged
	w.bridge.StopWithTimeout(faultDeadline)
	w.start()
	w.awaitShown("one", "two")
}

func TestMessagesOfADowntimeComeInOrder(t *testing.T) {
	w := newWorld(t)
	w.send("before")
	w.await([]string{"before"})
	w.stored()
	w.bridge.StopWithTimeout(faultDeadline)
	w.send("one", "two", "three")
	w.start()
	w.awaitShown("one", "two", "three")
}

// TestMalformedFrames sends what no server should. The library answers for frames that are no nodes; what matters is
// that neither these nor nodes of unknown or empty shape stop what comes behind them.
func TestMalformedFrames(t *testing.T) {
	w := newWorld(t)
	w.send("before")
	w.awaitShown("before")
	for name, frame := range map[string]string{
		"empty":            "00",
		"not compressed":   "02ffff",
		"cut off":          "00f8",
		"list cut off":     "00f806",
		"list of nothing":  "00f800",
		"unknown tag":      "00f801fc03666f6f",
		"message, no more": "00f80113",
	} {
		t.Logf("sending a frame: %s", name)
		w.breaks(control.Fault{Kind: "malformed", Person: w.alice.ID, Args: map[string]string{"hex": frame}})
	}
	w.send("after")
	if err := w.matrix.Await(faultDeadline, "the text behind the malformed frames", func() bool { return slices.Contains(w.shown(), "after") }); err != nil {
		t.Fatal(err)
	}
}

// TestUndecryptableMessageComesInTheEnd shows that a placeholder stands in its place first, which the message replaces.
func TestUndecryptableMessageComesInTheEnd(t *testing.T) {
	w := newWorld(t)
	w.send("before")
	w.awaitShown("before")
	w.breaks(control.Fault{Kind: "corrupt", Person: w.alice.ID, Stanza: "message"})
	w.send("damaged on the way")
	err := w.matrix.Await(faultDeadline, "the damaged text in the place of its placeholder", func() bool {
		return slices.ContainsFunc(w.matrix.Calls("SendMessage"), func(call fakematrix.Call) bool {
			content, ok := call.Content.(*event.MessageEventContent)
			return ok && content.NewContent != nil && content.NewContent.Body == "damaged on the way"
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
