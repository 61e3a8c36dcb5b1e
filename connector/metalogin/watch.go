package metalogin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/metaweb/failure"
	"crosschat/connector/metaweb/web"
	"crosschat/connector/uplink"
)

// The bridge state errors of a network end in these; its key stands before.
const (
	stateLoggedOut    = "-logged-out"
	stateNoSession    = "-no-session"
	stateStopped      = "-stopped" // its text says what to open: see StopText
	stateChanged      = "-changed"
	stateDisconnected = "-disconnected"
)

func (n Names) code(end string) status.BridgeStateErrorCode {
	return status.BridgeStateErrorCode(n.Key + end)
}

// RegisterStates gives the network's bridge state errors their words. It is for the network's init.
func (n Names) RegisterStates() {
	status.BridgeStateHumanErrors.Update(status.BridgeStateErrorMap{
		n.code(stateLoggedOut):    "You were logged out of " + n.Network + ": " + n.Company + " has ended the session. Log in again to go on; your rooms stay.",
		n.code(stateNoSession):    "This account is not logged in any more. Log in again to go on; your rooms stay.",
		n.code(stateChanged):      n.Network + " has changed in a way that the bridge does not know. Look for a new version of the bridge.",
		n.code(stateDisconnected): "The connection to " + n.Network + " was lost. Reconnecting.",
	})
}

// StopText says what a stopped session needs, in whole sentences. url is what to open, if the network says so.
func (n Names) StopText(kind web.Kind, url string) string {
	what := map[web.Kind]string{
		web.Challenge:  "%s wants you to prove that you are you.",
		web.Suspended:  "%s has suspended this account.",
		web.Consent:    "%s wants you to agree to something.",
		web.Checkpoint: "%s has stopped this session at a checkpoint.",
	}[kind]
	if what == "" {
		what = "%s has stopped this session."
	}
	if url == "" {
		url = n.Home
	}
	return fmt.Sprintf(what+" Open %s in the browser that you log in with, and do what it says.", n.Company, url)
}

// Watch keeps the connection of a login's session. Where the network wants its user to do something it stops, says so
// once, remembers that over restarts, and asks the network for nothing until the user says that it is done. All fields but
// Own must be set.
type Watch struct {
	Names    Names
	Login    *bridgev2.UserLogin
	Log      zerolog.Logger
	MaxPause time.Duration // between two tries
	// Serve connects and blocks until the connection ends, Advise judges its error.
	Serve  func(context.Context) error
	Advise func(error) failure.Advice
	// End is called when the network has ended the session: it is worthless from then on and should be deleted.
	End func(context.Context) error
	// Own is what is told of stops that only this network has, in whole sentences; it may be nil.
	Own map[web.Kind]string
	// Stopped is the place in the login's metadata that says why the session must not be used, empty if it may.
	Stopped func() *string

	resume chan struct{}
}

// Ready makes a Watch usable, and answers it.
func (w Watch) Ready() *Watch {
	w.resume = make(chan struct{}, 1)
	return &w
}

// Run keeps the connection until ctx ends or the session does.
func (w *Watch) Run(ctx context.Context) {
	if *w.Stopped() != "" && !w.awaitResume(ctx, nil) {
		return
	}
	for {
		w.Login.BridgeState.Send(status.BridgeState{StateEvent: status.StateConnecting})
		err := uplink.Run(ctx, uplink.Link{Serve: w.Serve, Judge: w.Judge, Pausing: w.interrupted, MaxPause: w.MaxPause})
		if ctx.Err() != nil {
			return
		}
		if advice := w.Advise(err); advice.Action == failure.LogIn {
			w.loggedOut(ctx, advice)
			return
		} else if !w.awaitResume(ctx, &advice) {
			return
		}
	}
}

// Judge turns advice into what the uplink needs.
func (w *Watch) Judge(err error) uplink.Verdict {
	advice := w.Advise(err)
	return uplink.Verdict{
		Stop:   advice.Action == failure.AskUser || advice.Action == failure.LogIn,
		AtOnce: advice.AtOnce, After: advice.After,
	}
}

// atOnce is a pause that nobody needs to know of.
const atOnce = 2 * time.Second

func (w *Watch) interrupted(err error, pause time.Duration) {
	advice := w.Advise(err)
	routine := pause <= atOnce && advice.AtOnce
	level := zerolog.WarnLevel
	if routine {
		level = zerolog.DebugLevel // servers close connections all the time
	}
	w.Log.WithLevel(level).Err(err).Stringer("pause", pause).Msg("Connection has ended")
	switch {
	case advice.Action == failure.GiveUp:
		w.Login.BridgeState.Send(status.BridgeState{
			StateEvent: status.StateUnknownError, Error: w.Names.code(stateChanged), Info: map[string]any{"cause": err.Error()},
		})
	case !routine:
		w.Login.BridgeState.Send(status.BridgeState{
			StateEvent: status.StateTransientDisconnect, Error: w.Names.code(stateDisconnected), Info: map[string]any{"cause": err.Error()},
		})
	}
}

// NoSession says that the login needs a new session, unless the user was told when it lost the old one: then only the
// state is kept for whoever asks.
func (w *Watch) NoSession(ctx context.Context) {
	state := status.BridgeState{
		StateEvent: status.StateBadCredentials, Error: w.Names.code(stateNoSession), UserAction: status.UserActionRelogin,
	}
	if *w.Stopped() != "" {
		w.Login.BridgeState.SetPrev(state.Fill(w.Login))
		return
	}
	w.Login.BridgeState.Send(state)
	w.remember(ctx, string(web.LoggedOut))
}

// remember stores why the session must not be used, or that it may.
func (w *Watch) remember(ctx context.Context, stopped string) {
	*w.Stopped() = stopped
	if err := w.Login.Save(context.WithoutCancel(ctx)); err != nil {
		w.Log.Error().Err(err).Msg("Could not store why the session was stopped")
	}
}

// loggedOut is the end of the session, decided by the network.
func (w *Watch) loggedOut(ctx context.Context, advice failure.Advice) {
	w.Log.Info().Str("kind", string(advice.Kind)).Msg("The network has ended the session")
	if err := w.End(context.WithoutCancel(ctx)); err != nil {
		w.Log.Error().Err(err).Msg("Could not delete the session")
	}
	w.Login.BridgeState.Send(status.BridgeState{
		StateEvent: status.StateBadCredentials, Error: w.Names.code(stateLoggedOut), UserAction: status.UserActionRelogin,
	})
	w.remember(ctx, string(web.LoggedOut))
}

// awaitResume tells the user what to do, once, and blocks until they say that it is done; it is false if ctx ends before.
// Without advice they have been told already, by an earlier run.
func (w *Watch) awaitResume(ctx context.Context, advice *failure.Advice) bool {
	state := status.BridgeState{
		StateEvent: status.StateBadCredentials, Error: w.Names.code(stateStopped), UserAction: status.UserActionRestart,
	}
	if advice != nil {
		w.Log.Warn().Str("kind", string(advice.Kind)).Msg("The network has stopped the session until its user does something")
		text, own := w.Own[advice.Kind]
		if !own {
			text = w.Names.StopText(advice.Kind, advice.URL)
		}
		state.Message = text + fmt.Sprintf(" Then write `%s %s` here.",
			w.Login.Bridge.Config.CommandPrefix, w.Names.resumeCommand())
		w.Login.BridgeState.Send(state)
		w.remember(ctx, string(advice.Kind))
	} else {
		w.Login.BridgeState.SetPrev(state.Fill(w.Login))
	}
	select {
	case <-ctx.Done():
		return false
	case <-w.resume:
		w.remember(ctx, "")
		return true
	}
}

// Resume says that the user has done what the session needs. It is false if the session is not stopped.
func (w *Watch) Resume() bool {
	if *w.Stopped() == "" {
		return false
	}
	select {
	case w.resume <- struct{}{}:
	default:
	}
	return true
}

func (n Names) resumeCommand() string { return n.Key + "-resume" }

// CommandResume lets the user say that stopped sessions can go on. resume does that for a login, and is false if it is not
// one of the network's or not stopped.
func (n Names) CommandResume(resume func(*bridgev2.UserLogin) bool) *commands.FullHandler {
	return &commands.FullHandler{
		Name: n.resumeCommand(),
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionAuth,
			Description: fmt.Sprintf("Go on with a session of %s that %s had stopped, after you did what it wanted", n.Network, n.Company),
		},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			resumed := 0
			for _, login := range ce.User.GetUserLogins() {
				if resume(login) {
					resumed++
				}
			}
			if resumed == 0 {
				ce.Reply("None of your %s accounts is stopped.", n.Network)
				return
			}
			ce.Reply("Trying again.")
		},
	}
}

// ErrNotLoggedIn is the outcome of a message on a login without session.
func (n Names) ErrNotLoggedIn() error {
	return bridgev2.WrapErrorInStatus(bridgev2.ErrNotLoggedIn).
		WithIsCertain(true).WithSendNotice(true).
		WithMessage("you are not logged in to " + n.Network + "; log in again, then repeat the message")
}

// ErrStopped is the outcome of a message on a login whose session was stopped; kind says how.
func (n Names) ErrStopped(kind string) error {
	return bridgev2.WrapErrorInStatus(errors.New("session is stopped")).WithIsCertain(true).WithSendNotice(true).
		WithMessage(fmt.Sprintf("%s has stopped this session (%s); see what the bridge's bot wrote, then repeat the message", n.Company, kind))
}
