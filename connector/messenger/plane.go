package messenger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
)

// A chat of two is on the plain plane or on the encrypted one, and may move, most often to the encrypted one. Its messages
// decide, and rows that say so; rows of before that say that it is plain do not (protocol notes, section 5.8). What is
// about a message goes to the plane of that message, what is new to that of the chat. Both have one room.

// onEncrypted says whether a chat's new messages travel on the encrypted socket.
func (c *Client) onEncrypted(portal *bridgev2.Portal) bool {
	key, err := parseID(portal.ID)
	if err != nil {
		return false
	}
	known, _ := c.known.thread(key)
	return known.encrypted() || !known.PlainAgain && portalMeta(portal).Encrypted
}

// markEncrypted keeps with the portal itself that its chat is on the encrypted plane: a new login knows it from there.
func markEncrypted(_ context.Context, portal *bridgev2.Portal) (changed bool) {
	meta := portalMeta(portal)
	changed = !meta.Encrypted
	meta.Encrypted = true
	return changed
}

// encrypted says whether new messages of the chat travel on the encrypted plane.
func (t *thread) encrypted() bool { return !t.PlainAgain && (t.Encrypted || t.Type.Encrypted()) }

// setType takes what the server says that a chat is.
func (t *thread) setType(kind lightspeed.ThreadType) {
	if t.Encrypted && kind == lightspeed.ThreadOneToOne {
		kind = lightspeed.ThreadEncryptedOneToOne
	}
	if kind.Encrypted() && !t.Type.Encrypted() {
		t.Encrypted, t.PlainAgain = true, false
	}
	t.Type = kind
}

// noteEncrypted stores that a chat's messages travel on the encrypted socket from now on. It answers whether that is new.
func (c *Client) noteEncrypted(ctx context.Context, chat types.JID) (moved bool, err error) {
	key, ok := chatOf(chat)
	if !ok {
		return false, nil
	}
	before, _ := c.known.thread(key)
	if before.Encrypted && !before.PlainAgain && before.Type.Encrypted() {
		return false, nil
	}
	change := c.known.begin()
	change.thread(key, func(known *thread) {
		known.Encrypted, known.PlainAgain, known.EncryptedAt = true, false, time.Now().UnixMilli()
		switch {
		case chat.Server == types.GroupServer:
			known.Type = lightspeed.ThreadEncryptedGroup
		case !known.group():
			known.Type = lightspeed.ThreadEncryptedOneToOne
		}
	})
	if _, _, err := change.commit(ctx); err != nil {
		return false, fmt.Errorf("note that chat %s is encrypted: %w", chat, err)
	}
	return !before.encrypted(), nil
}

// notePlain stores that a chat has come back from the encrypted plane, if the other one has written on the plain one since
// it went there. It answers whether it has.
func (c *Client) notePlain(ctx context.Context, m lightspeed.Message) (moved bool, err error) {
	known, _ := c.known.thread(m.ThreadKey)
	if !known.encrypted() || known.group() || m.Sender == c.self || m.Admin || m.Timestamp <= known.EncryptedAt {
		return false, nil
	}
	change := c.known.begin()
	change.thread(m.ThreadKey, func(known *thread) { known.Encrypted, known.PlainAgain = false, true })
	if _, _, err := change.commit(ctx); err != nil {
		return false, fmt.Errorf("note that chat %d is plain again: %w", m.ThreadKey, err)
	}
	return true, nil
}

// movedAway says whether a refusal on the plain plane may only mean that the chat is on the encrypted one again, and notes
// that: then the message can be tried there.
func (c *Client) movedAway(ctx context.Context, key int64, err error) bool {
	known, _ := c.known.thread(key)
	if !known.PlainAgain || !errors.As(err, new(*wire.RejectedError)) {
		return false
	}
	if _, err = c.noteEncrypted(ctx, jidOf(key)); err != nil {
		c.log.Warn().Err(err).Msg("Could not store that a chat is encrypted")
	}
	return err == nil
}

// behind says whether a refusal may only mean that the chat has changed while there was no connection, of which what is
// still to be dealt with tells: then the message can be tried again.
func (c *Client) behind(err error) bool {
	return !c.current.Load() && errors.As(err, new(*wire.RejectedError))
}

// reaches says whether somebody has a device for encrypted chats, as far as that can be told now.
func (e *encrypted) reaches(ctx context.Context, person int64) bool {
	wa := e.client()
	if wa == nil || !e.online.Open() {
		return false
	}
	devices, err := wa.GetUserDevices(ctx, []types.JID{jidOf(person)})
	if err != nil {
		e.log.Warn().Err(err).Msg("Could not ask for somebody's encrypted devices")
	}
	return len(devices) > 0
}
