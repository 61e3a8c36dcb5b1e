package messenger

import (
	"context"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/metalogin"
	"crosschat/connector/metaweb/web"
)

// names are Messenger's in what its users are told.
var names = metalogin.Names{
	Key: "messenger", Network: "Messenger", Company: "Facebook", Home: "https://www.facebook.com/",
}

func init() { names.RegisterStates() }

// newWatch keeps the connection of a client's session.
func (c *Client) newWatch() *metalogin.Watch {
	return metalogin.Watch{
		Names: names, Login: c.login, Log: c.log, MaxPause: c.network.Config.ReconnectMaxDelay,
		Serve: c.serve, Advise: advise,
		End: func(ctx context.Context) error {
			c.ended.Store(true)
			return c.network.db.Messenger().EndSession(ctx, string(c.login.ID))
		},
		Stopped: func() *string { return &loginMeta(c.login.UserLogin).Stopped },
		Own:     map[web.Kind]string{kindRemoved: removedText},
	}.Ready()
}

// resumeLogin goes on with a login of ours that was stopped.
func resumeLogin(login *bridgev2.UserLogin) bool {
	client, ok := login.Client.(*Client)
	return ok && client.IsLoggedIn() && client.watch.Resume()
}
