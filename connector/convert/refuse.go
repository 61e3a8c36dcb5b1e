package convert

import (
	"errors"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
)

// RefuseFile is the outcome of a file that can't be sent because of err, with the reason that the user is told.
func RefuseFile(err error, why string) error {
	return bridgev2.WrapErrorInStatus(err).WithMessage(why).WithIsCertain(true).WithSendNotice(true).
		WithErrorReason(event.MessageStatusUnsupported)
}

// RefuseUnconverted makes of ErrNoFFmpeg and ErrTranscode what the user is told; other errors, and nil, stay what they are.
// instead is what they can do about a file that the network does not take, and may be empty.
func RefuseUnconverted(err error, network, instead string) error {
	switch {
	case errors.Is(err, ErrNoFFmpeg):
		return RefuseFile(err, "the bridge needs ffmpeg to convert this file for "+network+
			", and it is not installed; ask the bridge's administrator, or send it in another format")
	case errors.Is(err, ErrTranscode) && instead != "":
		return RefuseFile(err, "the file can't be converted to a format that "+network+" takes; "+instead)
	case errors.Is(err, ErrTranscode):
		return RefuseFile(err, "the file can't be converted to a format that "+network+" takes")
	}
	return err
}
