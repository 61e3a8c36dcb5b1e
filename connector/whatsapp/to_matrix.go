package whatsapp

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
)

// toMatrix converts a message. Content that can't be shown becomes a notice; an error means that another try may help.
func (c *Client) toMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, evt *events.Message) (converted *bridgev2.ConvertedMessage, err error) {
	defer func() {
		// What a stranger sent must neither end the process nor come back for ever.
		if value := recover(); value != nil {
			zerolog.Ctx(ctx).Error().Str("panic", fmt.Sprint(value)).Bytes("stack", debug.Stack()).Msg("Conversion panicked")
			converted = &bridgev2.ConvertedMessage{Parts: notice("A WhatsApp message could not be shown: the bridge failed at it. Look on your phone.")}
			err = nil
		}
	}()
	parts, quote, err := c.contentToMatrix(ctx, portal, intent, evt)
	if err != nil {
		return nil, err
	}
	parts, answered := c.answering(ctx, portal, evt, quote, parts)
	for i, part := range parts[1:] {
		part.ID = networkid.PartID(strconv.Itoa(i + 1))
	}
	life := lifeOf(evt.Message)
	c.learnTimer(ctx, portal, evt, life)
	return &bridgev2.ConvertedMessage{Parts: parts, ReplyTo: answered, Disappear: life}, nil
}

func notice(text string) []*bridgev2.ConvertedMessagePart {
	return []*bridgev2.ConvertedMessagePart{convert.Notice(text)}
}

// contentToMatrix converts what the message carries, to one part or more, and gives the context in which it says what it
// answers.
func (c *Client) contentToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, evt *events.Message) ([]*bridgev2.ConvertedMessagePart, *waE2E.ContextInfo, error) {
	msg := evt.Message
	if a, ok := attachmentOf(msg); ok {
		parts, err := c.attachmentParts(ctx, portal, intent, evt, a)
		return parts, a.context, err
	}
	switch {
	case evt.IsViewOnce:
		return notice("A view-once message came. WhatsApp shows it on your phone only."), nil, nil
	case msg.AlbumMessage != nil:
		return albumParts(msg.AlbumMessage), msg.AlbumMessage.GetContextInfo(), nil
	case msg.Conversation != nil:
		return c.markedParts(ctx, msg.GetConversation(), nil), nil, nil
	case msg.ExtendedTextMessage != nil:
		text := msg.ExtendedTextMessage
		parts, err := c.linkedText(ctx, portal, intent, text)
		return parts, text.GetContextInfo(), err
	}
	if parts, info, err := c.otherToMatrix(ctx, portal, intent, evt); err != nil || parts != nil {
		return parts, info, err
	}
	kind := contentKind(msg)
	zerolog.Ctx(ctx).Debug().Str("kind", kind).Msg("Message of a kind that is not bridged")
	if kind == "" {
		kind = "kind that the bridge does not know"
	}
	return notice(fmt.Sprintf("A WhatsApp message of a kind that is not bridged yet: %s. Look on your phone.", kind)), nil, nil
}

func textParts(text string) (parts []*bridgev2.ConvertedMessagePart) {
	text = convert.Clean(text)
	if text == "" {
		return notice("An empty WhatsApp message came.")
	}
	for _, piece := range convert.Split(text) {
		parts = append(parts, &bridgev2.ConvertedMessagePart{Type: event.EventMessage, Content: convert.Text(piece)})
	}
	return parts
}

// replyTarget is the message that one answers, nil if it answers none, or one outside this chat.
func (c *Client) replyTarget(ctx context.Context, evt *events.Message, quote *waE2E.ContextInfo) *networkid.MessageOptionalPartID {
	if quote.GetStanzaID() == "" || quote.GetParticipant() == "" || quote.GetRemoteJID() != "" {
		return nil
	}
	participant, err := types.ParseJID(quote.GetParticipant())
	if err != nil {
		return nil
	}
	author, authorOK := c.peer(ctx, participant, types.EmptyJID)
	chat, _, chatOK := c.place(ctx, evt.Info.MessageSource)
	if !authorOK || !chatOK {
		return nil
	}
	id, err := makeMessageID(messageKey{Chat: chat, Sender: author, ID: quote.GetStanzaID()})
	if err != nil {
		return nil
	}
	return &networkid.MessageOptionalPartID{MessageID: id}
}
