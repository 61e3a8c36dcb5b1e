package whatsapp

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/history"
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
				if key, err = c.rooms().Open(ctx, c.portalKey(chat).ID, time.Unix(row.SentAt, 0)); err != nil {
					return count, room, err
				}
			}
			if ok {
				if err := c.deliverPast(ctx, key, p); err != nil {
					return count, room, err
				}
				if count++; room == "" {
					room = c.rooms().Link(ctx, c.portalKey(chat), key)
				}
			}
			if err := c.kept().Forget(ctx, login, row.MessageID); err != nil {
				return count, room, err
			}
		}
	}
}

// deliverPast puts a message and its reactions into a room of history.
func (c *Client) deliverPast(ctx context.Context, key networkid.PortalKey, p past) error {
	m := history.Message{ID: p.id, Sender: c.sender(p.author, false).Sender, Time: p.evt.Info.Timestamp}
	target := c.replyTarget(ctx, p.evt, contextIn(p.evt.Message))
	if target != nil {
		m.ReplyTo = target.MessageID
	}
	m.Convert = func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, answered bool) (*bridgev2.ConvertedMessage, error) {
		if answered {
			c.coming.Store(target.MessageID, true)
			defer c.coming.Delete(target.MessageID)
		}
		return c.toMatrix(ctx, portal, intent, p.evt)
	}
	for _, r := range c.pastReactions(p) {
		m.Reactions = append(m.Reactions, history.Reaction{Sender: c.sender(r.who, false).Sender, Emoji: r.emoji, Time: r.at})
	}
	return c.rooms().Put(ctx, key, m)
}
