package wire

import (
	"context"
	"sync"
)

// queue passes items from those who must not block to one who takes its time.
type queue[T any] struct {
	mu    sync.Mutex
	items []T
	wake  chan struct{}
	limit int
}

func newQueue[T any](limit int) *queue[T] {
	return &queue[T]{wake: make(chan struct{}, 1), limit: limit}
}

// put adds an item, or says that there are too many. It does not block.
func (q *queue[T]) put(item T) bool {
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

// get waits for the next item; one goroutine may.
func (q *queue[T]) get(ctx context.Context) (item T, err error) {
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
