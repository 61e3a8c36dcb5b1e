package wire

import (
	"context"
	"crypto/sha256"
	"strconv"
	"sync"
	"time"

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
	finding sync.Mutex // held by whoever looks for ids in the site's programs

	mu           sync.Mutex // guards the rest
	state        State
	site         *site
	fbid         FBID                    // once it is known
	reload       string                  // why the page should be loaded again, empty if it needn't
	reloaded     time.Time               // last time that was tried
	searched     time.Time               // last time ids were looked for in the site's programs
	alerted      map[string]string       // the id that was last found stale, by operation
	unauthorized bool                    // the gateway refused the session since the last subscription
	limitedUntil time.Time               // the site wants to be left alone
	blockedUntil time.Time               // the account may not act
	blocked      string                  // what the site said to that
	live         *connection             // nil if there is none that has subscribed
	halt         context.CancelCauseFunc // ends Serve; nil while there is none
	stopped      *web.StopError          // why nothing may be asked before the user did something
	echoes       *echoes
	lastOTID     OTID
	unread       map[[sha256.Size]byte]bool // what could not be read once
	told         []AlertKind                // what was told once for all
	deafAt       int64                      // the event because of which a connection was given up as deaf
	requestsAt   time.Time                  // last time message requests were looked for
	resnapshotAt time.Time
	listed       *Inbox // the inbox as it was listed at the beginning
	reconnects   int64  // how often a subscription was taken
	failures     int    // how often in a row it wasn't
	// otherRecipient is a server that wants recipients named the other way than the config says.
	otherRecipient bool
}

// New makes a client and connects nothing. It fails on config that can't work and on credentials without an account.
func New(o Options) (*Client, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	if err := o.Credentials.HasAccount(cookieAccount); err != nil {
		return nil, err
	}
	identity := o.Credentials.IdentityOr(o.Config.Identity)
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
		alerted:    make(map[string]string),
		echoes:     newEchoes(),
		unread:     make(map[[sha256.Size]byte]bool),
		fetcher: media.Fetcher{Transport: o.Transports.Media, Hosts: o.Config.MediaHosts,
			ChunkHosts: o.Config.ChunkHosts, Identity: identity},
	}
	if p := o.State.Page; p != nil && p.IGID == c.IGID() && p.FBID != 0 && time.Since(p.LoadedAt) < o.Config.PageAge {
		c.site, c.fbid = newSite(*p, nil), p.FBID
	}
	var err error
	c.web, err = web.NewClient(web.Options{
		Transport: o.Transports.Pages, Site: o.Config.Site, Hosts: o.Config.Hosts, Cookies: c.cookies, Identity: identity,
		Header: identity.Browser(c.cookies, o.Config.AsbdID), Rules: redirects, SessionCookie: cookieSession,
		CookiesChanged: func() { o.Handler.CookiesChanged(c.cookies) },
		LimitIsFinal:   true,
		Retries:        o.Config.RetryCount, RetryWait: o.Config.RetryWait, Interval: o.Config.RequestInterval, Log: o.Log,
	})
	return c, err
}

// IGID is the account's number.
func (c *Client) IGID() IGID {
	id, _ := strconv.ParseInt(c.cookies.Get(cookieAccount), 10, 64) // New has checked it
	return IGID(id)
}

// FBID is the account's messaging id, 0 before the first Load or Serve unless the state has it.
func (c *Client) FBID() FBID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fbid
}

// Load makes sure that the session page is loaded, and answers whose it is. It checks a session without connecting. Errors are
// for Advise. As Serve it tries a session again that was stopped.
func (c *Client) Load(ctx context.Context) (Account, error) {
	c.mu.Lock()
	c.stopped = nil
	c.mu.Unlock()
	s, err := c.ready(ctx)
	if err != nil {
		return Account{}, c.judge(err)
	}
	return Account{s.IGID, s.FBID, s.Username, s.FullName, s.Picture}, nil
}
