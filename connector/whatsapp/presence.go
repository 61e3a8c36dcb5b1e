package whatsapp

import (
	"errors"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"crosschat/connector/uplink"
)

// presence is whether WhatsApp shows the account as online because of us. While it does, the phone keeps quiet, so it
// is so only for a while after the user did something in Matrix.
type presence struct {
	lock    sync.Mutex
	online  bool
	stopped bool
	timer   *time.Timer
}

// active notes that the user did something.
func (c *Client) active() {
	span := c.network.Config.OnlineAfterActivity
	if span <= 0 || !c.online.Open() {
		return
	}
	p := &c.presence
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.stopped {
		return
	}
	if !p.online {
		p.online = c.sendPresence(types.PresenceAvailable)
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(span, c.idle)
	} else {
		p.timer.Reset(span)
	}
}

// idle runs in the timer's goroutine.
func (c *Client) idle() {
	if !c.work.Begin() {
		return
	}
	defer c.work.Done()
	defer uplink.Recover(c.login, "whatsapp presence")
	c.presence.reset(c)
}

// reset says that the user is not online; a new connection starts with that.
func (p *presence) reset(c *Client) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.online = false
	if !p.stopped {
		c.sendPresence(types.PresenceUnavailable)
	}
}

func (p *presence) stop() {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.stopped = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

// sendPresence is best effort: what is lost here is said again with the next connection or activity.
func (c *Client) sendPresence(state types.Presence) bool {
	err := c.wa.SendPresence(c.ctx, state)
	if err != nil && !errors.Is(err, whatsmeow.ErrNoPushName) && !brokenOff(c.ctx, err) {
		c.log.Debug().Err(err).Str("presence", string(state)).Msg("Could not send presence")
	}
	return err == nil
}
