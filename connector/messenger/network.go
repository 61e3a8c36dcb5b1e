// Package messenger bridges Facebook Messenger: an ordinary bridgev2.NetworkConnector for this network alone, over the web
// client in package wire. It owns the logins' sessions and all that is Messenger's own on the Matrix side: ids, conversion,
// states, the memory of people and threads that the server tells once. It does not own the wire protocol (package wire),
// delivery to Matrix (package ledger) or what is the same on all networks (packages convert and uplink).
//
// bridgev2 calls Network and Client from its portal, login and command goroutines. The wire calls receiver from one
// goroutine of a connection, one table at a time. Each Client owns the goroutines it starts and waits for them in
// Disconnect.
package messenger

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/intake"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/metalogin"
	"crosschat/connector/metaweb/fingerprint"
	"crosschat/connector/metaweb/web"
	crosschatdb "crosschat/database"
)

// assumedMaxFileSize is what bridgev2 tells networks to assume before SetMaxFileSize.
const assumedMaxFileSize = 50 << 20

// Network implements bridgev2.NetworkConnector for Messenger. New makes one.
type Network struct {
	Config Config

	bridge      *bridgev2.Bridge
	db          *crosschatdb.Database
	simulation  Simulation
	transports  func(userAgent string) web.Transports
	intake      *intake.Intake // nil: each chat gets a room
	maxFileSize atomic.Int64
}

var (
	_ bridgev2.NetworkConnector            = (*Network)(nil)
	_ bridgev2.ConfigValidatingNetwork     = (*Network)(nil)
	_ bridgev2.IdentifierValidatingNetwork = (*Network)(nil)
	_ bridgev2.MaxFileSizeingNetwork       = (*Network)(nil)
)

// New makes the network. Before Start it must be given its config, its database and, if there is one, its simulation.
func New() *Network {
	n := &Network{Config: Config{Wire: wire.Default()}}
	n.maxFileSize.Store(assumedMaxFileSize)
	return n
}

// Simulate sends the network to a server that plays Messenger. It must be called before Start; the zero value is the real
// network.
func (n *Network) Simulate(s Simulation) { n.simulation = s }

// UseDatabase gives the network its store. It must be called before Start.
func (n *Network) UseDatabase(db *crosschatdb.Database) { n.db = db }

// UseIntake tells the network who decides which chats get rooms. It must be called before Start.
func (n *Network) UseIntake(i *intake.Intake) { n.intake = i }

// Init implements bridgev2.NetworkConnector.
func (n *Network) Init(bridge *bridgev2.Bridge) {
	n.bridge = bridge
	if processor, ok := bridge.Commands.(*commands.Processor); ok {
		processor.AddHandlers(chatCommands()...)
	}
}

// Start implements bridgev2.NetworkConnector. It fails for faults of config or database only.
func (n *Network) Start(ctx context.Context) (err error) {
	if n.transports, err = fingerprint.For(fingerprint.Server(n.simulation)); err != nil {
		return fmt.Errorf("simulation.messenger.%w", err)
	}
	if n.simulation != (Simulation{}) {
		n.log().Warn().Str("address", n.simulation.Address).
			Msg("MESSENGER IS SIMULATED: nothing reaches the real network. Empty the config section simulation to end this")
	}
	return n.forgetOrphans(n.log().WithContext(ctx))
}

// forgetOrphans deletes devices for encrypted chats that belong to no login: the process ended within a logout.
func (n *Network) forgetOrphans(ctx context.Context) error {
	devices, err := n.encryptedDevices(ctx, 0)
	if err != nil {
		return err
	}
	for _, device := range devices {
		jid := device.GetJID() // Delete forgets it
		person, _ := personOf(jid)
		login, err := n.bridge.DB.UserLogin.GetByID(ctx, makeID[networkid.UserLoginID](person))
		if err != nil {
			return fmt.Errorf("find login of device %s: %w", jid, err)
		}
		if login != nil {
			continue
		}
		if err = device.Delete(ctx); err != nil {
			return fmt.Errorf("delete device %s: %w", jid, err)
		}
		n.log().Info().Stringer("device", jid).Msg("Deleted an encrypted device without a login")
	}
	return nil
}

func (n *Network) log() *zerolog.Logger {
	log := n.bridge.Log.With().Str("network", "messenger").Logger()
	return &log
}

// loginMeta is our part of a login's metadata, made if need be.
func loginMeta(login *database.UserLogin) *crosschatdb.MessengerUserLogin {
	return crosschatdb.LoginPart(login, func(m *crosschatdb.UserLoginMetadata) **crosschatdb.MessengerUserLogin { return &m.Messenger })
}

// GetName implements bridgev2.NetworkConnector.
func (n *Network) GetName() bridgev2.BridgeName {
	return bridgev2.BridgeName{
		DisplayName:      "Messenger",
		NetworkURL:       "https://www.messenger.com",
		NetworkID:        "messenger",
		BeeperBridgeType: "messenger",
	}
}

// GetDBMetaTypes implements bridgev2.NetworkConnector. The types are the process's, not a network's.
func (n *Network) GetDBMetaTypes() database.MetaTypes { return database.MetaTypes{} }

// GetCapabilities implements bridgev2.NetworkConnector.
func (n *Network) GetCapabilities() *bridgev2.NetworkGeneralCapabilities {
	return &bridgev2.NetworkGeneralCapabilities{}
}

// GetBridgeInfoVersion implements bridgev2.NetworkConnector.
func (n *Network) GetBridgeInfoVersion() (info, capabilities int) { return 1, 1 }

// SetMaxFileSize implements bridgev2.MaxFileSizeingNetwork.
func (n *Network) SetMaxFileSize(maxSize int64) { n.maxFileSize.Store(maxSize) }

// ValidateUserID implements bridgev2.IdentifierValidatingNetwork.
func (n *Network) ValidateUserID(id networkid.UserID) bool {
	_, err := parseID(id)
	return err == nil
}

// LoadUserLogin implements bridgev2.NetworkConnector. A login whose session is gone loads too: its client says so when it
// is asked to connect.
func (n *Network) LoadUserLogin(ctx context.Context, login *bridgev2.UserLogin) error {
	var state wire.State
	credentials, err := metalogin.Stored(ctx, n.db.Messenger(), login.ID, &state)
	if err != nil {
		return err
	}
	var opened *session
	if credentials != nil {
		if opened, err = n.openSession(credentials, state, login.Log.With().Str("network", "messenger").Logger()); err != nil {
			return err
		}
	}
	client, err := newClient(ctx, n, login, opened)
	if err != nil {
		return err
	}
	login.Client = client
	return nil
}
