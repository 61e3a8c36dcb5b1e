package whatsapp

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
	"crosschat/simulator/control"
	simulated "crosschat/simulator/whatsapp"
	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/server"
)

// root is shared by all simulated servers of the process: whatsmeow keeps its public half in one variable.
var root *noise.Root

func TestMain(m *testing.M) {
	var err error
	if root, err = noise.NewRoot(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// unreachable is a simulated network that is not there.
func unreachable() Simulation {
	key := root.PublicKey()
	return Simulation{Address: "127.0.0.1:1", RootKey: hex.EncodeToString(key[:])}
}

// world is a simulated WhatsApp and a bridge to it without a homeserver.
type world struct {
	*testing.T
	server  *server.Server
	phones  *control.Client
	matrix  *fakematrix.Matrix
	network aloneNetwork
	alice   control.Person
	anna    control.Person
}

func newWorld(t *testing.T, allowed ...string) *world {
	t.Helper()
	return newWorldWith(t, func(aloneNetwork, string) {}, allowed...)
}

// newWorldWith is newWorld with another config; change is given the server's address.
func newWorldWith(t *testing.T, change func(n aloneNetwork, server string), allowed ...string) *world {
	t.Helper()
	s, err := server.New(server.Config{Root: root, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatalf("start simulated server: %v", err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	phones := simulated.New(s, zerolog.Nop())
	api := httptest.NewServer(control.NewServer(phones))
	t.Cleanup(func() {
		api.Close()
		phones.Close()
		if err := errors.Join(s.Close(), <-served); err != nil {
			t.Errorf("close simulated server: %v", err)
		}
		for _, u := range s.Unexpected() {
			t.Errorf("the simulated server does not know %s", u.What)
		}
	})
	w := &world{T: t, server: s, phones: &control.Client{BaseURL: api.URL}, matrix: fakematrix.New(), network: newTestNetwork(t)}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, s.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.network.Simulate(Simulation{Address: s.Address(), CAFile: ca, RootKey: unreachable().RootKey})
	change(w.network, s.Address())
	mustStart(t, w.matrix, w.network, t.TempDir(), allowed...)
	w.alice, w.anna = w.person("Alice"), w.person("Anna")
	return w
}

func (w *world) person(name string) control.Person {
	w.Helper()
	p, err := w.phones.AddPerson(w.Context(), simulated.Name, control.NewPerson{Name: name})
	if err != nil {
		w.Fatalf("add %s: %v", name, err)
	}
	return p
}

// start begins a login of a Matrix user and returns its first code.
func (w *world) start(mxid id.UserID) (bridgev2.LoginProcessDisplayAndWait, string) {
	w.Helper()
	process, err := w.network.CreateLogin(w.Context(), mustUser(w.T, w.network.bridge, mxid), flowQR)
	if err != nil {
		w.Fatalf("create login: %v", err)
	}
	step, err := process.Start(w.Context())
	if err != nil {
		w.Fatalf("start login: %v", err)
	}
	if step.Type != bridgev2.LoginStepTypeDisplayAndWait || step.DisplayAndWaitParams.Type != bridgev2.LoginDisplayTypeQR {
		w.Fatalf("first step is %+v, want a QR code", step)
	}
	return process.(bridgev2.LoginProcessDisplayAndWait), step.DisplayAndWaitParams.Data
}

// logIn logs the Matrix user Alice in to Alice's account.
func (w *world) logIn() (*Client, *bridgev2.LoginStep) {
	w.Helper()
	process, code := w.start(aliceMXID)
	if _, err := w.phones.ScanQR(w.Context(), simulated.Name, w.alice.ID, code); err != nil {
		w.Fatalf("scan: %v", err)
	}
	step, err := process.Wait(w.Context())
	if err != nil {
		w.Fatalf("wait for login: %v", err)
	}
	if step.Type != bridgev2.LoginStepTypeComplete {
		w.Fatalf("step after the scan is %+v, want the end", step)
	}
	client := step.CompleteParams.UserLogin.Client.(*Client)
	w.Cleanup(client.Disconnect)
	return client, step
}

func (w *world) companions() []control.Companion {
	w.Helper()
	p, err := w.phones.Person(w.Context(), simulated.Name, w.alice.ID)
	if err != nil {
		w.Fatalf("look at Alice's phone: %v", err)
	}
	return p.Companions
}

// devices are the addresses of the devices whose keys we hold.
func (w *world) devices() (jids []string) {
	w.Helper()
	devices, err := w.network.db.WhatsAppStore().GetAllDevices(w.Context())
	if err != nil {
		w.Fatalf("list devices: %v", err)
	}
	for _, device := range devices {
		jids = append(jids, device.ID.String())
	}
	return jids
}

func (w *world) send(from, to control.Person, text string) {
	w.Helper()
	if _, err := w.phones.Send(w.Context(), simulated.Name, from.ID, control.SendRequest{To: to.ID, Text: text}); err != nil {
		w.Fatalf("send as %s: %v", from.Name, err)
	}
}

// awaitText waits until Matrix has a message with this body and its row is stored, and returns it.
func (w *world) awaitText(body string) (found *event.MessageEventContent) {
	w.Helper()
	waitFor(w.T, "a message "+body, func() bool {
		for _, call := range w.matrix.Calls("SendMessage") {
			content, ok := call.Content.(*event.MessageEventContent)
			if !ok || content.Body != body {
				continue
			}
			row, err := w.network.bridge.DB.Message.GetPartByMXID(w.Context(), call.EventID)
			if err != nil {
				w.Fatalf("look for the row of %s: %v", call.EventID, err)
			}
			found = content
			return row != nil
		}
		return false
	})
	return found
}

// fromMatrix sends content to Anna's chat as a Matrix client would.
func (w *world) fromMatrix(c *Client, evt id.EventID, content *event.MessageEventContent) error {
	w.Helper()
	portal, err := w.network.bridge.GetPortalByKey(w.Context(), c.portalKey(jid(w.T, w.anna.LID+"@lid")))
	if err != nil {
		w.Fatalf("get portal: %v", err)
	}
	_, err = c.HandleMatrixMessage(w.Context(), &bridgev2.MatrixMessage{MatrixEventBase: bridgev2.MatrixEventBase[*event.MessageEventContent]{
		Event: &event.Event{ID: evt}, Content: content, Portal: portal,
	}})
	return err
}

// awaitAnna waits for an event on Anna's phone.
func (w *world) awaitAnna(match control.Match) control.Event {
	w.Helper()
	found, err := w.phones.Await(w.Context(), simulated.Name, w.anna.ID, match, awaitTimeout)
	if err != nil {
		w.Fatal(err)
	}
	return found[0]
}
