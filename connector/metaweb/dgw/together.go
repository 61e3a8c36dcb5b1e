package dgw

import (
	"context"
	"runtime/debug"
	"sync"
)

// Together runs the goroutines of a connection until the first of them ends, ends the others by their context, and waits for
// all. It answers why the first one ended; a panic is a *PanicError.
func Together(ctx context.Context, works ...func(context.Context) error) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var workers sync.WaitGroup
	for _, work := range works {
		workers.Go(func() { end(Guard(ctx, work)) })
	}
	workers.Wait()
	return context.Cause(ctx)
}

// Guard runs one goroutine's work and turns a panic into a *PanicError, so that one login can't end the process.
func Guard(ctx context.Context, work func(context.Context) error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return work(ctx)
}
