package whatsapp

import (
	"context"
	"sync"
	"time"

	"crosschat/connector/ledger"
)

// paceBurst is how many messages may go out at once before the pause counts: what a person has typed while there was no
// connection, or forwards in one go.
const paceBurst = 20

// pace spreads what a login sends: WhatsApp bars accounts that write faster than people do. The zero value has a full
// burst ahead of it.
type pace struct {
	lock sync.Mutex
	free time.Time // when a full burst will be ahead again
}

// wait blocks until the next message may go. The error is why ctx ended first; the place in the queue is then given up.
func (p *pace) wait(ctx context.Context, pause time.Duration) error {
	due := p.take(time.Now(), pause)
	if rest := time.Until(due); rest > 0 && !hold(ctx, rest) {
		return context.Cause(ctx)
	}
	return nil
}

// hold waits out a pause; it is false if ctx ends first.
func hold(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// paced waits until the login may send one more message. The error is ready for bridgev2.
func (c *Client) paced(ctx context.Context) error {
	pause := c.network.Config.SendPause
	if pause <= 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	if err := c.pace.wait(ctx, pause); err != nil {
		return ledger.ErrStopping()
	}
	return nil
}

// take books one message and says when it may go.
func (p *pace) take(now time.Time, pause time.Duration) time.Time {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(pause)
	return p.free.Add(-paceBurst * pause)
}
