package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
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

// WhatsApp's published limits: messages can be edited for 15 minutes and deleted for everyone for about two days and
// twelve hours ("How to edit messages", "How to delete messages", faq.whatsapp.com).
const (
	editWindow   = 15 * time.Minute
	deleteWindow = 60 * time.Hour
)

// onChange takes messages that change another one. It says whether this is one, and if so, whether it may be
// acknowledged.
func (c *Client) onChange(evt *events.Message, chat types.JID) (received, isChange bool) {
	msg := evt.Message
	_, author, ok := c.place(c.ctx, evt.Info.MessageSource)
	if !ok {
		return false, false
	}
	protocol := msg.GetProtocolMessage()
	switch {
	case msg.GetReactionMessage() != nil:
		return c.onReaction(evt, chat, author, msg.GetReactionMessage()), true
	case msg.GetEncReactionMessage() != nil:
		return c.onEncryptedReaction(evt, chat, author), true
	case protocol.GetType() == waE2E.ProtocolMessage_MESSAGE_EDIT && protocol != nil:
		return c.onEdit(evt, chat, author, protocol), true
	case protocol != nil && protocol.Type != nil && protocol.GetType() == waE2E.ProtocolMessage_REVOKE:
		return c.onRevoke(evt, chat, author, protocol.GetKey()), true
	case msg.GetLiveLocationMessage().GetTimeOffset() > 0:
		return c.onLiveLocation(evt, chat, author)
	}
	return false, false
}

var errNoTarget = errors.New("the message that is meant is not named")

// target is the message that a key in a message by author means, and who wrote it.
func (c *Client) target(ctx context.Context, chat, author types.JID, key *waCommon.MessageKey) (networkid.MessageID, types.JID, error) {
	owner := chat
	switch {
	case key.GetID() == "":
		return "", owner, errNoTarget
	case key.GetFromMe():
		owner = author
	case key.GetParticipant() != "" && chat.Server == types.GroupServer:
		participant, err := types.ParseJID(key.GetParticipant())
		if err != nil {
			return "", owner, fmt.Errorf("parse author of the message that is meant: %w", err)
		}
		var ok bool
		if owner, ok = c.peer(ctx, participant, types.EmptyJID); !ok {
			return "", owner, fmt.Errorf("author of the message that is meant: %w", errNotAUser)
		}
	case author != c.self:
		owner = c.self
	}
	id, err := makeMessageID(messageKey{Chat: chat, Sender: owner, ID: key.GetID()})
	return id, owner, err
}

// ignored says in the log why a change is not shown. It may be acknowledged: it would not get better.
func (c *Client) ignored(evt *events.Message, err error, what string) bool {
	c.log.Warn().Err(err).Str("message_id", evt.Info.ID).Stringer("chat", evt.Info.Chat).Msg(what)
	return true
}

// deliverChange hands a change of a message to Matrix and says whether it may be acknowledged. A change that has overtaken its
// message is kept until that comes.
func (c *Client) deliverChange(evt *events.Message, kind bridgev2.RemoteEventType, chat, author types.JID, target networkid.MessageID, build func(simplevent.EventMeta) bridgev2.RemoteEvent) bool {
	c.order.Lock()
	defer c.order.Unlock()
	err := ledger.WhenThere(c.ctx, c.login, target, func(ctx context.Context) error {
		return ledger.DeliverOnce(ctx, c.login, author.String()+" "+evt.Info.ID, simplevent.EventMeta{
			Type:      kind,
			PortalKey: c.portalKey(chat),
			Sender:    c.as(author),
			Timestamp: evt.Info.Timestamp,
		}, build)
	})
	return c.delivered(c.log, err)
}

// onEdit takes an edit. Only one's own messages can be edited.
func (c *Client) onEdit(evt *events.Message, chat, author types.JID, protocol *waE2E.ProtocolMessage) bool {
	target, owner, err := c.target(c.ctx, chat, author, protocol.GetKey())
	if err == nil && owner != author {
		err = errors.New("the message is somebody else's")
	}
	if err != nil {
		return c.ignored(evt, err, "Ignored an edit")
	}
	edited := *evt
	edited.RawMessage = protocol.GetEditedMessage()
	edited.UnwrapRaw()
	edited.IsEdit = true
	return c.deliverEdit(&edited, chat, author, target, nil)
}

// deliverEdit shows evt in the place of target. accept may refuse it, by what is stored of the target.
func (c *Client) deliverEdit(evt *events.Message, chat, author types.JID, target networkid.MessageID, accept func([]*database.Message) bool) bool {
	return c.deliverChange(evt, bridgev2.RemoteEventEdit, chat, author, target, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[*events.Message]{
			EventMeta: meta, Data: evt, TargetMessage: target,
			ConvertEditFunc: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, existing []*database.Message, evt *events.Message) (*bridgev2.ConvertedEdit, error) {
				if editMark(existing[0]).Edit == evt.Info.ID || accept != nil && !accept(existing) {
					return nil, bridgev2.ErrIgnoringRemoteEvent
				}
				converted, err := c.toMatrix(ctx, portal, intent, evt)
				if err != nil {
					return nil, ledger.Unconverted(ctx, err)
				}
				edit := convert.Edit(existing, converted.Parts)
				for _, part := range edit.ModifiedParts {
					editMark(part.Part).Edit = evt.Info.ID
				}
				return edit, nil
			},
		}
	})
}

// editMark is WhatsApp's part of what is stored with a message, made if there is none.
func editMark(row *database.Message) *crosschatdb.WhatsAppMessage {
	meta, ok := row.Metadata.(*crosschatdb.MessageMetadata)
	if !ok {
		meta = &crosschatdb.MessageMetadata{}
		row.Metadata = meta
	}
	if meta.WhatsApp == nil {
		meta.WhatsApp = &crosschatdb.WhatsAppMessage{}
	}
	return meta.WhatsApp
}

// onRevoke takes a deletion for everyone: of one's own messages, or in groups by an administrator, as whom the server
// marks the sender.
func (c *Client) onRevoke(evt *events.Message, chat, author types.JID, key *waCommon.MessageKey) bool {
	target, owner, err := c.target(c.ctx, chat, author, key)
	byAdmin := chat.Server == types.GroupServer && evt.Info.Edit == types.EditAttributeAdminRevoke
	if err == nil && owner != author && !byAdmin {
		err = errors.New("the message is somebody else's")
	}
	if err != nil {
		return c.ignored(evt, err, "Ignored a deletion")
	}
	return c.deliverChange(evt, bridgev2.RemoteEventMessageRemove, chat, author, target, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.MessageRemove{EventMeta: meta, TargetMessage: target}
	})
}

// HandleMatrixEdit implements bridgev2.EditHandlingNetworkAPI.
func (c *Client) HandleMatrixEdit(ctx context.Context, msg *bridgev2.MatrixEdit) error {
	chat, key, done, err := c.beginChange(msg.Portal, msg.EditTarget.ID)
	if err != nil {
		return err
	}
	defer done()
	switch {
	case key.Sender != c.self:
		return ledger.Refuse("only your own messages can be edited on WhatsApp")
	case time.Since(msg.EditTarget.Timestamp) > editWindow:
		return ledger.Refuse("WhatsApp lets messages be edited for 15 minutes only, and this one is older")
	case msg.EditTarget.PartID != "":
		return ledger.Refuse("a message that is in several pieces here can be edited on your phone only")
	}
	content, err := c.fromMatrix(ctx, &bridgev2.MatrixMessage{MatrixEventBase: msg.MatrixEventBase})
	if err != nil {
		return err
	}
	c.addMentions(msg.Content, content)
	_, err = c.send(ctx, chat, c.wa.BuildEdit(chat, key.ID, content), outgoingID(c.login.ID, msg.Event.ID))
	return err
}

// HandleMatrixMessageRemove implements bridgev2.RedactionHandlingNetworkAPI.
func (c *Client) HandleMatrixMessageRemove(ctx context.Context, msg *bridgev2.MatrixMessageRemove) error {
	chat, key, done, err := c.beginChange(msg.Portal, msg.TargetMessage.ID)
	if err != nil {
		return err
	}
	defer done()
	switch {
	case key.Sender != c.self && chat.Server != types.GroupServer:
		return ledger.Refuse("only your own messages can be deleted for others on WhatsApp; it is gone here only")
	case time.Since(msg.TargetMessage.Timestamp) > deleteWindow:
		return ledger.Refuse("WhatsApp lets messages be deleted for everyone for two and a half days only, and this one is older; it is gone here only")
	}
	_, err = c.send(ctx, chat, c.wa.BuildRevoke(chat, key.Sender, key.ID), outgoingID(c.login.ID, msg.Event.ID))
	return err
}

// beginChange is how sending a change of a message begins. Unless there is an error, done must be called.
func (c *Client) beginChange(portal *bridgev2.Portal, target networkid.MessageID) (chat types.JID, key messageKey, done func(), err error) {
	if key, err = parseMessageID(target); err != nil {
		return chat, key, nil, ledger.Refuse("this message is not on WhatsApp")
	}
	chat, done, err = c.beginSend(portal)
	return chat, key, done, err
}

// beginSend is how sending anything to a chat begins. Unless there is an error, done must be called.
func (c *Client) beginSend(portal *bridgev2.Portal) (chat types.JID, done func(), err error) {
	if !c.IsLoggedIn() {
		return chat, nil, errNotLoggedIn()
	}
	if isReadOnly(portal.ID) {
		return chat, nil, errReadOnly()
	}
	if chat, err = parseChat(portal.ID); err != nil {
		return chat, nil, fmt.Errorf("chat of portal: %w", err)
	}
	if !c.work.Begin() {
		return chat, nil, ledger.ErrStopping()
	}
	c.active()
	return chat, c.work.Done, nil
}
