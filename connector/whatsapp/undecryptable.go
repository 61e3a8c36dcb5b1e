package whatsapp

import (
	"context"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	crosschatdb "crosschat/database"
)

const (
	waitingText  = "Waiting for this WhatsApp message: it could not be decrypted and was asked for again. It may help to open WhatsApp on your phone."
	viewOnceText = "A view-once message came. WhatsApp shows it on your phone only."
)

// onUndecryptable shows that there is a message. By now whatsmeow has asked the sender's device and the own phone for it;
// their answer comes as a normal message of the same id, and takes the placeholder's place.
func (c *Client) onUndecryptable(evt *events.UndecryptableMessage) bool {
	if c.ended.Load() {
		return false // for want of keys that were deleted at logout
	}
	info := &evt.Info
	log := c.log.With().Str("message_id", info.ID).Stringer("chat", info.Chat).Logger()
	log.Warn().Bool("unavailable", evt.IsUnavailable).Msg("Message could not be decrypted and was asked for again")
	if evt.DecryptFailMode == events.DecryptFailHide {
		return true // nothing that people would miss, such as a reaction
	}
	chat, id, meta, ok := c.messageMeta(info)
	if !ok {
		return true
	}
	c.rekey(chat, info.Chat, chatAlt(info.MessageSource))
	text := waitingText
	if evt.UnavailableType == events.UnavailableTypeViewOnce {
		text = viewOnceText
	}
	c.order.Lock()
	defer c.order.Unlock()
	err := ledger.DeliverMessage(c.ctx, c.login, meta, ledger.Message{
		ID:            id,
		TransactionID: networkid.TransactionID(id),
		Convert: func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			parts := notice(text)
			parts[0].DBMetadata = &crosschatdb.MessageMetadata{WhatsApp: &crosschatdb.WhatsAppMessage{Placeholder: true}}
			return &bridgev2.ConvertedMessage{Parts: parts}, nil
		},
	})
	return c.delivered(log, err)
}

// messageMeta is the id that a message has here and what bridgev2 is to know of it. It is false, with a note in the log,
// if it can't be bridged.
func (c *Client) messageMeta(info *types.MessageInfo) (types.JID, networkid.MessageID, simplevent.EventMeta, bool) {
	log := c.log.With().Str("message_id", info.ID).Stringer("chat", info.Chat).Logger()
	chat, author, ok := c.place(c.ctx, info.MessageSource)
	if !ok {
		log.Debug().Msg("Ignored a message of a kind of chat that is not bridged")
		return chat, "", simplevent.EventMeta{}, false
	}
	id, err := makeMessageID(messageKey{Chat: chat, Sender: author, ID: info.ID})
	if err != nil {
		log.Warn().Err(err).Msg("Ignored a message with a malformed id")
		return chat, "", simplevent.EventMeta{}, false
	}
	return chat, id, simplevent.EventMeta{
		LogContext:   func(with zerolog.Context) zerolog.Context { return with.Str("message_id", info.ID) },
		PortalKey:    c.portalKey(chat),
		Sender:       c.as(author),
		CreatePortal: true,
		Timestamp:    info.Timestamp,
	}, true
}

// isPlaceholder is whether a row is of a message that could not be decrypted.
func isPlaceholder(row *database.Message) bool {
	meta, ok := row.Metadata.(*crosschatdb.MessageMetadata)
	return ok && meta.WhatsApp != nil && meta.WhatsApp.Placeholder
}

// fillPlaceholder puts a message that came late into its placeholder's place. It is false if the message has none, or is
// not one that shows in the room: then the placeholder is removed.
func (c *Client) fillPlaceholder(evt *events.Message) (done, received bool) {
	chat, author, ok := c.place(c.ctx, evt.Info.MessageSource)
	if !ok {
		return false, false
	}
	id, err := makeMessageID(messageKey{Chat: chat, Sender: author, ID: evt.Info.ID})
	if err != nil {
		return false, false
	}
	key := c.portalKey(chat)
	rows, err := c.network.bridge.DB.Message.GetAllPartsByID(c.ctx, key.Receiver, id)
	if err != nil {
		c.fault(err, "Could not look for the placeholder of a message")
		return true, false
	}
	if len(rows) == 0 || !isPlaceholder(rows[0]) {
		return false, false
	}
	meta := simplevent.EventMeta{
		LogContext: func(with zerolog.Context) zerolog.Context { return with.Str("message_id", evt.Info.ID) },
		PortalKey:  key,
		Sender:     c.as(author),
		Timestamp:  evt.Info.Timestamp,
	}
	if !hasOwnPlace(evt.Message) {
		meta.Type = bridgev2.RemoteEventMessageRemove
		return false, c.deliverInTurn(meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
			return &simplevent.MessageRemove{EventMeta: meta, TargetMessage: id}
		})
	}
	meta.Type = bridgev2.RemoteEventEdit
	return true, c.deliverInTurn(meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[*events.Message]{
			EventMeta: meta, ID: id, TargetMessage: id, Data: evt, ConvertEditFunc: c.toReplacement,
		}
	})
}

// hasOwnPlace is whether a message shows in the room, rather than change what is there.
func hasOwnPlace(msg *waE2E.Message) bool {
	return !carriesNothing(msg) && msg.GetProtocolMessage() == nil && msg.GetReactionMessage() == nil &&
		msg.GetEncReactionMessage() == nil && msg.GetPollUpdateMessage() == nil
}

// toReplacement converts a message as an edit of its placeholder. Parts that it has besides come at the room's end.
func (c *Client) toReplacement(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, existing []*database.Message, evt *events.Message) (*bridgev2.ConvertedEdit, error) {
	if !isPlaceholder(existing[0]) {
		return nil, bridgev2.ErrIgnoringRemoteEvent // done by an earlier try
	}
	converted, err := c.toMatrix(ctx, portal, intent, evt)
	if err != nil {
		return nil, ledger.Unconverted(ctx, err)
	}
	existing[0].Metadata = &crosschatdb.MessageMetadata{}
	return convert.Edit(existing[:1], converted.Parts), nil
}
