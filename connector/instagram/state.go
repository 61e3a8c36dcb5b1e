package instagram

import (
	"context"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/metalogin"
)

// names are Instagram's in what its users are told.
var names = metalogin.Names{
	Key: "instagram", Network: "Instagram", Company: "Instagram", Home: "https://www.instagram.com/",
}

func init() { names.RegisterStates() }

// newWatch keeps the connection of a client's session.
func (c *Client) newWatch() *metalogin.Watch {
	return metalogin.Watch{
		Names: names, Login: c.login, Log: c.log, MaxPause: c.network.Config.ReconnectMaxDelay,
		Serve: func(ctx context.Context) error {
			defer c.online.Set(false)
			return c.wire.Serve(ctx)
		},
		Advise: wire.Advise,
		End: func(ctx context.Context) error {
			c.ended.Store(true)
			return c.network.db.Instagram().EndSession(ctx, string(c.login.ID))
		},
		Stopped: func() *string { return &loginMeta(c.login.UserLogin).Stopped },
	}.Ready()
}

// resumeLogin goes on with a login of ours that was stopped.
func resumeLogin(login *bridgev2.UserLogin) bool {
	client, ok := login.Client.(*Client)
	return ok && client.IsLoggedIn() && client.watch.Resume()
}
