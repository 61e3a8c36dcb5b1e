package whatsapp

import (
	"errors"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"crosschat/connector/meow"
	"crosschat/connector/uplink"
)

// active notes that the user did something.
func (c *Client) active() {
	if c.online.Open() {
		c.presence.Active()
	}
}

// later runs what a timer starts.
func (c *Client) later(f func()) {
	if !c.work.Begin() {
		return
	}
	defer c.work.Done()
	defer uplink.Recover(c.login, "whatsapp presence")
	f()
}

// sendPresence is best effort: what is lost here is said again with the next connection or activity.
func (c *Client) sendPresence(state types.Presence) bool {
	err := c.wa.SendPresence(c.ctx, state)
	if err != nil && !errors.Is(err, whatsmeow.ErrNoPushName) && !meow.BrokenOff(c.ctx, err) {
		c.log.Debug().Err(err).Str("presence", string(state)).Msg("Could not send presence")
	}
	return err == nil
}
