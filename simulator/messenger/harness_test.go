package messenger_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/mattn/go-sqlite3"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger"
	"crosschat/simulator/messenger/server"
	"crosschat/simulator/messenger/webclient"
	"crosschat/simulator/simtest"
	"crosschat/simulator/whatsapp/noise"
)

// patience is how long a test waits for something that is expected.
const patience = 30 * time.Second

// root is shared by all simulations of the process: clients keep its public half in one variable.
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

// rig is a simulation with two people, spoken to through the control API.
type rig struct {
	*testing.T
	ctx   context.Context
	sim   *messenger.Simulation
	api   *control.Client
	own   control.Person
	alice control.Person
	clean bool // unexpected requests or problems were announced
}

func newRig(t *testing.T) *rig {
	t.Helper()
	sim, err := messenger.New(messenger.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	simtest.Serve(t, sim)
	web := httptest.NewServer(control.NewServer(sim.Networks()...))
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	r := &rig{T: t, ctx: ctx, sim: sim, api: &control.Client{BaseURL: web.URL}}
	t.Cleanup(func() {
		cancel()
		web.Close()
		r.checkProblems()
		if t.Failed() && testing.Verbose() {
			entries, _ := sim.Plain.Log().From(0)
			for _, e := range entries {
				t.Logf("%s %s %s:%d %.600s", e.Time.Format("05.000"), e.Direction, e.Person, e.Device, e.Data)
			}
		}
	})
	r.own, r.alice = r.person("Own Name"), r.person("Alice Example")
	return r
}

// checkProblems fails the test for what clients should not have done and what apps met.
func (r *rig) checkProblems() {
	if r.clean {
		return
	}
	for _, u := range r.sim.Plain.Log().Unexpected() {
		r.Errorf("unexpected: %s", u.What)
	}
	people, err := r.sim.Plain.People(context.Background())
	if err != nil {
		r.Error(err)
	}
	for _, p := range people {
		events, err := r.sim.Plain.Timeline(context.Background(), p.ID, 0)
		if err != nil {
			r.Error(err)
		}
		for _, e := range events {
			if e.Kind == control.KindProblem || e.MediaError != "" {
				r.Errorf("problem of %s: %s %s", p.Name, e.Text, e.MediaError)
			}
		}
	}
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (r *rig) check(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) person(name string) control.Person {
	r.Helper()
	p, err := r.api.AddPerson(r.ctx, messenger.EncryptedName, control.NewPerson{Name: name})
	return must(r.T, p, err)
}

func (r *rig) fault(f control.Fault) control.Fault {
	r.Helper()
	f, err := r.api.AddFault(r.ctx, messenger.EncryptedName, f)
	return must(r.T, f, err)
}

func (r *rig) send(from control.Person, req control.SendRequest) control.Sent {
	r.Helper()
	sent, err := r.api.Send(r.ctx, messenger.EncryptedName, from.ID, req)
	return must(r.T, sent, err)
}

func (r *rig) await(p control.Person, m control.Match) control.Event {
	r.Helper()
	found, err := r.api.Await(r.ctx, messenger.EncryptedName, p.ID, m, patience)
	return must(r.T, found, err)[0]
}

// browser logs somebody in and loads the page.
func (r *rig) browser(p control.Person) *webclient.Client {
	r.Helper()
	var login server.Login
	r.check(r.api.Special(r.ctx, messenger.Name, p.ID, "login", nil, &login))
	c := webclient.New(r.sim.Plain.Address(), r.sim.Plain.CAPEM(), login.Cookies)
	_, err := c.Load(r.ctx)
	r.check(err)
	return c
}

// client is a stock whatsmeow client in Messenger mode with what it reported.
type client struct {
	*whatsmeow.Client
	rig    *rig
	web    *webclient.Client
	device *store.Device

	mu     sync.Mutex
	cat    string
	events []any
	grew   chan struct{}
}

// register makes a device and registers it as section 5.2 says.
func (r *rig) register(p control.Person) *client {
	r.Helper()
	uri := "file:" + filepath.Join(r.TempDir(), "store.db") + "?_foreign_keys=on&_txlock=immediate"
	container, err := sqlstore.New(r.ctx, "sqlite3", uri, waLog.Noop)
	r.check(err)
	r.Cleanup(func() { container.Close() })
	c := &client{rig: r, web: r.browser(p), device: container.NewDevice(), grew: make(chan struct{})}
	c.device.FacebookUUID = uuid.New()
	c.cat = field(c.web.Page.Configs["MessengerWebInitData"]["cryptoAuthToken"], "encrypted_serialized_cat")
	number, err := c.icdc(nil)
	r.check(err)
	id, err := strconv.ParseUint(p.ID, 10, 64)
	r.check(err)
	c.device.ID = &types.JID{User: p.ID, Device: uint16(number), Server: types.MessengerServer}
	c.device.Account = &waAdv.ADVSignedDeviceIdentity{
		Details: []byte{}, AccountSignatureKey: make([]byte, 32), AccountSignature: make([]byte, 64), DeviceSignature: make([]byte, 64),
	}
	r.check(c.device.Save(r.ctx))
	c.configure(id, uint32(number))
	return c
}

func field(v any, name string) string {
	m, _ := v.(map[string]any)
	s, _ := m[name].(string)
	return s
}

// configure makes the client as section 5.3 says.
func (c *client) configure(id uint64, number uint32) {
	c.Client = whatsmeow.NewClient(c.device, waLog.Noop)
	c.MessengerConfig = &whatsmeow.MessengerConfig{
		UserAgent: webclient.UserAgent, BaseURL: "https://www.facebook.com", WebsocketURL: "wss://web-chat-e2ee.facebook.com/ws/chat",
	}
	c.SetWebsocketHTTPClient(c.web.HTTP)
	c.SetMediaHTTPClient(c.web.HTTP)
	c.SynchronousAck, c.EnableDecryptedEventBuffer, c.AutoTrustIdentity = true, true, true
	c.RefreshCAT = func(ctx context.Context) error {
		data, err := c.web.GraphQL(ctx, "MAWCatQuery", "29559957360285299", struct{}{})
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.cat = field(data["secure_message_over_wa_cat_query"], "encrypted_serialized_cat")
		return nil
	}
	c.GetClientPayload = func() *waWa6.ClientPayload {
		c.mu.Lock()
		defer c.mu.Unlock()
		return &waWa6.ClientPayload{
			Device: &number, FbCat: []byte(c.cat), FbUserAgent: []byte(webclient.UserAgent), Username: &id,
			Product: waWa6.ClientPayload_MESSENGER.Enum(), ConnectReason: waWa6.ClientPayload_USER_ACTIVATED.Enum(),
			ConnectType: waWa6.ClientPayload_WIFI_UNKNOWN.Enum(), Passive: proto.Bool(false), Pull: proto.Bool(true),
			UserAgent: &waWa6.ClientPayload_UserAgent{
				Device: proto.String("Chrome"), Platform: waWa6.ClientPayload_UserAgent_BLUE_WEB.Enum(),
				AppVersion: &waWa6.ClientPayload_UserAgent_AppVersion{Primary: proto.Uint32(301), Secondary: proto.Uint32(0), Tertiary: proto.Uint32(2)},
			},
		}
	}
	c.AddEventHandlerWithSuccessStatus(func(evt any) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.events = append(c.events, evt)
		close(c.grew)
		c.grew = make(chan struct{})
		return true
	})
	c.rig.Cleanup(c.Disconnect)
}

// online registers somebody's client and waits until it is connected and has got what waited.
func (r *rig) online(p control.Person) *client {
	r.Helper()
	c := r.register(p)
	c.connect()
	return c
}

func (c *client) connect() {
	c.rig.Helper()
	from := c.count()
	c.rig.check(c.Connect())
	awaitEvent(c, from, func(*events.Connected) bool { return true })
	awaitEvent(c, from, func(*events.OfflineSyncCompleted) bool { return true })
}

func (c *client) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.events)
}

// awaitEvent waits for an event of this type, from index from on, that ok accepts.
func awaitEvent[T any](c *client, from int, ok func(T) bool) T {
	c.rig.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		grew := c.grew
		seen := slices.Clone(c.events[from:])
		c.mu.Unlock()
		for _, evt := range seen {
			if e, is := evt.(T); is && ok(e) {
				return e
			}
		}
		select {
		case <-grew:
		case <-deadline:
			var kinds []string
			for _, evt := range seen {
				kinds = append(kinds, fmt.Sprintf("%T", evt))
			}
			c.rig.Fatalf("no %T in time, but %q", *new(T), kinds)
		}
	}
}

// message waits for the message with an id.
func (c *client) message(id string) *events.FBMessage {
	c.rig.Helper()
	return awaitEvent(c, 0, func(m *events.FBMessage) bool { return m.Info.ID == id })
}

// text is the text of a message.
func text(m *events.FBMessage) string {
	c, _ := m.Message.(*waConsumerApplication.ConsumerApplication)
	return c.GetPayload().GetContent().GetMessageText().GetText()
}

func textMessage(body string) *waConsumerApplication.ConsumerApplication {
	return content(&waConsumerApplication.ConsumerApplication_Content_MessageText{MessageText: &waCommon.MessageText{Text: &body}})
}

func content(c waConsumerApplication.ConsumerApplication_Content_Content) *waConsumerApplication.ConsumerApplication {
	return &waConsumerApplication.ConsumerApplication{Payload: &waConsumerApplication.ConsumerApplication_Payload{
		Payload: &waConsumerApplication.ConsumerApplication_Payload_Content{
			Content: &waConsumerApplication.ConsumerApplication_Content{Content: c},
		},
	}}
}

func jid(p control.Person) types.JID { return types.JID{User: p.ID, Server: types.MessengerServer} }

func (c *client) say(to control.Person, body string) whatsmeow.SendResponse {
	c.rig.Helper()
	resp, err := c.SendFBMessage(c.rig.ctx, jid(to), textMessage(body), nil)
	return must(c.rig.T, resp, err)
}
