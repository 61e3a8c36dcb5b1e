package wire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crosschat/connector/metaweb/dgw"
	"crosschat/connector/metaweb/web"
)

// ready answers the page, loaded now if it must be. Concurrent callers share one load.
func (c *Client) ready(ctx context.Context) (*site, error) {
	c.loading.Lock()
	defer c.loading.Unlock()
	s, err := c.usable()
	if s != nil || err != nil {
		return s, err
	}
	return c.load(ctx)
}

// load loads the page. The caller holds the lock for loading.
func (c *Client) load(ctx context.Context) (*site, error) {
	s, err := c.loadSite(ctx)
	if err != nil {
		return nil, err
	}
	c.log.Info().Str("revision", s.Revision).Msg("Session page loaded")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.site, c.reload, c.fbid = s, "", s.FBID
	state := s.PageState
	c.state.Page = &state
	return s, nil
}

// usable answers the page that there is, nothing if one is to be loaded now, or a *ReloadError if it is too soon for that.
func (c *Client) usable() (*site, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reload == "" {
		if c.site != nil && time.Since(c.site.LoadedAt) < c.cfg.PageAge {
			return c.site, nil
		}
		return nil, nil
	}
	if wait := c.reloadWait(); wait > 0 {
		return nil, &ReloadError{Reason: c.reload, Wait: wait}
	}
	c.reloaded = time.Now()
	return nil, nil
}

// reloadWait is how long it is too soon for another reload; not positive if it isn't. The caller holds the lock.
func (c *Client) reloadWait() time.Duration { return time.Until(c.reloaded.Add(c.cfg.ReloadInterval)) }

// loadAgain loads the page again because its tokens went stale, unless somebody else just did, or it is too soon: then it is
// a *ReloadError.
func (c *Client) loadAgain(ctx context.Context, stale *site, reason string) (*site, error) {
	c.mu.Lock()
	if c.site == stale && c.reload == "" {
		c.reload = reason
	}
	c.mu.Unlock()
	return c.ready(ctx)
}

// judge notes what an error means for the next try, and may say it more clearly.
func (c *Client) judge(err error) error {
	var stop *web.StopError
	var refused *dgw.HandshakeError
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.As(err, &stop):
		c.stop(stop)
	case errors.Is(err, dgw.ErrUnauthorized):
		if c.unauthorized {
			c.unauthorized = false
			stop = &web.StopError{Kind: web.LoggedOut}
			c.stop(stop)
			return fmt.Errorf("%w: %w", stop, err)
		}
		// The page shows whether it is a challenge, which has another remedy, or the end of the session.
		c.unauthorized = true
		c.site, c.reload, c.state.Page = nil, "", nil
	case errors.As(err, &refused) && errors.As(c.web.Judge(refused.Location), &stop):
		c.stop(stop)
		return fmt.Errorf("%w: %w", stop, err)
	case errors.As(err, &refused) && refused.Status >= 300 && refused.Status < 500: // a redirect may lead to a challenge
		if c.reload == "" && c.reloadWait() <= 0 {
			c.reload = "gateway refuses the connection"
		}
	}
	return err
}

// stop keeps anything from being asked, and ends Serve. Whatever the user does about it, the page shows: it is loaded anew.
// The caller holds the lock.
func (c *Client) stop(why *web.StopError) {
	c.site, c.reload, c.state.Page = nil, "", nil
	c.stopped = why
	if c.halt != nil {
		c.halt(why)
	}
}
