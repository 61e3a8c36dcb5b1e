package whatsapp

import (
	"context"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
)

// A chat that began under a phone number, because WhatsApp had not told the LID, keeps its room when the LID comes; its
// messages keep the ids that they were stored with.

var _ bridgev2.AltTargetFindingNetworkAPI = (*Client)(nil)

// afterRekey lets the room of a chat show the person under the LID instead of the phone number.
func (c *Client) afterRekey(chat types.JID) {
	c.login.QueueRemoteEvent(&simplevent.ChatResync{
		EventMeta: simplevent.EventMeta{
			Type:      bridgev2.RemoteEventChatResync,
			PortalKey: c.portalKey(chat),
			Timestamp: time.Now(),
		},
		GetChatInfoFunc: c.GetChatInfo,
	})
}

// FindAltTargetMessage implements bridgev2.AltTargetFindingNetworkAPI: what has the chat's LID in its id may be stored with
// the phone number, for the chat, its sender or both.
func (c *Client) FindAltTargetMessage(ctx context.Context, target networkid.MessageID, _ bridgev2.RemoteEventWithTargetMessage) ([]networkid.MessageID, error) {
	key, err := parseMessageID(target)
	if err != nil || c.wa == nil {
		return nil, nil //nolint:nilerr // not ours, so there is no other id either
	}
	var alternatives []networkid.MessageID
	for _, chat := range c.alternatives(ctx, key.Chat) {
		for _, sender := range c.alternatives(ctx, key.Sender) {
			id, err := makeMessageID(messageKey{Chat: chat, Sender: sender, ID: key.ID})
			if err == nil && id != target && !slices.Contains(alternatives, id) {
				alternatives = append(alternatives, id)
			}
		}
	}
	return alternatives, nil
}

// alternatives are all addresses of a chat.
func (c *Client) alternatives(ctx context.Context, chat types.JID) []types.JID {
	if _, ok := person(chat); !ok {
		return []types.JID{chat}
	}
	return c.addresses(ctx, chat)
}
