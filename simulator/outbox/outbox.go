// Package outbox hands things from whoever holds a server's lock to a goroutine that may block: the lock's holder must
// never wait for a peer.
package outbox

import (
	"context"
	"sync"
)

// Outbox is a queue without bound, in order. It may be used from any goroutine.
type Outbox[T any] struct {
	mu    sync.Mutex
	items []T
	ready chan struct{} // holds a token while there may be items
}

// New makes an empty outbox.
func New[T any]() *Outbox[T] { return &Outbox[T]{ready: make(chan struct{}, 1)} }

// Push never blocks.
func (o *Outbox[T]) Push(item T) {
	o.mu.Lock()
	o.items = append(o.items, item)
	o.mu.Unlock()
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// Pull blocks for the next item; false means that there is none and ctx has ended.
func (o *Outbox[T]) Pull(ctx context.Context) (item T, ok bool) {
	for {
		o.mu.Lock()
		if len(o.items) > 0 {
			item, o.items = o.items[0], o.items[1:]
			o.mu.Unlock()
			return item, true
		}
		o.mu.Unlock()
		select {
		case <-o.ready:
		case <-ctx.Done():
			return item, false
		}
	}
}

// Clear drops what is there.
func (o *Outbox[T]) Clear() {
	o.mu.Lock()
	o.items = nil
	o.mu.Unlock()
}
