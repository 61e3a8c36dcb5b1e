package chat

import (
	"time"

	"crosschat/simulator/whatsapp/stanza"
)

// item is one thing to do for whoever empties an outbox.
type item struct {
	node    stanza.Node
	raw     []byte            // plaintext of a frame, instead of node
	deliver func(stanza.Node) // for the links' outbox

	closing bool          // nothing follows: close once the peer did or wait is over
	wait    time.Duration // for closing
}
