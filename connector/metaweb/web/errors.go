package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Kind is why a session can't go on without its user.
type Kind string

// Kinds of stops.
const (
	Challenge    Kind = "challenge"
	Suspended    Kind = "suspended"
	Consent      Kind = "consent"
	Checkpoint   Kind = "checkpoint"
	LoggedOut    Kind = "logged out"
	RedirectLoop Kind = "redirect loop"
	Elsewhere    Kind = "redirect elsewhere" // off the network's own hosts; never followed
	WrongAccount Kind = "wrong account"      // the session belongs to another account
)

// StopError means that the session must not be used any further before its user did something.
type StopError struct {
	Kind Kind
	// URL is what the user should open, on the network's own hosts; empty if there is nothing to open. It may name the
	// account: show it to the user, don't log it.
	URL string
}

func (e *StopError) Error() string { return "session stopped: " + string(e.Kind) }

// StatusError is an HTTP status of 400 or above that did not go away.
type StatusError struct {
	Status     int
	Body       []byte        // its start
	RetryAfter time.Duration // what the server asked for, 0 if it didn't
}

func (e *StatusError) Error() string { return fmt.Sprintf("HTTP status %d", e.Status) }

// temporary says whether another try may help.
func (e *StatusError) temporary() bool {
	return e.Status >= 500 || e.Status == http.StatusTooManyRequests
}

// ErrRedirected is a redirect, to a harmless place on the network's own hosts, of a request that should have none.
var ErrRedirected = errors.New("request was redirected")

// ErrTooLarge is a body beyond the limit.
var ErrTooLarge = errors.New("response is too large")

// withoutURL keeps addresses, whose queries hold tokens, out of error texts.
func withoutURL(err error) error {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		return urlError.Err
	}
	return err
}
