// Package failure has what can go wrong with a session on one of Meta's sites, and what can be done about it. It owns the
// errors that both networks' clients share; what only one network says is that client's.
//
// It keeps no state; its functions may be called from any goroutine.
package failure

import (
	"errors"
	"fmt"
	"time"

	"crosschat/connector/metaweb/web"
)

// ReloadError means that the session's tokens are no longer taken and the page has to be loaded again. The next time the
// client is served it does that.
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

// RejectedError means that the server refused what was asked; another try won't help. Message is the server's own, for the
// user.
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

// Action is what can be done about an error that ended a session's connection.
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

// GiveUpPause is that time.
const GiveUpPause = 6 * time.Hour

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

// Advise judges the errors of this package and of package web. It is false for others.
func Advise(err error) (Advice, bool) {
	var stop *web.StopError
	var reload *ReloadError
	var status *web.StatusError
	switch {
	case errors.As(err, &stop):
		return adviseStop(stop), true
	case errors.As(err, &reload):
		return Advice{AtOnce: reload.Wait == 0, After: reload.Wait}, true
	case errors.As(err, &status):
		return Advice{After: status.RetryAfter}, true
	}
	return Advice{}, false
}

func adviseStop(stop *web.StopError) Advice {
	switch stop.Kind {
	case web.LoggedOut, web.WrongAccount:
		return Advice{Action: LogIn, Kind: stop.Kind}
	case web.RedirectLoop, web.Elsewhere:
		return Advice{Action: GiveUp, After: GiveUpPause, Kind: stop.Kind}
	}
	return Advice{Action: AskUser, Kind: stop.Kind, URL: stop.URL}
}

// Text joins what the server says in a title and in a message, one of which may be empty or repeat the other.
func Text(title, message string) string {
	switch {
	case title == message, message == "":
		return title
	case title == "":
		return message
	}
	return title + ": " + message
}
