package desk

import (
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/matrix"
)

// commandLoginMatrix takes the place of the library's, which leaves the access token in the room for all who are or come there.
func (d *Desk) commandLoginMatrix() *commands.FullHandler {
	library := *matrix.CommandLoginMatrix
	handler := library
	handler.Func = func(ce *commands.Event) {
		if len(ce.Args) > 0 {
			ce.Redact()
		}
		library.Func(ce)
	}
	return &handler
}
