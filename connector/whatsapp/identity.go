package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/ledger"
)

// sameChange is within what time two reports of new keys of one person mean the same change: the server's notification,
// and the first message that shows it.
const sameChange = 10 * time.Minute

// onIdentityChange says in the chat, if it has a room, that the contact's keys are new. whatsmeow trusts them: messages
// go on.
func (c *Client) onIdentityChange(evt *events.IdentityChange) bool {
	chat, ok := c.peer(c.ctx, evt.JID.ToNonAD(), types.EmptyJID)
	if !ok || evt.JID.Device != 0 || chat == c.self {
		return true
	}
	if !evt.Implicit {
		c.forgetKeys(evt.JID)
	}
	last, known := c.newKeys.Load(chat)
	if known && evt.Implicit && time.Since(last.(time.Time)) < sameChange {
		return true
	}
	key := c.portalKey(chat)
	portal, err := c.network.bridge.GetExistingPortalByKey(c.ctx, key)
	if err != nil {
		c.fault(err, "Could not look for the room of a contact with a new security code")
		return false
	}
	if portal == nil || portal.MXID == "" {
		return true
	}
	id, err := makeMessageID(messageKey{Chat: chat, Sender: chat, ID: fmt.Sprintf("identity.%d", evt.Timestamp.Unix())})
	if err != nil {
		return true
	}
	c.order.Lock()
	defer c.order.Unlock()
	err = ledger.DeliverMessage(c.ctx, c.login, simplevent.EventMeta{
		PortalKey: key,
		Sender:    c.as(chat),
		Timestamp: evt.Timestamp,
	}, ledger.Message{
		ID:            id,
		TransactionID: networkid.TransactionID(id),
		Convert: func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			return &bridgev2.ConvertedMessage{Parts: notice("The security code with this contact has changed: " +
				"they have a new phone or have installed WhatsApp anew. Compare it on your phone if you want to be sure.")}, nil
		},
	})
	if err == nil {
		c.newKeys.Store(chat, time.Now())
	}
	return c.delivered(c.log, err)
}

// forgetKeys deletes the sessions with all devices of an address. whatsmeow does so for phone numbers only: it looks for
// LIDs under a name that they do not have in its store.
func (c *Client) forgetKeys(address types.JID) {
	user := address.SignalAddressUser()
	err := errors.Join(c.wa.Store.Identities.DeleteAllIdentities(c.ctx, user), c.wa.Store.Sessions.DeleteAllSessions(c.ctx, user))
	if err != nil {
		c.fault(err, "Could not delete the old sessions with a contact")
	}
}
