package messenger

import (
	"context"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/ledger"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/remoteid"
)

// A homeserver can't insert messages before others, so what is older than a chat's room goes into rooms of history, which
// the user can only read. Their ids, stored for ever:
//
//	portal    messenger-history-<number>-<thread key>; numbers count from 1, each room is older than the one before it
//	message   messenger-history-<the message's id without "messenger-">
//
// The ids differ from those of the chat so that later events about a message are never tried in the wrong room.
const historyMark = "history-"

// mostPast is how many messages one command fetches if it does not say, and the most that it may.
const mostPast = 10000

// historyKey is the portal of a room of a chat's history. It is the user's own, also that of a group.
func (c *Client) historyKey(chat int64, number int) networkid.PortalKey {
	return networkid.PortalKey{
		ID:       remoteid.Make[networkid.PortalID](remoteid.Messenger, fmt.Sprintf("%s%d-%d", historyMark, number, chat)),
		Receiver: c.login.ID,
	}
}

// parseHistory undoes historyKey; it is false for the id of any other portal.
func parseHistory(id networkid.PortalID) (chat int64, number int, ok bool) {
	raw, ok := remoteid.Of(remoteid.Messenger, id)
	if !ok {
		return 0, 0, false
	}
	if raw, ok = strings.CutPrefix(raw, historyMark); !ok {
		return 0, 0, false
	}
	digits, raw, _ := strings.Cut(raw, "-")
	number, err := strconv.Atoi(digits)
	if err != nil || number < 1 {
		return 0, 0, false
	}
	chat, ok = parseNumber(raw)
	return chat, number, ok
}

// historyID is the id that a message has in its chat's history.
func historyID(mid string) (networkid.MessageID, error) { return makeMessageID(historyMark + mid) }

func (c *Client) historyInfo(ctx context.Context, chat int64, number int) *bridgev2.ChatInfo {
	title := "Messenger"
	if portal, err := c.network.bridge.GetExistingPortalByKey(ctx, c.portalKey(chat)); err == nil && portal != nil && portal.Name != "" {
		title = portal.Name
	} else if known, _ := c.known.thread(chat); !known.group() {
		title = c.nameOf(chat)
	}
	name := "History: " + title
	if number > 1 {
		name += " (" + strconv.Itoa(number) + ")"
	}
	topic := "Older Messenger messages of the chat " + title + ". Nothing written here goes there."
	kind := database.RoomTypeDefault
	members := bridgev2.ChatMemberMap{}.Set(bridgev2.ChatMember{EventSender: c.as(c.self)})
	if known, _ := c.known.thread(chat); !known.group() && chat != c.self {
		members.Set(bridgev2.ChatMember{EventSender: c.as(chat)})
	}
	return &bridgev2.ChatInfo{
		Name: &name, Topic: &topic, Type: &kind,
		Members: &bridgev2.ChatMemberList{MemberMap: members, PowerLevels: c.readOnly()},
	}
}

// readOnly are the power levels of a room in which the user can only read.
func (c *Client) readOnly() *bridgev2.PowerLevelOverrides {
	const reader, nobody = -1, 100 // the ghosts have 0
	write, change := 0, nobody
	return &bridgev2.PowerLevelOverrides{
		EventsDefault: &write, StateDefault: &change, Invite: &change, Kick: &change, Ban: &change,
		Custom: func(levels *event.PowerLevelsEventContent) bool {
			return levels.EnsureUserLevel(c.login.UserMXID, reader)
		},
	}
}

// commandHistory fetches older messages.
func commandHistory() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "messenger-history",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "In a Messenger chat: put older messages, of this chat, into a room of history",
			Args:        "[how many]",
		},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			most := mostPast
			if len(ce.Args) > 0 {
				n, err := strconv.Atoi(ce.Args[0])
				if err != nil || n < 1 || n > mostPast {
					ce.Reply("Usage: `$cmdprefix messenger-history [how many]`, at most %d", mostPast)
					return
				}
				most = n
			}
			c, ok := clientOf(ce)
			if !ok {
				return
			}
			if ce.Portal == nil {
				ce.Reply("Your chats have all that Messenger brings by itself. In a chat, the same command asks for older messages.")
				return
			}
			chat, err := parseID(ce.Portal.ID)
			if err != nil {
				ce.Reply("This room is no Messenger chat.")
				return
			}
			ce.Reply("Asking Messenger for older messages of this chat.")
			// A user's commands come one after the other, so the work has a goroutine of its own.
			c.goDo("history on demand", func() { c.tellHistory(ce, chat, most) })
		},
	}
}

func (c *Client) tellHistory(ce *commands.Event, chat int64, most int) {
	c.filling.Lock() // whoever holds it ends with the login
	defer c.filling.Unlock()
	count, room, err := c.fillHistory(c.ctx, chat, most)
	switch {
	case err != nil:
		c.log.Warn().Err(err).Int64("thread_key", chat).Msg("Could not put messages into a room of history")
		ce.Reply("Not all older messages came; what is missing comes when you ask again.")
	case count == 0:
		ce.Reply("There are no older messages than you have already.")
	default:
		ce.Reply("%d older messages are in [a room of their own](%s).", count,
			room.URI(c.network.bridge.Matrix.ServerName()).MatrixToURL())
	}
}

// pastMessage is a message of before with what belongs to it.
type pastMessage struct {
	lightspeed.Message
	attached  *lightspeed.Attachments
	reactions []lightspeed.Reaction
}

// fillHistory puts up to most messages that stand before all that the user has of a chat into a room of history, oldest
// first. It returns how many, and the room. After an error, or if the program ends in its midst, the next call begins where
// this one did; what stands in a room by then is known by its id.
func (c *Client) fillHistory(ctx context.Context, chat int64, most int) (count int, room id.RoomID, err error) {
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
	var key networkid.PortalKey
	for _, m := range past {
		if stands, err := c.row(ctx, historyMark+m.ID); err != nil {
			return count, room, err
		} else if stands != nil {
			continue
		}
		if key.ID == "" {
			if key, err = c.openHistory(ctx, chat, m.Timestamp); err != nil {
				return count, room, err
			}
		}
		if err = c.deliverPast(ctx, key, m); err != nil {
			return count, room, err
		}
		if count++; room == "" {
			room = c.linkHistory(ctx, chat, key)
		}
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
func (c *Client) pastBefore(ctx context.Context, chat int64, from wire.Anchor, most int) (past []pastMessage, oldest wire.Anchor, err error) {
	oldest = from
	for len(past) < most {
		history, err := c.wire.FetchHistory(ctx, chat, oldest)
		if err != nil {
			return nil, oldest, err
		}
		page := &table{Table: history.Table, c: c}
		attached := history.Table.Attachments()
		for _, m := range slices.Backward(history.Messages) {
			if !m.Unsent {
				past = append(past, pastMessage{m, attached[m.ID], page.reactionsTo([]lightspeed.Message{m})})
			}
		}
		if history.Oldest != oldest && history.Oldest.MessageID != "" {
			oldest = history.Oldest
		} else {
			break
		}
		if !history.More || len(history.Messages) == 0 {
			break
		}
	}
	slices.Reverse(past)
	return past, oldest, nil
}

// openHistory chooses the room for messages of a chat's past, of which the first was sent at a time: the last room of
// history, or one more if that has newer messages already.
func (c *Client) openHistory(ctx context.Context, chat, sentAt int64) (networkid.PortalKey, error) {
	for number := 1; ; number++ {
		key := c.historyKey(chat, number)
		portal, err := c.network.bridge.GetExistingPortalByKey(ctx, key)
		if err != nil {
			return key, fmt.Errorf("get portal %q: %w", key.ID, err)
		}
		if portal == nil || portal.MXID == "" {
			return key, nil
		}
		last, err := c.network.bridge.DB.Message.GetLastPartAtOrBeforeTime(ctx, key, time.Now().Add(24*time.Hour))
		if err != nil {
			return key, fmt.Errorf("get last message of portal %q: %w", key.ID, err)
		}
		if last == nil || last.Timestamp.UnixMilli() <= sentAt {
			return key, nil
		}
	}
}

// fromGhost is a person as the sender of something of the past. The user's own messages come from their ghost in rooms of
// history: they themselves can't write there.
func (c *Client) fromGhost(person int64) bridgev2.EventSender {
	return bridgev2.EventSender{Sender: makeID[networkid.UserID](person)}
}

// deliverPast puts a message and its reactions into a room of history.
func (c *Client) deliverPast(ctx context.Context, key networkid.PortalKey, m pastMessage) error {
	name, err := historyID(m.ID)
	if err != nil {
		return nil // of nobody who could be answered
	}
	meta := simplevent.EventMeta{
		LogContext: func(with zerolog.Context) zerolog.Context { return with.Str("message_id", string(name)) },
		PortalKey:  key, Sender: c.fromGhost(m.Sender), CreatePortal: true, Timestamp: time.UnixMilli(m.Timestamp),
	}
	err = ledger.DeliverMessage(ctx, c.login, meta, ledger.Message{
		ID: name,
		Convert: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			// What a message answers is known in the chat by another id than here.
			here, err := c.row(ctx, historyMark+m.ReplyTo)
			if err != nil {
				return nil, err
			}
			past := m.Message
			if here != nil && m.ReplySourceType <= replyToMessage {
				past.ReplySnippet, past.ReplyText = "", "" // need not be repeated
			}
			converted, err := c.toMatrix(ctx, portal, intent, past, m.attached)
			if err == nil {
				if converted.ReplyTo = nil; here != nil {
					converted.ReplyTo = &networkid.MessageOptionalPartID{MessageID: here.ID}
				}
			}
			return converted, err
		},
	})
	if err != nil {
		return err
	}
	for _, r := range m.reactions {
		emoji, ok := emojiOf(r)
		if !ok {
			continue
		}
		meta.Type, meta.Sender, meta.Timestamp = bridgev2.RemoteEventReaction, c.fromGhost(r.Actor), time.UnixMilli(r.Timestamp)
		err := ledger.Deliver(ctx, c.login, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
			return &simplevent.Reaction{EventMeta: meta, TargetMessage: name, Emoji: emoji}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// linkHistory tells in the chat where its history is, and returns that room.
func (c *Client) linkHistory(ctx context.Context, chat int64, key networkid.PortalKey) id.RoomID {
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
