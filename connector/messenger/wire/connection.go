package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/metaweb/dgw"
)

// connection is one connection to the gateway and the four goroutines that run it.
type connection struct {
	c    *Client
	site *site
	conn *dgw.Conn

	arrived  *dgw.Queue[arrival] // from the gateway to decode
	decoded  *dgw.Queue[parcel]  // from decode to handle
	resyncs  chan struct{}       // asks for a sync of the mailbox
	deaf     chan error          // says that the mailbox's stream has ended
	awaitMu  sync.Mutex
	awaiting map[uint16]*answer

	streams sync.Map // of *dgw.Stream by database, for those that are open
	early   bool     // actions need not wait until what was missed is dealt with; set by session at its begin
	living  sync.Once
}

// arrival is one Data frame of a database's stream.
type arrival struct {
	database int64
	delivery dgw.Delivery
}

// parcel is a table on its way to the Handler.
type parcel struct {
	Delivery
	done    func(error)
	handled chan error // told too, if not nil
}

// answer is a sync request that waits for its response.
type answer struct {
	arrived chan *lightspeed.Table // decoded
	handled chan error             // dealt with
}

const maxQueued = 10_000

func newConnection(c *Client, s *site, conn *dgw.Conn) *connection {
	return &connection{
		c: c, site: s, conn: conn,
		arrived:  dgw.NewQueue[arrival](maxQueued),
		decoded:  dgw.NewQueue[parcel](maxQueued),
		resyncs:  make(chan struct{}, 1),
		deaf:     make(chan error, 1),
		awaiting: make(map[uint16]*answer),
	}
}

// gatewayOptions is how the gateway is dialled with what a page says.
func (c *Client) gatewayOptions(s *site) dgw.Options {
	query := url.Values{
		"x-dgw-appid": {s.info.DGWAppID}, "x-dgw-appversion": {"0"}, "x-dgw-authtype": {c.cfg.GatewayAuthType},
		"x-dgw-deviceid": {s.info.DeviceID}, "x-dgw-loggingid": {uuid.NewString()}, "x-dgw-tier": {"prod"},
		"x-dgw-uuid": {s.info.UserID}, "x-dgw-version": {c.cfg.GatewayVersion},
	}
	return dgw.Options{
		URL: c.cfg.Gateway + "?" + query.Encode(), Header: c.identity.Socket(c.cookies, c.cfg.Site), Client: &http.Client{Transport: c.transports.Sockets},
		Log: c.log, PingInterval: c.cfg.PingInterval, DeadAfter: c.cfg.DeadAfter,
		EstablishTimeout: c.cfg.EstablishTimeout, AckTimeout: c.cfg.AckTimeout, ResponseTimeout: c.cfg.ResponseTimeout,
	}
}

// run runs the goroutines until the first of them ends, and waits for all.
func (n *connection) run(ctx context.Context) error {
	defer n.c.setLive(nil)
	return dgw.Together(ctx, n.conn.Serve, n.decode, n.handle, n.session)
}

// receive takes Data of a database's stream. The gateway's goroutine calls it, so it must not block.
func (n *connection) receive(database int64) func(dgw.Delivery) {
	return func(d dgw.Delivery) {
		if !n.arrived.Put(arrival{database, d}) {
			d.Done(ErrOverrun)
		}
	}
}

// decode is the goroutine that reads what arrived and tells those who wait for it. Whoever waits is told here and not
// after the handling, since handling may wait for them.
func (n *connection) decode(ctx context.Context) error {
	for {
		a, err := n.arrived.Get(ctx)
		if err != nil {
			return err
		}
		requestID, table, err := n.c.decodeResponse(a.delivery.Payload)
		if err != nil {
			// It would come again and again: better lose it, and let the cursor show that it is missing.
			n.c.log.Error().Err(err).Int64("database", a.database).Int("size", len(a.delivery.Payload)).
				Msg("Gateway sent data that can't be read")
			a.delivery.Done(nil)
			continue
		}
		p := parcel{Delivery: Delivery{Table: table, Origin: FromPush, Database: a.database}, done: a.delivery.Done}
		if waiting := n.take(requestID); waiting != nil {
			p.Origin, p.handled = FromSync, waiting.handled
			waiting.arrived <- table
		}
		p.Fetched = n.c.notify(table)
		if !n.decoded.Put(p) {
			a.delivery.Done(ErrOverrun)
		}
	}
}

func (n *connection) take(requestID uint16) *answer {
	n.awaitMu.Lock()
	defer n.awaitMu.Unlock()
	a := n.awaiting[requestID]
	delete(n.awaiting, requestID)
	return a
}

// await announces that a response will be waited for; forget takes that back.
func (n *connection) await(requestID uint16) (a *answer, forget func()) {
	a = &answer{make(chan *lightspeed.Table, 1), make(chan error, 1)}
	n.awaitMu.Lock()
	defer n.awaitMu.Unlock()
	n.awaiting[requestID] = a
	return a, func() { n.take(requestID) }
}

// handle is the goroutine that hands tables to the Handler, in order, and moves the cursors on behind them.
func (n *connection) handle(ctx context.Context) error {
	for {
		p, err := n.decoded.Get(ctx)
		if err != nil {
			return err
		}
		err = n.handleOne(ctx, p.Delivery)
		if p.handled != nil {
			p.handled <- err
		}
		if err != nil {
			return err
		}
		if p.done != nil {
			p.done(nil)
		}
	}
}

func (n *connection) handleOne(ctx context.Context, d Delivery) error {
	if err := n.c.handler.HandleTable(ctx, d); err != nil {
		return fmt.Errorf("handle table: %w", err)
	}
	if err := n.failures(ctx, d.Table); err != nil {
		return err
	}
	if d.Origin == FromPage {
		return nil // its cursors count since the page was loaded
	}
	moved, gap := n.c.move(d)
	if gap {
		n.c.log.Debug().Int64("database", d.Database).Msg("Push leaves a gap behind the cursor")
		n.resync()
	}
	if !moved {
		return nil
	}
	return n.c.save(ctx)
}

// failures looks for the server's refusal to sync.
func (n *connection) failures(ctx context.Context, t *lightspeed.Table) error {
	for _, f := range t.SyncFailures {
		failure := &SyncError{f.Database, f.Message}
		n.c.log.Warn().Err(failure).Msg("Server refused to sync a database")
		n.c.forget(f.Database)
		if err := n.c.save(ctx); err != nil {
			return err
		}
		if f.Database == DatabaseMailbox {
			return failure
		}
	}
	return nil
}

// move moves the cursors on behind a table that was handled.
func (c *Client) move(d Delivery) (moved, gap bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, block := range d.Table.FirstBlocks {
		m, g := c.position.apply(block, d.Origin == FromPush)
		moved, gap = moved || m, gap || g
	}
	c.position.applyRanges(d.Table.ThreadRanges)
	return moved, gap
}

// forget sends a database back to its beginning.
func (c *Client) forget(database int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.position.reset(database)
}

// save stores the cursors, unless tables of the page are still to be handled, which they cover.
func (c *Client) save(ctx context.Context) error {
	c.mu.Lock()
	state, hold := c.position.state(time.Now()), len(c.unhandled) > 0
	c.mu.Unlock()
	if hold {
		return nil
	}
	if err := c.handler.SaveState(ctx, state); err != nil {
		return fmt.Errorf("save cursors: %w", err)
	}
	return nil
}

// resync asks for a sync of the mailbox soon. It does not block.
func (n *connection) resync() {
	select {
	case n.resyncs <- struct{}{}:
	default:
	}
}

// setLive says which connection actions may use.
func (c *Client) setLive(n *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = n
	close(c.liveChanged)
	c.liveChanged = make(chan struct{})
}

// connected waits for a connection, but not for long.
func (c *Client) connected(ctx context.Context) (*connection, error) {
	timer := time.NewTimer(c.cfg.ConnectWait)
	defer timer.Stop()
	for {
		c.mu.Lock()
		live, changed := c.live, c.liveChanged
		c.mu.Unlock()
		if live.works() {
			return live, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, ErrNotConnected
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Connected says whether there is a connection whose databases are in sync.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live.works()
}

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

// isTransport says whether an error is one of the connection's and not an answer.
func isTransport(err error) bool {
	for _, target := range []error{dgw.ErrClosed, dgw.ErrTimeout, dgw.ErrStreamEnded, dgw.ErrRefused, ErrNotConnected} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
