package whatsapp

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/history"
	"crosschat/connector/meow"
	crosschatdb "crosschat/database"
)

// History comes from the phone in pieces, once each. A piece is acknowledged when it, or its announcement, is stored; it
// is read by a goroutine of ours; its messages wait in a table until they stand in a room (history_fill.go).

const (
	// historyPause is how long after a piece the next one may come before rooms are filled with what there is.
	historyPause = 20 * time.Second
	// downloadTries bounds the tries to download a piece that WhatsApp's servers have.
	downloadTries = 3
)

func (c *Client) kept() *crosschatdb.WhatsAppHistory {
	return c.network.db.WhatsAppHistory()
}

// onHistory takes a piece of history, or the announcement of one; true when it can't be lost any more.
func (c *Client) onHistory(id types.MessageID, piece *waE2E.HistorySyncNotification) bool {
	if piece.InitialHistBootstrapInlinePayload != nil {
		// Before any live message, so that a room begins with what was said before.
		history, err := c.wa.DownloadHistorySync(c.ctx, piece, true)
		if err != nil {
			c.log.Warn().Err(err).Msg("Ignored a malformed piece of history")
			return true
		}
		if err = c.keepHistory(history, ""); err != nil {
			c.fault(err, "Could not store a piece of history")
			return false
		}
		return true
	}
	body, err := proto.Marshal(piece)
	if err == nil {
		err = c.kept().Announce(c.ctx, string(c.login.ID), id, body)
	}
	if err != nil {
		c.fault(err, "Could not store the announcement of a piece of history")
		return false
	}
	c.goDo("history", c.readHistory)
	return true
}

// readHistory reads what was announced, in order.
func (c *Client) readHistory() {
	c.history.Lock()
	defer c.history.Unlock()
	for c.ctx.Err() == nil && c.IsLoggedIn() {
		id, body, err := c.kept().Announced(c.ctx, string(c.login.ID))
		if err != nil {
			c.fault(err, "Could not look for announced history")
			return
		}
		if id == "" {
			return
		}
		if err = c.readPiece(body); err != nil {
			c.fault(err, "Could not store a piece of history")
			return
		}
		if err = c.kept().Done(c.ctx, string(c.login.ID), id); err != nil {
			c.fault(err, "Could not forget a piece of history")
			return
		}
	}
}

// readPiece downloads and stores one piece. The error is the database's, or that of the login's end: then the piece is
// tried again later. One that can't be had is given up.
func (c *Client) readPiece(body []byte) error {
	piece := &waE2E.HistorySyncNotification{}
	if err := proto.Unmarshal(body, piece); err != nil {
		c.log.Warn().Err(err).Msg("Ignored a malformed announcement of history")
		return nil
	}
	var history *waHistorySync.HistorySync
	for try := 1; ; try++ {
		err := c.whileConnected(c.ctx, func() (err error) {
			history, err = c.wa.DownloadHistorySync(c.ctx, piece, true)
			return err
		})
		if err == nil {
			break
		}
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		if !c.IsLoggedIn() {
			return nil
		}
		if try == downloadTries || meow.Gone(err) {
			c.log.Warn().Err(err).Msg("A piece of the phone's history could not be downloaded")
			return nil
		}
	}
	return c.keepHistory(history, piece.GetPeerDataRequestSessionID())
}

// keepHistory stores the messages of a piece. request is what the phone answers with it, empty if it was not asked.
func (c *Client) keepHistory(history *waHistorySync.HistorySync, request string) error {
	count := 0
	for _, conversation := range history.GetConversations() {
		n, err := c.keepConversation(conversation)
		if err != nil {
			return err
		}
		count += n
	}
	c.log.Info().
		Stringer("kind", history.GetSyncType()).
		Uint32("progress", history.GetProgress()).
		Int("chats", len(history.GetConversations())).
		Int("messages", count).
		Msg("Stored a piece of the phone's history")
	if request != "" {
		c.demands.answer(request)
		return nil
	}
	switch kind := history.GetSyncType(); {
	case kind != waHistorySync.HistorySync_INITIAL_BOOTSTRAP && history.GetProgress() >= 100 && len(history.GetConversations()) > 0:
		c.fillSoon(0)
	case len(history.GetConversations()) > 0:
		c.fillSoon(historyPause)
	}
	return nil
}

// keepConversation stores what is in no room yet, and counts it.
func (c *Client) keepConversation(conversation *waHistorySync.Conversation) (int, error) {
	chat, ok := c.historyChat(conversation)
	if !ok {
		return 0, nil
	}
	var messages []crosschatdb.WhatsAppHistoryMessage
	for _, m := range conversation.GetMessages() {
		past, ok := c.parsePast(chat, m.GetMessage())
		if !ok {
			continue
		}
		stands, err := c.standsInRoom(c.ctx, past)
		if err != nil {
			return 0, err
		}
		if stands {
			continue
		}
		body, err := proto.Marshal(m.GetMessage())
		if err != nil {
			continue
		}
		messages = append(messages, crosschatdb.WhatsAppHistoryMessage{
			MessageID: string(past.id), SentAt: past.evt.Info.Timestamp.Unix(), Body: body,
		})
	}
	unread := conversation.GetUnreadCount() > 0 || conversation.GetMarkedAsUnread()
	complete := conversation.GetEndOfHistoryTransferType() ==
		waHistorySync.Conversation_COMPLETE_AND_NO_MORE_MESSAGE_REMAIN_ON_PRIMARY
	err := c.kept().Keep(c.ctx, string(c.login.ID), string(c.portalKey(chat).ID), unread, complete, messages)
	return len(messages), err
}

// historyChat is the chat that a conversation is of; false if it is of a kind that is not bridged.
func (c *Client) historyChat(conversation *waHistorySync.Conversation) (types.JID, bool) {
	jid, err := types.ParseJID(conversation.GetID())
	if err != nil || conversation.GetIsParentGroup() {
		return types.EmptyJID, false
	}
	if isGroup(jid) {
		return jid, true
	}
	alt, err := types.ParseJID(conversation.GetLidJID())
	if err != nil {
		alt = types.EmptyJID
	}
	return c.peer(c.ctx, jid, alt)
}

// past is a message of history.
type past struct {
	chat, author types.JID
	id           networkid.MessageID
	evt          *events.Message
	web          *waWeb.WebMessageInfo
}

// parsePast is false for what shows nothing in a room of its own, and for what is malformed.
func (c *Client) parsePast(chat types.JID, web *waWeb.WebMessageInfo) (past, bool) {
	if web.GetMessage() == nil {
		return past{}, false
	}
	evt, err := c.wa.ParseWebMessage(chat, web)
	if err != nil {
		c.log.Debug().Err(err).Msg("Ignored a malformed message of history")
		return past{}, false
	}
	if !hasOwnPlace(evt.Message) || !isPlausible(evt.Info.Timestamp) {
		return past{}, false
	}
	// In a group the sender may be named by phone number.
	at, author, ok := c.place(c.ctx, evt.Info.MessageSource)
	if !ok {
		return past{}, false
	}
	id, err := makeMessageID(messageKey{Chat: at, Sender: author, ID: evt.Info.ID})
	if err != nil {
		return past{}, false
	}
	return past{chat: at, author: author, id: id, evt: evt, web: web}, true
}

// isPlausible is whether a time can be that of a message: WhatsApp began in 2009, and clocks of phones are not far off.
func isPlausible(at time.Time) bool {
	const began = 1_230_768_000 // 2009-01-01
	return at.Unix() >= began && at.Unix() < time.Now().Add(24*time.Hour).Unix()
}

// standsInRoom is whether a message is in its chat's room or in one of its history.
func (c *Client) standsInRoom(ctx context.Context, p past) (bool, error) {
	messages := c.network.bridge.DB.Message
	row, err := messages.GetFirstPartByID(ctx, c.portalKey(p.chat).Receiver, p.id)
	if err == nil && row == nil {
		row, err = messages.GetFirstPartByID(ctx, c.login.ID, history.MessageID(p.id))
	}
	if err != nil {
		return false, fmt.Errorf("look for message %q: %w", p.id, err)
	}
	return row != nil, nil
}

// forgetHistory drops what is kept of a login that was logged out, by its user or from outside: no texts stay behind.
func (c *Client) forgetHistory(ctx context.Context) {
	if err := c.kept().ForgetLogin(ctx, string(c.login.ID)); err != nil {
		c.log.Error().Err(err).Msg("Could not delete the login's stored history")
	}
}
