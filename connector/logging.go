package connector

import (
	"sync"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
)

// hideLoginSecrets keeps QR and pairing codes out of the log: bridgev2 logs each step of a login as a whole at debug
// level, and a code holds keys. zerolog's way to marshal values is one for the process, so it is changed once.
var hideLoginSecrets = sync.OnceFunc(func() {
	marshal := zerolog.InterfaceMarshalFunc
	zerolog.InterfaceMarshalFunc = func(v any) ([]byte, error) {
		return marshal(withoutLoginSecrets(v))
	}
})

func withoutLoginSecrets(v any) any {
	shown, ok := v.(*bridgev2.LoginDisplayAndWaitParams)
	if !ok || shown == nil {
		return v
	}
	hidden := *shown
	hidden.Data, hidden.ImageURL = "", ""
	return &hidden
}
