package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/history"
	"crosschat/connector/meow"
)

const (
	// demandSize is how many messages the phone is asked for at once, as many as WhatsApp's own clients do.
	demandSize = 50
	// demandTimeout bounds the wait for the phone's answer; it may have to be woken.
	demandTimeout = 45 * time.Second
	// mostDemanded is how many messages one command fetches if it does not say.
	mostDemanded = 10000
)

var errPhoneSilent = errors.New("your phone did not answer: open WhatsApp on it, then try again")

// demands are the questions for older messages that the phone has not answered yet.
type demands struct {
	lock    sync.Mutex
	waiting map[string]chan struct{}
}

func (d *demands) wait(request string) <-chan struct{} {
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.waiting == nil {
		d.waiting = make(map[string]chan struct{})
	}
	answered := make(chan struct{})
	d.waiting[request] = answered
	return answered
}

func (d *demands) answer(request string) {
	d.lock.Lock()
	defer d.lock.Unlock()
	if answered, ok := d.waiting[request]; ok {
		close(answered)
		delete(d.waiting, request)
	}
}

func (d *demands) forget(request string) {
	d.lock.Lock()
	defer d.lock.Unlock()
	delete(d.waiting, request)
}

// demandHistory asks the phone for older messages of a chat until it has no more, or most were asked for.
func (c *Client) demandHistory(ctx context.Context, chat types.JID, most int) error {
	portal := string(c.portalKey(chat).ID)
	previous := ""
	for asked := 0; asked < most; asked += demandSize {
		_, complete, err := c.kept().Chat(ctx, string(c.login.ID), portal)
		if err != nil || complete {
			return err
		}
		oldest, err := c.oldestKnown(ctx, chat)
		if err != nil || oldest == nil || oldest.ID == previous {
			return err // nothing to go back from, or the phone had nothing before it
		}
		previous = oldest.ID
		if err := c.demand(ctx, oldest, min(demandSize, most-asked)); err != nil {
			return err
		}
	}
	return nil
}

// demand asks once, and waits until the answer is stored.
func (c *Client) demand(ctx context.Context, oldest *types.MessageInfo, count int) error {
	ctx, cancel := c.bound(ctx, demandTimeout)
	defer cancel()
	request := c.wa.GenerateMessageID()
	answered := c.demands.wait(request)
	defer c.demands.forget(request)
	err := c.whileConnected(ctx, func() error {
		marked, release := meow.WithEncryption(ctx)
		defer release()
		_, err := c.wa.SendMessage(marked, c.device.ToNonAD(), c.wa.BuildHistorySyncRequest(oldest, count),
			whatsmeow.SendRequestExtra{ID: request, Peer: true})
		return err
	})
	if err != nil {
		return fmt.Errorf("ask the phone: %w", err)
	}
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		return errPhoneSilent
	}
}

// oldestKnown is the oldest message of a chat that is in a room or kept, nil if none is.
func (c *Client) oldestKnown(ctx context.Context, chat types.JID) (*types.MessageInfo, error) {
	var oldest *types.MessageInfo
	consider := func(key messageKey, at time.Time) {
		if oldest == nil || at.Before(oldest.Timestamp) {
			oldest = &types.MessageInfo{
				MessageSource: types.MessageSource{Chat: chat, Sender: key.Sender, IsFromMe: key.Sender == c.self},
				ID:            key.ID, Timestamp: at,
			}
		}
	}
	kept, err := c.kept().Oldest(ctx, string(c.login.ID), string(c.portalKey(chat).ID), 1)
	if err != nil {
		return nil, err
	}
	for _, row := range kept {
		if key, err := parseMessageID(networkid.MessageID(row.MessageID)); err == nil {
			consider(key, time.Unix(row.SentAt, 0))
		}
	}
	for number := 0; ; number++ {
		key := c.portalKey(chat)
		if number > 0 {
			key = c.historyKey(chat, number)
		}
		first, err := c.network.bridge.DB.Message.GetFirstPortalMessage(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("find first message of portal %q: %w", key.ID, err)
		}
		if first == nil && number > 0 {
			return oldest, nil
		}
		if first == nil {
			continue
		}
		if parsed, err := parseMessageID(history.InChat(first.ID)); err == nil {
			consider(parsed, first.Timestamp)
		}
	}
}

// commandHistory fetches older messages.
func commandHistory() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "whatsapp-history",
		Help: commands.HelpMeta{
			Section: commands.HelpSectionChats,
			Description: "In a WhatsApp chat: put older messages, of this chat, into a room of history. " +
				"Elsewhere: bring all chats what the bridge has of their history",
			Args: "[how many]",
		},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			most := mostDemanded
			if len(ce.Args) > 0 {
				n, err := strconv.Atoi(ce.Args[0])
				if err != nil || n < 1 || n > mostDemanded {
					ce.Reply("Usage: `$cmdprefix whatsapp-history [how many]`, at most %d", mostDemanded)
					return
				}
				most = n
			}
			c := clientOf(ce)
			if c == nil {
				return
			}
			if ce.Portal == nil {
				c.commandAllHistory(ce)
				return
			}
			chat, err := parseChat(ce.Portal.ID)
			if err != nil || chat == types.StatusBroadcastJID {
				ce.Reply("This room is no WhatsApp chat.")
				return
			}
			c.commandChatHistory(ce, chat, most)
		},
	}
}

// commandChatHistory asks the phone for a chat's past and shows it. A user's commands come one after the other, so the
// work has a goroutine of its own.
func (c *Client) commandChatHistory(ce *commands.Event, chat types.JID, most int) {
	ce.Reply("Asking your phone for older messages of this chat.")
	c.goDo("history on demand", func() {
		c.filling.Lock() // whoever holds it ends with the login
		defer c.filling.Unlock()
		if err := c.demandHistory(c.ctx, chat, most); err != nil {
			c.log.Warn().Err(err).Msg("Older messages could not be asked for")
			ce.Reply("Not all older messages came: %v.", err)
		}
		if err := c.fillRoom(c.ctx, chat); err != nil {
			c.fault(err, "Could not fill a chat with history")
			return
		}
		count, room, err := c.fillHistory(c.ctx, chat)
		switch {
		case err != nil:
			c.fault(err, "Could not put messages into a room of history")
			ce.Reply("The bridge failed at it; what is missing comes when you ask again.")
		case count == 0:
			ce.Reply("There are no older messages than you have already.")
		default:
			ce.Reply("%d older messages are in [a room of their own](%s).", count,
				room.URI(c.network.bridge.Matrix.ServerName()).MatrixToURL())
		}
	})
}

// commandAllHistory brings all chats what is kept.
func (c *Client) commandAllHistory(ce *commands.Event) {
	c.goDo("all history", func() {
		c.filling.Lock()
		defer c.filling.Unlock()
		chats, err := c.kept().Chats(c.ctx, string(c.login.ID))
		if err != nil {
			c.fault(err, "Could not look which chats have history")
			return
		}
		if len(chats) == 0 {
			ce.Reply("Your chats have all that the bridge knows. In a chat, the same command asks your phone for older messages.")
			return
		}
		progress := c.startProgress("Bringing WhatsApp chats their history", len(chats))
		for i, kept := range chats {
			chat, ok := c.keptChat(kept.PortalID)
			if ok {
				err = c.fillRoom(c.ctx, chat)
			}
			if ok && err == nil {
				_, _, err = c.fillHistory(c.ctx, chat)
			}
			if err != nil {
				c.fault(err, "Could not bring a chat its history")
				ce.Reply("The bridge failed at it; what is missing comes when you ask again.")
				return
			}
			progress.done(c.ctx, i+1)
		}
	})
}
