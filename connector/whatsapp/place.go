package whatsapp

import (
	"context"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/remoteid"
)

// Chats other than a person's: a group's id is group-<WhatsApp's>, the one room of all status updates is status.
const (
	groupMark    = "group-"
	statusRaw    = "status"
	longestGroup = 40
)

// group is whether an address is a group's that can be bridged. Old groups have two numbers with a hyphen in between.
func isGroup(jid types.JID) bool {
	if jid.Server != types.GroupServer || len(jid.User) > longestGroup {
		return false
	}
	first, second, two := strings.Cut(jid.User, "-")
	return isDigits(first) && (!two || isDigits(second))
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func rawChat(jid types.JID) (string, error) {
	switch {
	case isGroup(jid):
		return groupMark + jid.User, nil
	case jid == types.StatusBroadcastJID:
		return statusRaw, nil
	default:
		return rawUser(jid)
	}
}

func parseRawChat(raw string) (types.JID, bool) {
	if raw == statusRaw {
		return types.StatusBroadcastJID, true
	}
	if user, ok := strings.CutPrefix(raw, groupMark); ok {
		jid := types.NewJID(user, types.GroupServer)
		return jid, isGroup(jid)
	}
	return parseRawUser(raw)
}

// parseChat is the chat of a portal. It fails for rooms that hold something else, such as history.
func parseChat(id networkid.PortalID) (types.JID, error) {
	raw, ok := remoteid.Of(remoteid.WhatsApp, id)
	if !ok {
		return types.EmptyJID, fmt.Errorf("parse portal id %q: not WhatsApp's", id)
	}
	jid, ok := parseRawChat(raw)
	if !ok {
		return types.EmptyJID, fmt.Errorf("parse portal id %q: no chat", id)
	}
	return jid, nil
}

// portalKey is the portal of a chat that place, peer or parseChat has given. A group's is shared by all of the bridge's
// users who are in it.
func (c *Client) portalKey(chat types.JID) networkid.PortalKey {
	raw, err := rawChat(chat)
	if err != nil {
		panic(err)
	}
	key := networkid.PortalKey{ID: remoteid.Make[networkid.PortalID](remoteid.WhatsApp, raw)}
	if chat.Server != types.GroupServer {
		key.Receiver = c.login.ID
	}
	return key
}

// place is where something was said and by whom, each by the one address under which it is kept. It is false for kinds
// of chats that are not bridged.
func (c *Client) place(ctx context.Context, source types.MessageSource) (chat, author types.JID, ok bool) {
	switch {
	case isGroup(source.Chat):
		chat = source.Chat
	case source.Chat == types.StatusBroadcastJID && c.showsStatus():
		chat = source.Chat
	default:
		chat, ok = c.peer(ctx, source.Chat, chatAlt(source))
		return chat, c.author(chat, source.IsFromMe), ok
	}
	if source.IsFromMe {
		return chat, c.self, true
	}
	author, ok = c.peer(ctx, source.Sender, source.SenderAlt)
	return chat, author, ok
}

// as is a person, by the address that place has given, as bridgev2 names who did something. In a group that may be
// another user of the bridge, who then acts themself.
func (c *Client) as(who types.JID) bridgev2.EventSender {
	sender := c.sender(who, who == c.self)
	sender.SenderLogin = networkid.UserLoginID(sender.Sender)
	return sender
}
