package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"crosschat/connector/metaweb/dgw"
)

// Serve loads the page if that is due, lists the inbox if there is no cursor, connects, and blocks until the connection ends.
// There always is an error, for Advise to judge; it is the context's if that ended it. Whatever request learns that the
// session is stopped until its user does something, ends it too; nothing more is asked before the next Serve or Load.
func (c *Client) Serve(ctx context.Context) error {
	if !c.serving.TryLock() {
		return ErrServing
	}
	defer c.serving.Unlock()
	ctx, halt := context.WithCancelCause(ctx)
	defer halt(nil)
	c.mu.Lock()
	c.halt, c.stopped = halt, nil
	c.mu.Unlock()
	err := c.serve(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halt = nil
	if c.stopped != nil && ctx.Err() != nil {
		return c.stopped // and not that the context has ended because of it
	}
	return err
}

func (c *Client) serve(ctx context.Context) error {
	s, err := c.ready(ctx)
	if err != nil {
		return c.judge(err)
	}
	if err = c.begin(ctx); err != nil {
		return c.judge(err)
	}
	conn, err := dgw.Dial(ctx, c.gatewayOptions(s, "lightspeed", s.DeviceID, nil))
	if err != nil {
		return c.judge(err)
	}
	return c.judge(newConnection(c, s, conn).run(ctx))
}

// begin stores what the page load brought, and without a cursor lists the inbox and begins behind it.
func (c *Client) begin(ctx context.Context) error {
	c.mu.Lock()
	seq, since := c.state.Seq, c.state.SeqAt
	c.mu.Unlock()
	if seq > 0 {
		return c.save(ctx)
	}
	inbox, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	if inbox.Professional {
		c.alertOnce(Alert{Kind: AlertProfessional})
	}
	c.log.Info().Int("threads", len(inbox.Threads)).Int64("seq", inbox.seq).Msg("Inbox listed")
	for page := &inbox.Inbox; ; {
		if err = c.handler.HandleThreads(ctx, page.Threads, FromInbox); err != nil {
			return fmt.Errorf("handle inbox: %w", err)
		}
		// A lost cursor leaves out what happened since; who begins anew has missed nothing.
		if since.IsZero() || !page.More || !activeSince(page.Threads, since) {
			break
		}
		if page, err = c.InboxPage(ctx, page); err != nil {
			return fmt.Errorf("list more of inbox: %w", err)
		}
	}
	c.mu.Lock()
	c.state.Seq, c.state.SeqAt, c.listed = inbox.seq, inbox.at, &inbox.Inbox
	c.mu.Unlock()
	return c.save(ctx)
}

// activeSince says whether the last thread of a page, which is not pinned, has had activity since a time, so that the next page
// may have, too.
func activeSince(threads []Thread, since time.Time) bool {
	if len(threads) == 0 {
		return false
	}
	last := threads[len(threads)-1].LastActivity // pinned ones come first
	return last.After(since)
}

// Listed answers the first page of the inbox as Serve has listed it; nil if it has not.
func (c *Client) Listed() *Inbox {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listed
}

// save stores the state as it is.
func (c *Client) save(ctx context.Context) error {
	c.mu.Lock()
	state := c.state
	c.mu.Unlock()
	if err := c.handler.SaveState(ctx, state); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return nil
}

// alertOnce tells of something that need not be told twice.
func (c *Client) alertOnce(alert Alert) {
	c.mu.Lock()
	told := slices.Contains(c.told, alert.Kind)
	c.told = append(c.told, alert.Kind)
	c.mu.Unlock()
	if !told {
		c.log.Warn().Str("kind", string(alert.Kind)).Msg("Instagram shows what this program can't bridge")
		c.handler.Alert(alert)
	}
}

// gatewayOptions is how a socket of the gateway is dialled with what a page says.
func (c *Client) gatewayOptions(s *site, socket, device string, extra url.Values) dgw.Options {
	query := url.Values{
		"x-dgw-appid": {s.DGWAppID}, "x-dgw-appversion": {"0"}, "x-dgw-authtype": {c.cfg.GatewayAuthType},
		"x-dgw-version": {c.cfg.GatewayVersion}, "x-dgw-uuid": {s.IGID.String()}, "x-dgw-tier": {"prod"},
		"x-dgw-deviceid": {device},
	}
	for name, values := range extra {
		query[name] = values
	}
	return dgw.Options{
		URL: c.cfg.Gateway + socket + "?" + query.Encode(), Header: c.identity.Socket(c.cookies, c.cfg.Site),
		Client: &http.Client{Transport: c.transports.Sockets}, Log: c.log,
		Strict: true, PingInterval: c.cfg.PingInterval, DeadAfter: c.cfg.DeadAfter,
		EstablishTimeout: c.cfg.EstablishTimeout, AckTimeout: c.cfg.AckTimeout,
	}
}

// Connected says whether there is a connection that has subscribed.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live.works()
}

// connected answers the connection, ErrNotConnected if there is none.
func (c *Client) connected() (*connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.live.works() {
		return nil, ErrNotConnected
	}
	return c.live, nil
}

func (c *Client) setLive(n *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = n
}

// noteSubscribed is a connection that works.
func (c *Client) noteSubscribed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unauthorized, c.failures = false, 0
	c.reconnects++
}

// Failures of the subscription in a row after which another document is looked for, and after which somebody is told: it
// may be something else.
const (
	failuresToSearch = 2
	failuresToTell   = 6
)

// subscriptionFailed is the server's refusal to begin.
func (c *Client) subscriptionFailed(ctx context.Context, document string) {
	c.mu.Lock()
	c.failures++
	failures := c.failures
	c.mu.Unlock()
	switch {
	case failures >= failuresToTell:
		c.newerDocument(ctx, opDelta, document)
	case failures >= failuresToSearch:
		c.findNewer(ctx, opDelta, document)
	}
}

// resnapshot gives up the cursor.
func (c *Client) resnapshot(ctx context.Context, message string) error {
	c.mu.Lock()
	c.state.Seq = 0
	first := time.Since(c.resnapshotAt) > c.cfg.ResnapshotPause
	c.resnapshotAt = time.Now()
	c.mu.Unlock()
	c.log.Warn().Str("reason", message).Msg("Instagram does not continue from the cursor")
	if err := c.save(ctx); err != nil {
		return err
	}
	return &resnapshotError{message, first}
}

var errStreamOver = errors.New("stream is over")
