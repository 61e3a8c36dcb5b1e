package wire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crosschat/connector/messenger/wire/page"
	"crosschat/connector/metaweb/dgw"
	"crosschat/connector/metaweb/web"
)

// Errors of a Client, beside those of its packages.
var (
	// ErrNotConnected means that there was no connection in time; nothing was sent.
	ErrNotConnected = errors.New("not connected to messenger")
	// ErrPageTooOld ends a connection whose page is due to be loaded again.
	ErrPageTooOld = errors.New("page is due to be loaded again")
	// ErrOverrun means that more came in than was handled; it will come again.
	ErrOverrun = errors.New("too much came in at once")
	// ErrNoVersion means that the page doesn't say the schema version, which takes a change of the program.
	ErrNoVersion = errors.New("page does not say the schema version")
	// ErrBusy means that the same is being asked for already.
	ErrBusy = errors.New("already being fetched")
	// ErrNoAnswer means that the server did not send what was asked for.
	ErrNoAnswer = errors.New("server did not send what was asked for")
)

// ReloadError means that the session's tokens are no longer taken and the page has to be loaded again. The next Serve
// does that.
type ReloadError struct {
	Reason string
	// Wait is how long it is too early for another reload, 0 if it is not.
	Wait time.Duration
	Err  error // what said so, may be nil
}

func (e *ReloadError) Error() string {
	if e.Wait > 0 {
		return fmt.Sprintf("page has to be loaded again (%s), in %v at the earliest", e.Reason, e.Wait.Round(time.Second))
	}
	return fmt.Sprintf("page has to be loaded again (%s)", e.Reason)
}

func (e *ReloadError) Unwrap() error { return e.Err }

// SyncError is the server's refusal to sync a database.
type SyncError struct {
	Database int64
	Message  string
}

func (e *SyncError) Error() string {
	return fmt.Sprintf("server can't sync database %d: %s", e.Database, e.Message)
}

// RejectedError means that the server refused what was asked; another try won't help. Message is the server's own, for
// the user.
type RejectedError struct {
	Code    int64
	Message string
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("server refused the request: %q (code %d)", e.Message, e.Code)
}

// UncertainError means that it isn't known whether something was done. A message may be sent again with the same id.
type UncertainError struct {
	Err error
}

func (e *UncertainError) Error() string {
	return "it is not known whether this was done: " + e.Err.Error()
}
func (e *UncertainError) Unwrap() error { return e.Err }

// Action is what can be done about an error of Load or Serve.
type Action int

// Actions.
const (
	// TryAgain is for what time or another connection mends.
	TryAgain Action = iota
	// AskUser means to stop until the user opened Advice.URL; the same session can go on then.
	AskUser
	// LogIn means that the session is over and the user has to log in again.
	LogIn
	// GiveUp means that only another version of this program, or other config, will help. Advice.After is when it is worth
	// a look whether the network is to blame after all.
	GiveUp
)

// giveUpPause is that time.
const giveUpPause = 6 * time.Hour

// Advice says what to do about an error.
type Advice struct {
	Action Action
	// AtOnce is true if there is no reason to wait before trying again.
	AtOnce bool
	// After is the least time before trying again.
	After time.Duration
	Kind  web.Kind // if the network stopped the session
	URL   string   // with AskUser; may be empty
}

// Advise judges an error of Load or Serve.
func Advise(err error) Advice {
	var stop *web.StopError
	var reload *ReloadError
	var missing *page.MissingError
	var panicked *dgw.PanicError
	switch {
	case errors.As(err, &stop):
		return adviseStop(stop)
	case errors.As(err, &reload):
		return Advice{AtOnce: reload.Wait == 0, After: reload.Wait}
	case errors.Is(err, ErrPageTooOld):
		return Advice{AtOnce: true}
	case errors.As(err, &missing), errors.Is(err, ErrNoVersion):
		return Advice{Action: GiveUp, After: giveUpPause}
	case errors.Is(err, context.Canceled), errors.As(err, &panicked):
		return Advice{}
	}
	var status *web.StatusError
	var site *GraphQLError
	switch {
	case errors.As(err, &status):
		return Advice{After: status.RetryAfter}
	case errors.As(err, &site) && (site.Code == codeTooFast || site.Code == codeTooFast2):
		return Advice{After: tooFastPause}
	}
	return Advice{}
}

func adviseStop(stop *web.StopError) Advice {
	switch stop.Kind {
	case web.LoggedOut, web.WrongAccount:
		return Advice{Action: LogIn, Kind: stop.Kind}
	case web.RedirectLoop, web.Elsewhere:
		return Advice{Action: GiveUp, After: giveUpPause, Kind: stop.Kind}
	}
	return Advice{Action: AskUser, Kind: stop.Kind, URL: stop.URL}
}
