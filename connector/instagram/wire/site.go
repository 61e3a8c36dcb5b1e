package wire

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"crosschat/connector/metaweb/page"
	"crosschat/connector/metaweb/web"
)

// site is one load of the session page: what the page said, and the counters that begin anew with it. Its fields do not
// change, so it may be used from any goroutine.
type site struct {
	PageState
	session  string   // the web session's id, made by the client
	scripts  []string // addresses of the page's programs; none if the page was loaded by an earlier run
	requests *atomic.Int64
}

func newSite(state PageState, scripts []string) *site {
	s := &site{PageState: state, session: page.NewSessionID(), scripts: scripts, requests: new(atomic.Int64)}
	s.requests.Store(1) // the first request is number 2
	return s
}

const inboxPath = "/direct/inbox/"

// loadSite loads the session page. Errors: *web.StopError, *page.MissingError, and those of web.Client.
func (c *Client) loadSite(ctx context.Context) (*site, error) {
	response, err := c.web.Page(ctx, web.Request{URL: c.cfg.Site + inboxPath, Header: web.Navigation()})
	if err != nil {
		return nil, fmt.Errorf("load session page: %w", err)
	}
	state, scripts, err := readPage(response.Body, c.IGID(), &c.cfg)
	if err != nil {
		return nil, err
	}
	state.LoadedAt = time.Now()
	return newSite(*state, scripts), nil
}

// form is what every request carries.
func (s *site) form() url.Values {
	form := s.Form(s.UserID, s.session, s.requests.Add(1))
	form.Set("__d", "www")
	return form
}

// header is what requests of the page's programs carry.
func (c *Client) header(s *site, referer string) http.Header {
	c.mu.Lock()
	claim := c.state.Claim
	c.mu.Unlock()
	return web.Script(c.cfg.Site, referer, map[string]string{
		"X-Csrftoken": c.cookies.Get(cookieCSRF), "X-Fb-Lsd": s.LSD, "X-Ig-App-Id": s.AppID,
		"X-Mid": c.cookies.Get(cookieMachine), "X-Ig-Www-Claim": claim, "X-Ig-Max-Touch-Points": "0",
	})
}

// restHeader is what requests to the site's older interface carry; those that only read say less of where they come from.
func (c *Client) restHeader(s *site, referer string) http.Header {
	header := c.header(s, referer)
	header.Del("Origin")
	header.Set("X-Requested-With", "XMLHttpRequest")
	header.Set("X-Web-Session-Id", s.session)
	return header
}

// keepClaim remembers what an answer wants to be told back.
func (c *Client) keepClaim(response *web.Response) {
	claim := response.Header.Get("X-Ig-Set-Www-Claim")
	if claim == "" || len(claim) > maxClaim {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Claim = claim
}

const maxClaim = 1 << 10
