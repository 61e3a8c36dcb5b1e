package messenger

import (
	"context"
	"fmt"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/metaweb/web"
	"crosschat/connector/uplink"
)

// The bridge state errors of this network.
const (
	errorLoggedOut    status.BridgeStateErrorCode = "messenger-logged-out"
	errorNoSession    status.BridgeStateErrorCode = "messenger-no-session"
	errorStopped      status.BridgeStateErrorCode = "messenger-stopped" // its text says what to open: see stopText
	errorChanged      status.BridgeStateErrorCode = "messenger-changed"
	errorDisconnected status.BridgeStateErrorCode = "messenger-disconnected"
)

func init() {
	status.BridgeStateHumanErrors.Update(status.BridgeStateErrorMap{
		errorLoggedOut:    "You were logged out of Messenger: Facebook has ended the session. Log in again to go on; your rooms stay.",
		errorNoSession:    "This account is not logged in any more. Log in again to go on; your rooms stay.",
		errorChanged:      "Messenger has changed in a way that the bridge does not know. Look for a new version of the bridge.",
		errorDisconnected: "The connection to Messenger was lost. Reconnecting.",
	})
}

// stopText says what a stopped session needs. It ends with a full stop.
func stopText(kind web.Kind, url string) string {
	what := map[web.Kind]string{
		web.Challenge:  "Facebook wants you to prove that you are you.",
		web.Suspended:  "Facebook has suspended this account.",
		web.Consent:    "Facebook wants you to agree to something.",
		web.Checkpoint: "Facebook has stopped this session at a checkpoint.",
	}[kind]
	if what == "" {
		what = "Facebook has stopped this session."
	}
	if url == "" {
		url = "https://www.facebook.com/"
	}
	return fmt.Sprintf("%s Open %s in the browser that you log in with, and do what it says.", what, url)
}

// run keeps the connection until it is not to be tried any more. Where the user has to do something, it waits for word that
// it is done.
func (c *Client) run() {
	if loginMeta(c.login.UserLogin).Stopped != "" && !c.awaitResume(nil) {
		return
	}
	for {
		c.login.BridgeState.Send(status.BridgeState{StateEvent: status.StateConnecting})
		err := uplink.Run(c.ctx, uplink.Link{
			Serve: func(ctx context.Context) error {
				defer c.online.Set(false)
				return c.wire.Serve(ctx)
			},
			Judge:    judge,
			Pausing:  c.onInterrupted,
			MaxPause: c.network.Config.ReconnectMaxDelay,
		})
		if c.ctx.Err() != nil {
			return
		}
		if advice := wire.Advise(err); advice.Action == wire.LogIn {
			c.onLoggedOut(advice)
			return
		} else if !c.awaitResume(&advice) {
			return
		}
	}
}

// judge turns the wire's advice into what the uplink needs.
func judge(err error) uplink.Verdict {
	advice := wire.Advise(err)
	return uplink.Verdict{
		Stop:   advice.Action == wire.AskUser || advice.Action == wire.LogIn,
		AtOnce: advice.AtOnce, After: advice.After,
	}
}

// atOnce is a pause that nobody needs to know of.
const atOnce = 2 * time.Second

func (c *Client) onInterrupted(err error, pause time.Duration) {
	advice := wire.Advise(err)
	c.log.Warn().Err(err).Stringer("pause", pause).Msg("Connection to Messenger has ended")
	switch {
	case advice.Action == wire.GiveUp:
		c.login.BridgeState.Send(status.BridgeState{
			StateEvent: status.StateUnknownError, Error: errorChanged, Info: map[string]any{"cause": err.Error()},
		})
	case pause > atOnce || !advice.AtOnce:
		c.login.BridgeState.Send(status.BridgeState{
			StateEvent: status.StateTransientDisconnect, Error: errorDisconnected, Info: map[string]any{"cause": err.Error()},
		})
	}
}

// reportNoSession says that the login needs a new session, unless the user was told when it lost the old one: then only the
// state is kept for whoever asks.
func (c *Client) reportNoSession() {
	state := status.BridgeState{StateEvent: status.StateBadCredentials, Error: errorNoSession, UserAction: status.UserActionRelogin}
	if loginMeta(c.login.UserLogin).Stopped != "" {
		c.login.BridgeState.SetPrev(state.Fill(c.login))
		return
	}
	c.login.BridgeState.Send(state)
	c.remember(string(web.LoggedOut))
}

// remember stores why the session must not be used, or that it may.
func (c *Client) remember(stopped string) {
	loginMeta(c.login.UserLogin).Stopped = stopped
	if err := c.login.Save(context.WithoutCancel(c.ctx)); err != nil {
		c.log.Error().Err(err).Msg("Could not store why the session was stopped")
	}
}

// onLoggedOut is the end of the session, decided by Facebook. Its cookies have become worthless.
func (c *Client) onLoggedOut(advice wire.Advice) {
	c.ended.Store(true)
	c.log.Info().Str("kind", string(advice.Kind)).Msg("Facebook has ended the session")
	if err := c.network.db.Messenger().EndSession(context.WithoutCancel(c.ctx), string(c.login.ID)); err != nil {
		c.log.Error().Err(err).Msg("Could not delete the session")
	}
	c.login.BridgeState.Send(status.BridgeState{
		StateEvent: status.StateBadCredentials, Error: errorLoggedOut, UserAction: status.UserActionRelogin,
	})
	c.remember(string(web.LoggedOut))
}

// awaitResume tells the user what to do, once, and blocks until they say that it is done; it is false if the login ends
// before. Without advice they have been told already, by an earlier run.
func (c *Client) awaitResume(advice *wire.Advice) bool {
	state := status.BridgeState{StateEvent: status.StateBadCredentials, Error: errorStopped, UserAction: status.UserActionRestart}
	if advice != nil {
		c.log.Warn().Str("kind", string(advice.Kind)).Msg("Facebook has stopped the session until its user does something")
		state.Message = stopText(advice.Kind, advice.URL) + fmt.Sprintf(" Then write `%s %s` here.",
			c.network.bridge.Config.CommandPrefix, resumeName)
		c.login.BridgeState.Send(state)
		c.remember(string(advice.Kind))
	} else {
		c.login.BridgeState.SetPrev(state.Fill(c.login))
	}
	select {
	case <-c.ctx.Done():
		return false
	case <-c.resume:
		c.remember("")
		return true
	}
}

const resumeName = "messenger-resume"

// commandResume lets the user say that a stopped session can go on.
func commandResume() *commands.FullHandler {
	return &commands.FullHandler{
		Name: resumeName,
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionAuth,
			Description: "Go on with a Messenger session that Facebook had stopped, after you did what it wanted",
		},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			resumed := 0
			for _, login := range ce.User.GetUserLogins() {
				if client, ok := login.Client.(*Client); ok && client.resumeSession() {
					resumed++
				}
			}
			if resumed == 0 {
				ce.Reply("None of your Messenger accounts is stopped.")
				return
			}
			ce.Reply("Trying again.")
		},
	}
}

// resumeSession is false if the session is not stopped.
func (c *Client) resumeSession() bool {
	if !c.IsLoggedIn() || loginMeta(c.login.UserLogin).Stopped == "" {
		return false
	}
	select {
	case c.resume <- struct{}{}:
	default:
	}
	return true
}

func errNotLoggedIn() error {
	return bridgev2.WrapErrorInStatus(bridgev2.ErrNotLoggedIn).
		WithIsCertain(true).WithSendNotice(true).
		WithMessage("you are not logged in to Messenger; log in again, then repeat the message")
}
