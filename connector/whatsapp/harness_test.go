package whatsapp

import (
	"context"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"gopkg.in/yaml.v3"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
	"crosschat/connector/intake"
	crosschatdb "crosschat/database"
)

// The people of the tests.
var (
	aliceMXID = id.UserID("@alice:" + fakematrix.Server)
	aliceLID  = types.NewJID("200000000001", types.HiddenUserServer)
	alicePN   = types.NewJID("15550000001", types.DefaultUserServer)
	annaLID   = types.NewJID("200000000002", types.HiddenUserServer)
	annaPN    = types.NewJID("15550000002", types.DefaultUserServer)
)

const awaitTimeout = 10 * time.Second

// aloneNetwork is the network as the only one of a bridge: it does what the composite does for its members.
type aloneNetwork struct {
	*Network
}

func (n aloneNetwork) GetDBMetaTypes() database.MetaTypes { return crosschatdb.MetaTypes() }

func (n aloneNetwork) Init(bridge *bridgev2.Bridge) {
	n.UseDatabase(crosschatdb.New(bridge.DB.Database, bridge.Log))
	chats := "all"
	n.UseIntake(intake.Attach(bridge, crosschatdb.NewSettings(bridge.DB.Database, bridge.ID), &chats))
	n.Network.Init(bridge)
}

func (n aloneNetwork) Start(ctx context.Context) error {
	if err := n.db.Upgrade(ctx); err != nil {
		return err
	}
	return n.Network.Start(ctx)
}

// newTestNetwork has the default config and a server that nobody can reach.
func newTestNetwork(t *testing.T) aloneNetwork {
	t.Helper()
	n := New()
	if err := yaml.Unmarshal([]byte(exampleConfig), &n.Config); err != nil {
		t.Fatalf("parse example config: %v", err)
	}
	n.Simulate(unreachable())
	return aloneNetwork{n}
}

// mustStart starts a bridge whose only network is n. A log entry of level error fails the test unless it is allowed.
func mustStart(t *testing.T, m *fakematrix.Matrix, n aloneNetwork, dir string, allowed ...string) *bridgev2.Bridge {
	t.Helper()
	// The library's loop of disappearing messages may begin when a short test has closed the database already.
	// A connection may end when an event is handled, but not yet taken out of whatsmeow's buffer.
	allowed = append(allowed, "Failed to get upcoming disappearing messages", "Failed to clear buffered event plaintext")
	bridge := fakematrix.NewBridge(t, m, n, dir, func(message string) bool { return slices.Contains(allowed, message) })
	fakematrix.MustStart(t, bridge)
	return bridge
}

// mustDevice stores a device as pairing does.
func mustDevice(t *testing.T, n aloneNetwork, pn, lid types.JID, number uint16) *store.Device {
	t.Helper()
	device := n.db.WhatsAppStore().NewDevice()
	pn.Device, lid.Device = number, number
	device.ID, device.LID = &pn, lid
	device.Account = &waAdv.ADVSignedDeviceIdentity{
		Details: []byte{1}, AccountSignature: make([]byte, 64), AccountSignatureKey: make([]byte, 32), DeviceSignature: make([]byte, 64),
	}
	if err := device.Save(t.Context()); err != nil {
		t.Fatalf("save device: %v", err)
	}
	return device
}

func mustUser(t *testing.T, bridge *bridgev2.Bridge, mxid id.UserID) *bridgev2.User {
	t.Helper()
	user, err := bridge.GetUserByMXID(t.Context(), mxid)
	if err != nil {
		t.Fatalf("get user: %v", err)
	}
	return user
}

// mustLogin makes a login of Alice whose client is never connected: the test plays whatsmeow.
func mustLogin(t *testing.T, n aloneNetwork) *Client {
	t.Helper()
	device := mustDevice(t, n, alicePN, aliceLID, 1)
	login, err := mustUser(t, n.bridge, aliceMXID).NewLogin(t.Context(), &database.UserLogin{
		ID:         mustID[networkid.UserLoginID](aliceLID),
		RemoteName: "Alice",
		Metadata:   &crosschatdb.UserLoginMetadata{WhatsApp: &crosschatdb.WhatsAppUserLogin{Device: device.ID.String()}},
	}, nil)
	if err != nil {
		t.Fatalf("make login: %v", err)
	}
	client, ok := login.Client.(*Client)
	if !ok {
		t.Fatalf("login got a client of type %T", login.Client)
	}
	t.Cleanup(client.Disconnect)
	return client
}

// fromAnna is the frame of a message that Anna's phone sent.
func fromAnna(waID string) *events.Message {
	return &events.Message{Info: types.MessageInfo{
		MessageSource: types.MessageSource{Chat: annaLID, Sender: annaLID, SenderAlt: annaPN},
		ID:            waID,
		PushName:      "Anna",
		Timestamp:     time.Unix(1_700_000_000, 0),
	}}
}

// fromAlicesPhone is the frame of a message to Anna that Alice wrote on her phone.
func fromAlicesPhone(waID string) *events.Message {
	return &events.Message{Info: types.MessageInfo{
		MessageSource: types.MessageSource{Chat: annaLID, Sender: aliceLID, IsFromMe: true, RecipientAlt: annaPN},
		ID:            waID,
		Timestamp:     time.Unix(1_700_000_001, 0),
	}}
}

// waitFor looks again and again until done is true or the deadline passes.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(awaitTimeout)
	for tick := time.NewTicker(10 * time.Millisecond); !done(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after %s there is still not: %s", awaitTimeout, what)
		}
	}
}
