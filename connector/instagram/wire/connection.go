package wire

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"crosschat/connector/instagram/wire/iris"
	"crosschat/connector/metaweb/dgw"
)

// connection is one connection to the sync socket, and what lives as long as it does.
type connection struct {
	c        *Client
	site     *site
	conn     *dgw.Conn
	document string // of the deltas

	arrived    *dgw.Queue[dgw.Delivery] // from the gateway to handle
	over       chan error               // says that the stream has ended
	subscribed chan struct{}            // closed when it has begun

	mu     sync.Mutex // guards the rest
	latest int64      // the newest event that the server told of, by number
	outbox *outbox    // the socket that says who types, nil before the first
}

// maxQueued is how much may wait to be handled.
const maxQueued = 10_000

func newConnection(c *Client, s *site, conn *dgw.Conn) *connection {
	return &connection{
		c: c, site: s, conn: conn, document: c.document(opDelta),
		arrived:    dgw.NewQueue[dgw.Delivery](maxQueued),
		over:       make(chan error, 1),
		subscribed: make(chan struct{}),
	}
}

// run runs the goroutines until the first of them ends, and waits for all.
func (n *connection) run(ctx context.Context) error {
	defer n.c.setLive(nil)
	works := []func(context.Context) error{n.serveSocket, n.handle, n.session}
	if n.c.cfg.Typing {
		n.outbox = newOutbox(n)
		works = append(works, n.hearTyping, n.outbox.serve)
	}
	return dgw.Together(ctx, works...)
}

// serveSocket runs the socket. If that had subscribed, there is no reason to wait before the next one.
func (n *connection) serveSocket(ctx context.Context) error {
	err := n.conn.Serve(ctx)
	var panicked *dgw.PanicError
	select {
	case <-n.subscribed:
		if ctx.Err() == nil && !errors.As(err, &panicked) {
			return &interruptedError{err}
		}
	default:
	}
	return err
}

// session is the goroutine that subscribes, and then polls what is not pushed.
func (n *connection) session(ctx context.Context) error {
	first, err := n.subscription()
	if err != nil {
		return err
	}
	if _, err = n.conn.Open(ctx, dgw.OpenOptions{First: first, FirstWantsAck: true, Handle: n.receive, Ended: n.ended}); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	timer := time.NewTimer(n.c.cfg.SyncTimeout)
	defer timer.Stop()
	select {
	case <-n.subscribed:
		return n.poll(ctx)
	case err = <-n.over:
	case <-timer.C:
		err = dgw.ErrTimeout
	case <-ctx.Done():
		return ctx.Err()
	}
	n.c.subscriptionFailed(ctx, n.document)
	return fmt.Errorf("subscribe: %w", err)
}

func (n *connection) subscription() ([]byte, error) {
	c := n.c
	c.mu.Lock()
	request := iris.Subscription{
		AppID: n.site.DGWAppID, DeviceID: n.site.DeviceID, DocumentID: n.document, Seq: c.state.Seq,
		SnapshotAt: c.state.SeqAt.UnixMilli(), Database: c.cfg.SyncDatabase, Version: c.cfg.SyncVersion,
		RequestID: 4 + c.reconnects, FailuresInARow: c.reconnects,
	}
	c.mu.Unlock()
	return request.Encode()
}

// receive takes data of the stream. The gateway's goroutine calls it, so it must not block.
func (n *connection) receive(d dgw.Delivery) {
	if !n.arrived.Put(d) {
		d.Done(ErrOverrun)
	}
}

// ended notes that the server ended the stream. The gateway's goroutine calls it, so it must not block.
func (n *connection) ended(err error) {
	select {
	case n.over <- err:
	default:
	}
}

// handle is the goroutine that reads what arrived, hands it to the Handler, in order, and moves the cursor behind it.
func (n *connection) handle(ctx context.Context) error {
	for {
		d, err := n.arrived.Get(ctx)
		if err != nil {
			return err
		}
		if err = n.handleOne(ctx, d.Payload); err != nil {
			return err
		}
		d.Done(nil)
	}
}

func (n *connection) handleOne(ctx context.Context, payload []byte) error {
	operations, err := iris.Decode(payload)
	if err != nil {
		return n.c.unreadable(payload, err)
	}
	for _, operation := range operations {
		switch o := operation.(type) {
		case iris.Subscribed:
			n.begun(ctx, o)
		case iris.Delta:
			err = n.handleDelta(ctx, o.JSON)
		case iris.Resnapshot:
			err = n.c.resnapshot(ctx, o.Message)
		case iris.Failure:
			n.c.subscriptionFailed(ctx, n.document)
			err = fmt.Errorf("server can't sync: %q", o.Message)
		case iris.Unknown:
			err = n.c.unreadable(payload, fmt.Errorf("operation %d is not known", o.Field))
		case iris.Noop:
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begun is the server's word that the subscription was taken.
func (n *connection) begun(ctx context.Context, o iris.Subscribed) {
	n.note(o.From)
	select {
	case <-n.subscribed:
		return // said twice
	default:
	}
	n.c.log.Debug().Int64("from", o.From).Int64("latest", o.Latest).Msg("Subscribed to Instagram's events")
	n.c.noteSubscribed()
	n.c.setLive(n)
	close(n.subscribed)
	n.c.handler.Connected(ctx)
}

// note remembers the newest event that the server told of.
func (n *connection) note(seq int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.latest = max(n.latest, seq)
}

func (n *connection) newest() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.latest
}

// handleDelta hands over what is in a delta. The cursor moves behind each entry, and is stored behind the last: whatever is
// handed over after a crash has the same number as before it.
func (n *connection) handleDelta(ctx context.Context, data []byte) error {
	entries, err := readDelta(data)
	if err != nil {
		return n.c.unreadable(data, err)
	}
	for _, e := range entries {
		if e.err != nil {
			if err = n.c.unreadable(data, e.err); err != nil {
				return err
			}
		}
		if e.event == nil && e.err == nil {
			if _, known := events[e.kind]; !known {
				n.c.log.Warn().Str("event_type", e.kind).Msg("Instagram told of something that is not known")
			}
		}
		if e.event != nil && e.err == nil {
			n.c.noteEvent(e.event)
			if err = n.c.handler.HandleEvent(ctx, e.event); err != nil {
				return fmt.Errorf("handle %s: %w", e.kind, err)
			}
		}
		n.note(e.seq)
		n.c.advance(e.seq)
	}
	return n.c.save(ctx)
}

// advance moves the cursor, never back.
func (c *Client) advance(seq int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seq > c.state.Seq {
		c.state.Seq, c.state.SeqAt = seq, time.Now()
	}
}

// unreadable is data that can't be read: the first time an error, so that it is sent anew, the next time it is skipped, lest
// it come for ever.
func (c *Client) unreadable(data []byte, err error) error {
	sum := sha256.Sum256(data)
	c.mu.Lock()
	skip := c.unread[sum]
	if len(c.unread) >= maxUnread {
		clear(c.unread)
	}
	c.unread[sum] = true
	c.mu.Unlock()
	if !skip {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	c.log.Error().Err(err).Int("size", len(data)).Msg("What Instagram told can't be read and is skipped")
	c.handler.Alert(Alert{Kind: AlertUnreadable})
	return nil
}

// maxUnread is how much that can't be read is remembered.
const maxUnread = 1000

// works says whether there is a connection that has not ended.
func (n *connection) works() bool {
	if n == nil {
		return false
	}
	select {
	case <-n.conn.Done():
		return false
	default:
		return true
	}
}
