package whatsapp

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/convert"
	"crosschat/connector/history"
)

// rooms are the login's rooms of history.
func (c *Client) rooms() history.Rooms { return history.Rooms{Login: c.login, Name: "WhatsApp"} }

// historyKey is the portal of a room of a chat's history.
func (c *Client) historyKey(chat types.JID, number int) networkid.PortalKey {
	return c.rooms().Key(c.portalKey(chat).ID, number)
}

// historyInfo is a room of history, as long as its chat can be one.
func (c *Client) historyInfo(ctx context.Context, portal networkid.PortalID, number int) (*bridgev2.ChatInfo, error) {
	chat, err := parseChat(portal)
	if err != nil {
		return nil, err
	}
	var people []networkid.UserID
	if chat.Server != types.GroupServer && chat != c.self {
		people = append(people, c.sender(chat, false).Sender)
	}
	return c.rooms().Info(c.chatName(ctx, chat), number, people...), nil
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
