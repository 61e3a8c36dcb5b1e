package instagram

import (
	"context"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/metalogin"
	"crosschat/connector/metaweb/web"
	crosschatdb "crosschat/database"
)

const (
	// loginDone matches the pages at which a browser has logged in (protocol notes, section 3.1).
	loginDone = `^https://www\.instagram\.com/(?:direct/(?:inbox/|t/[0-9]+/?)?)?(?:\?.*)?$`

	loginInstructions = "Log in to Instagram in a private window of your browser and open the messages. Then open the " +
		"developer tools (F12), tab Network, reload the page, right-click the first request and choose Copy, Copy as cURL. " +
		"Paste it here. A JSON object with the cookies works, too. Close the window afterwards, but do not log out in it."
)

// site is what a login needs to know of Instagram.
func (n *Network) site() *metalogin.Site {
	return &metalogin.Site{
		Names: names, Domain: "instagram.com", URL: n.Config.Wire.Site + "/accounts/login/", Done: loginDone,
		Needed:       []string{"sessionid", "csrftoken", "ds_user_id", "mid", "ig_did"},
		Account:      "ds_user_id",
		More:         []string{"rur", "datr", "dpr", "wd", "shbid", "shbts"},
		Encoded:      []string{"sessionid"},
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
	loginID := makeID[networkid.UserLoginID](account.IGID)
	return &metalogin.Session{
		Login: loginID, Name: accountName(account), Close: s.close,
		Metadata:    &crosschatdb.UserLoginMetadata{Instagram: &crosschatdb.InstagramUserLogin{}},
		Credentials: credentials, Sessions: &n.db.Instagram().Meta,
		Client: func(ctx context.Context, login *bridgev2.UserLogin) (bridgev2.NetworkAPI, error) {
			return newClient(ctx, n, login, s)
		},
	}, nil
}

// accountName is what an account's owner knows it by.
func accountName(account wire.Account) string {
	switch {
	case account.FullName == "":
		return account.Username
	case account.Username == "":
		return account.FullName
	default:
		return account.FullName + " (" + account.Username + ")"
	}
}
