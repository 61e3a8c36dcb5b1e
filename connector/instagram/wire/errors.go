package wire

import (
	"errors"
	"fmt"
	"time"

	"crosschat/connector/metaweb/dgw"
	"crosschat/connector/metaweb/failure"
	"crosschat/connector/metaweb/page"
)

// Errors of a Client, beside those of metaweb's packages.
var (
	// ErrNotConnected means that there was no connection in time; nothing was sent. Only Typing needs one.
	ErrNotConnected = errors.New("not connected to instagram")
	// ErrNotFound is a thread, message, post or account that there is not, or not for this account.
	ErrNotFound = errors.New("instagram does not have it")
	// ErrNoAttachment is a server that took a file and gave it no id. On some accounts it does so with videos.
	ErrNoAttachment = errors.New("instagram gave the file no id")
	// ErrResnapshot ends a connection whose cursor the server does not continue. The next Serve begins with the inbox.
	ErrResnapshot = errors.New("instagram does not continue from the stored cursor")
	// ErrDeaf ends a connection that looked well but did not tell what happened.
	ErrDeaf = errors.New("connection to instagram tells nothing")
	// ErrUnreadable ends a connection on which something came that can't be read. When it comes again it is skipped.
	ErrUnreadable = errors.New("instagram sent what can't be read")
	// ErrOverrun ends a connection on which more came in than was handled; it will come again.
	ErrOverrun = errors.New("too much came in at once")
	// ErrServing is a second Serve at the same time.
	ErrServing = errors.New("client is being served already")
)

// What both of Meta's networks share: see package failure.
type (
	// ReloadError is a page that has to be loaded again.
	ReloadError = failure.ReloadError
	// RejectedError is the server's refusal; another try won't help. Its Message is for the user, and may be empty.
	RejectedError = failure.RejectedError
	// UncertainError means that it isn't known whether something was done. What was sent may be sent again with the same
	// OTID.
	UncertainError = failure.UncertainError
	// Action and Advice are what to do about an error of Load or Serve.
	Action = failure.Action
	Advice = failure.Advice
)

// Actions.
const (
	TryAgain = failure.TryAgain
	AskUser  = failure.AskUser
	LogIn    = failure.LogIn
	GiveUp   = failure.GiveUp
)

// RateLimitError means that the server wants to be asked less. Nothing was done; Wait is the least time before anything is
// asked again.
type RateLimitError struct{ Wait time.Duration }

func (e *RateLimitError) Error() string {
	return fmt.Sprintf("instagram limits the rate of requests, for %v at least", e.Wait)
}

// BlockedError means that the account may not do this for now, mostly because of too much of it. Nothing was done; it
// should not be tried before Wait has passed. Message is for the user, and may be empty.
type BlockedError struct {
	Message string
	Wait    time.Duration
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("instagram has blocked the action: %q", e.Message)
}

// TemporaryError is a failure of the server's that it says will pass. Nothing was done.
type TemporaryError struct{ Message string }

func (e *TemporaryError) Error() string {
	return fmt.Sprintf("instagram can't do this right now: %q", e.Message)
}

// StaleDocumentError means that the id of a persisted document is not known to the server any more, and no newer one was
// found. Only new config or a new version of this program help. Nothing was done.
type StaleDocumentError struct {
	Operation  string // its name in Config.Documents
	DocumentID string
}

func (e *StaleDocumentError) Error() string {
	return fmt.Sprintf("instagram has retired document %s of operation %q", e.DocumentID, e.Operation)
}

// Advise judges an error of Load or Serve.
func Advise(err error) Advice {
	if advice, ok := failure.Advise(err); ok {
		return advice
	}
	var limited *RateLimitError
	var stale *StaleDocumentError
	var missing *page.MissingError
	var again *resnapshotError
	var interrupted *interruptedError
	switch {
	case errors.As(err, &limited):
		return Advice{After: limited.Wait}
	case errors.As(err, &stale), errors.As(err, &missing):
		return Advice{Action: GiveUp, After: failure.GiveUpPause}
	case errors.As(err, &again):
		return Advice{AtOnce: again.first}
	case errors.Is(err, ErrDeaf), errors.Is(err, errStreamOver), errors.As(err, &interrupted):
		return Advice{AtOnce: !errors.Is(err, dgw.ErrUnauthorized)}
	}
	return Advice{}
}

// resnapshotError is an ErrResnapshot. The first in a while is mended at once, others could be a loop.
type resnapshotError struct {
	message string
	first   bool
}

func (e *resnapshotError) Error() string { return fmt.Sprintf("%v: %q", ErrResnapshot, e.message) }

func (e *resnapshotError) Is(target error) bool { return target == ErrResnapshot }

// interruptedError is the end of a socket that had subscribed.
type interruptedError struct{ err error }

func (e *interruptedError) Error() string {
	return "connection to instagram has ended: " + e.err.Error()
}

func (e *interruptedError) Unwrap() error { return e.err }
