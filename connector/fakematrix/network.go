package fakematrix

import (
	"context"

	"go.mau.fi/util/configupgrade"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
)

// Network is the smallest bridgev2.NetworkConnector: it has logins. A method that no test has needed yet is missing and
// panics.
type Network struct {
	bridgev2.NetworkConnector // nil

	Name bridgev2.BridgeName
	// NewClient makes the client of a login.
	NewClient func() bridgev2.NetworkAPI
}

func (Network) Init(*bridgev2.Bridge)                            {}
func (Network) Start(context.Context) error                      { return nil }
func (n Network) GetName() bridgev2.BridgeName                   { return n.Name }
func (Network) GetDBMetaTypes() database.MetaTypes               { return database.MetaTypes{} }
func (Network) GetBridgeInfoVersion() (int, int)                 { return 1, 1 }
func (Network) GetConfig() (string, any, configupgrade.Upgrader) { return "", nil, nil }
func (Network) GetCapabilities() *bridgev2.NetworkGeneralCapabilities {
	return &bridgev2.NetworkGeneralCapabilities{}
}

// LoadUserLogin implements bridgev2.NetworkConnector.
func (n Network) LoadUserLogin(_ context.Context, login *bridgev2.UserLogin) error {
	login.Client = n.NewClient()
	return nil
}

// Client is the smallest bridgev2.NetworkAPI, to be embedded: it is logged in, and does nothing.
type Client struct {
	bridgev2.NetworkAPI // nil: a method that is not here panics
}

func (Client) Connect(context.Context) {}
func (Client) Disconnect()             {}
func (Client) IsLoggedIn() bool        { return true }
