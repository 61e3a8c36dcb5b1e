package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/format"
)

// What WhatsApp refuses is never tried again at once: a client that hammers is what it bars accounts for. There are
// (sections 7.2 and 16 of the protocol notes, and whatsmeow's events)
//
//	463            the account may not start new chats for a while: fails, and that chat is not tried before the time is over
//	429, 503       too much at once, or the server is not well: held, with growing pauses, as long as a message may wait
//	402 at login   the account is locked for a while: no connection before the time is over
//	everything else is final and fails with its reason
const (
	// unknownBar is for how long a chat is left alone that WhatsApp does not let us start, if it does not say itself.
	unknownBar = time.Hour
	// firstHold is the first pause after WhatsApp has said that it is too much.
	firstHold = 5 * time.Second
	longHold  = time.Minute
	// banMargin is added to a lock's time: clocks differ.
	banMargin = 10 * time.Second
)

// errorLocked has no text in bridgev2's map of them: that would take the place of the one with the time.
const errorLocked status.BridgeStateErrorCode = "whatsapp-locked"

// isRefused is whether the server has answered a message with this number.
func isRefused(err error, number string) bool {
	return errors.Is(err, whatsmeow.ErrServerReturnedError) && strings.HasSuffix(err.Error(), " "+number)
}

// mayWrite is nil unless WhatsApp has barred the chat a short while ago. The error is ready for bridgev2.
func (c *Client) mayWrite(chat types.JID) error {
	until, ok := c.barred.Load(chat)
	if !ok {
		return nil
	}
	if time.Now().After(until.(time.Time)) {
		c.barred.Delete(chat)
		return nil
	}
	return barredError(errors.New("chat is barred"), until.(time.Time))
}

func barredError(err error, until time.Time) error {
	return bridgev2.WrapErrorInStatus(err).WithIsCertain(true).WithSendNotice(true).
		WithStatus(event.MessageStatusRetriable).WithErrorReason(event.MessageStatusNetworkError).
		WithMessage("WhatsApp does not let your account start new chats until " + moment(until) +
			". You can answer people who write to you, and send this again then")
}

// moment is a time in words for a user.
func moment(at time.Time) string {
	return at.UTC().Format("2 January 15:04") + " UTC"
}

// refused notes what a refusal means for what is sent next, and says it in the error for bridgev2. hold is for how long
// the message is to wait before it is tried again, 0 if it has failed.
func (c *Client) refused(chat types.JID, err error, tries int) (hold time.Duration, explained error) {
	switch {
	case isRefused(err, "463"):
		until := time.Now().Add(unknownBar)
		if lock := c.newChatsFrom.Load(); lock != nil && lock.After(time.Now()) {
			until = *lock
		}
		c.barred.Store(chat, until)
		return 0, barredError(err, until)
	case isRefused(err, "429"), isRefused(err, "503"), errors.Is(err, whatsmeow.ErrIQRateOverLimit), errors.Is(err, whatsmeow.ErrIQServiceUnavailable):
		return min(firstHold<<min(tries, 8), longHold), nil
	default:
		return 0, nil
	}
}

// hold waits out a pause; it is false if ctx ends first.
func hold(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// onTimelock is the server's word that the account may not start new chats for a while, or may again.
func (c *Client) onTimelock(evt *events.NotifyAccountReachoutTimelock) {
	ends := evt.TimeEnforcementEnds.Time
	if !evt.IsActive || !ends.After(time.Now()) {
		c.newChatsFrom.Store(nil)
		c.barred.Clear()
		c.log.Info().Msg("WhatsApp lets the account start new chats again")
		return
	}
	c.newChatsFrom.Store(&ends)
	c.log.Warn().Time("until", ends).Str("enforcement", evt.EnforcementType).Msg("WhatsApp does not let the account start new chats")
	c.goDo("timelock", func() {
		c.tell(fmt.Sprintf("WhatsApp does not let %s start new chats until %s. Chats with people who have written to you go on.",
			c.login.RemoteName, moment(ends)))
	})
}

// tell says something in the user's chat with the bot.
func (c *Client) tell(text string) {
	room, err := c.login.User.GetManagementRoom(c.ctx)
	if err == nil {
		content := format.TextToContent(text)
		content.MsgType = event.MsgNotice
		_, err = c.network.bridge.Bot.SendMessage(c.ctx, room, event.EventMessage, &event.Content{Parsed: &content}, nil)
	}
	if err != nil {
		c.fault(err, "Could not tell the user something in the management room")
	}
}

// onBanned is a lock of the whole account. If WhatsApp says how long it lasts, the connection is tried again after that,
// and not before.
func (c *Client) onBanned(evt *events.TemporaryBan) {
	if evt.Expire <= 0 {
		c.onRefused(status.StateBadCredentials, errorTempBanned, evt.String())
		return
	}
	c.online.Set(false)
	ends := time.Now().Add(evt.Expire)
	c.log.Warn().Stringer("code", evt.Code).Time("until", ends).Msg("WhatsApp has locked the account for a while")
	c.report(status.BridgeState{
		StateEvent: status.StateBadCredentials,
		Error:      errorLocked,
		Message: fmt.Sprintf("WhatsApp has locked this account until %s (%s). The bridge tries again then. See WhatsApp on your phone.",
			moment(ends), evt.Code),
	})
	c.goDo("ban", func() {
		if hold(c.ctx, evt.Expire+banMargin) {
			c.connect()
		}
	})
}
