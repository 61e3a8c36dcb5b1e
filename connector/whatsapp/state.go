package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/uplink"
	crosschatdb "crosschat/database"
)

// The bridge state errors of this network.
const (
	errorLoggedOut      status.BridgeStateErrorCode = "whatsapp-logged-out"
	errorPhoneLost      status.BridgeStateErrorCode = "whatsapp-main-device-gone"
	errorBanned         status.BridgeStateErrorCode = "whatsapp-banned"
	errorNotLinked      status.BridgeStateErrorCode = "whatsapp-not-linked"
	errorReplaced       status.BridgeStateErrorCode = "whatsapp-replaced"
	errorTempBanned     status.BridgeStateErrorCode = "whatsapp-temporarily-banned"
	errorConnectFailure status.BridgeStateErrorCode = "whatsapp-connect-failure"
	errorUnreachable    status.BridgeStateErrorCode = "whatsapp-unreachable"
	errorDisconnected   status.BridgeStateErrorCode = "whatsapp-disconnected"
	errorNoAnswer       status.BridgeStateErrorCode = "whatsapp-no-answer"
)

func init() {
	status.BridgeStateHumanErrors.Update(status.BridgeStateErrorMap{
		errorLoggedOut:    "You were logged out of WhatsApp: the phone or WhatsApp itself has removed this linked device. Log in again to go on; your rooms stay.",
		errorPhoneLost:    "WhatsApp is no longer set up on your phone, or has locked the account. Open it there, then log in again; your rooms stay.",
		errorBanned:       "WhatsApp does not let this account in any more. Open WhatsApp on your phone to see why.",
		errorNotLinked:    "This account is not linked any more. Log in again to go on; your rooms stay.",
		errorReplaced:     "Another program uses the same login. Stop it, then restart the bridge.",
		errorUnreachable:  "WhatsApp can't be reached. Trying again.",
		errorDisconnected: "The connection to WhatsApp was lost. Reconnecting.",
		errorNoAnswer:     "WhatsApp does not answer. Reconnecting if that goes on.",
	})
}

// detailed are the texts that end in what WhatsApp has said. They are not in bridgev2's map, which would take the place of
// the message that is sent.
var detailed = map[status.BridgeStateErrorCode]string{
	errorTempBanned:     "WhatsApp has locked this account for a while. Open WhatsApp on your phone to see why, and restart the bridge when the time is over.",
	errorConnectFailure: "WhatsApp refuses the connection. Restart the bridge to try again.",
}

// report tells the login's state, with the account's name in it.
func (c *Client) report(state status.BridgeState) {
	c.profile.Lock()
	defer c.profile.Unlock()
	c.login.BridgeState.Send(state)
}

// reportNoDevice says that the login needs a new device, unless the user was told when it lost the old one: then only
// the state is kept for whoever asks.
func (c *Client) reportNoDevice() {
	state := status.BridgeState{
		StateEvent: status.StateBadCredentials,
		Error:      errorNotLinked,
		UserAction: status.UserActionRelogin,
	}
	if meta := loginMeta(c.login.UserLogin); meta.EndReported {
		c.login.BridgeState.SetPrev(state.Fill(c.login))
		return
	}
	c.reportEnd(state)
}

// reportEnd reports a state that only a new login changes, and remembers that.
func (c *Client) reportEnd(state status.BridgeState) {
	c.report(state)
	err := c.remember(func(meta *crosschatdb.WhatsAppUserLogin) { meta.EndReported = true })
	if err != nil {
		c.log.Error().Err(err).Msg("Could not remember that the user was told of the end of the login")
	}
}

// remember changes our part of the login's metadata and stores it.
func (c *Client) remember(change func(*crosschatdb.WhatsAppUserLogin)) error {
	c.profile.Lock()
	defer c.profile.Unlock()
	change(loginMeta(c.login.UserLogin))
	return c.login.Save(context.WithoutCancel(c.ctx))
}

// connect tries until the first connection stands; after that whatsmeow reconnects by itself.
func (c *Client) connect() {
	c.report(status.BridgeState{StateEvent: status.StateConnecting})
	for failures := 0; ; failures++ {
		err := c.wa.ConnectContext(c.ctx)
		switch {
		case err == nil, errors.Is(err, whatsmeow.ErrAlreadyConnected), c.ctx.Err() != nil:
			return
		case errors.Is(err, store.ErrDeviceDeleted):
			c.reportNoDevice()
			return
		}
		pause := uplink.Backoff(failures, c.network.Config.ReconnectMaxDelay)
		c.log.Warn().Err(err).Stringer("pause", pause).Msg("Could not connect to WhatsApp")
		c.report(status.BridgeState{
			StateEvent: status.StateTransientDisconnect,
			Error:      errorUnreachable,
			Info:       map[string]any{"cause": err.Error()},
		})
		if !hold(c.ctx, pause) {
			return
		}
	}
}

// beforeReconnect is whatsmeow's question whether to try again after a failure. The library waits two seconds more each
// time; its counter is set so that the pause keeps to our limit.
func (c *Client) beforeReconnect(err error) bool {
	if c.ctx.Err() != nil {
		return false
	}
	c.wa.AutoReconnectErrors = min(c.wa.AutoReconnectErrors, int(c.network.Config.ReconnectMaxDelay/(2*time.Second)))
	c.report(status.BridgeState{
		StateEvent: status.StateTransientDisconnect,
		Error:      errorUnreachable,
		Info:       map[string]any{"cause": err.Error()},
	})
	return true
}

// onState takes the events that are about the connection as a whole; it is false for any other.
func (c *Client) onState(raw any) bool {
	switch evt := raw.(type) {
	case *events.Connected:
		c.onConnected()
	case *events.Disconnected:
		c.onInterrupted(errorDisconnected)
	case *events.KeepAliveTimeout:
		c.onInterrupted(errorNoAnswer)
	case *events.KeepAliveRestored:
		c.onConnected()
	case *events.LoggedOut:
		c.onLoggedOut(evt)
	case *events.StreamReplaced:
		c.onRefused(status.StateUnknownError, errorReplaced, "")
	case *events.TemporaryBan:
		c.onBanned(evt)
	case *events.ClientOutdated:
		c.onOutdated()
	case *events.ConnectFailure:
		c.onRefused(status.StateUnknownError, errorConnectFailure, strings.TrimSpace(evt.Reason.String()+" "+evt.Message))
	case *events.StreamError:
		c.log.Warn().Str("code", evt.Code).Msg("WhatsApp reported an error that the library does not know")
	case *events.PushNameSetting:
		c.goDo("own name", c.learnOwnName)
	case *events.AppStateSyncComplete:
		switch evt.Name {
		case appstate.WAPatchCriticalBlock:
			c.goDo("own name", c.learnOwnName)
		case appstate.WAPatchCriticalUnblockLow:
			c.goDo("contacts", c.onContacts)
		case appstate.WAPatchRegularHigh, appstate.WAPatchRegularLow:
			c.goDo("chat settings", c.onChatSettings)
		}
	default:
		return false
	}
	return true
}

func (c *Client) onConnected() {
	c.health.heardAt.Store(time.Now().UnixNano())
	c.online.Set(true)
	c.report(status.BridgeState{StateEvent: status.StateConnected})
	c.goDo("own name", c.learnOwnName)
	c.goDo("presence", func() { c.watched.reset(); c.watchAll() })
	c.goDo("history", c.readHistory)
	c.fillSoon(historyPause)
}

// learnOwnName puts the account's name and number where the user sees them. Without a name the server does not let us
// say that we are offline either, and the phone would stay quiet; so that is said here, too.
func (c *Client) learnOwnName() {
	if !c.IsLoggedIn() {
		return
	}
	c.presence.Reset()
	c.profile.Lock()
	defer c.profile.Unlock()
	name, profile := accountName(c.wa.Store), accountProfile(c.wa.Store)
	if profile.Name != "" {
		defer c.named.Set(true)
	}
	if c.login.RemoteName == name && c.login.RemoteProfile == profile {
		return
	}
	c.login.RemoteName, c.login.RemoteProfile = name, profile
	if err := c.login.Save(c.ctx); err != nil {
		c.fault(err, "Could not save the account's name")
	}
}

func accountName(device *store.Device) string {
	switch {
	case device.PushName != "":
		return device.PushName
	case device.BusinessName != "":
		return device.BusinessName
	default:
		return "+" + device.GetJID().User
	}
}

func accountProfile(device *store.Device) status.RemoteProfile {
	return status.RemoteProfile{Phone: "+" + device.GetJID().User, Name: device.PushName}
}

func (c *Client) onInterrupted(why status.BridgeStateErrorCode) {
	c.online.Set(false)
	c.report(status.BridgeState{StateEvent: status.StateTransientDisconnect, Error: why})
}

// onRefused is a connection that whatsmeow does not try again. detail is what WhatsApp has said.
func (c *Client) onRefused(state status.BridgeStateEvent, why status.BridgeStateErrorCode, detail string) {
	c.online.Set(false)
	report := status.BridgeState{StateEvent: state, Error: why, UserAction: status.UserActionRestart}
	if detail != "" {
		report.Message = fmt.Sprintf("%s (%s)", detailed[why], detail)
		report.Info = map[string]any{"detail": detail} // so that another detail is another state
	}
	c.report(report)
}

// onLoggedOut is the end of this link, decided by the phone or the server. The keys have become worthless; whatsmeow
// deletes them, but only tries, and in a goroutine of its own.
func (c *Client) onLoggedOut(evt *events.LoggedOut) {
	c.online.Set(false)
	c.ended.Store(true)
	c.log.Info().Stringer("reason", evt.Reason).Msg("WhatsApp has ended the login")
	device := &store.Device{ID: &c.device}
	if err := c.network.db.WhatsAppStore().DeleteDevice(context.WithoutCancel(c.ctx), device); err != nil {
		c.log.Error().Err(err).Msg("Could not delete the device's keys")
	}
	c.forgetHistory(context.WithoutCancel(c.ctx))
	why := errorLoggedOut
	switch evt.Reason {
	case events.ConnectFailureMainDeviceGone:
		why = errorPhoneLost
	case events.ConnectFailureUnknownLogout:
		why = errorBanned
	}
	c.reportEnd(status.BridgeState{
		StateEvent: status.StateBadCredentials,
		Error:      why,
		UserAction: status.UserActionRelogin,
	})
}
