package convert

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix/bridgev2"
)

// Missing says why files did not come from a network.
type Missing struct {
	Network string // its name
	Look    string // how the user can see them all the same
	Limit   int64  // of the homeserver, in bytes
	// What errors mean on the network; nil is nothing. TooLarge is asked besides bridgev2.ErrMediaTooLarge. Foreign is a
	// file that is not fetched since it is on other servers.
	TooLarge, Gone, Foreign, Damaged func(error) bool
}

// Why are words for a user.
func (m *Missing) Why(err error) string {
	is := func(means func(error) bool) bool { return means != nil && means(err) }
	switch {
	case errors.Is(err, bridgev2.ErrMediaTooLarge), is(m.TooLarge):
		return fmt.Sprintf("it is larger than the homeserver allows (%d MiB); %s", m.Limit>>20, m.Look)
	case is(m.Gone):
		return "it is no longer on " + m.Network + "'s servers"
	case is(m.Foreign):
		return "it is not on " + m.Network + "'s own servers"
	case is(m.Damaged):
		return "it arrived damaged or was tampered with"
	case errors.Is(err, context.DeadlineExceeded):
		return "it did not arrive in time; " + m.Look
	default:
		return "it could not be downloaded; " + m.Look
	}
}
