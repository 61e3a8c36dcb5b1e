package wire

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// poll asks for what is not pushed, at a human pace, until the connection ends: message requests, and whether the socket has
// told everything.
func (n *connection) poll(ctx context.Context) error {
	requests := time.NewTimer(n.c.untilRequests())
	defer requests.Stop()
	watch := time.NewTimer(n.c.cfg.WatchInterval)
	defer watch.Stop()
	if n.c.cfg.RequestsInterval <= 0 {
		requests.Stop()
	}
	if n.c.cfg.WatchInterval <= 0 {
		watch.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-n.over:
			return fmt.Errorf("%w: %w", errStreamOver, err)
		case <-requests.C:
			n.lookForRequests(ctx)
			requests.Reset(n.c.untilRequests())
		case <-watch.C:
			if err := n.watch(ctx); err != nil {
				return err
			}
			watch.Reset(n.c.cfg.WatchInterval)
		}
	}
}

// untilRequests is when to look for message requests next, however often the connection ends meanwhile.
func (c *Client) untilRequests() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.requestsAt.Add(c.cfg.RequestsInterval))
}

// lookForRequests hands over the message requests, of which nothing is pushed.
func (n *connection) lookForRequests(ctx context.Context) {
	n.c.mu.Lock()
	n.c.requestsAt = time.Now()
	n.c.mu.Unlock()
	inbox, err := n.c.Requests(ctx)
	if err == nil && len(inbox.Threads) > 0 {
		err = n.c.handler.HandleThreads(ctx, inbox.Threads, FromRequests)
	}
	if err != nil && ctx.Err() == nil {
		n.c.log.Warn().Err(err).Msg("Could not look for message requests")
	}
}

// watch asks for the number of the newest event. If the socket has not told of it some time later, it is deaf. The same number
// is no reason twice: it may be of something that is never told.
func (n *connection) watch(ctx context.Context) error {
	seq, err := n.c.newestEvent(ctx)
	if err != nil {
		if ctx.Err() == nil {
			n.c.log.Debug().Err(err).Msg("Could not ask for the newest event")
		}
		return nil
	}
	n.c.mu.Lock()
	known := n.c.deafAt
	n.c.mu.Unlock()
	if seq <= n.newest() || seq <= known {
		return nil
	}
	timer := time.NewTimer(min(n.c.cfg.WatchInterval, deafWait))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if seq <= n.newest() {
		return nil
	}
	n.c.mu.Lock()
	n.c.deafAt = seq
	n.c.mu.Unlock()
	n.c.log.Warn().Int64("newest", seq).Int64("told", n.newest()).Msg("Connection to Instagram tells nothing")
	return ErrDeaf
}

// deafWait is how long an event may be on its way.
const deafWait = 15 * time.Second

// newestEvent asks for the number of the account's newest event.
func (c *Client) newestEvent(ctx context.Context) (int64, error) {
	if err := c.allowed(false); err != nil {
		return 0, err
	}
	s, err := c.ready(ctx)
	if err != nil {
		return 0, err
	}
	body, err := c.get(ctx, s, "/api/v1/direct_v2/get_badge_count/?no_raven=1", inboxPath)
	if err != nil {
		return 0, c.judge(err)
	}
	var answer struct {
		Seq text `json:"seq_id"`
	}
	if err = unmarshal(body, &answer); err != nil {
		return 0, fmt.Errorf("read badge count: %w", err)
	}
	seq, err := strconv.ParseInt(string(answer.Seq), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read badge count: %w", err)
	}
	return seq, nil
}
