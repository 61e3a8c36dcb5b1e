package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
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
	for i, part := range parts[1:] {
		part.ID = networkid.PartID(strconv.Itoa(i + 1))
	}
	return &bridgev2.ConvertedMessage{Parts: parts, ReplyTo: c.replyTarget(ctx, evt, quote)}, nil
}

func notice(text string) []*bridgev2.ConvertedMessagePart {
	return []*bridgev2.ConvertedMessagePart{convert.Notice(text)}
}

// contentToMatrix converts what the message carries, to one part or more, and gives the context in which it says what it
// answers.
func (c *Client) contentToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, evt *events.Message) ([]*bridgev2.ConvertedMessagePart, *waE2E.ContextInfo, error) {
	msg := evt.Message
	switch {
	case evt.IsViewOnce:
		return notice("A view-once message came. WhatsApp shows it on your phone only."), nil, nil
	case msg.Conversation != nil:
		return textParts(msg.GetConversation()), nil, nil
	case msg.ExtendedTextMessage != nil:
		text := msg.ExtendedTextMessage
		return textParts(text.GetText()), text.GetContextInfo(), nil
	case msg.ImageMessage != nil:
		parts, err := c.imageToMatrix(ctx, portal, intent, msg.ImageMessage)
		return parts, msg.ImageMessage.GetContextInfo(), err
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
	chat, chatOK := c.peer(ctx, evt.Info.Chat, chatAlt(evt.Info.MessageSource))
	if !authorOK || !chatOK {
		return nil
	}
	id, err := makeMessageID(messageKey{Chat: chat, Sender: author, ID: quote.GetStanzaID()})
	if err != nil {
		return nil
	}
	return &networkid.MessageOptionalPartID{MessageID: id}
}

func (c *Client) imageToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, image *waE2E.ImageMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	mimeType, caption := image.GetMimetype(), convert.Clean(image.GetCaption())
	if !imageTypes[mimeType] {
		mimeType = "image/jpeg"
	}
	limit := c.network.maxFileSize.Load()
	if declared := image.GetFileLength(); declared > uint64(limit) {
		return withoutMedia("image", convert.TooLarge(int64(min(declared, 1<<62)), limit), caption), nil
	}
	source := convert.Source{
		Room:          portal.MXID,
		Kind:          event.MsgImage,
		Name:          "image" + imageExtensions[mimeType],
		MIMEType:      mimeType,
		Width:         int(image.GetWidth()),
		Height:        int(image.GetHeight()),
		ThumbnailJPEG: image.GetJPEGThumbnail(),
		Fetch: func(ctx context.Context, file *os.File) error {
			return c.download(ctx, image, file)
		},
	}
	var after []*bridgev2.ConvertedMessagePart
	if caption != "" && len(convert.Split(caption)) == 1 {
		source.Caption = caption
	} else if caption != "" {
		after = textParts(caption)
	}
	part, err := convert.Media(ctx, intent, source)
	var fetch *convert.FetchError
	switch {
	case err == nil:
		return append([]*bridgev2.ConvertedMessagePart{part}, after...), nil
	case errors.As(err, &fetch) && c.ctx.Err() == nil, errors.Is(err, bridgev2.ErrMediaTooLarge):
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Media could not be bridged")
		return withoutMedia("image", err, caption), nil
	default:
		return nil, err
	}
}

// withoutMedia stands for media that did not come; its caption is not lost with it.
func withoutMedia(kind string, err error, caption string) []*bridgev2.ConvertedMessagePart {
	parts := notice(fmt.Sprintf("A WhatsApp %s could not be bridged: %s.", kind, mediaFault(err)))
	if caption != "" {
		parts = append(parts, textParts(caption)...)
	}
	return parts
}

func mediaFault(err error) string {
	switch {
	case errors.Is(err, bridgev2.ErrMediaTooLarge):
		return "it is larger than the homeserver allows"
	case errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith403), errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404),
		errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410):
		return "it is no longer on WhatsApp's servers; look on your phone"
	case errors.Is(err, whatsmeow.ErrInvalidMediaHMAC), errors.Is(err, whatsmeow.ErrInvalidMediaEncSHA256),
		errors.Is(err, whatsmeow.ErrInvalidMediaSHA256), errors.Is(err, whatsmeow.ErrInvalidUnencryptedMediaSHA256),
		errors.Is(err, whatsmeow.ErrTooShortFile), errors.Is(err, errUnencryptedMedia):
		return "it arrived damaged or was tampered with"
	case errors.Is(err, context.DeadlineExceeded):
		return "it did not arrive in time; look on your phone"
	default:
		return "it could not be downloaded; look on your phone"
	}
}
