package dgw

import (
	"context"
	"sync"
)

// Queue passes what streams' handlers get, who must not block, to one who takes its time.
type Queue[T any] struct {
	mu    sync.Mutex
	items []T
	wake  chan struct{}
	limit int
}

// NewQueue makes a queue of at most limit items.
func NewQueue[T any](limit int) *Queue[T] {
	return &Queue[T]{wake: make(chan struct{}, 1), limit: limit}
}

// Put adds an item, or says that there are too many. It does not block.
func (q *Queue[T]) Put(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) >= q.limit {
		return false
	}
	q.items = append(q.items, item)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// Get waits for the next item; one goroutine may.
func (q *Queue[T]) Get(ctx context.Context) (item T, err error) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			item = q.items[0]
			q.items = q.items[1:]
			q.mu.Unlock()
			return item, ctx.Err()
		}
		q.mu.Unlock()
		select {
		case <-q.wake:
		case <-ctx.Done():
			return item, ctx.Err()
		}
	}
}
