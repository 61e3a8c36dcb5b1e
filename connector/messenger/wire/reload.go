package wire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/metaweb/dgw"
	"crosschat/connector/metaweb/web"
)

// ready answers the page, loaded now if it must be. adopt says to take over what it brings; while a connection lives its
// tokens are enough.
func (c *Client) ready(ctx context.Context, adopt bool) (*site, error) {
	c.loading.Lock()
	defer c.loading.Unlock()
	s, err := c.usable()
	if s != nil || err != nil {
		return s, err
	}
	s, err = loadSite(ctx, &c.cfg, c.web, c.cookies, c.report)
	if err != nil {
		return nil, err
	}
	c.log.Info().Str("version", s.info.Version).Str("doc_id", s.info.QueryID).Bool("prefetched", s.initial != nil).
		Msg("Messages page loaded")
	if adopt {
		if err = c.adopt(ctx, s); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.site, c.reload = s, ""
	c.cat.fromPage(s.info)
	return s, nil
}

// usable answers the page that there is, nothing if one is to be loaded now, or a *ReloadError if it is too soon for
// that and there is no doing without.
func (c *Client) usable() (*site, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reload == "" {
		if c.site != nil && time.Since(c.site.loadedAt) < c.cfg.PageAge {
			return c.site, nil
		}
		return nil, nil
	}
	wait := c.reloadWait()
	switch {
	case wait <= 0:
		c.reloaded = time.Now()
		return nil, nil
	case c.site != nil && !c.mustReload:
		return c.site, nil
	}
	return nil, &ReloadError{Reason: c.reload, Wait: wait}
}

// reloadWait is how long it is too soon for another reload; not positive if it isn't. The caller holds the lock.
func (c *Client) reloadWait() time.Duration { return time.Until(c.reloaded.Add(c.cfg.ReloadInterval)) }

// wantReload has the page loaded again by the next Serve. If must is not set, it goes without when it is too soon for
// that. The caller holds the lock.
func (c *Client) wantReload(reason string, must bool) {
	c.reload, c.mustReload = reason, must
}

// adopt takes over where a page says that the databases are, and what it brought along. A position that was stored goes
// first: between it and the page's there may be messages that the page doesn't show.
func (c *Client) adopt(ctx context.Context, s *site) error {
	tables := map[int64]*lightspeed.Table{}
	if s.initial != nil {
		tables[DatabaseMailbox] = s.initial
	}
	c.mu.Lock()
	stored := c.position.get(DatabaseMailbox).Cursor != ""
	c.mu.Unlock()
	if !stored && (s.initial == nil || len(s.initial.FinallyBlocks) == 0) {
		for _, database := range []int64{DatabaseMailbox, DatabaseContacts, DatabaseRequests} {
			params := s.syncParams(initialDatabase(database).SyncChannel)
			table, err := s.queryDatabase(ctx, database, params, c.report)
			if err != nil {
				return err
			}
			tables[database] = table
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, database := range databases {
		table := tables[database]
		if table == nil {
			continue
		}
		for _, block := range table.FirstBlocks {
			if c.position.get(block.Database).Cursor == "" {
				c.position.apply(block, false)
			}
		}
		c.position.applyRanges(table.ThreadRanges)
		c.unhandled = append(c.unhandled, Delivery{Table: table, Origin: FromPage, Database: database})
	}
	return nil
}

// judge notes what an error means for the next try, and may say it more clearly.
func (c *Client) judge(err error) error {
	var stop *web.StopError
	var sync *SyncError
	var refused *dgw.HandshakeError
	var reload *ReloadError
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.As(err, &stop):
		// Whatever the user does about it, the page shows.
		c.site, c.reload = nil, ""
	case errors.Is(err, dgw.ErrUnauthorized):
		if c.unauthorized {
			c.unauthorized = false
			return fmt.Errorf("%w: %w", &web.StopError{Kind: web.LoggedOut}, err)
		}
		// It has been a false alarm elsewhere: a page load settles it.
		c.unauthorized = true
		c.wantReload("gateway does not take the session", true)
		return &ReloadError{Reason: c.reload, Wait: max(0, c.reloadWait()), Err: err}
	case errors.As(err, &sync):
		c.wantReload("server can't sync", false)
		if c.reloadWait() <= 0 {
			return &ReloadError{Reason: c.reload, Err: err}
		}
	case errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500:
		c.wantReload("gateway refuses the connection", false)
	case errors.As(err, &reload) && reload.Wait == 0:
		c.wantReload(reload.Reason, true)
	}
	return err
}
