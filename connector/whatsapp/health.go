package whatsapp

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2/status"
)

// A connection can look alive, answer pings and take messages, and yet deliver nothing. So it is judged by what arrives
// unasked. When nothing has for a while, the account's own phone is asked for something that it answers by a message of
// its own, all the way through the server; when that does not come either, the connection is built anew, and the server
// hands over what it held back. With the phone switched off there is no answer, and the connection is built anew though
// nothing is wrong with it: that is harmless, and as rare as the config says.

const errorDeaf status.BridgeStateErrorCode = "whatsapp-deaf"

func init() {
	status.BridgeStateHumanErrors.Update(status.BridgeStateErrorMap{
		errorDeaf: "The connection to WhatsApp delivers nothing. Building it anew.",
	})
}

// health is what is known of a connection. The zero value has heard nothing.
type health struct {
	heardAt atomic.Int64 // when something arrived last, in nanoseconds since 1970

	lock    sync.Mutex
	heard   chan struct{} // closed and forgotten when something arrives
	suspect bool          // the connection was built anew and nothing has arrived since
}

// note keeps that something arrived; it is true if that ends a suspicion.
func (h *health) note() (healed bool) {
	h.heardAt.Store(time.Now().UnixNano())
	h.lock.Lock()
	defer h.lock.Unlock()
	if h.heard != nil {
		close(h.heard)
		h.heard = nil
	}
	healed, h.suspect = h.suspect, false
	return healed
}

// next is closed when something arrives from now on.
func (h *health) next() <-chan struct{} {
	h.lock.Lock()
	defer h.lock.Unlock()
	if h.heard == nil {
		h.heard = make(chan struct{})
	}
	return h.heard
}

func (h *health) doubt() {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.suspect = true
}

func (h *health) quietFor() time.Duration {
	return time.Since(time.Unix(0, h.heardAt.Load()))
}

// judge looks at an event of whatsmeow: what is about the connection itself says nothing about whether it delivers.
func (c *Client) judge(raw any) {
	switch raw.(type) {
	case *events.Connected, *events.Disconnected, *events.KeepAliveTimeout, *events.KeepAliveRestored, *events.LoggedOut,
		*events.StreamReplaced, *events.TemporaryBan, *events.ClientOutdated, *events.ConnectFailure, *events.StreamError,
		*events.OfflineSyncPreview, *events.OfflineSyncCompleted, *events.ManualLoginReconnect, *events.CATRefreshError:
		return
	}
	if c.health.note() {
		c.log.Info().Msg("Connection delivers again")
	}
}

// watchHealth runs for as long as the login is connected.
func (c *Client) watchHealth() {
	limit := c.network.Config.DeafAfter
	if limit <= 0 {
		return
	}
	for c.online.Wait(c.ctx) == nil {
		if rest := limit - c.health.quietFor(); rest > 0 {
			select {
			case <-c.ctx.Done():
			case <-time.After(rest):
			}
			continue
		}
		if !c.delivers() && c.online.Open() && c.ctx.Err() == nil {
			c.rebuild()
		}
		c.health.heardAt.Store(time.Now().UnixNano()) // the next judgement is of what comes from now on
	}
}

// delivers asks the own phone for something and waits until anything arrives.
func (c *Client) delivers() bool {
	ctx, cancel := c.bound(c.ctx, c.network.Config.DeafAnswer)
	defer cancel()
	heard := c.health.next()
	if err := c.askPhone(ctx); err != nil {
		c.log.Debug().Err(err).Msg("Could not ask the phone for a sign of life")
	}
	select {
	case <-heard:
		return true
	case <-ctx.Done():
		return false
	}
}

// askPhone asks for the newest key of the account's synchronised state, which we have: the phone sends it again.
func (c *Client) askPhone(ctx context.Context) error {
	key, err := c.wa.Store.AppStateKeys.GetLatestAppStateSyncKeyID(ctx)
	if err != nil {
		return err
	}
	if key == nil {
		return errors.New("no key to ask for")
	}
	_, err = c.wa.SendPeerMessage(ctx, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_REQUEST.Enum(),
		AppStateSyncKeyRequest: &waE2E.AppStateSyncKeyRequest{
			KeyIDs: []*waE2E.AppStateSyncKeyId{{KeyID: key}},
		},
	}})
	return err
}

func (c *Client) rebuild() {
	c.log.Warn().Stringer("quiet_for", c.health.quietFor().Round(time.Second)).Msg("Connection delivers nothing, building it anew")
	c.health.doubt()
	c.online.Set(false)
	c.report(status.BridgeState{StateEvent: status.StateTransientDisconnect, Error: errorDeaf})
	c.wa.ResetConnection()
}
