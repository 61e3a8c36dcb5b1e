package messenger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/connector/ledger"
	"crosschat/connector/meow"
	"crosschat/connector/uplink"
	"crosschat/connector/waglobals"
)

// encrypted is the encrypted plane of a login: a device of its own on a socket of its own, next to the connection that
// brings people and chats. It begins when that one stands for the first time.
//
// run owns the device and the library's client. The library calls onEvent from its handler goroutine, one event at a time
// where order matters, and from others for the rest.
type encrypted struct {
	c   *Client
	log zerolog.Logger

	online  uplink.Gate // open while the socket stands
	settled uplink.Gate // open while it stands, or while waiting for it would be in vain

	lock         sync.Mutex // guards the rest
	wa           *whatsmeow.Client
	why          error // why the plane is not there, nil while it is or is being connected to
	registeredAt time.Time

	ended chan error    // the end of the connection that run serves, one at most
	again chan struct{} // the user wants a stopped plane back
	order sync.Mutex    // held while an event is handed to Matrix, so that the next waits
	// dialling is set while the library connects. It holds its lock meanwhile, for up to 20 seconds where the server is silent,
	// and can't be interrupted.
	dialling atomic.Bool
	heard    atomic.Int64 // when something arrived last, in nanoseconds since 1970
	shown    meow.Presence
	keys     sync.Map // people whose security code has changed, and when that was told
}

func newEncrypted(c *Client) *encrypted {
	e := &encrypted{
		c: c, log: c.log.With().Str("plane", "encrypted").Logger(), ended: make(chan error, 1), again: make(chan struct{}, 1),
	}
	e.shown = meow.Presence{Span: c.network.Config.OnlineAfterActivity, Say: e.sayPresence, Later: e.later}
	return e
}

// client is the library's client, nil before there is a device.
func (e *encrypted) client() *whatsmeow.Client {
	e.lock.Lock()
	defer e.lock.Unlock()
	return e.wa
}

// run keeps the socket until the login ends, or nothing is gained by trying on: then it waits until the user wants it back.
func (e *encrypted) run() {
	for e.c.online.Wait(e.c.ctx) == nil {
		err := uplink.Run(e.c.ctx, uplink.Link{
			Serve: e.serve, Judge: e.judge, Pausing: e.onInterrupted, MaxPause: e.c.network.Config.ReconnectMaxDelay,
		})
		if e.c.ctx.Err() != nil {
			return
		}
		e.stop(err)
		select {
		case <-e.c.ctx.Done():
		case <-e.again:
			e.fail(nil)
			e.settled.Set(false)
		}
	}
}

// restart brings the plane back after it was stopped because the device was removed.
func (e *encrypted) restart() {
	var refused *refusedError
	if !errors.As(e.fault(), &refused) || !refused.removed {
		return
	}
	select {
	case e.again <- struct{}{}:
	default:
	}
}

// disconnect ends the socket. What the library still runs calls nothing of ours any more, since the login's work ends.
func (e *encrypted) disconnect() {
	e.shown.Stop()
	if wa := e.client(); wa != nil {
		e.hangUp(wa)
	}
}

// hangUp ends the socket. One that the library still connects is ended by dial.
func (e *encrypted) hangUp(wa *whatsmeow.Client) {
	if !e.dialling.Load() {
		wa.Disconnect()
	}
}

// dial connects. When ctx ends it returns at once, and the library is left alone with its try: it calls nothing of ours
// any more, and its socket is closed as soon as it gives the client back.
func (e *encrypted) dial(ctx context.Context, wa *whatsmeow.Client) error {
	result := make(chan error, 1)
	e.dialling.Store(true)
	go func() {
		defer e.dialling.Store(false)
		defer uplink.Recover(e.c.login, "messenger encrypted socket")
		// With the login's context: what has come is handled to its end, though the connection be gone meanwhile.
		err := wa.ConnectContext(e.c.ctx)
		if e.c.ctx.Err() != nil {
			wa.Disconnect()
		}
		result <- err
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// serve connects and blocks until the connection ends.
func (e *encrypted) serve(ctx context.Context) error {
	if err := e.c.online.Wait(ctx); err != nil {
		return err
	}
	wa, err := e.prepare(ctx)
	if err != nil {
		return err
	}
	select {
	case <-e.ended: // of an earlier connection
	default:
	}
	defer func() {
		e.hangUp(wa)
		e.online.Set(false)
		e.settled.Set(false)
	}()
	if err = e.dial(ctx, wa); err != nil && !errors.Is(err, whatsmeow.ErrAlreadyConnected) {
		if errors.Is(err, store.ErrDeviceDeleted) {
			return errDeviceGone
		}
		return fmt.Errorf("connect to the encrypted socket: %w", err)
	}
	e.heard.Store(time.Now().UnixNano())
	limit := e.c.network.Config.EncryptedQuiet
	for {
		var quiet <-chan time.Time
		if limit > 0 {
			quiet = time.After(max(limit-e.quietFor(), 0))
		}
		select {
		case err = <-e.ended:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-quiet:
			if e.quietFor() >= limit {
				return errQuiet
			}
		}
	}
}

// quietFor is how long nothing has come over the socket that the server sends unasked. One that answers and yet delivers
// nothing can't be told from one over which nobody writes, so after a while it is built anew: the server then hands over
// what it held back.
func (e *encrypted) quietFor() time.Duration { return time.Since(time.Unix(0, e.heard.Load())) }

// prepare makes sure that there is a device and a client for it, and registers one if there is none.
func (e *encrypted) prepare(ctx context.Context) (*whatsmeow.Client, error) {
	if wa := e.client(); wa != nil && !wa.Store.Deleted {
		return wa, nil
	}
	device, err := e.storedDevice(ctx)
	if err != nil {
		return nil, err
	}
	if device == nil {
		if device, err = e.register(ctx); err != nil {
			return nil, err
		}
	}
	meow.GuardSessions(device, func(ctx context.Context) error { return ledger.Durable(ctx, e.c.network.bridge) })
	waglobals.Mortal(device)
	wa := e.c.wire.NewEncrypted(device, meow.NewLog(e.log))
	// The connection is ours to keep: what becomes of it is the login's state.
	wa.EnableAutoReconnect, wa.InitialAutoReconnect, wa.DisableLoginAutoReconnect = false, false, true
	// A contact whose device could not decrypt what we sent may ask again after a restart, too.
	wa.UseRetryMessageStore = true
	wa.BackgroundEventCtx = e.c.ctx
	wa.AddEventHandlerWithSuccessStatus(e.onEvent)
	e.lock.Lock()
	defer e.lock.Unlock()
	e.wa = wa
	return wa, nil
}

// storedDevice is the login's device, nil if it has none. The store is the only record of it.
func (e *encrypted) storedDevice(ctx context.Context) (*store.Device, error) {
	devices, err := e.c.network.encryptedDevices(ctx, e.c.self)
	if err != nil || len(devices) == 0 {
		return nil, err
	}
	for _, stale := range devices[:len(devices)-1] {
		if err = stale.Delete(ctx); err != nil {
			return nil, fmt.Errorf("delete stale device %s: %w", stale.GetJID(), err)
		}
	}
	return devices[len(devices)-1], nil
}

// encryptedDevices are the devices of an account in the store, those of all accounts if it is 0.
func (n *Network) encryptedDevices(ctx context.Context, account int64) (own []*store.Device, err error) {
	devices, err := n.db.WhatsAppStore().GetAllDevices(ctx)
	if err != nil {
		return nil, fmt.Errorf("list encrypted devices: %w", err)
	}
	for _, device := range devices {
		if jid := device.GetJID(); jid.Server == types.MessengerServer && (account == 0 || jid.User == jidOf(account).User) {
			own = append(own, device)
		}
	}
	return own, nil
}

// forgetDevices deletes an account's devices with all their keys.
func (n *Network) forgetDevices(ctx context.Context, account int64) error {
	devices, err := n.encryptedDevices(ctx, account)
	if err != nil {
		return err
	}
	for _, device := range devices {
		jid := device.GetJID() // Delete forgets it
		if err = device.Delete(ctx); err != nil {
			return fmt.Errorf("delete encrypted device %s: %w", jid, err)
		}
	}
	return nil
}

// reregisterPause is the least time between two registrations that the server's refusals lead to (protocol notes, section
// 5.9).
const reregisterPause = time.Hour

// register makes a new device one of the account's.
func (e *encrypted) register(ctx context.Context) (*store.Device, error) {
	e.lock.Lock()
	wait := time.Until(e.registeredAt.Add(reregisterPause))
	e.lock.Unlock()
	if wait > 0 {
		return nil, &registerLaterError{wait}
	}
	device := e.c.network.db.WhatsAppStore().NewDevice()
	if err := e.c.wire.Register(ctx, device); err != nil {
		return nil, fmt.Errorf("register encrypted device: %w", err)
	}
	if err := device.Save(context.WithoutCancel(ctx)); err != nil {
		return nil, fmt.Errorf("store encrypted device: %w", err)
	}
	e.log.Info().Stringer("device", device.ID).Msg("Registered a device for encrypted chats")
	e.lock.Lock()
	defer e.lock.Unlock()
	e.registeredAt = time.Now()
	return device, nil
}

// forgetDevice deletes the device that the server does not know any more.
func (e *encrypted) forgetDevice() error {
	e.lock.Lock()
	wa := e.wa
	e.wa = nil
	e.lock.Unlock()
	ctx := context.WithoutCancel(e.c.ctx)
	if wa != nil {
		e.hangUp(wa)
		// By the client's own handle on the device, so that nothing of the library stores it again.
		if err := wa.Store.Delete(ctx); err != nil {
			return fmt.Errorf("delete encrypted device: %w", err)
		}
	}
	return e.c.network.forgetDevices(ctx, e.c.self)
}

// end notes that the connection has ended. Only the first word of it counts.
func (e *encrypted) end(err error) {
	select {
	case e.ended <- err:
	default:
	}
}

// onConnected follows each connect, when the server has let the device in.
func (e *encrypted) onConnected() {
	e.c.wire.CATAccepted()
	e.fail(nil)
	e.online.Set(true)
	e.settled.Set(true)
	e.c.report()
	e.shown.Reset()
}

// fail keeps why the plane is not there.
func (e *encrypted) fail(why error) {
	e.lock.Lock()
	defer e.lock.Unlock()
	e.why = why
}

// fault is why the plane is not there, nil if it is or nothing has failed yet.
func (e *encrypted) fault() error {
	e.lock.Lock()
	defer e.lock.Unlock()
	return e.why
}

var (
	errQuiet      = errors.New("nothing came over the encrypted socket for long")
	errDeviceGone = errors.New("server does not know the encrypted device any more")
)

// onState takes the events that are about the connection as a whole; it is false for any other.
func (e *encrypted) onState(raw any) bool {
	switch evt := raw.(type) {
	case *events.Connected:
		e.onConnected()
	case *events.Disconnected:
		if wa := e.client(); wa == nil || !wa.IsConnected() { // else it is of an earlier connection
			e.end(errLost)
		}
	case *events.KeepAliveTimeout:
		if time.Since(evt.LastSuccess) > whatsmeow.KeepAliveMaxFailTime {
			e.end(errLost)
		}
	case *events.ManualLoginReconnect:
		e.end(errLost)
	case *events.LoggedOut:
		e.end(&refusedError{reason: evt.Reason, removed: !evt.OnConnect})
	case *events.StreamReplaced:
		e.end(errReplaced)
	case *events.TemporaryBan:
		e.end(&refusedError{reason: events.ConnectFailureTempBanned, after: evt.Expire})
	case *events.ClientOutdated:
		e.end(&refusedError{reason: events.ConnectFailureClientOutdated})
	case *events.ConnectFailure:
		e.end(&refusedError{reason: evt.Reason})
	case *events.CATRefreshError:
		e.end(fmt.Errorf("renew token for the encrypted socket: %w", evt.Error))
	case *events.StreamError:
		e.end(fmt.Errorf("encrypted socket reported error %q", evt.Code))
	default:
		return false
	}
	return true
}

// sayPresence is best effort: what is lost here is said again with the next connection or activity.
func (e *encrypted) sayPresence(state types.Presence) bool {
	wa := e.client()
	if wa == nil || !e.online.Open() {
		return false
	}
	err := wa.SendPresence(e.c.ctx, state)
	if err != nil && !meow.ConnectionLost(err) {
		e.log.Debug().Err(err).Str("presence", string(state)).Msg("Could not send presence")
	}
	return err == nil
}

// later runs what a timer starts.
func (e *encrypted) later(f func()) {
	if !e.c.work.Begin() {
		return
	}
	defer e.c.work.Done()
	defer uplink.Recover(e.c.login, "messenger presence")
	f()
}
