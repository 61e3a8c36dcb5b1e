package wire

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/task"
	"crosschat/connector/metaweb/dgw"
	"crosschat/connector/metaweb/media"
	"crosschat/connector/metaweb/web"
)

// Origin says why a table came.
type Origin string

// Origins of tables.
const (
	FromPage  Origin = "page"  // the page brought it along: recent threads
	FromSync  Origin = "sync"  // what happened since the cursor
	FromPush  Origin = "push"  // what happens now
	FromFetch Origin = "fetch" // the client's own first requests for threads
)

// Delivery is a table to be handled.
type Delivery struct {
	Table    *lightspeed.Table
	Origin   Origin
	Database int64 // of the stream it came on, 0 for FromFetch
	// Fetched are threads whose History rows here are the answer to a FetchHistory, which returns them too.
	Fetched []int64
}

// Handler takes what a Client brings. Its methods are called by one goroutine of the Client, one at a time and in order,
// except CookiesChanged. They may call the Client's methods.
type Handler interface {
	// HandleTable returns nil when everything in the table is dealt with for good: then it is acknowledged and the cursor
	// moves on. An error ends the connection, and the server sends it again on the next one. The same rows may come more
	// than once in any case.
	HandleTable(ctx context.Context, d Delivery) error
	// SaveState stores how far things have been handled. An error ends the connection.
	SaveState(ctx context.Context, state State) error
	// Connected is called once a connection, when actions can be asked for. The first time a login connects that is when the
	// databases are in sync. Later it is as soon as the mailbox answers: what was missed may take long to be dealt with, and
	// is dealt with behind it.
	Connected(ctx context.Context)
	// CaughtUp is called once a connection, behind Connected, when all that had happened before is dealt with.
	CaughtUp(ctx context.Context)
	// CookiesChanged is called when the cookies should be stored, by whatever goroutine made the request. It must not
	// block for long.
	CookiesChanged(cookies *web.Cookies)
}

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
	ID   int64
	Name string
	// MessengerAppID is needed to register for encrypted chats.
	MessengerAppID string
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
	ids        task.IDs
	sends      web.Pacer
	pages      web.Pacer

	serving sync.Mutex // held by Serve
	loading sync.Mutex // held by whoever loads the page

	mu           sync.Mutex // guards the rest
	site         *site
	reload       string    // why the page should be loaded again, empty if it needn't
	mustReload   bool      // the old one is of no use
	reloaded     time.Time // last time that was tried for a reason
	unauthorized bool      // the gateway refused the session since the last sync
	synced       bool      // this client has completed a sync
	resumed      bool      // or one before it has
	position     *position
	unhandled    []Delivery // tables of the page, to be handled once connected
	live         *connection
	liveChanged  chan struct{}
	requestID    uint16
	taskID       int64
	watchers     map[*watcher]struct{}
	cat          catState
}

// New makes a client and connects nothing. It fails on config that can't work and on credentials without an account.
func New(o Options) (*Client, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	if err := o.Credentials.HasAccount("c_user"); err != nil {
		return nil, err
	}
	identity := o.Credentials.IdentityOr(o.Config.Identity)
	c := &Client{
		cfg:         o.Config,
		cookies:     o.Credentials.Cookies,
		identity:    identity,
		transports:  o.Transports,
		handler:     o.Handler,
		log:         o.Log,
		sends:       web.Pacer{Interval: o.Config.SendInterval},
		pages:       web.Pacer{Interval: o.Config.ThreadPageInterval},
		position:    newPosition(o.State, o.Config.CursorAge, time.Now()),
		liveChanged: make(chan struct{}),
		watchers:    make(map[*watcher]struct{}),
		fetcher: media.Fetcher{Transport: o.Transports.Media, Hosts: o.Config.MediaHosts,
			ChunkHosts: o.Config.ChunkHosts, Identity: identity, Insecure: o.Config.AllowInsecureMedia},
	}
	c.resumed = c.position.get(DatabaseMailbox).Cursor != ""
	var err error
	c.web, err = web.NewClient(web.Options{
		Transport: o.Transports.Pages, Site: o.Config.Site, Hosts: o.Config.Hosts, Cookies: c.cookies, Identity: identity,
		Header: identity.Browser(c.cookies, o.Config.AsbdID), Rules: redirects, SessionCookie: sessionCookie,
		CookiesChanged: func() { o.Handler.CookiesChanged(c.cookies) },
		Retries:        o.Config.RetryCount, RetryWait: o.Config.RetryWait, Interval: o.Config.RequestInterval, Log: o.Log,
	})
	return c, err
}

// ID is the account's number.
func (c *Client) ID() int64 {
	id, _ := strconv.ParseInt(c.cookies.Get("c_user"), 10, 64) // New has checked it
	return id
}

// Identity is how the client presents itself, on the encrypted socket too.
func (c *Client) Identity() web.Identity { return c.identity }

// NewID makes an id for a message, to be used again when the message has to be sent again.
func (c *Client) NewID() int64 { return c.ids.Next(time.Now()) }

// Load makes sure that the messages page is loaded, and answers whose it is. It checks a session without connecting.
// Errors are for Advise.
func (c *Client) Load(ctx context.Context) (Account, error) {
	s, err := c.ready(ctx, true)
	if err != nil {
		return Account{}, c.judge(err)
	}
	return Account{c.ID(), s.info.Name, s.info.MessengerAppID}, nil
}

// ErrServing is a second Serve at the same time.
var ErrServing = errors.New("client is being served already")

// Serve loads the page if that is due, connects, and blocks until the connection ends. There always is an error, for
// Advise to judge; it is the context's if that ended it.
func (c *Client) Serve(ctx context.Context) error {
	if !c.serving.TryLock() {
		return ErrServing
	}
	defer c.serving.Unlock()
	s, err := c.ready(ctx, true)
	if err != nil {
		return c.judge(err)
	}
	conn, err := dgw.Dial(ctx, c.gatewayOptions(s))
	if err != nil {
		return c.judge(err)
	}
	return c.judge(newConnection(c, s, conn).run(ctx))
}

type reporter func(source string, unknown *lightspeed.Report)

// report logs what was not understood, once a payload.
func (c *Client) report(source string, unknown *lightspeed.Report) {
	if unknown.Empty() {
		return
	}
	c.log.Warn().Str("source", source).Any("procedures", unknown.Procedures).Any("operations", unknown.Operations).
		Any("columns", unknown.Columns).Any("dropped", unknown.Dropped).Int("malformed", unknown.Malformed).
		Msg("Payload holds what this program does not know")
}
