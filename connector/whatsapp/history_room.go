package whatsapp

import (
	"context"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/convert"
	"crosschat/connector/remoteid"
)

// A homeserver can't insert messages before others, so what is older than a chat's room goes into rooms of history, which
// the user can only read. Their ids, stored for ever:
//
//	portal    whatsapp-history-<number>-<chat>; numbers count from 1, each room is older than the one before it
//	message   whatsapp-history-<the message's id without "whatsapp-">
//
// The ids differ from those of the chat so that later events about a message are never tried in the wrong room.
const historyMark = "history-"

// historyKey is the portal of a room of a chat's history. It is the user's own, also that of a group.
func (c *Client) historyKey(chat types.JID, number int) networkid.PortalKey {
	raw, _ := remoteid.Of(remoteid.WhatsApp, c.portalKey(chat).ID)
	return networkid.PortalKey{
		ID:       remoteid.Make[networkid.PortalID](remoteid.WhatsApp, historyMark+strconv.Itoa(number)+"-"+raw),
		Receiver: c.login.ID,
	}
}

// parseHistory undoes historyKey; it is false for the id of any other portal.
func parseHistory(id networkid.PortalID) (chat types.JID, number int, ok bool) {
	raw, ok := remoteid.Of(remoteid.WhatsApp, id)
	if !ok {
		return types.EmptyJID, 0, false
	}
	raw, ok = strings.CutPrefix(raw, historyMark)
	if !ok {
		return types.EmptyJID, 0, false
	}
	digits, raw, _ := strings.Cut(raw, "-")
	number, err := strconv.Atoi(digits)
	if err != nil || number < 1 {
		return types.EmptyJID, 0, false
	}
	chat, ok = parseRawChat(raw)
	return chat, number, ok
}

// historyID is the id that a message of a chat has in the chat's history.
func historyID(id networkid.MessageID) networkid.MessageID {
	raw, _ := remoteid.Of(remoteid.WhatsApp, id)
	return remoteid.Make[networkid.MessageID](remoteid.WhatsApp, historyMark+raw)
}

func (c *Client) historyInfo(ctx context.Context, chat types.JID, number int) *bridgev2.ChatInfo {
	chatName := c.chatName(ctx, chat)
	name := "History: " + chatName
	if number > 1 {
		name += " (" + strconv.Itoa(number) + ")"
	}
	topic := "Older WhatsApp messages of the chat " + chatName + ". Nothing written here goes there."
	kind := database.RoomTypeDefault
	members := bridgev2.ChatMemberMap{}.Set(bridgev2.ChatMember{EventSender: c.as(c.self)})
	if chat.Server != types.GroupServer && chat != c.self {
		members.Set(bridgev2.ChatMember{EventSender: c.sender(chat, false)})
	}
	return &bridgev2.ChatInfo{
		Name:    &name,
		Topic:   &topic,
		Type:    &kind,
		Members: &bridgev2.ChatMemberList{MemberMap: members, PowerLevels: c.readOnly()},
	}
}

// chatName is what the user calls a chat.
func (c *Client) chatName(ctx context.Context, chat types.JID) string {
	portal, err := c.network.bridge.GetExistingPortalByKey(ctx, c.portalKey(chat))
	if err == nil && portal != nil && portal.Name != "" {
		return portal.Name
	}
	if _, ok := person(chat); !ok {
		return "WhatsApp group"
	}
	for _, address := range c.addresses(ctx, chat) {
		contact, err := c.wa.Store.Contacts.GetContact(ctx, address)
		if err == nil && contact.FullName != "" {
			return convert.Clean(contact.FullName)
		}
	}
	if name := c.publicName(ctx, chat); name != "" {
		return name
	}
	return c.numberName(ctx, chat)
}
