package wire

import (
	"errors"
	"fmt"

	"crosschat/connector/messenger/wire/page"
	"crosschat/connector/metaweb/failure"
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

// SyncError is the server's refusal to sync a database.
type SyncError struct {
	Database int64
	Message  string
}

func (e *SyncError) Error() string {
	return fmt.Sprintf("server can't sync database %d: %s", e.Database, e.Message)
}

// What both of Meta's networks share, for the users of this package: see package failure.
type (
	ReloadError    = failure.ReloadError
	RejectedError  = failure.RejectedError
	UncertainError = failure.UncertainError
	Action         = failure.Action
	Advice         = failure.Advice
)

// Actions.
const (
	TryAgain = failure.TryAgain
	AskUser  = failure.AskUser
	LogIn    = failure.LogIn
	GiveUp   = failure.GiveUp
)

// Advise judges an error of Load or Serve.
func Advise(err error) Advice {
	if advice, ok := failure.Advise(err); ok {
		return advice
	}
	var missing *page.MissingError
	var site *GraphQLError
	switch {
	case errors.Is(err, ErrPageTooOld):
		return Advice{AtOnce: true}
	case errors.As(err, &missing), errors.Is(err, ErrNoVersion):
		return Advice{Action: GiveUp, After: failure.GiveUpPause}
	case errors.As(err, &site) && (site.Code == codeTooFast || site.Code == codeTooFast2):
		return Advice{After: tooFastPause}
	}
	return Advice{}
}
