package whatsapp

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/ledger"
	"crosschat/connector/meow"
	"crosschat/connector/uplink"
	"crosschat/connector/waglobals"
)

var (
	_ bridgev2.NetworkAPIWithUserID          = (*Client)(nil)
	_ bridgev2.ReadReceiptHandlingNetworkAPI = (*Client)(nil)
	_ bridgev2.EditHandlingNetworkAPI        = (*Client)(nil)
	_ bridgev2.ReactionHandlingNetworkAPI    = (*Client)(nil)
	_ bridgev2.RedactionHandlingNetworkAPI   = (*Client)(nil)
	_ bridgev2.PollHandlingNetworkAPI        = (*Client)(nil)
	_ bridgev2.TypingHandlingNetworkAPI      = (*Client)(nil)
	_ bridgev2.IdentifierResolvingNetworkAPI = (*Client)(nil)
	_ bridgev2.ContactListingNetworkAPI      = (*Client)(nil)
	_ bridgev2.BackfillingNetworkAPI         = (*Client)(nil)
	_ ledger.Connection                      = (*Client)(nil)
)

// Client implements bridgev2.NetworkAPI for one login. It is connected once and disconnected once; to connect again
// bridgev2 makes a new one.
type Client struct {
	network *Network
	login   *bridgev2.UserLogin
	log     zerolog.Logger
	self    types.JID // the account's own address, LID if known

	wa     *whatsmeow.Client // nil if the login has no device
	device types.JID         // the linked device's address; whatsmeow forgets it when it deletes the device
	ended  atomic.Bool       // the device is unlinked, or just being so

	ctx    context.Context // ends with Disconnect
	cancel context.CancelFunc
	work   uplink.Work

	online   uplink.Gate // whether the server has let us in
	named    uplink.Gate // whether the account's own name is known
	presence meow.Presence
	order    sync.Mutex // held while an event is handed to Matrix, so that the next waits even if whatsmeow does not

	profile sync.Mutex  // guards the account's name and profile in login
	history sync.Mutex  // lets one history blob at a time into memory
	demands demands     // what the phone was asked for
	coming  sync.Map    // ids of messages that history puts into the room before what is being converted
	filling sync.Mutex  // lets one run at a time fill rooms with history
	rekeyed sync.Map    // peers whose portal is known to have the right key
	watches atomic.Bool // whether the user wants to see who is online
	watched watched     // whose presence was asked for
	health  health      // whether the connection delivers
	pace    pace        // of what is sent
	bars    bars        // where WhatsApp does not let us begin to write
	newKeys sync.Map    // peers whose security code has changed, and when that was told
	status  atomic.Bool // whether the user wants status updates

	fillLock  sync.Mutex // guards fillTimer
	fillTimer *time.Timer

	roomless int      // how many chats were said to have no room; filling guards it
	wroteTo  sync.Map // types.JID of chats in which the user wrote on another device, since the start

	// What conversion looks up in the bridge, for tests to replace: who a person is in Matrix, and a stored message.
	whoIs func(context.Context, types.JID) (id.UserID, string)
	row   func(context.Context, *bridgev2.Portal, networkid.MessageID) *database.Message

	said atomic.Pointer[store.WAVersionContainer] // the version that the last connection has named

	// The two ways media takes, for tests to replace.
	download func(context.Context, whatsmeow.DownloadableMessage, *os.File) error
	upload   func(context.Context, *os.File, whatsmeow.MediaType) (whatsmeow.UploadResponse, error)
}

// newClient makes the client of a login; device may be nil.
func newClient(n *Network, login *bridgev2.UserLogin, device *store.Device) (*Client, error) {
	self, err := parseID(login.ID)
	if err != nil {
		return nil, fmt.Errorf("own address of login: %w", err)
	}
	log := login.Log.With().Str("network", "whatsapp").Logger()
	c := &Client{network: n, login: login, log: log, self: self}
	c.ctx, c.cancel = context.WithCancel(log.WithContext(n.bridge.BackgroundCtx))
	c.presence = meow.Presence{Span: n.Config.OnlineAfterActivity, Say: c.sendPresence, Later: c.later}
	c.download, c.upload = c.downloadMedia, c.uploadMedia
	c.whoIs, c.row = c.mentionName, c.storedMessage
	c.status.Store(loginMeta(login.UserLogin).ShowStatus)
	c.watches.Store(loginMeta(login.UserLogin).ShowPresence)
	c.bars.load(loginMeta(login.UserLogin))
	if device == nil {
		return c, nil
	}
	c.device = device.GetJID()
	meow.GuardSessions(device, func(ctx context.Context) error { return ledger.Durable(ctx, n.bridge) })
	waglobals.Mortal(device)
	c.wa = whatsmeow.NewClient(device, meow.NewLog(log))
	n.equip(c.wa, &c.said)
	// A message counts as received only when onEvent says so; what was decrypted but not said so is kept for the next
	// try, since it can't be decrypted twice.
	c.wa.SynchronousAck = true
	c.wa.EnableDecryptedEventBuffer = true
	// A contact whose device could not decrypt what we sent may ask again after a restart, too.
	c.wa.UseRetryMessageStore = true
	c.wa.AutomaticMessageRerequestFromPhone = true
	c.wa.SendReportingTokens = true
	// History blobs are downloaded by a goroutine of ours: the library's own would outlive Disconnect.
	c.wa.ManualHistorySyncDownload = true
	c.wa.BackgroundEventCtx = c.ctx
	c.wa.AutoReconnectHook = c.beforeReconnect
	c.wa.AddEventHandlerWithSuccessStatus(c.onEvent)
	return c, nil
}

// Connect implements bridgev2.NetworkAPI. It does not block; what becomes of it is told as bridge state.
func (c *Client) Connect(context.Context) {
	if c.wa == nil {
		c.forgetHistory(c.ctx) // the process may have ended while the device was lost
		c.reportNoDevice()
		return
	}
	c.goDo("connect", c.connectWhenUnlocked)
	c.goDo("health", c.watchHealth)
	c.goDo("presence", c.keepPresence)
}

// Disconnect implements bridgev2.NetworkAPI: when it returns, nothing of this login runs any more, except that the
// library may still be ending goroutines that no longer call us.
func (c *Client) Disconnect() {
	c.cancel()
	c.presence.Stop()
	if c.wa != nil {
		c.wa.Disconnect()
	}
	c.work.End()
}

// IsLoggedIn implements bridgev2.NetworkAPI.
func (c *Client) IsLoggedIn() bool {
	return c.wa != nil && !c.ended.Load()
}

// LogoutRemote implements bridgev2.NetworkAPI: it unlinks the device, as far as the network can be reached, disconnects
// and deletes all keys.
func (c *Client) LogoutRemote(ctx context.Context) {
	linked := c.IsLoggedIn() && c.ctx.Err() == nil
	c.ended.Store(true) // from here on the library may have deleted the keys, and can't decrypt what comes
	if linked {
		if err := c.unlink(ctx); err != nil {
			c.log.Warn().Err(err).Msg("Could not unlink the device: the phone still lists it")
		}
	}
	c.Disconnect()
	c.forgetHistory(context.WithoutCancel(ctx))
	if c.wa == nil {
		return
	}
	// By the client's own handle on the device, so that nothing of the library stores it again.
	if err := c.wa.Store.Delete(context.WithoutCancel(ctx)); err != nil {
		c.log.Error().Err(err).Msg("Could not delete the device's keys")
	}
}

// unlinkTimeout bounds the wait for the network at logout.
const unlinkTimeout = 15 * time.Second

func (c *Client) unlink(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, unlinkTimeout)
	defer cancel()
	if err := c.online.Wait(ctx); err != nil {
		return fmt.Errorf("wait for connection: %w", err)
	}
	return c.wa.Logout(ctx)
}

// IsThisUser implements bridgev2.NetworkAPI.
func (c *Client) IsThisUser(_ context.Context, id networkid.UserID) bool {
	return id == c.GetUserID()
}

// GetUserID implements bridgev2.NetworkAPIWithUserID.
func (c *Client) GetUserID() networkid.UserID {
	return networkid.UserID(c.login.ID)
}

// fault logs that something of ours failed, unless it is because the login is being disconnected.
func (c *Client) fault(err error, what string) {
	if c.ctx.Err() == nil {
		c.log.Error().Err(err).Msg(what)
	}
}

// goDo runs f in a goroutine that Disconnect waits for; f watches c.ctx. After Disconnect it does nothing.
func (c *Client) goDo(name string, f func()) {
	c.work.Go(c.login, "whatsapp "+name, f)
}

// bound is a context for one piece of work: it ends with the caller's, with the login and after timeout.
func (c *Client) bound(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return uplink.Bound(ctx, c.ctx, timeout)
}
