package wire

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"crosschat/connector/metaweb/media"
	"crosschat/connector/metaweb/web"
)

// Options of a Client. Config, Credentials, Transports and Handler must be set.
type Options struct {
	Config      Config
	Credentials *web.Credentials
	State       State // what SaveState stored last
	Transports  web.Transports
	Handler     Handler
	Log         zerolog.Logger
}

// Account is whom a page load says the session belongs to.
type Account struct {
	IGID       IGID
	FBID       FBID
	Username   string
	FullName   string
	PictureURL string
}

// Client is one account's session. See the package comment for its goroutines.
type Client struct {
	cfg        Config
	cookies    *web.Cookies
	identity   web.Identity
	web        *web.Client
	transports web.Transports
	fetcher    media.Fetcher
	handler    Handler
	log        zerolog.Logger
	sends      web.Pacer
	pages      web.Pacer

	serving sync.Mutex // held by Serve
	loading sync.Mutex // held by whoever loads the page

	mu    sync.Mutex // guards the rest
	state State
}

// New makes a client and connects nothing. It fails on config that can't work and on credentials without an account.
func New(o Options) (*Client, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	if id, err := strconv.ParseInt(o.Credentials.Cookies.Get(cookieAccount), 10, 64); err != nil || id <= 0 {
		return nil, errors.New("cookie ds_user_id is not an account's number")
	}
	identity := o.Credentials.Identity
	if identity == (web.Identity{}) {
		identity = o.Config.Identity
	}
	c := &Client{
		cfg:        o.Config,
		cookies:    o.Credentials.Cookies,
		identity:   identity,
		transports: o.Transports,
		handler:    o.Handler,
		log:        o.Log,
		sends:      web.Pacer{Interval: o.Config.SendInterval},
		pages:      web.Pacer{Interval: o.Config.PageInterval},
		state:      o.State,
		fetcher: media.Fetcher{Transport: o.Transports.Media, Hosts: o.Config.MediaHosts,
			ChunkHosts: o.Config.ChunkHosts, Identity: identity},
	}
	var err error
	c.web, err = web.NewClient(web.Options{
		Transport: o.Transports.Pages, Site: o.Config.Site, Hosts: o.Config.Hosts, Cookies: c.cookies, Identity: identity,
		Header: c.browserHeader(), Rules: redirects, SessionCookie: cookieSession,
		CookiesChanged: func() { o.Handler.CookiesChanged(c.cookies) },
		Retries:        o.Config.RetryCount, RetryWait: o.Config.RetryWait, Interval: o.Config.RequestInterval, Log: o.Log,
	})
	return c, err
}

// browserHeader is what every request to the site carries beside the identity.
func (c *Client) browserHeader() http.Header {
	width := "1920"
	if w, _, ok := strings.Cut(c.cookies.Get("wd"), "x"); ok && digits(w) && len(w) < 6 {
		width = w
	}
	header := http.Header{"X-Asbd-Id": {c.cfg.AsbdID}}
	if c.identity.Brands != "" {
		// Only browsers that send the one kind of hints send the other.
		header["Viewport-Width"], header["Dpr"] = []string{width}, []string{"1"}
	}
	return header
}

// IGID is the account's number.
func (c *Client) IGID() IGID {
	id, _ := strconv.ParseInt(c.cookies.Get(cookieAccount), 10, 64) // New has checked it
	return IGID(id)
}

// Load makes sure that the session page is loaded, and answers whose it is. It checks a session without connecting. Errors are
// for Advise.
func (c *Client) Load(ctx context.Context) (Account, error) {
	return Account{}, errStub
}

// Serve loads the page if that is due, lists the inbox if there is no cursor, connects, and blocks until the connection ends.
// There always is an error, for Advise to judge; it is the context's if that ended it.
func (c *Client) Serve(ctx context.Context) error {
	return errStub
}
