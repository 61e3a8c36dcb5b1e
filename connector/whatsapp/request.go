package whatsapp

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
)

// WhatsApp has no message requests: whoever has a number can write to it. For users who have switched it on, the chat of
// somebody who is not in their address book, and with whom they have no chat yet, is held as one. WhatsApp hears nothing of
// it: accepting is the user's answer, and declining takes the room away until the person writes again.

var (
	_ bridgev2.MessageRequestAcceptingNetworkAPI = (*Client)(nil)
	_ bridgev2.DeleteChatHandlingNetworkAPI      = (*Client)(nil)
)

// isRequest is whether the room that is about to be made for a chat is a request's; nil if nothing is to change.
func (c *Client) isRequest(ctx context.Context, portal *bridgev2.Portal, chat types.JID) *bool {
	if portal.MXID != "" || !loginMeta(c.login.UserLogin).HoldRequests || chat == c.self {
		return nil
	}
	if _, written := c.wroteTo.Load(chat); written || c.isContact(ctx, chat) {
		return nil
	}
	// What the phone had when it was linked was there before anybody could ask.
	if old, err := c.kept().Newest(ctx, string(c.login.ID), string(portal.ID), 0, 1); err != nil || len(old) > 0 {
		return nil
	}
	held := true
	return &held
}

// isContact is whether the user has somebody in their address book.
func (c *Client) isContact(ctx context.Context, chat types.JID) bool {
	for _, jid := range c.addresses(ctx, chat) {
		if contact, err := c.wa.Store.Contacts.GetContact(ctx, jid); err == nil && contact.FullName != "" {
			return true
		}
	}
	return false
}

// wrote is called when the user has written to somebody on another device: that accepts.
func (c *Client) wrote(chat types.JID) {
	if _, ok := person(chat); !ok {
		return
	}
	if _, known := c.wroteTo.LoadOrStore(chat, true); !known {
		c.endRequest(chat)
	}
}

// endRequest makes a request, if the chat is one, a chat like any other.
func (c *Client) endRequest(chat types.JID) {
	portal, err := c.network.bridge.GetExistingPortalByKey(c.ctx, c.portalKey(chat))
	if err != nil || portal == nil {
		return
	}
	no := false
	c.login.QueueRemoteEvent(&simplevent.ChatInfoChange{
		EventMeta:      simplevent.EventMeta{Type: bridgev2.RemoteEventChatInfoChange, PortalKey: portal.PortalKey},
		ChatInfoChange: &bridgev2.ChatInfoChange{ChatInfo: &bridgev2.ChatInfo{MessageRequest: &no}},
	})
}

// HandleMatrixAcceptMessageRequest implements bridgev2.MessageRequestAcceptingNetworkAPI.
func (c *Client) HandleMatrixAcceptMessageRequest(context.Context, *bridgev2.MatrixAcceptMessageRequest) error {
	return nil
}

// HandleMatrixDeleteChat implements bridgev2.DeleteChatHandlingNetworkAPI for requests only.
func (c *Client) HandleMatrixDeleteChat(_ context.Context, msg *bridgev2.MatrixDeleteChat) error {
	if msg.Content.FromMessageRequest || msg.Portal.MessageRequest {
		// As from networks that know of requests, word comes that the chat is gone.
		c.login.QueueRemoteEvent(&simplevent.ChatDelete{
			EventMeta: simplevent.EventMeta{Type: bridgev2.RemoteEventChatDelete, PortalKey: msg.Portal.PortalKey},
			OnlyForMe: true,
		})
		return nil
	}
	return bridgev2.WrapErrorInStatus(errors.New("chats are deleted on the phone")).
		WithMessage("delete the chat on your phone; the bridge does not delete chats on WhatsApp").
		WithIsCertain(true).WithSendNotice(true).WithStatus(event.MessageStatusFail).WithErrorReason(event.MessageStatusUnsupported)
}

// commandRequests switches the holding of requests on and off.
func commandRequests() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "whatsapp-requests",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "Hold what people write who are not in your address book among your requests, until you accept it",
			Args:        "<on|off>",
		},
		RequiresLogin: true,
		Func: func(ce *commands.Event) {
			if len(ce.Args) != 1 || ce.Args[0] != "on" && ce.Args[0] != "off" {
				ce.Reply("Usage: `$cmdprefix whatsapp-requests <on|off>`")
				return
			}
			c := clientOf(ce)
			if c == nil {
				return
			}
			on := ce.Args[0] == "on"
			loginMeta(c.login.UserLogin).HoldRequests = on
			if err := c.login.Save(ce.Ctx); err != nil {
				ce.Log.Err(err).Msg("Could not store whether requests are held")
				ce.Reply("That could not be stored; try again.")
				return
			}
			if on {
				ce.Reply("Chats of people who are not in your address book will be requests until you accept them.")
				return
			}
			ce.Reply("Everybody's chats will come like any other. Requests that are there stay until you accept or decline them.")
		},
	}
}
