// Package connector is the composite that joins the networks into one bridge: to bridgev2 it is one NetworkConnector, to
// each network it is bridgev2. It owns what must be one for the whole process (name, metadata, the database handle,
// merged capabilities) and hands everything else to the network whose prefix an id bears. No network is named outside
// New and config.go. bridgev2 calls it from many goroutines; after Start nothing in it
// changes.
package connector

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/desk"
	"crosschat/connector/instagram"
	"crosschat/connector/intake"
	"crosschat/connector/keys"
	"crosschat/connector/ledger"
	"crosschat/connector/messenger"
	"crosschat/connector/remoteid"
	"crosschat/connector/rooms"
	"crosschat/connector/whatsapp"
	crosschatdb "crosschat/database"
)

// Connector implements bridgev2.NetworkConnector over its members.
type Connector struct {
	members  []member
	config   config
	simulate func() // tells the members what config says of simulated networks
	db       *crosschatdb.Database
	ledger   *ledger.Ledger
	rooms    *rooms.Rooms
	keys     *keys.Keys
	desk     *desk.Desk
	bridge   *bridgev2.Bridge
	opening  opening
}

// member is a network with its prefix.
type member struct {
	network remoteid.Network
	bridgev2.NetworkConnector
}

// The optional interfaces that harm nobody when a member lacks them.
var (
	_ bridgev2.StoppableNetwork               = (*Connector)(nil)
	_ bridgev2.MaxFileSizeingNetwork          = (*Connector)(nil)
	_ bridgev2.ConfigValidatingNetwork        = (*Connector)(nil)
	_ bridgev2.IdentifierValidatingNetwork    = (*Connector)(nil)
	_ bridgev2.PortalBridgeInfoFillingNetwork = (*Connector)(nil)
)

// New makes the composite of all networks.
func New() *Connector {
	hideLoginSecrets()
	c := &Connector{}
	whatsApp, messengerNetwork, instagramNetwork := whatsapp.New(), messenger.New(), instagram.New()
	c.config.WhatsApp, c.config.Messenger = &whatsApp.Config, &messengerNetwork.Config
	c.config.Instagram = &instagramNetwork.Config
	c.members = []member{
		{remoteid.WhatsApp, whatsApp},
		{remoteid.Messenger, messengerNetwork},
		{remoteid.Instagram, instagramNetwork},
	}
	c.simulate = func() {
		whatsApp.Simulate(c.config.Simulation.WhatsApp)
		messengerNetwork.Simulate(c.config.Simulation.Messenger)
		instagramNetwork.Simulate(c.config.Simulation.Instagram)
	}
	return c
}

// needsDatabase is what a member satisfies that keeps tables of its own.
type needsDatabase interface {
	UseDatabase(*crosschatdb.Database)
}

// needsIntake is what a member satisfies that makes rooms of chats in which nobody has written.
type needsIntake interface {
	UseIntake(*intake.Intake)
}

// Init implements bridgev2.NetworkConnector.
func (c *Connector) Init(bridge *bridgev2.Bridge) {
	c.bridge = bridge
	c.db = crosschatdb.New(bridge.DB.Database, bridge.Log)
	library, _ := bridge.Matrix.(*matrix.Connector)
	c.ledger = ledger.Attach(bridge, c.db.Ledger(), &c.config.Ledger)
	bridge.DB.Log = c.metered(bridge.DB.Log)
	c.db.WatchQueries(c.metered)
	settings := crosschatdb.NewSettings(bridge.DB.Database, bridge.ID)
	c.rooms = rooms.Attach(bridge, library, settings, c.nameOf)
	c.keys = keys.Attach(bridge, library, settings)
	each(c, func(n needsDatabase) { n.UseDatabase(c.db) })
	c.desk = desk.Attach(bridge, library, c.nameOf)
	chats := intake.Attach(bridge, settings, &c.config.ChatsAtLogin)
	each(c, func(n needsIntake) { n.UseIntake(chats) })
	for _, m := range c.members {
		m.Init(bridge)
	}
}

// Start implements bridgev2.NetworkConnector. It fails only for faults of config or database: a network that is away is
// the state of its logins.
func (c *Connector) Start(ctx context.Context) error {
	if c.bridge.Config.AsyncEvents {
		return errors.New("bridge.async_events is true: messages would arrive out of order and be acknowledged before they are stored; set it to false")
	}
	if err := c.db.Upgrade(ctx); err != nil {
		return bridgev2.DBUpgradeError{Err: err, Section: "crosschat"}
	}
	c.simulate()
	for _, m := range c.members {
		if err := m.Start(ctx); err != nil {
			return fmt.Errorf("start %s: %w", m.network, err)
		}
	}
	c.desk.Open()
	if err := c.rooms.Start(ctx); err != nil {
		return err
	}
	if err := c.ledger.Start(ctx); err != nil {
		return err
	}
	c.keys.Start()
	c.opening.done.Store(true)
	return nil
}

// Stop implements bridgev2.StoppableNetwork.
func (c *Connector) Stop() {
	c.ledger.Stop()
	c.keys.Stop()
	c.rooms.Stop()
	each(c, bridgev2.StoppableNetwork.Stop)
}

// GetName implements bridgev2.NetworkConnector: the bridge's own name. Rooms bear their network's, see
// FillPortalBridgeInfo.
func (c *Connector) GetName() bridgev2.BridgeName {
	return bridgev2.BridgeName{
		DisplayName:          "Crosschat",
		NetworkID:            "crosschat",
		BeeperBridgeType:     "crosschat",
		DefaultPort:          29380,
		DefaultCommandPrefix: "!cc",
	}
}

// GetDBMetaTypes implements bridgev2.NetworkConnector.
func (c *Connector) GetDBMetaTypes() database.MetaTypes {
	return crosschatdb.MetaTypes()
}

// LoadUserLogin implements bridgev2.NetworkConnector: login.Client becomes the network's own type, unwrapped, since
// bridgev2 finds abilities by type assertion.
func (c *Connector) LoadUserLogin(ctx context.Context, login *bridgev2.UserLogin) error {
	m, _, ok := owner(c, login.ID)
	if !ok {
		login.Client = &brokenClient{login: login, cause: fmt.Errorf("login %q belongs to no network of this program", login.ID)}
		return nil
	}
	if err := m.LoadUserLogin(ctx, login); err != nil {
		login.Client = &brokenClient{login: login, cause: err}
	}
	return nil
}

// SetMaxFileSize implements bridgev2.MaxFileSizeingNetwork.
func (c *Connector) SetMaxFileSize(maxSize int64) {
	each(c, func(n bridgev2.MaxFileSizeingNetwork) { n.SetMaxFileSize(maxSize) })
}

// ValidateUserID implements bridgev2.IdentifierValidatingNetwork.
func (c *Connector) ValidateUserID(id networkid.UserID) bool {
	m, _, ok := owner(c, id)
	if !ok {
		return false
	}
	validator, ok := m.NetworkConnector.(bridgev2.IdentifierValidatingNetwork)
	return !ok || validator.ValidateUserID(id)
}

// FillPortalBridgeInfo implements bridgev2.PortalBridgeInfoFillingNetwork: the protocol in m.bridge is the room's own
// network (MSC2346).
func (c *Connector) FillPortalBridgeInfo(portal *bridgev2.Portal, content *event.BridgeEventContent) {
	m, _, ok := owner(c, portal.ID)
	if !ok {
		return
	}
	content.Protocol = m.GetName().AsBridgeInfoSection()
	if filler, ok := m.NetworkConnector.(bridgev2.PortalBridgeInfoFillingNetwork); ok {
		filler.FillPortalBridgeInfo(portal, content)
	}
	c.rooms.Review(portal) // bridgev2 asks for this whenever something about a portal has changed
}

// nameOf is the name of the network that an id belongs to.
func (c *Connector) nameOf(id string) (bridgev2.BridgeName, bool) {
	m, _, ok := owner(c, id)
	if !ok {
		return bridgev2.BridgeName{}, false
	}
	return m.GetName(), true
}

// owner finds the member that owns an id or flow id, and the id without prefix.
func owner[T ~string](c *Connector, id T) (member, string, bool) {
	network, raw, ok := remoteid.Cut(id)
	if !ok {
		return member{}, "", false
	}
	for _, m := range c.members {
		if m.network == network {
			return m, raw, true
		}
	}
	return member{}, "", false
}

// each calls f on every member that satisfies the optional interface T.
func each[T any](c *Connector, f func(T)) {
	for _, m := range c.members {
		if n, ok := m.NetworkConnector.(T); ok {
			f(n)
		}
	}
}
