package messenger

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/ledger"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/metalogin"
	"crosschat/connector/uplink"
)

var (
	_ bridgev2.NetworkAPIWithUserID          = (*Client)(nil)
	_ bridgev2.EditHandlingNetworkAPI        = (*Client)(nil)
	_ bridgev2.ReactionHandlingNetworkAPI    = (*Client)(nil)
	_ bridgev2.RedactionHandlingNetworkAPI   = (*Client)(nil)
	_ bridgev2.ReadReceiptHandlingNetworkAPI = (*Client)(nil)
	_ bridgev2.TypingHandlingNetworkAPI      = (*Client)(nil)
	_ bridgev2.MuteHandlingNetworkAPI        = (*Client)(nil)
	_ bridgev2.IdentifierResolvingNetworkAPI = (*Client)(nil)
	_ bridgev2.ContactListingNetworkAPI      = (*Client)(nil)
	_ bridgev2.UserSearchingNetworkAPI       = (*Client)(nil)
	_ ledger.Connection                      = (*Client)(nil)
)

// Client implements bridgev2.NetworkAPI for one login. It is connected once and disconnected once; to connect again
// bridgev2 makes a new one.
type Client struct {
	network *Network
	login   *bridgev2.UserLogin
	log     zerolog.Logger
	self    int64

	session *session     // nil if the login has none
	wire    *wire.Client // the session's
	known   *memory
	ended   atomic.Bool // the session is over

	ctx    context.Context // ends with Disconnect
	cancel context.CancelFunc
	work   uplink.Work
	// filling is held by who puts messages into a room of history.
	filling sync.Mutex
	// listing is held by who goes through chats without rooms, opening by who gives a chat its first messages or a new one.
	listing, opening sync.Mutex
	fillAgain        atomic.Bool                             // a lost connection has ended that
	online           uplink.Gate                             // open while there is a connection of the plain plane
	current          atomic.Bool                             // all that was missed without that connection is dealt with
	ending           atomic.Pointer[context.CancelCauseFunc] // ends that connection
	watch            *metalogin.Watch

	encrypted *encrypted
}

// newClient makes the client of a login; s may be nil.
func newClient(ctx context.Context, n *Network, login *bridgev2.UserLogin, s *session) (*Client, error) {
	self, err := parseID(login.ID)
	if err != nil {
		return nil, fmt.Errorf("own id of login: %w", err)
	}
	log := login.Log.With().Str("network", "messenger").Logger()
	c := &Client{network: n, login: login, log: log, self: self}
	c.watch = c.newWatch()
	c.ctx, c.cancel = context.WithCancel(log.WithContext(n.bridge.BackgroundCtx))
	c.encrypted = newEncrypted(c)
	if c.known, err = loadMemory(ctx, n.db.Messenger(), string(login.ID)); err != nil {
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
	c.goDo("encrypted connection", c.encrypted.run)
}

// Disconnect implements bridgev2.NetworkAPI: when it returns, nothing of this login runs any more.
func (c *Client) Disconnect() {
	c.cancel()
	c.encrypted.disconnect()
	c.work.End()
	if c.session != nil {
		c.session.close()
	}
}

// IsLoggedIn implements bridgev2.NetworkAPI.
func (c *Client) IsLoggedIn() bool { return c.session != nil && !c.ended.Load() }

// LogoutRemote implements bridgev2.NetworkAPI: it disconnects and deletes the session. Facebook's own session goes on until
// it is ended in the list of the account's devices: there is no known way for a client to end just its own.
func (c *Client) LogoutRemote(ctx context.Context) {
	c.ended.Store(true)
	c.Disconnect()
	if err := c.encrypted.forgetDevice(); err != nil {
		c.log.Error().Err(err).Msg("Could not delete the keys of encrypted chats")
	}
	if err := c.network.db.Messenger().EndSession(context.WithoutCancel(ctx), string(c.login.ID)); err != nil {
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
	if err := c.online.Wait(ctx); err != nil {
		return err
	}
	return c.encrypted.settled.Wait(ctx)
}

// goDo runs f in a goroutine that Disconnect waits for; f watches c.ctx. After Disconnect it does nothing.
func (c *Client) goDo(name string, f func()) { c.work.Go(c.login, "messenger "+name, f) }

// bound is a context for one piece of work: it ends with the caller's, with the login and after timeout.
func (c *Client) bound(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return uplink.Bound(ctx, c.ctx, timeout)
}

// begin is how a call of bridgev2's begins that needs the session. Unless there is an error, c.work.Done must be called.
func (c *Client) begin(portal *bridgev2.Portal) (thread int64, err error) {
	if !c.IsLoggedIn() {
		return 0, names.ErrNotLoggedIn()
	}
	if why := loginMeta(c.login.UserLogin).Stopped; why != "" {
		return 0, names.ErrStopped(why)
	}
	if thread, err = parseID(portal.ID); err != nil {
		return 0, fmt.Errorf("thread of portal: %w", err)
	}
	if !c.work.Begin() {
		return 0, ledger.ErrStopping()
	}
	return thread, nil
}
