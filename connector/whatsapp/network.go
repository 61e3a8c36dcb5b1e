// Package whatsapp bridges WhatsApp: an ordinary bridgev2.NetworkConnector for this network alone, over whatsmeow. It
// owns the logins' connections and all that is WhatsApp's own: ids, conversion, states. It does not own the store of
// keys (package database), delivery to Matrix (package ledger) or what is the same on all networks (package convert).
//
// bridgev2 calls Network and Client from its portal, login and command goroutines. whatsmeow calls onEvent from its
// handler goroutine, one event at a time where order matters, and from others for the rest. Each Client owns the
// goroutines it starts and waits for them in Disconnect.
package whatsapp

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/intake"
	"crosschat/connector/waglobals"
	crosschatdb "crosschat/database"
)

// assumedMaxFileSize is what bridgev2 tells networks to assume before SetMaxFileSize.
const assumedMaxFileSize = 50 << 20

// Network implements bridgev2.NetworkConnector for WhatsApp. New makes one.
type Network struct {
	Config Config

	bridge      *bridgev2.Bridge
	db          *crosschatdb.Database
	intake      *intake.Intake
	simulation  Simulation
	transport   *transport
	maxFileSize atomic.Int64
	version     version
	stopVersion context.CancelFunc
	background  sync.WaitGroup // what Stop waits for
}

var (
	_ bridgev2.NetworkConnector            = (*Network)(nil)
	_ bridgev2.ConfigValidatingNetwork     = (*Network)(nil)
	_ bridgev2.IdentifierValidatingNetwork = (*Network)(nil)
	_ bridgev2.MaxFileSizeingNetwork       = (*Network)(nil)
	_ bridgev2.StoppableNetwork            = (*Network)(nil)
)

// New makes the network. Before Start it must be given its config, its database and, if there is one, its simulation.
func New() *Network {
	n := &Network{}
	n.maxFileSize.Store(assumedMaxFileSize)
	return n
}

// Simulate sends the network to a server that plays WhatsApp. It must be called before Start; the zero value is the real
// network.
func (n *Network) Simulate(s Simulation) {
	n.simulation = s
}

// UseDatabase gives the network its store. It must be called before Start.
func (n *Network) UseDatabase(db *crosschatdb.Database) {
	n.db = db
}

// UseIntake tells the network who decides which chats get rooms. It must be called before Start.
func (n *Network) UseIntake(i *intake.Intake) {
	n.intake = i
}

// Init implements bridgev2.NetworkConnector.
func (n *Network) Init(bridge *bridgev2.Bridge) {
	n.bridge = bridge
	if processor, ok := bridge.Commands.(*commands.Processor); ok {
		processor.AddHandlers(commandStatus(), commandHistory())
		processor.AddHandlers(accountCommands()...)
		processor.AddHandlers(commandMedia())
	}
}

// Start implements bridgev2.NetworkConnector. It fails for faults of config or database only.
func (n *Network) Start(ctx context.Context) (err error) {
	n.transport, err = newTransport(n.simulation, n.Config.Proxy)
	if err != nil {
		return err
	}
	err = waglobals.Set(waglobals.Settings{
		DeviceName: n.Config.DeviceName,
		DeviceType: deviceTypes[n.Config.DeviceType].listed,
		RootKey:    n.simulation.RootKey,
	})
	if err != nil {
		return fmt.Errorf("set up whatsmeow: %w", err)
	}
	log := n.log()
	waglobals.RouteSignalLog(log)
	if n.simulation != (Simulation{}) {
		log.Warn().Str("address", n.simulation.Address).
			Msg("WHATSAPP IS SIMULATED: nothing reaches the real network. Empty the config section simulation to end this")
	}
	if err = n.startVersion(log.WithContext(ctx)); err != nil {
		return err
	}
	return n.forgetOrphans(log.WithContext(ctx))
}

// Stop implements bridgev2.StoppableNetwork.
func (n *Network) Stop() {
	if n.stopVersion != nil {
		n.stopVersion()
	}
	n.background.Wait()
	if n.transport != nil {
		n.transport.close()
	}
}

func (n *Network) log() zerolog.Logger {
	return n.bridge.Log.With().Str("network", "whatsapp").Logger()
}

// makeLoginID is the id of the login to a device's account.
func makeLoginID(device *store.Device) (networkid.UserLoginID, error) {
	if lid := device.GetLID(); !lid.IsEmpty() {
		return makeID[networkid.UserLoginID](lid)
	}
	return makeID[networkid.UserLoginID](device.GetJID())
}

// deviceOf is the linked device of a login, empty if it has none.
func deviceOf(login *database.UserLogin) types.JID {
	meta, ok := login.Metadata.(*crosschatdb.UserLoginMetadata)
	if !ok || meta.WhatsApp == nil {
		return types.EmptyJID
	}
	jid, err := types.ParseJID(meta.WhatsApp.Device)
	if err != nil {
		return types.EmptyJID
	}
	return jid
}

// loginMeta is our part of a login's metadata, made if need be.
func loginMeta(login *database.UserLogin) *crosschatdb.WhatsAppUserLogin {
	return crosschatdb.LoginPart(login, func(m *crosschatdb.UserLoginMetadata) **crosschatdb.WhatsAppUserLogin { return &m.WhatsApp })
}

// GetName implements bridgev2.NetworkConnector.
func (n *Network) GetName() bridgev2.BridgeName {
	return bridgev2.BridgeName{
		DisplayName:      "WhatsApp",
		NetworkURL:       "https://whatsapp.com",
		NetworkID:        "whatsapp",
		BeeperBridgeType: "whatsapp",
	}
}

// GetDBMetaTypes implements bridgev2.NetworkConnector. The types are the process's, not a network's.
func (n *Network) GetDBMetaTypes() database.MetaTypes {
	return database.MetaTypes{}
}

// GetCapabilities implements bridgev2.NetworkConnector.
func (n *Network) GetCapabilities() *bridgev2.NetworkGeneralCapabilities {
	return &bridgev2.NetworkGeneralCapabilities{DisappearingMessages: true, AggressiveUpdateInfo: true}
}

// GetBridgeInfoVersion implements bridgev2.NetworkConnector.
func (n *Network) GetBridgeInfoVersion() (info, capabilities int) {
	return 1, 1
}

// SetMaxFileSize implements bridgev2.MaxFileSizeingNetwork.
func (n *Network) SetMaxFileSize(maxSize int64) {
	n.maxFileSize.Store(maxSize)
}

// ValidateUserID implements bridgev2.IdentifierValidatingNetwork.
func (n *Network) ValidateUserID(id networkid.UserID) bool {
	_, err := parseID(id)
	return err == nil
}

// LoadUserLogin implements bridgev2.NetworkConnector. A login whose device is gone loads too: its client says so when it
// is asked to connect.
func (n *Network) LoadUserLogin(ctx context.Context, login *bridgev2.UserLogin) error {
	var device *store.Device
	if jid := deviceOf(login.UserLogin); !jid.IsEmpty() {
		var err error
		device, err = n.db.WhatsAppStore().GetDevice(ctx, jid)
		if err != nil {
			return fmt.Errorf("load device of login %q: %w", login.ID, err)
		}
	}
	client, err := newClient(n, login, device)
	if err != nil {
		return err
	}
	login.Client = client
	return nil
}
