package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
)

var errEmpty = errors.New("the message is empty")

// fromMatrix converts a message; the error is ready for bridgev2. It uploads media.
func (c *Client) fromMatrix(ctx context.Context, msg *bridgev2.MatrixMessage) (*waE2E.Message, error) {
	if msg.Content == nil {
		return nil, bridgev2.ErrUnexpectedParsedContentType
	}
	if isCardFile(msg.Content) {
		if cards, err := c.contactsFromMatrix(ctx, msg.Content); err != nil || cards != nil {
			return cards, err
		}
	}
	switch msg.Content.MsgType {
	case event.MsgText, event.MsgNotice, event.MsgEmote:
		return c.textMessage(msg.Content)
	case event.MsgLocation:
		return locationFromMatrix(msg.Content)
	case event.MsgImage:
		return c.imageFromMatrix(ctx, msg.Content)
	case event.MsgVideo:
		return c.videoFromMatrix(ctx, msg.Content)
	case event.MsgAudio:
		return c.audioFromMatrix(ctx, msg.Content)
	case event.MsgFile:
		return c.fileFromMatrix(ctx, msg.Content)
	case event.CapMsgSticker:
		return c.stickerFromMatrix(ctx, msg.Content)
	default:
		return nil, fmt.Errorf("%w %q", bridgev2.ErrUnsupportedMessageType, msg.Content.MsgType)
	}
}

func textFromMatrix(body string) (*waE2E.Message, error) {
	if body == "" {
		return nil, bridgev2.WrapErrorInStatus(errEmpty).WithErrorAsMessage().WithIsCertain(true).WithSendNotice(true).
			WithErrorReason(event.MessageStatusUnsupported)
	}
	if err := checkLength(body, maxTextLength, "text"); err != nil {
		return nil, err
	}
	return &waE2E.Message{Conversation: proto.String(body)}, nil
}

func checkLength(text string, limit int, what string) error {
	length := utf8.RuneCountInString(text)
	if length <= limit {
		return nil
	}
	return bridgev2.WrapErrorInStatus(fmt.Errorf("the %s has %d characters, WhatsApp takes at most %d", what, length, limit)).
		WithErrorAsMessage().WithIsCertain(true).WithSendNotice(true).WithErrorReason(event.MessageStatusUnsupported)
}
