// Package instagram bridges Instagram's direct messages: an ordinary bridgev2.NetworkConnector for this network alone, over
// the web client in package wire. It owns the logins' sessions and all that is Instagram's own on the Matrix side: ids,
// conversion, states, the memory of people and threads. It does not own the wire protocol (package wire), delivery to
// Matrix (package ledger), how one logs in by cookies (package metalogin) or what is the same on all networks (packages
// convert and uplink). There is no end-to-end encryption: Instagram ended it on 8 May 2026.
//
// bridgev2 calls Network and Client from its portal, login and command goroutines. The wire calls receiver from goroutines
// of its own; what happened to threads comes from one of them at a time. Each Client owns the goroutines it starts and
// waits for them in Disconnect.
package instagram

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/intake"
	"crosschat/connector/metalogin"
	"crosschat/connector/metaweb/fingerprint"
	"crosschat/connector/metaweb/web"
	crosschatdb "crosschat/database"
)

// assumedMaxFileSize is what bridgev2 tells networks to assume before SetMaxFileSize.
const assumedMaxFileSize = 50 << 20

// Network implements bridgev2.NetworkConnector for Instagram. New makes one.
type Network struct {
	Config Config

	bridge      *bridgev2.Bridge
	db          *crosschatdb.Database
	simulation  Simulation
	intake      *intake.Intake
	transports  func(userAgent string) web.Transports
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

// Simulate sends the network to a server that plays Instagram. It must be called before Start; the zero value is the real
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

// Start implements bridgev2.NetworkConnector. It fails for faults of config only.
func (n *Network) Start(context.Context) (err error) {
	if n.transports, err = fingerprint.For(fingerprint.Server(n.simulation)); err != nil {
		return fmt.Errorf("simulation.instagram.%w", err)
	}
	if n.simulation != (Simulation{}) {
		n.log().Warn().Str("address", n.simulation.Address).
			Msg("INSTAGRAM IS SIMULATED: nothing reaches the real network. Empty the config section simulation to end this")
	}
	return nil
}

func (n *Network) log() *zerolog.Logger {
	log := n.bridge.Log.With().Str("network", "instagram").Logger()
	return &log
}

// loginMeta is our part of a login's metadata, made if need be.
func loginMeta(login *database.UserLogin) *crosschatdb.InstagramUserLogin {
	return crosschatdb.LoginPart(login, func(m *crosschatdb.UserLoginMetadata) **crosschatdb.InstagramUserLogin { return &m.Instagram })
}

// GetName implements bridgev2.NetworkConnector.
func (n *Network) GetName() bridgev2.BridgeName {
	return bridgev2.BridgeName{
		DisplayName:      "Instagram",
		NetworkURL:       "https://www.instagram.com",
		NetworkID:        "instagram",
		BeeperBridgeType: "instagram",
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
	credentials, err := metalogin.Stored(ctx, &n.db.Instagram().Meta, login.ID, &state)
	if err != nil {
		return err
	}
	var opened *session
	if credentials != nil {
		if opened, err = n.openSession(credentials, state, login.Log.With().Str("network", "instagram").Logger()); err != nil {
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
