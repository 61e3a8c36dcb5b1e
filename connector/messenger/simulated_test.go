package messenger

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"gopkg.in/yaml.v3"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
	"crosschat/connector/intake"
	crosschatdb "crosschat/database"
	"crosschat/simulator/control"
	simulated "crosschat/simulator/messenger"
	"crosschat/simulator/simtest"
	"crosschat/simulator/whatsapp/noise"
)

// patience is how long a test waits for something that is expected.
const patience = 60 * time.Second

// root is shared by all simulations of the process: whatsmeow keeps its public half in one variable.
var root *noise.Root

func TestMain(m *testing.M) {
	simtest.QuietSignal()
	var err error
	if root, err = noise.NewRoot(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	whatsmeow.WACertPubKey = root.PublicKey()
	os.Exit(m.Run())
}

// aloneNetwork gives the network what the composite gives it otherwise.
type aloneNetwork struct {
	*Network
	chats *string
}

func (n aloneNetwork) GetDBMetaTypes() database.MetaTypes { return crosschatdb.MetaTypes() }

func (n aloneNetwork) Init(bridge *bridgev2.Bridge) {
	n.UseDatabase(crosschatdb.New(bridge.DB.Database, bridge.Log))
	n.UseIntake(intake.Attach(bridge, crosschatdb.NewSettings(bridge.DB.Database, bridge.ID), n.chats))
	n.Network.Init(bridge)
}

func (n aloneNetwork) Start(ctx context.Context) error {
	if err := n.db.Upgrade(ctx); err != nil {
		return err
	}
	return n.Network.Start(ctx)
}

// world is a simulated Messenger and a bridge to it without a homeserver.
type world struct {
	*testing.T
	sim     *simulated.Simulation
	api     *control.Client
	matrix  *fakematrix.Matrix
	network aloneNetwork
	alice   control.Person
}

// newWorld makes it; chats is how many chats come over at the login.
func newWorld(t *testing.T, chats string) *world {
	t.Helper()
	sim, err := simulated.New(simulated.Config{Root: root, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatalf("make simulated network: %v", err)
	}
	simtest.Serve(t, sim)
	api := httptest.NewServer(control.NewServer(sim.Networks()...))
	t.Cleanup(api.Close)
	w := &world{T: t, sim: sim, api: &control.Client{BaseURL: api.URL}, matrix: fakematrix.New(), network: aloneNetwork{New(), &chats}}
	if err = yaml.Unmarshal([]byte(exampleConfig), &w.network.Config); err != nil {
		t.Fatalf("parse example config: %v", err)
	}
	unhurried := time.Millisecond
	wire := &w.network.Config.Wire
	wire.SendInterval, wire.RequestInterval, wire.ThreadPageInterval = unhurried, unhurried, unhurried
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err = os.WriteFile(ca, sim.Plain.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.network.Simulate(Simulation{Address: sim.Plain.Address(), CAFile: ca})
	allowed := []string{"Failed to get upcoming disappearing messages"} // it may begin when a short test has ended
	bridge := fakematrix.NewBridge(t, w.matrix, w.network, t.TempDir(), func(message string) bool { return slices.Contains(allowed, message) })
	fakematrix.MustStart(t, bridge)
	w.alice = w.person("Alice")
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) person(name string) control.Person {
	w.Helper()
	p, err := w.api.AddPerson(w.Context(), simulated.Name, control.NewPerson{Name: name})
	w.must(err)
	return p
}

// logIn logs a Matrix user in to Alice's account.
func (w *world) logIn() *Client {
	w.Helper()
	user, err := w.network.bridge.GetUserByMXID(w.Context(), id.UserID("@alice:"+fakematrix.Server))
	w.must(err)
	process, err := w.network.CreateLogin(w.Context(), user, w.network.GetLoginFlows()[0].ID)
	w.must(err)
	_, err = process.Start(w.Context())
	w.must(err)
	var browser struct {
		Cookies map[string]string `json:"cookies"`
	}
	w.must(w.api.Special(w.Context(), simulated.Name, w.alice.ID, "login", nil, &browser))
	step, err := process.(bridgev2.LoginProcessCookies).SubmitCookies(w.Context(), browser.Cookies)
	w.must(err)
	if step.Type != bridgev2.LoginStepTypeComplete {
		w.Fatalf("step after the cookies is %+v, want the end", step)
	}
	client := step.CompleteParams.UserLogin.Client.(*Client)
	w.Cleanup(client.Disconnect)
	return client
}

// await waits for something that Matrix is told, or what follows from it.
func (w *world) await(what string, done func() bool) {
	w.Helper()
	w.must(w.matrix.Await(patience, what, done))
}
