package instagram

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/ledger"
	"crosschat/connector/metalogin"
	"crosschat/connector/uplink"
)

var (
	_ bridgev2.NetworkAPIWithUserID              = (*Client)(nil)
	_ bridgev2.EditHandlingNetworkAPI            = (*Client)(nil)
	_ bridgev2.ReactionHandlingNetworkAPI        = (*Client)(nil)
	_ bridgev2.RedactionHandlingNetworkAPI       = (*Client)(nil)
	_ bridgev2.ReadReceiptHandlingNetworkAPI     = (*Client)(nil)
	_ bridgev2.TypingHandlingNetworkAPI          = (*Client)(nil)
	_ bridgev2.MuteHandlingNetworkAPI            = (*Client)(nil)
	_ bridgev2.TagHandlingNetworkAPI             = (*Client)(nil)
	_ bridgev2.MarkedUnreadHandlingNetworkAPI    = (*Client)(nil)
	_ bridgev2.IdentifierResolvingNetworkAPI     = (*Client)(nil)
	_ bridgev2.ContactListingNetworkAPI          = (*Client)(nil)
	_ bridgev2.UserSearchingNetworkAPI           = (*Client)(nil)
	_ bridgev2.MessageRequestAcceptingNetworkAPI = (*Client)(nil)
	_ bridgev2.DeleteChatHandlingNetworkAPI      = (*Client)(nil)
	_ ledger.Connection                          = (*Client)(nil)
)

// Client implements bridgev2.NetworkAPI for one login. It is connected once and disconnected once; to connect again
// bridgev2 makes a new one.
type Client struct {
	network *Network
	login   *bridgev2.UserLogin
	log     zerolog.Logger
	self    wire.IGID

	session *session     // nil if the login has none
	wire    *wire.Client // the session's
	known   *memory
	edits   edits
	ended   atomic.Bool // the session is over
	telling sync.Mutex  // held while the user is told of something once

	ctx    context.Context // ends with Disconnect
	cancel context.CancelFunc
	work   uplink.Work
	// filling is held by who makes rooms of chats, or puts messages into a room of history; toFill while that is wanted.
	filling  sync.Mutex
	toFill   atomic.Bool
	roomless int           // how many chats were said to have no room; filling guards it
	bringing chan struct{} // holds a token while a thread is brought up to date
	online   uplink.Gate   // open while there is a connection
	watch    *metalogin.Watch
}

// newClient makes the client of a login; s may be nil.
func newClient(ctx context.Context, n *Network, login *bridgev2.UserLogin, s *session) (*Client, error) {
	self, err := parseID(login.ID)
	if err != nil {
		return nil, fmt.Errorf("own id of login: %w", err)
	}
	log := login.Log.With().Str("network", "instagram").Logger()
	c := &Client{network: n, login: login, log: log, self: self, bringing: make(chan struct{}, 1)}
	c.watch = c.newWatch()
	c.ctx, c.cancel = context.WithCancel(log.WithContext(n.bridge.BackgroundCtx))
	if c.known, err = loadMemory(ctx, n.db.Instagram(), string(login.ID)); err != nil {
		return nil, err
	}
	if s != nil {
		c.session, c.wire = s, s.wire
		s.relay.to.Store(&receiver{c: c})
	}
	return c, nil
}

// Connect implements bridgev2.NetworkAPI. It does not block; what becomes of it is told as bridge state.
func (c *Client) Connect(context.Context) {
	if c.session == nil {
		c.watch.NoSession(c.ctx)
		return
	}
	c.goDo("connection", func() { c.watch.Run(c.ctx) })
}

// Disconnect implements bridgev2.NetworkAPI: when it returns, nothing of this login runs any more.
func (c *Client) Disconnect() {
	c.cancel()
	c.work.End()
	if c.session != nil {
		c.session.close()
	}
}

// IsLoggedIn implements bridgev2.NetworkAPI.
func (c *Client) IsLoggedIn() bool { return c.session != nil && !c.ended.Load() }

// LogoutRemote implements bridgev2.NetworkAPI: it disconnects and deletes the session. Instagram's own session goes on
// until it is ended in the account's list of logins: there is no known way for a client to end just its own.
func (c *Client) LogoutRemote(ctx context.Context) {
	c.ended.Store(true)
	c.Disconnect()
	if err := c.network.db.Instagram().EndSession(context.WithoutCancel(ctx), string(c.login.ID)); err != nil {
		c.log.Error().Err(err).Msg("Could not delete the session")
	}
}

// IsThisUser implements bridgev2.NetworkAPI.
func (c *Client) IsThisUser(_ context.Context, id networkid.UserID) bool { return id == c.GetUserID() }

// GetUserID implements bridgev2.NetworkAPIWithUserID.
func (c *Client) GetUserID() networkid.UserID { return networkid.UserID(c.login.ID) }

// AwaitConnection implements ledger.Connection.
func (c *Client) AwaitConnection(ctx context.Context) error {
	if !c.IsLoggedIn() || loginMeta(c.login.UserLogin).Stopped != "" {
		return nil
	}
	return c.online.Wait(ctx)
}

// goDo runs f in a goroutine that Disconnect waits for; f watches c.ctx. After Disconnect it does nothing.
func (c *Client) goDo(name string, f func()) { c.work.Go(c.login, "instagram "+name, f) }

// bound is a context for one piece of work: it ends with the caller's, with the login and after timeout.
func (c *Client) bound(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return uplink.Bound(ctx, c.ctx, timeout)
}

// place is the thread of a portal.
type place struct {
	thread
	short wire.ShortID // 0 while nobody has written in a chat of two
	known bool
}

// begin is how a call of bridgev2's begins that needs the session. Unless there is an error, c.work.Done must be called.
func (c *Client) begin(portal *bridgev2.Portal) (at place, err error) {
	if !c.IsLoggedIn() {
		return at, names.ErrNotLoggedIn()
	}
	if why := loginMeta(c.login.UserLogin).Stopped; why != "" {
		return at, names.ErrStopped(why)
	}
	peer, group, err := parsePortal(portal.ID)
	if err != nil {
		return at, fmt.Errorf("thread of portal: %w", err)
	}
	if !c.work.Begin() {
		return at, ledger.ErrStopping()
	}
	at.short = group
	if peer != 0 {
		at.short, _ = c.known.threadWith(peer)
		at.Peer = peer
	}
	if known, ok := c.known.thread(at.short); ok {
		at.thread, at.known = known, true
	}
	return at, nil
}
