package instagram

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/history"
	"crosschat/connector/instagram/wire"
)

var _ history.Client = (*Client)(nil)

// mostPast is how many messages one command fetches if it does not say: each 20 of them are a request.
const mostPast = 1000

// rooms are the login's rooms of history.
func (c *Client) rooms() history.Rooms { return history.Rooms{Login: c.login, Name: "Instagram"} }

// historyInfo is a room of history, as long as its chat can be one.
func (c *Client) historyInfo(ctx context.Context, chat networkid.PortalID, number int) (*bridgev2.ChatInfo, error) {
	peer, group, err := parsePortal(chat)
	if err != nil {
		return nil, err
	}
	key := networkid.PortalKey{ID: chat}
	var people []networkid.UserID
	if peer != 0 {
		key = c.peerKey(peer)
	}
	if peer != 0 && peer != c.self {
		people = append(people, makeID[networkid.UserID](peer))
	}
	title := ""
	if portal, err := c.network.bridge.GetExistingPortalByKey(ctx, key); err == nil && portal != nil {
		title = portal.Name
	}
	if title == "" && peer != 0 {
		known, _ := c.known.person(peer)
		title = known.name()
	} else if title == "" {
		known, _ := c.known.thread(group)
		title = *c.groupInfo(known).Name
	}
	return c.rooms().Info(title, number, people...), nil
}

// IsChat implements history.Client.
func (c *Client) IsChat(portal *bridgev2.Portal) bool {
	_, _, err := parsePortal(portal.ID)
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
	peer, short, err := parsePortal(portal.ID)
	if err != nil {
		return 0, "", err
	}
	if peer != 0 {
		short, _ = c.known.threadWith(peer)
	}
	known, ok := c.known.thread(short)
	if !ok || known.PastAll {
		return 0, "", nil // nobody has written yet, or everything is here
	}
	if err = c.online.Wait(ctx); err != nil {
		return 0, "", err
	}
	from, err := c.historyFrom(ctx, portal.PortalKey, known)
	if err != nil {
		return 0, "", err
	}
	messages, all, err := c.before(ctx, short, from, most)
	if err != nil {
		return 0, "", err
	}
	var past []history.Message
	for _, m := range messages {
		if message, ok, err := c.pastMessage(ctx, known, m); err != nil {
			return 0, "", err
		} else if ok {
			past = append(past, message)
		}
	}
	if count, room, err = c.rooms().Fill(ctx, portal.PortalKey, past); err != nil {
		return count, room, err
	}
	return count, room, c.learn(ctx, func(change *change) {
		change.thread(short, func(t *thread) {
			if t.PastAll = all; len(messages) > 0 {
				t.PastFrom, t.PastFromTime = messages[0].ID, messages[0].Time.UnixMilli()
			}
		})
	})
}

// anchor is a message in a thread, and when it was sent.
type anchor struct {
	id wire.MessageID
	at time.Time
}

// historyFrom is the message before which nothing is in any room: that up to which the last call came, or the first of the
// chat's room. A room without messages has none of the past.
func (c *Client) historyFrom(ctx context.Context, key networkid.PortalKey, t thread) (anchor, error) {
	if t.PastFrom != "" {
		return anchor{t.PastFrom, time.UnixMilli(t.PastFromTime)}, nil
	}
	first, err := c.network.bridge.DB.Message.GetFirstPortalMessage(ctx, key)
	if err != nil {
		return anchor{}, fmt.Errorf("find first message of portal %q: %w", key.ID, err)
	} else if first == nil {
		return anchor{at: time.Now()}, nil
	}
	mid, err := parseMessageID(first.ID)
	return anchor{mid, first.Timestamp}, err
}

// before asks for messages before one, page by page. They come oldest first, with whether these are all.
func (c *Client) before(ctx context.Context, short wire.ShortID, from anchor, most int) (past []wire.Message, all bool, err error) {
	page, err := c.wire.History(ctx, short, from.id, "")
	if err == nil && len(page.Messages) == 0 && from.id != "" {
		// Nothing is before it, or it was unsent.
		page, err = c.wire.History(ctx, short, "", "")
	}
	for {
		if errors.Is(err, wire.ErrNotFound) {
			return nil, false, nil
		} else if err != nil {
			return nil, false, err
		}
		for _, m := range slices.Backward(page.Messages) {
			if m.ID == from.id || m.Time.After(from.at) {
				continue
			}
			if row, _, err := c.row(ctx, m.ID); err != nil {
				return nil, false, err
			} else if row == nil {
				past = append(past, m)
			}
		}
		if !page.More || len(past) >= most {
			break
		}
		page, err = c.wire.History(ctx, short, "", page.Cursor)
	}
	slices.Reverse(past)
	return past, !page.More, nil
}

// pastMessage is a message of before as history wants it; false if it is nothing to show.
func (c *Client) pastMessage(ctx context.Context, t thread, m wire.Message) (past history.Message, ok bool, err error) {
	id, err := makeMessageID(m.ID)
	if admin, is := m.Content.(wire.AdminContent); err != nil || is && admin.ReactionLog {
		return past, false, nil
	}
	sender, err := c.sender(ctx, t, m.Sender, m.Author)
	if err != nil {
		return past, false, err
	}
	past = history.Message{ID: id, Sender: sender.Sender, Time: m.Time}
	if target := replyTarget(m); target != nil {
		past.ReplyTo = target.MessageID
	}
	past.Convert = func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, answered bool) (*bridgev2.ConvertedMessage, error) {
		m := m
		if answered {
			m.Quoted = nil // need not be repeated
		}
		converted, err := c.toMatrix(ctx, portal, intent, m)
		if err == nil {
			giveUpFiles(converted)
		}
		return converted, err
	}
	for _, r := range m.Reactions {
		reactor, err := c.sender(ctx, t, r.Sender, nil)
		if err != nil {
			return past, false, err
		}
		if emoji, ok := reactionEmoji(r.Emoji); ok && reactor.Sender != "" {
			past.Reactions = append(past.Reactions, history.Reaction{Sender: reactor.Sender, Emoji: emoji, Time: r.Time})
		}
	}
	return past, true, nil
}
