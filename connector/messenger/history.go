package messenger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/history"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
)

var _ history.Client = (*Client)(nil)

// mostPast is how many messages one command fetches if it does not say.
const mostPast = 10000

// rooms are the login's rooms of history.
func (c *Client) rooms() history.Rooms { return history.Rooms{Login: c.login, Name: "Messenger"} }

// historyInfo is a room of history, as long as its chat can be one.
func (c *Client) historyInfo(ctx context.Context, chat networkid.PortalID, number int) (*bridgev2.ChatInfo, error) {
	key, err := parseID(chat)
	if err != nil {
		return nil, err
	}
	known, _ := c.known.thread(key)
	title := "Messenger"
	if portal, err := c.network.bridge.GetExistingPortalByKey(ctx, c.portalKey(key)); err == nil && portal != nil && portal.Name != "" {
		title = portal.Name
	} else if !known.group() {
		title = c.nameOf(key)
	}
	var people []networkid.UserID
	if !known.group() && key != c.self {
		people = append(people, makeID[networkid.UserID](key))
	}
	return c.rooms().Info(title, number, people...), nil
}

// IsChat implements history.Client.
func (c *Client) IsChat(portal *bridgev2.Portal) bool {
	_, err := parseID(portal.ID)
	return err == nil
}

// InHistory implements history.Client.
func (c *Client) InHistory(f func(context.Context)) {
	c.goDo("history on demand", func() {
		c.filling.Lock() // whoever holds it ends with the login
		defer c.filling.Unlock()
		f(c.ctx)
	})
}

// FillHistory implements history.Client.
func (c *Client) FillHistory(ctx context.Context, portal *bridgev2.Portal, most int) (count int, room id.RoomID, err error) {
	chat, err := parseID(portal.ID)
	if err != nil {
		return 0, "", err
	}
	if err = c.online.Wait(ctx); err != nil {
		return 0, "", err
	}
	from, err := c.historyFrom(ctx, chat)
	if err != nil || from == (wire.Anchor{}) {
		return 0, "", err
	}
	past, oldest, err := c.pastBefore(ctx, chat, from, most)
	if err != nil {
		return 0, "", err
	}
	if count, room, err = c.rooms().Fill(ctx, portal.PortalKey, past); err != nil {
		return count, room, err
	}
	change := c.known.begin()
	change.thread(chat, func(known *thread) { known.PastFrom, known.PastFromTime = oldest.MessageID, oldest.Timestamp })
	_, _, err = change.commit(ctx)
	return count, room, err
}

// historyFrom is the message before which nothing is in any room: that up to which the last call came, or the first of the
// chat's room.
func (c *Client) historyFrom(ctx context.Context, chat int64) (wire.Anchor, error) {
	if known, _ := c.known.thread(chat); known.PastFrom != "" {
		return wire.Anchor{MessageID: known.PastFrom, Timestamp: known.PastFromTime}, nil
	}
	first, err := c.network.bridge.DB.Message.GetFirstPortalMessage(ctx, c.portalKey(chat))
	if err != nil {
		return wire.Anchor{}, fmt.Errorf("find first message of thread %d: %w", chat, err)
	} else if first == nil {
		return wire.Anchor{}, nil
	}
	mid, err := parseMessageID(first.ID)
	if err != nil {
		return wire.Anchor{}, err
	}
	return wire.Anchor{MessageID: mid, Timestamp: first.Timestamp.UnixMilli()}, nil
}

// pastBefore asks for messages before one, page by page. They come oldest first, with where they end.
func (c *Client) pastBefore(ctx context.Context, chat int64, from wire.Anchor, most int) (past []history.Message, oldest wire.Anchor, err error) {
	oldest = from
	for len(past) < most {
		page, err := c.fetchHistory(ctx, chat, oldest)
		if err != nil {
			return nil, oldest, err
		}
		rows := &table{Table: page.Table, c: c}
		attached := page.Table.Attachments()
		for _, m := range slices.Backward(page.Messages) {
			if id, err := makeMessageID(m.ID); err == nil && !m.Unsent { // what has no id is of nobody who could be answered
				past = append(past, c.pastMessage(id, m, attached[m.ID], rows.reactionsTo([]lightspeed.Message{m})))
			}
		}
		if page.Oldest != oldest && page.Oldest.MessageID != "" {
			oldest = page.Oldest
		} else {
			break
		}
		if !page.More || len(page.Messages) == 0 {
			break
		}
	}
	slices.Reverse(past)
	return past, oldest, nil
}

// pastMessage is a message of before as history wants it.
func (c *Client) pastMessage(id networkid.MessageID, m lightspeed.Message, attached *lightspeed.Attachments, reactions []lightspeed.Reaction) history.Message {
	past := history.Message{ID: id, Sender: makeID[networkid.UserID](m.Sender), Time: time.UnixMilli(m.Timestamp)}
	if target, err := makeMessageID(m.ReplyTo); err == nil {
		past.ReplyTo = target
	}
	past.Convert = func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, answered bool) (*bridgev2.ConvertedMessage, error) {
		if answered && m.ReplySourceType <= replyToMessage {
			m.ReplySnippet, m.ReplyText = "", "" // need not be repeated
		}
		return c.toMatrix(ctx, portal, intent, m, attached)
	}
	for _, r := range reactions {
		if emoji, ok := emojiOf(r); ok {
			past.Reactions = append(past.Reactions, history.Reaction{
				Sender: makeID[networkid.UserID](r.Actor), Emoji: emoji, Time: time.UnixMilli(r.Timestamp),
			})
		}
	}
	return past
}
