package web

import (
	"context"
	"sync"
	"time"
)

// Pacer keeps a distance between actions. The zero value keeps none. It may be used from any goroutine.
type Pacer struct {
	Interval time.Duration

	mu   sync.Mutex
	next time.Time
}

// Wait blocks until it is the caller's turn. It fails only when the context ends.
func (p *Pacer) Wait(ctx context.Context) error {
	delay := p.reserve(time.Now())
	if delay <= 0 {
		return ctx.Err()
	}
	return sleep(ctx, delay)
}

func (p *Pacer) reserve(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next.Before(now) {
		p.next = now
	}
	delay := p.next.Sub(now)
	p.next = p.next.Add(p.Interval)
	return delay
}

// sleep waits, or fails with the context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
