package whatsapp

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"go.mau.fi/util/jsontime"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/format"

	crosschatdb "crosschat/database"
)

// unknownBar is for how long a chat is left alone that WhatsApp does not let us start, if it does not say itself.
const unknownBar = time.Hour

// mostBars bounds the chats that are remembered as barred. More are strangers than anybody writes to in that time.
const mostBars = 500

// bars is where the account may not begin to write, and until when. The zero value bars nothing.
type bars struct {
	lock  sync.Mutex
	chats map[types.JID]time.Time
	lift  time.Time // when WhatsApp lets the account start chats again; zero if it has not said that it may not
}

// until is when a chat may be written to, zero if at once.
func (b *bars) until(chat types.JID) time.Time {
	b.lock.Lock()
	defer b.lock.Unlock()
	if until := b.chats[chat]; until.After(time.Now()) {
		return until
	}
	return time.Time{}
}

// add bars a chat that WhatsApp has refused, and says until when.
func (b *bars) add(chat types.JID) time.Time {
	b.lock.Lock()
	defer b.lock.Unlock()
	now := time.Now()
	until := now.Add(unknownBar)
	if b.lift.After(now) {
		until = b.lift
	}
	maps.DeleteFunc(b.chats, func(_ types.JID, until time.Time) bool { return !until.After(now) })
	if b.chats == nil {
		b.chats = map[types.JID]time.Time{}
	}
	if len(b.chats) < mostBars {
		b.chats[chat] = until
	}
	return until
}

// open takes the bar away from a chat; it is false if there was none.
func (b *bars) open(chat types.JID) bool {
	b.lock.Lock()
	defer b.lock.Unlock()
	_, barred := b.chats[chat]
	delete(b.chats, chat)
	return barred
}

// setLift notes until when no chats may be started; the zero time opens all.
func (b *bars) setLift(at time.Time) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.lift = at
	if at.IsZero() {
		clear(b.chats)
	}
}

// store writes the bars into a login's metadata, load reads them.
func (b *bars) store(meta *crosschatdb.WhatsAppUserLogin) {
	b.lock.Lock()
	defer b.lock.Unlock()
	meta.NewChatsFrom = jsontime.U(b.lift)
	// A new map each time: the one that was there may just be being written to the database.
	meta.Barred = make(map[string]jsontime.Unix, len(b.chats))
	for chat, until := range b.chats {
		meta.Barred[chat.String()] = jsontime.U(until)
	}
}

func (b *bars) load(meta *crosschatdb.WhatsAppUserLogin) {
	b.lift = meta.NewChatsFrom.Time
	b.chats = make(map[types.JID]time.Time, len(meta.Barred))
	for chat, until := range meta.Barred {
		if jid, err := types.ParseJID(chat); err == nil {
			b.chats[jid] = until.Time
		}
	}
}

// keepBars makes the bars outlive the process: a chat that was refused is not to be tried again just because of a restart.
func (c *Client) keepBars() {
	if err := c.remember(c.bars.store); err != nil {
		c.fault(err, "Could not remember where WhatsApp lets the account write")
	}
}

// bar leaves a chat alone that WhatsApp has refused to start. The error is ready for bridgev2.
func (c *Client) bar(chat types.JID, err error) error {
	until := c.bars.add(chat)
	c.keepBars()
	return barredError(err, until)
}

// unbar lets a chat be written to whose people have written to us.
func (c *Client) unbar(chat types.JID) {
	if c.bars.open(chat) {
		c.keepBars()
	}
}

// mayWrite is nil unless WhatsApp has barred the chat a short while ago. The error is ready for bridgev2.
func (c *Client) mayWrite(chat types.JID) error {
	if until := c.bars.until(chat); !until.IsZero() {
		return barredError(errors.New("chat is barred"), until)
	}
	return nil
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

// onTimelock is the server's word that the account may not start new chats for a while, or may again. One without an end
// lasts until the server says so.
func (c *Client) onTimelock(evt *events.NotifyAccountReachoutTimelock) {
	ends := evt.TimeEnforcementEnds.Time
	if !evt.IsActive || !ends.IsZero() && !ends.After(time.Now()) {
		c.bars.setLift(time.Time{})
		c.keepBars()
		c.log.Info().Msg("WhatsApp lets the account start new chats again")
		return
	}
	until := "at the moment"
	if !ends.IsZero() {
		c.bars.setLift(ends)
		c.keepBars()
		until = "until " + moment(ends)
	}
	c.log.Warn().Time("until", ends).Str("enforcement", evt.EnforcementType).Msg("WhatsApp does not let the account start new chats")
	c.goDo("timelock", func() {
		c.tell(fmt.Sprintf("WhatsApp does not let %s start new chats %s. Chats with people who have written to you go on.",
			c.login.RemoteName, until))
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
