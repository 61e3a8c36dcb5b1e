// Package history is what the networks have in common of rooms of history: a homeserver can't insert messages before
// others, so what is older than a chat's room goes into rooms beside it, which the user can only read. The package owns
// their ids, how they look, which of them takes what, and the command that asks for older messages. Where those come from
// is the networks' business. Its functions are called from the goroutines of commands and of logins; one at a time may fill
// the rooms of a login.
//
// The ids, stored for ever:
//
//	portal    <network>-history-<number>-<chat>; numbers count from 1, each room is older than the one before it
//	message   <network>-history-<the message's id in the chat without its network>
//
// The ids differ from those of the chat so that later events about a message are never tried in the wrong room.
package history

import (
	"context"
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/remoteid"
)

const mark = "history-"

// Rooms are the rooms of history of one login.
type Rooms struct {
	Login *bridgev2.UserLogin
	// Name is the network's, for texts.
	Name string
}

// Key is the portal of a room of a chat's history. It is the user's own, also that of a group.
func (r Rooms) Key(chat networkid.PortalID, number int) networkid.PortalKey {
	network, raw, _ := remoteid.Cut(chat)
	return networkid.PortalKey{
		ID:       remoteid.Make[networkid.PortalID](network, mark+strconv.Itoa(number)+"-"+raw),
		Receiver: r.Login.ID,
	}
}

// Parse undoes Key; it is false for the id of any other portal. Whether the chat can exist is for the network to know.
func Parse(portal networkid.PortalID) (chat networkid.PortalID, number int, ok bool) {
	network, raw, _ := remoteid.Cut(portal)
	if raw, ok = strings.CutPrefix(raw, mark); !ok {
		return "", 0, false
	}
	digits, raw, _ := strings.Cut(raw, "-")
	number, err := strconv.Atoi(digits)
	if err != nil || number < 1 || raw == "" || strconv.Itoa(number) != digits {
		return "", 0, false
	}
	return remoteid.Make[networkid.PortalID](network, raw), number, true
}

// MessageID is the id that a message of a chat has in the chat's history.
func MessageID(id networkid.MessageID) networkid.MessageID {
	network, raw, _ := remoteid.Cut(id)
	return remoteid.Make[networkid.MessageID](network, mark+raw)
}

// InChat undoes MessageID. Other ids stay as they are.
func InChat(id networkid.MessageID) networkid.MessageID {
	network, raw, _ := remoteid.Cut(id)
	if raw, ok := strings.CutPrefix(raw, mark); ok {
		return remoteid.Make[networkid.MessageID](network, raw)
	}
	return id
}

// Info is what a room of the history of a chat called title looks like; people are those in it besides the user.
func (r Rooms) Info(title string, number int, people ...networkid.UserID) *bridgev2.ChatInfo {
	name := "History: " + title
	if number > 1 {
		name += " (" + strconv.Itoa(number) + ")"
	}
	topic := "Older " + r.Name + " messages of the chat " + title + ". Nothing written here goes there."
	kind := database.RoomTypeDefault
	members := bridgev2.ChatMemberMap{}.Set(bridgev2.ChatMember{EventSender: bridgev2.EventSender{
		IsFromMe: true, SenderLogin: r.Login.ID, Sender: networkid.UserID(r.Login.ID),
	}})
	for _, person := range people {
		members.Set(bridgev2.ChatMember{EventSender: bridgev2.EventSender{Sender: person}})
	}
	return &bridgev2.ChatInfo{
		Name: &name, Topic: &topic, Type: &kind,
		Members: &bridgev2.ChatMemberList{MemberMap: members, PowerLevels: ReadOnly(r.Login.UserMXID)},
	}
}

// ReadOnly are the power levels of a room in which a user can only read: below those of the ghosts, who need none.
func ReadOnly(user id.UserID) *bridgev2.PowerLevelOverrides {
	const reader = -1
	write, nobody := 0, 99 // the bot has more
	return &bridgev2.PowerLevelOverrides{
		EventsDefault: &write, StateDefault: &nobody, Invite: &nobody, Kick: &nobody, Ban: &nobody,
		Custom: func(levels *event.PowerLevelsEventContent) bool { return levels.EnsureUserLevel(user, reader) },
	}
}

// Open chooses the room for messages of a chat's past, of which the first was sent at a time: the last room of history, or
// one more if that has newer messages already.
func (r Rooms) Open(ctx context.Context, chat networkid.PortalID, sentAt time.Time) (networkid.PortalKey, error) {
	for number := 1; ; number++ {
		key := r.Key(chat, number)
		portal, err := r.Login.Bridge.GetExistingPortalByKey(ctx, key)
		if err != nil {
			return key, fmt.Errorf("get portal %q: %w", key.ID, err)
		}
		if portal == nil || portal.MXID == "" {
			return key, nil
		}
		last, err := r.Login.Bridge.DB.Message.GetLastPartAtOrBeforeTime(ctx, key, time.Now().Add(24*time.Hour))
		if err != nil {
			return key, fmt.Errorf("get last message of portal %q: %w", key.ID, err)
		}
		if last == nil || !last.Timestamp.After(sentAt) {
			return key, nil
		}
	}
}

// Link tells in a chat where a room of its history is, and returns that room; "" if it is not there.
func (r Rooms) Link(ctx context.Context, chat, history networkid.PortalKey) id.RoomID {
	bridge := r.Login.Bridge
	room, err := bridge.GetExistingPortalByKey(ctx, history)
	if err != nil || room == nil || room.MXID == "" {
		return ""
	}
	portal, err := bridge.GetExistingPortalByKey(ctx, chat)
	if err != nil || portal == nil || portal.MXID == "" {
		return room.MXID
	}
	link := room.MXID.URI(bridge.Matrix.ServerName()).MatrixToURL()
	content := &event.Content{Parsed: &event.MessageEventContent{
		MsgType: event.MsgNotice, Body: "Older messages of this chat: " + link,
		Format: event.FormatHTML, FormattedBody: fmt.Sprintf(`<a href="%s">Older messages of this chat</a>`, html.EscapeString(link)),
		Mentions: &event.Mentions{},
	}}
	if _, err = bridge.Bot.SendMessage(ctx, portal.MXID, event.EventMessage, content, nil); err != nil {
		r.Login.Log.Warn().Err(err).Msg("Could not link a chat to its history")
	}
	return room.MXID
}
