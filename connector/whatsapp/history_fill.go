package whatsapp

import (
	"context"
	"fmt"
	"html"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/ledger"
	crosschatdb "crosschat/database"
)

// historyBatch is how many messages of history are in memory at once.
const historyBatch = 100

// fillSoon has rooms filled after a pause, which begins anew with each call.
func (c *Client) fillSoon(pause time.Duration) {
	c.fillLock.Lock()
	defer c.fillLock.Unlock()
	if c.fillTimer != nil {
		c.fillTimer.Stop()
	}
	c.fillTimer = time.AfterFunc(pause, func() { c.goDo("history rooms", c.fillRooms) })
}

// fillRooms makes rooms of the chats that have none, and brings the others what is newer than they have. What is older
// waits until the user asks for it.
func (c *Client) fillRooms() {
	if !c.network.bridge.Config.Backfill.Enabled {
		return
	}
	c.filling.Lock()
	defer c.filling.Unlock()
	due, err := c.dueChats()
	if err == nil {
		due, err = c.admitted(due)
	}
	if err != nil {
		c.fault(err, "Could not look which chats have history")
		return
	}
	progress := c.startProgress("Filling WhatsApp chats with their history", len(due))
	for i, chat := range due {
		if err := c.fillRoom(c.ctx, chat); err != nil {
			c.fault(err, "Could not fill a chat with history")
			return
		}
		progress.done(c.ctx, i+1)
	}
}

// dueChats are the chats that have no room, or less than what is kept.
func (c *Client) dueChats() (due []types.JID, err error) {
	chats, err := c.kept().Chats(c.ctx, string(c.login.ID))
	if err != nil {
		return nil, err
	}
	for _, kept := range chats {
		chat, ok := c.keptChat(kept.PortalID)
		if !ok {
			continue
		}
		last, err := c.lastInRoom(c.ctx, c.portalKey(chat))
		if err != nil {
			return nil, err
		}
		if last == nil || kept.Last > last.Timestamp.Unix() {
			due = append(due, chat)
		}
	}
	return due, nil
}

// keptChat is the address of a chat as it is now: a LID may have been learnt meanwhile.
func (c *Client) keptChat(portal string) (types.JID, bool) {
	chat, err := parseChat(networkid.PortalID(portal))
	if err != nil {
		return types.EmptyJID, false
	}
	if isGroup(chat) {
		return chat, true
	}
	return c.peer(c.ctx, chat, types.EmptyJID)
}

// lastInRoom is the newest message of a portal, nil if it has no room or no message.
func (c *Client) lastInRoom(ctx context.Context, key networkid.PortalKey) (*database.Message, error) {
	portal, err := c.network.bridge.GetExistingPortalByKey(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("get portal %q: %w", key.ID, err)
	}
	if portal == nil || portal.MXID == "" {
		return nil, nil
	}
	last, err := c.network.bridge.DB.Message.GetLastPartAtOrBeforeTime(ctx, key, time.Now().Add(24*time.Hour))
	if err != nil {
		return nil, fmt.Errorf("get last message of portal %q: %w", key.ID, err)
	}
	return last, nil
}

// fillRoom has bridgev2 ask FetchMessages for a chat in turn with the chat's live messages, and waits until it is done.
func (c *Client) fillRoom(ctx context.Context, chat types.JID) error {
	return ledger.Deliver(ctx, c.login, simplevent.EventMeta{
		Type:         bridgev2.RemoteEventChatResync,
		PortalKey:    c.portalKey(chat),
		CreatePortal: true,
	}, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.ChatResync{
			EventMeta: meta,
			CheckNeedsBackfillFunc: func(ctx context.Context, last *database.Message) (bool, error) {
				since := int64(0)
				if last != nil {
					since = last.Timestamp.Unix() + 1
				}
				newer, err := c.kept().Newest(ctx, string(c.login.ID), string(meta.PortalKey.ID), since, 1)
				return len(newer) > 0, err
			},
		}
	})
}

// FetchMessages implements bridgev2.BackfillingNetworkAPI with what is kept: bridgev2 asks for the newest messages when
// it has made a room, or for what is newer than the room's last. Older messages can't be put before others.
func (c *Client) FetchMessages(ctx context.Context, params bridgev2.FetchMessagesParams) (*bridgev2.FetchMessagesResponse, error) {
	if !params.Forward || params.ThreadRoot != "" || c.wa == nil {
		return nil, nil
	}
	chat, err := parseChat(params.Portal.ID)
	if err != nil {
		return nil, nil // a room of history, which is filled otherwise
	}
	var since int64
	if params.AnchorMessage != nil {
		since = params.AnchorMessage.Timestamp.Unix()
	}
	login, portal := string(c.login.ID), string(params.Portal.ID)
	rows, err := c.kept().Newest(ctx, login, portal, since, params.Count)
	if err != nil {
		return nil, err
	}
	unread, _, err := c.kept().Chat(ctx, login, portal)
	if err != nil {
		return nil, err
	}
	resp := &bridgev2.FetchMessagesResponse{Forward: true, MarkRead: !unread, AggressiveDeduplication: true}
	var ids []string
	for _, row := range rows {
		ids = append(ids, row.MessageID)
		c.coming.Store(networkid.MessageID(row.MessageID), true)
		defer c.coming.Delete(networkid.MessageID(row.MessageID))
		message, err := c.backfillMessage(ctx, params.Portal, chat, row)
		if err != nil {
			return nil, err
		}
		if message != nil {
			resp.Messages = append(resp.Messages, message)
		}
	}
	resp.CompleteCallback = func() {
		if err := c.kept().Forget(context.WithoutCancel(ctx), login, ids...); err != nil {
			c.fault(err, "Could not forget history that stands in a room")
		}
	}
	return resp, nil
}

// isComing is whether a message will be in the room when what is being converted is.
func (c *Client) isComing(id networkid.MessageID) bool {
	_, coming := c.coming.Load(id)
	return coming
}

// backfillMessage converts a kept message; nil if it can't be shown.
func (c *Client) backfillMessage(ctx context.Context, portal *bridgev2.Portal, chat types.JID, row crosschatdb.WhatsAppHistoryMessage) (*bridgev2.BackfillMessage, error) {
	p, ok := c.parseKept(chat, row)
	if !ok {
		return nil, nil
	}
	sender := c.as(p.author)
	intent, ok := portal.GetIntentFor(ctx, sender, c.login, bridgev2.RemoteEventMessage)
	if !ok {
		return nil, fmt.Errorf("get intent for %q", sender.Sender)
	}
	converted, err := c.toMatrix(ctx, portal, intent, p.evt)
	if err != nil {
		return nil, fmt.Errorf("convert message %q of history: %w", p.id, err)
	}
	message := &bridgev2.BackfillMessage{
		ConvertedMessage: converted, Sender: sender, ID: p.id, TxnID: networkid.TransactionID(p.id), Timestamp: p.evt.Info.Timestamp,
	}
	for _, r := range c.pastReactions(p) {
		message.Reactions = append(message.Reactions, &bridgev2.BackfillReaction{
			Timestamp: r.at, Sender: c.as(r.who), Emoji: r.emoji,
		})
	}
	return message, nil
}

func (c *Client) parseKept(chat types.JID, row crosschatdb.WhatsAppHistoryMessage) (past, bool) {
	web := &waWeb.WebMessageInfo{}
	if err := proto.Unmarshal(row.Body, web); err != nil {
		return past{}, false
	}
	return c.parsePast(chat, web)
}

// pastReaction is a reaction that history has with its message.
type pastReaction struct {
	who   types.JID
	emoji string
	at    time.Time
}

// mostReactions is more than any message has of people who can be shown.
const mostReactions = mostMembers

func (c *Client) pastReactions(p past) (reactions []pastReaction) {
	all := p.web.GetReactions()
	for _, r := range all[:min(len(all), mostReactions)] {
		if r.GetText() == "" {
			continue
		}
		who, ok := p.chat, p.chat.Server != types.GroupServer
		if r.GetKey().GetFromMe() {
			who, ok = c.self, true
		} else if jid, err := types.ParseJID(r.GetKey().GetParticipant()); err == nil && !ok {
			who, ok = c.peer(c.ctx, jid, types.EmptyJID)
		}
		at := time.UnixMilli(r.GetSenderTimestampMS())
		if !isPlausible(at) {
			at = p.evt.Info.Timestamp
		}
		if ok {
			reactions = append(reactions, pastReaction{who: who, emoji: r.GetText(), at: at})
		}
	}
	return reactions
}

// fillHistory puts everything that is kept of a chat, and in no room, into the chat's rooms of history, oldest first. It
// returns how many messages it put there, and the last room.
func (c *Client) fillHistory(ctx context.Context, chat types.JID) (count int, room id.RoomID, err error) {
	login, kept := string(c.login.ID), string(c.portalKey(chat).ID)
	var key networkid.PortalKey
	for {
		rows, err := c.kept().Oldest(ctx, login, kept, historyBatch)
		if err != nil || len(rows) == 0 {
			return count, room, err
		}
		for _, row := range rows {
			p, ok := c.parseKept(chat, row)
			if ok {
				stands, err := c.standsInRoom(ctx, p)
				if err != nil {
					return count, room, err
				}
				ok = !stands
			}
			if ok && key.ID == "" {
				if key, err = c.openHistory(ctx, chat, row.SentAt); err != nil {
					return count, room, err
				}
			}
			if ok {
				if err := c.deliverPast(ctx, key, p); err != nil {
					return count, room, err
				}
				if count++; room == "" {
					room = c.linkHistory(ctx, chat, key)
				}
			}
			if err := c.kept().Forget(ctx, login, row.MessageID); err != nil {
				return count, room, err
			}
		}
	}
}

// openHistory chooses the room for messages of a chat's past, of which the first was sent at a time: the last room of
// history, or one more if that has newer messages already.
func (c *Client) openHistory(ctx context.Context, chat types.JID, sentAt int64) (networkid.PortalKey, error) {
	for number := 1; ; number++ {
		key := c.historyKey(chat, number)
		last, err := c.lastInRoom(ctx, key)
		if err != nil {
			return key, err
		}
		if last == nil || last.Timestamp.Unix() <= sentAt {
			return key, nil
		}
	}
}

// deliverPast puts a message and its reactions into a room of history. The user's own messages come from their ghost
// there: they themselves can't write in it.
func (c *Client) deliverPast(ctx context.Context, key networkid.PortalKey, p past) error {
	name := historyID(p.id)
	meta := simplevent.EventMeta{
		LogContext:   func(with zerolog.Context) zerolog.Context { return with.Str("message_id", string(name)) },
		PortalKey:    key,
		Sender:       c.sender(p.author, false),
		CreatePortal: true,
		Timestamp:    p.evt.Info.Timestamp,
	}
	err := ledger.DeliverMessage(ctx, c.login, meta, ledger.Message{
		ID: name,
		Convert: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			// What a message answers is known in the chat by another id than here.
			target := c.replyTarget(ctx, p.evt, contextIn(p.evt.Message))
			here := target != nil && c.row(ctx, portal, historyID(target.MessageID)) != nil
			if here {
				c.coming.Store(target.MessageID, true)
				defer c.coming.Delete(target.MessageID)
			}
			converted, err := c.toMatrix(ctx, portal, intent, p.evt)
			if err == nil && here && converted.ReplyTo != nil {
				converted.ReplyTo.MessageID = historyID(target.MessageID)
			}
			return converted, err
		},
	})
	if err != nil {
		return err
	}
	for _, r := range c.pastReactions(p) {
		meta.Type, meta.Sender, meta.Timestamp = bridgev2.RemoteEventReaction, c.sender(r.who, false), r.at
		err := ledger.Deliver(ctx, c.login, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
			return &simplevent.Reaction{EventMeta: meta, TargetMessage: name, Emoji: r.emoji}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// linkHistory tells in the chat where its history is, and returns that room.
func (c *Client) linkHistory(ctx context.Context, chat types.JID, key networkid.PortalKey) id.RoomID {
	history, err := c.network.bridge.GetExistingPortalByKey(ctx, key)
	if err != nil || history == nil || history.MXID == "" {
		return ""
	}
	portal, err := c.network.bridge.GetExistingPortalByKey(ctx, c.portalKey(chat))
	if err != nil || portal == nil || portal.MXID == "" {
		return history.MXID
	}
	link := history.MXID.URI(c.network.bridge.Matrix.ServerName()).MatrixToURL()
	content := &event.Content{Parsed: &event.MessageEventContent{
		MsgType: event.MsgNotice, Body: "Older messages of this chat: " + link,
		Format: event.FormatHTML, FormattedBody: fmt.Sprintf(`<a href="%s">Older messages of this chat</a>`, html.EscapeString(link)),
		Mentions: &event.Mentions{},
	}}
	if _, err = c.network.bridge.Bot.SendMessage(ctx, portal.MXID, event.EventMessage, content, nil); err != nil {
		c.log.Warn().Err(err).Msg("Could not link a chat to its history")
	}
	return history.MXID
}
