package chat

import (
	"context"
	"sync"
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

// outbox hands items from whoever holds the server's lock to one goroutine that may block. It has no bound.
type outbox struct {
	mu    sync.Mutex
	items []item
	ready chan struct{} // holds a token while there may be items
}

func newOutbox() *outbox { return &outbox{ready: make(chan struct{}, 1)} }

func (o *outbox) push(it item) {
	o.mu.Lock()
	o.items = append(o.items, it)
	o.mu.Unlock()
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// pull blocks for the next item; false means that ctx ended.
func (o *outbox) pull(ctx context.Context) (item, bool) {
	for {
		o.mu.Lock()
		if len(o.items) > 0 && ctx.Err() == nil {
			it := o.items[0]
			o.items = o.items[1:]
			o.mu.Unlock()
			return it, true
		}
		o.mu.Unlock()
		select {
		case <-o.ready:
		case <-ctx.Done():
			return item{}, false
		}
	}
}
