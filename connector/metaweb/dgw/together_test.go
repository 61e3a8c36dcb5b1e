package dgw

import (
	"context"
	"errors"
	"testing"
)

func TestQueue(t *testing.T) {
	q := NewQueue[int](2)
	if !q.Put(1) || !q.Put(2) || q.Put(3) {
		t.Error("queue of two does not hold two")
	}
	for want := 1; want <= 2; want++ {
		if got, err := q.Get(t.Context()); got != want || err != nil {
			t.Errorf("got %d and %v, want %d", got, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestTogether(t *testing.T) {
	first := errors.New("first")
	waits := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	if err := Together(t.Context(), waits, func(context.Context) error { return first }, waits); !errors.Is(err, first) {
		t.Errorf("got %v, want %v", err, first)
	}
	var panicked *PanicError
	if err := Together(t.Context(), waits, func(context.Context) error { panic("x") }); !errors.As(err, &panicked) || len(panicked.Stack) == 0 {
		t.Errorf("got %v, want the panic", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Together(ctx, waits, waits); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
