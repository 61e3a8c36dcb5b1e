package whatsapp

import (
	"fmt"
	"time"

	"go.mau.fi/util/jsontime"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2/status"

	crosschatdb "crosschat/database"
)

// lockMargin is added to the time for which WhatsApp has locked an account: clocks differ.
const lockMargin = 10 * time.Second

// errorLocked has no text in bridgev2's map of them: that would take the place of the one with the time.
const errorLocked status.BridgeStateErrorCode = "whatsapp-locked"

// onBanned is a lock of the whole account. If WhatsApp says how long it lasts, the connection is tried again after that,
// and not before, a restart of the process included.
func (c *Client) onBanned(evt *events.TemporaryBan) {
	if evt.Expire <= 0 {
		c.onRefused(status.StateBadCredentials, errorTempBanned, evt.Code.String())
		return
	}
	c.online.Set(false)
	until := time.Now().Add(evt.Expire)
	c.log.Warn().Stringer("code", evt.Code).Time("until", until).Msg("WhatsApp has locked the account for a while")
	err := c.remember(func(meta *crosschatdb.WhatsAppUserLogin) {
		meta.LockedUntil, meta.LockedFor = jsontime.U(until), evt.Code.String()
	})
	if err != nil {
		c.fault(err, "Could not remember that WhatsApp has locked the account")
	}
	c.goDo("lock", c.connectWhenUnlocked)
}

// connectWhenUnlocked connects, at once if the account is not locked.
func (c *Client) connectWhenUnlocked() {
	c.profile.Lock()
	meta := loginMeta(c.login.UserLogin)
	until, reason := meta.LockedUntil.Time, meta.LockedFor
	c.profile.Unlock()
	if left := time.Until(until); left > 0 {
		c.report(status.BridgeState{
			StateEvent: status.StateBadCredentials,
			Error:      errorLocked,
			Message: fmt.Sprintf("WhatsApp has locked this account until %s (%s). The bridge tries again then. See WhatsApp on your phone.",
				moment(until), reason),
			Info: map[string]any{"until": until.Unix()},
		})
		if !hold(c.ctx, left+lockMargin) {
			return
		}
	}
	c.connect()
}
