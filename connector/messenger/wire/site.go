package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/page"
	metapage "crosschat/connector/metaweb/page"
	"crosschat/connector/metaweb/web"
)

// site is one load of the messages page: what the page said, and the counters that begin anew with it. Its fields do not
// change, so it may be used from any goroutine.
type site struct {
	cfg      *Config
	web      *web.Client
	info     *page.Info
	loadedAt time.Time
	session  string // the web session's id, made by the client
	initial  *lightspeed.Table

	requests *atomic.Int64 // __req
	queries  *atomic.Int64 // requestId of Lightspeed queries
}

// loadSite loads the page and reads it. Errors: *web.StopError, *page.MissingError, ErrNoVersion, *ReloadError, and those
// of web.Client.
func loadSite(ctx context.Context, cfg *Config, client *web.Client, cookies *web.Cookies, report reporter) (*site, error) {
	response, err := client.Page(ctx, web.Request{URL: cfg.Site + "/messages", Header: web.Navigation()})
	if err != nil {
		return nil, fmt.Errorf("load messages page: %w", err)
	}
	info, err := page.Parse(response.Body)
	switch {
	case errors.Is(err, page.ErrLoggedOut):
		return nil, &web.StopError{Kind: web.LoggedOut}
	case errors.Is(err, page.ErrCheckpoint):
		return nil, &web.StopError{Kind: web.Checkpoint, URL: cfg.Site}
	case err != nil:
		return nil, fmt.Errorf("read messages page: %w", err)
	}
	if info.UserID != "" && info.UserID != cookies.Get("c_user") {
		return nil, &web.StopError{Kind: web.WrongAccount}
	}
	s := &site{cfg: cfg, web: client, info: info, loadedAt: time.Now(), session: metapage.NewSessionID(),
		requests: new(atomic.Int64), queries: new(atomic.Int64)}
	s.requests.Store(1) // the first request is number 2
	if err = s.complete(ctx); err != nil {
		return nil, err
	}
	if err = s.readInitial(report); err != nil {
		return nil, err
	}
	return s, nil
}

// complete fills what a page may leave out.
func (s *site) complete(ctx context.Context) error {
	if err := s.info.Check(); err != nil {
		return fmt.Errorf("read messages page: %w", err)
	}
	for _, field := range []struct {
		value    *string
		fallback string
	}{
		{&s.info.CometReq, s.cfg.CometReq}, {&s.info.QueryID, s.cfg.LightspeedDocID},
		{&s.info.SyncParams.Mailbox, s.cfg.DefaultSyncParam}, {&s.info.SyncParams.Contact, s.cfg.DefaultSyncParam},
		{&s.info.SyncParams.E2EE, s.cfg.DefaultSyncParam},
	} {
		if *field.value == "" {
			*field.value = field.fallback
		}
	}
	if s.info.Version != "" {
		return nil
	}
	return s.findVersion(ctx)
}

// findVersion looks for the schema version in the page's scripts.
func (s *site) findVersion(ctx context.Context) error {
	for _, address := range s.info.Scripts {
		u, err := url.Parse(address)
		if err != nil || !web.HostIn(u.Hostname(), s.cfg.ScriptHosts) {
			continue
		}
		response, err := s.web.Do(ctx, web.Request{URL: address, Anonymous: true, Header: http.Header{"Accept": {"*/*"}}})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			continue // another script may have it
		}
		if version := page.FindVersion(response.Body); version != "" {
			s.info.Version = version
			return nil
		}
	}
	return ErrNoVersion
}

// readInitial decodes the payload that the page brought along. One that can't be read is as none: it is asked for then.
func (s *site) readInitial(report reporter) error {
	if len(s.info.Initial) == 0 {
		return nil
	}
	answer, err := readGraphQL(s.info.Initial)
	var reload *ReloadError
	var stop *web.StopError
	if errors.As(err, &reload) || errors.As(err, &stop) {
		return fmt.Errorf("read prefetched answer: %w", err)
	}
	if err != nil {
		return nil
	}
	payload, err := lightspeedPayload(answer.Data)
	if err != nil || payload == "" {
		return nil
	}
	table, unknown, err := lightspeed.Decode([]byte(payload))
	if err == nil {
		report("page", unknown)
		s.initial = table
	}
	return nil
}

// form is what every request to the site carries.
func (s *site) form() url.Values {
	form := s.info.Form(s.info.UserID, s.session, s.requests.Add(1))
	form.Set("__aaid", "0")
	return form
}

// header is what requests by the page's scripts carry.
func (s *site) header(referer string) http.Header {
	return web.Script(s.cfg.Site, referer, map[string]string{"X-Fb-Lsd": s.info.LSD})
}

// syncParams chooses the parameters that start a database.
func (s *site) syncParams(channel int64) string {
	switch channel {
	case channelMailbox:
		return s.info.SyncParams.Mailbox
	case channelContact:
		return s.info.SyncParams.Contact
	}
	return s.info.SyncParams.E2EE
}
