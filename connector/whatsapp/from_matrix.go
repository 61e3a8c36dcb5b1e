package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"unicode/utf8"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
)

// thumbnailSide is the size of the picture that WhatsApp's own clients put into a message.
const thumbnailSide = 72

// imageTypes are the pictures that WhatsApp's own clients send and show.
var imageTypes = map[string]bool{"image/jpeg": true, "image/png": true}

var imageExtensions = map[string]string{"image/jpeg": ".jpg", "image/png": ".png"}

var errEmpty = errors.New("the message is empty")

// fromMatrix converts a message; the error is ready for bridgev2. It uploads media.
func (c *Client) fromMatrix(ctx context.Context, msg *bridgev2.MatrixMessage) (*waE2E.Message, error) {
	if msg.Content == nil {
		return nil, bridgev2.ErrUnexpectedParsedContentType
	}
	switch msg.Content.MsgType {
	case event.MsgText, event.MsgNotice, event.MsgEmote:
		return textFromMatrix(msg.Content.Body)
	case event.MsgImage:
		return c.imageFromMatrix(ctx, msg.Content)
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

func (c *Client) imageFromMatrix(ctx context.Context, content *event.MessageEventContent) (*waE2E.Message, error) {
	caption := content.GetCaption()
	if err := checkLength(caption, maxTextLength, "caption"); err != nil {
		return nil, err
	}
	image := &waE2E.ImageMessage{}
	if caption != "" {
		image.Caption = proto.String(caption)
	}
	err := convert.Download(ctx, c.network.bridge.Bot, content, maxImageSize, func(file *os.File, _ int64) error {
		picture, ok, err := convert.InspectPicture(file)
		if err != nil {
			return err
		}
		if !ok || !imageTypes[picture.MIMEType] {
			return fmt.Errorf("%w: WhatsApp takes images as JPEG or PNG; send it as a file", bridgev2.ErrUnsupportedMediaType)
		}
		image.Mimetype = proto.String(picture.MIMEType)
		image.Width, image.Height = proto.Uint32(uint32(picture.Size.X)), proto.Uint32(uint32(picture.Size.Y))
		if image.JPEGThumbnail, err = convert.Thumbnail(file, thumbnailSide); err != nil {
			return err
		}
		uploaded, err := c.upload(ctx, file, whatsmeow.MediaImage)
		if err != nil {
			return err
		}
		image.URL, image.DirectPath = &uploaded.URL, &uploaded.DirectPath
		image.MediaKey, image.FileLength = uploaded.MediaKey, &uploaded.FileLength
		image.FileSHA256, image.FileEncSHA256 = uploaded.FileSHA256, uploaded.FileEncSHA256
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &waE2E.Message{ImageMessage: image}, nil
}
