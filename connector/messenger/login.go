package messenger

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/metalogin"
	"crosschat/connector/metaweb/web"
	crosschatdb "crosschat/database"
)

const (
	// loginDone matches the pages at which a browser has logged in (protocol notes, section 1.1).
	loginDone = `^https://www\.facebook\.com/(?:messages/(?:e2ee/)?(?:t/[0-9]+/?)?)?(?:\?.*)?$`

	loginInstructions = "Log in to Facebook in a private window of your browser and open the messages. Then open the developer " +
		"tools (F12), tab Network, reload the page, right-click the first request and choose Copy, Copy as cURL. Paste it " +
		"here. A JSON object with the cookies works, too. Close the window afterwards, but do not log out in it."
)

// site is what a login needs to know of Facebook.
func (n *Network) site() *metalogin.Site {
	return &metalogin.Site{
		Names: names, Domain: "facebook.com", URL: n.Config.Wire.Site + "/messages", Done: loginDone,
		Needed:       []string{"c_user", "xs", "datr"},
		Account:      "c_user",
		More:         []string{"sb", "fr", "wd", "presence", "oo", "dpr", "ps_l", "ps_n"},
		Instructions: loginInstructions,
		Parse:        n.Config.Wire.ParseCredentials,
		Try:          n.try,
		Advise:       wire.Advise,
	}
}

// GetLoginFlows implements bridgev2.NetworkConnector.
func (n *Network) GetLoginFlows() []bridgev2.LoginFlow { return n.site().Flows() }

// CreateLogin implements bridgev2.NetworkConnector.
func (n *Network) CreateLogin(_ context.Context, user *bridgev2.User, flowID string) (bridgev2.LoginProcess, error) {
	return n.site().Begin(user, flowID)
}

// try opens a session and loads the messages page with it.
func (n *Network) try(ctx context.Context, credentials *web.Credentials, log zerolog.Logger) (*metalogin.Session, error) {
	s, err := n.openSession(credentials, wire.State{}, log)
	if err != nil {
		return nil, err
	}
	account, err := s.wire.Load(ctx)
	if err != nil {
		s.close()
		return nil, err
	}
	loginID := makeID[networkid.UserLoginID](account.ID)
	return &metalogin.Session{
		Login: loginID, Name: account.Name, Close: s.close,
		Metadata:    &crosschatdb.UserLoginMetadata{Messenger: &crosschatdb.MessengerUserLogin{Since: time.Now().UnixMilli()}},
		Credentials: credentials, Sessions: n.db.Messenger(),
		Client: func(ctx context.Context, login *bridgev2.UserLogin) (bridgev2.NetworkAPI, error) {
			return newClient(ctx, n, login, s)
		},
	}, nil
}
