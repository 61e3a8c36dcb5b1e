package messenger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/metaweb/failure"
	"crosschat/connector/metaweb/web"
	"crosschat/connector/uplink"
)

// The bridge state errors of the encrypted plane.
const (
	errorEncryptedLost     status.BridgeStateErrorCode = "messenger-encrypted-disconnected"
	errorEncryptedRefused  status.BridgeStateErrorCode = "messenger-encrypted-refused"
	errorEncryptedReplaced status.BridgeStateErrorCode = "messenger-encrypted-replaced"
)

func init() {
	status.BridgeStateHumanErrors.Update(status.BridgeStateErrorMap{
		errorEncryptedLost:     "The connection for Messenger's encrypted chats was lost. Reconnecting; other chats go on.",
		errorEncryptedRefused:  "Messenger does not let the bridge into encrypted chats. Other chats go on; look for a new version of the bridge if this stays.",
		errorEncryptedReplaced: "Another program uses the same device for Messenger's encrypted chats. Stop it, then restart the bridge.",
	})
}

// kindRemoved is why a session is stopped whose device for encrypted chats somebody has removed.
const kindRemoved web.Kind = "device-removed"

// removedText says so to the user.
const removedText = "You were logged out of Messenger's encrypted chats: the bridge's device was removed from your account. " +
	"Log in again to go on. To keep this login instead, make sure first that it was you who removed the device."

var (
	errLost     = errors.New("encrypted socket was closed")
	errReplaced = errors.New("another connection has taken the encrypted device's place")
	// errRemoved ends both planes.
	errRemoved = errors.New("encrypted device was removed from the account")
)

// refusedError is the server's word that the device may not connect (protocol notes, section 9.3).
type refusedError struct {
	reason  events.ConnectFailureReason
	removed bool          // while connected
	after   time.Duration // when it may try again, if the server says so
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("encrypted socket refuses the device: %s", e.reason)
}

// registerLaterError says that it is too early for another registration.
type registerLaterError struct{ wait time.Duration }

func (e *registerLaterError) Error() string {
	return fmt.Sprintf("too early to register another encrypted device: in %s", e.wait.Round(time.Second))
}

const (
	// refusedPause is before the next try after a refusal that says nothing, catPause after tokens were refused.
	refusedPause = time.Minute
	catPause     = time.Hour
	// outdatedPause is when it is worth a look whether the network is to blame after all.
	outdatedPause = 6 * time.Hour
)

// judge says what is to be done about the end of a connection.
func (e *encrypted) judge(err error) uplink.Verdict {
	var refused *refusedError
	var later *registerLaterError
	switch {
	case errors.Is(err, errReplaced), errors.Is(err, wire.ErrNoCAT):
		return uplink.Verdict{Stop: true}
	case errors.Is(err, errLost), errors.Is(err, errQuiet), errors.Is(err, errDeviceGone):
		return uplink.Verdict{AtOnce: true}
	case errors.Is(err, wire.ErrCATRefused):
		return uplink.Verdict{After: catPause}
	case errors.As(err, &later):
		return uplink.Verdict{After: later.wait}
	case errors.As(err, &refused):
		return e.judgeRefusal(refused)
	}
	// A page that has to be loaded again, a checkpoint: the other plane meets that, too, and acts.
	return uplink.Verdict{After: wire.Advise(err).After}
}

func (e *encrypted) judgeRefusal(refused *refusedError) uplink.Verdict {
	switch refused.reason {
	case events.ConnectFailureTempBanned:
		return uplink.Verdict{After: max(refused.after, refusedPause)}
	case events.ConnectFailureClientOutdated, events.ConnectFailureBadUserAgent:
		return uplink.Verdict{After: outdatedPause}
	case events.ConnectFailureLoggedOut, events.ConnectFailureNotFound, events.ConnectFailureClientUnknown:
		if refused.removed {
			return uplink.Verdict{Stop: true}
		}
		if err := e.forgetDevice(); err != nil {
			e.log.Error().Err(err).Msg("Could not delete an encrypted device that the server has forgotten")
			return uplink.Verdict{After: refusedPause}
		}
		return uplink.Verdict{AtOnce: true}
	case events.ConnectFailureMainDeviceGone, events.ConnectFailureUnknownLogout:
		return uplink.Verdict{Stop: true}
	default:
		return uplink.Verdict{After: refusedPause}
	}
}

// atOnce is a pause that nobody needs to know of.
const atOnce = 2 * time.Second

// onInterrupted tells the state while a pause lasts.
func (e *encrypted) onInterrupted(err error, pause time.Duration) {
	var later *registerLaterError
	log := e.log.Warn()
	if errors.Is(err, errQuiet) {
		log = e.log.Debug()
	}
	log.Err(err).Stringer("pause", pause).Msg("Connection for encrypted chats has ended")
	if pause <= atOnce {
		return
	}
	e.fail(err)
	// A long pause is no reason for other chats to wait.
	e.settled.Set(pause > atOnce+e.c.network.Config.ReconnectMaxDelay || errors.As(err, &later))
	e.c.report()
}

// stop is the end of the plane until the login is connected anew.
func (e *encrypted) stop(err error) {
	var refused *refusedError
	if errors.Is(err, wire.ErrNoCAT) {
		e.log.Info().Msg("The account has no encrypted chats")
		e.settled.Set(true)
		e.fail(wire.ErrNoCAT)
		e.c.report()
		return
	}
	e.log.Warn().Err(err).Msg("Stopped connecting for encrypted chats")
	e.fail(err)
	if errors.As(err, &refused) && refused.removed {
		if err := e.forgetDevice(); err != nil {
			e.log.Error().Err(err).Msg("Could not delete an encrypted device that was removed")
		}
		e.c.endSession(errRemoved)
	}
	e.settled.Set(true)
	e.c.report()
}

// report tells the login's state when the plain plane is connected: connected is who has both.
func (c *Client) report() {
	if !c.online.Open() {
		return // the plain plane's own word stands
	}
	why := c.encrypted.fault()
	switch {
	case c.encrypted.online.Open(), errors.Is(why, wire.ErrNoCAT):
		c.login.BridgeState.Send(status.BridgeState{StateEvent: status.StateConnected})
	case why == nil:
	case errors.Is(why, errReplaced):
		c.login.BridgeState.Send(status.BridgeState{
			StateEvent: status.StateUnknownError, Error: errorEncryptedReplaced, UserAction: status.UserActionRestart,
		})
	case errors.As(why, new(*refusedError)):
		c.login.BridgeState.Send(status.BridgeState{
			StateEvent: status.StateUnknownError, Error: errorEncryptedRefused, Info: map[string]any{"cause": why.Error()},
		})
	default:
		c.login.BridgeState.Send(status.BridgeState{
			StateEvent: status.StateTransientDisconnect, Error: errorEncryptedLost, Info: map[string]any{"cause": why.Error()},
		})
	}
}

// advise judges an error of serve.
func advise(err error) failure.Advice {
	if errors.Is(err, errRemoved) {
		return failure.Advice{Action: failure.AskUser, Kind: kindRemoved}
	}
	return wire.Advise(err)
}

// serve is one connection of the plain plane. It ends with errRemoved when the encrypted one has ended the session.
func (c *Client) serve(ctx context.Context) error {
	defer c.online.Set(false)
	defer c.current.Store(false)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.ending.Store(&cancel)
	c.encrypted.restart()
	err := c.wire.Serve(ctx)
	if errors.Is(context.Cause(ctx), errRemoved) {
		return errRemoved
	}
	return err
}

// endSession ends the plain plane's connection, if there is one, for a reason.
func (c *Client) endSession(why error) {
	if cancel := c.ending.Load(); cancel != nil {
		(*cancel)(why)
	}
}
