package ledger

import (
	"errors"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
)

// Refuse is the outcome of what a network does not let one do, with the reason that the user is told. Trying again does not
// help.
func Refuse(why string) error {
	return bridgev2.WrapErrorInStatus(errors.New(why)).WithErrorAsMessage().WithIsCertain(true).WithSendNotice(true).
		WithStatus(event.MessageStatusFail).WithErrorReason(event.MessageStatusUnsupported)
}

// ErrStopping is no outcome: nothing was sent since the login was just being disconnected. The ledger tries again.
func ErrStopping() error {
	return Pending(bridgev2.WrapErrorInStatus(errors.New("connection is being closed")).
		WithIsCertain(true).WithErrorReason(event.MessageStatusNetworkError).
		WithMessage("the bridge was just stopping; send the message again"))
}
