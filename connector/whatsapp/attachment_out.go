package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"os"

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

// fetch gives use the file of a Matrix message in a temporary file that use may overwrite, with a context that ends when
// one file has taken too long. Errors are ready for bridgev2.
func (c *Client) fetch(ctx context.Context, content *event.MessageEventContent, limit int64, use func(context.Context, *os.File) error) error {
	err := convert.Download(ctx, c.network.bridge.Bot, content, limit, func(file *os.File, _ int64) error {
		ctx, cancel := c.bound(ctx, c.network.Config.MediaTimeout)
		defer cancel()
		return use(ctx, file)
	})
	return convert.RefuseUnconverted(err, "WhatsApp", "send it as a file")
}

// captionOf is a message's caption, nil if it has none. The error is ready for bridgev2.
func (c *Client) captionOf(content *event.MessageEventContent) (*string, error) {
	caption := content.GetCaption()
	if caption == "" {
		return nil, nil
	}
	caption = c.plainMarked(content)
	return &caption, checkLength(caption, maxTextLength, "caption")
}

// imageFromMatrix makes a picture; a GIF becomes a video that loops, as on WhatsApp.
func (c *Client) imageFromMatrix(ctx context.Context, content *event.MessageEventContent) (*waE2E.Message, error) {
	caption, err := c.captionOf(content)
	if err != nil {
		return nil, err
	}
	var msg *waE2E.Message
	err = c.fetch(ctx, content, maxImageSize, func(ctx context.Context, file *os.File) error {
		picture, ok, err := convert.InspectPicture(file)
		switch {
		case err != nil:
			return err
		case ok && imageTypes[picture.MIMEType]:
			msg, err = c.pictureMessage(ctx, file, picture, caption)
			return err
		case ok && picture.MIMEType == "image/gif":
			msg, err = c.loopMessage(ctx, file, picture, caption)
			return err
		}
		if _, ok, err := convert.InspectWebP(file); err != nil || !ok {
			return errors.Join(err, fmt.Errorf("%w: WhatsApp takes images as JPEG, PNG, GIF or WebP; send it as a file", bridgev2.ErrUnsupportedMediaType))
		}
		return convert.Transcode(ctx, file, ".png", []string{"-frames:v", "1"}, func(file *os.File) error {
			picture, _, err := convert.InspectPicture(file)
			if err == nil {
				msg, err = c.pictureMessage(ctx, file, picture, caption)
			}
			return err
		})
	})
	return msg, err
}

func (c *Client) pictureMessage(ctx context.Context, file *os.File, picture convert.Picture, caption *string) (*waE2E.Message, error) {
	thumbnail, err := convert.Thumbnail(file, thumbnailSide)
	if err != nil {
		return nil, err
	}
	up, err := c.upload(ctx, file, whatsmeow.MediaImage)
	if err != nil {
		return nil, err
	}
	return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		Mimetype: proto.String(picture.MIMEType), Caption: caption, JPEGThumbnail: thumbnail,
		Width: proto.Uint32(uint32(picture.Size.X)), Height: proto.Uint32(uint32(picture.Size.Y)),
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileLength: &up.FileLength,
		FileSHA256: up.FileSHA256, FileEncSHA256: up.FileEncSHA256,
	}}, nil
}

// fileFromMatrix makes a document of any file.
func (c *Client) fileFromMatrix(ctx context.Context, content *event.MessageEventContent) (*waE2E.Message, error) {
	caption, err := c.captionOf(content)
	if err != nil {
		return nil, err
	}
	mimeType := convert.MIMEType(content.GetInfo().MimeType, "application/octet-stream")
	name := convert.FileName(content.GetFileName(), "file", mimeType)
	document := &waE2E.DocumentMessage{
		FileName: &name, Title: &name, Mimetype: &mimeType, Caption: caption,
	}
	err = c.fetch(ctx, content, maxDocumentSize, func(ctx context.Context, file *os.File) error {
		up, err := c.upload(ctx, file, whatsmeow.MediaDocument)
		if err != nil {
			return err
		}
		document.URL, document.DirectPath = &up.URL, &up.DirectPath
		document.MediaKey, document.FileLength = up.MediaKey, &up.FileLength
		document.FileSHA256, document.FileEncSHA256 = up.FileSHA256, up.FileEncSHA256
		return nil
	})
	if err != nil {
		return nil, err
	}
	msg := &waE2E.Message{DocumentMessage: document}
	if caption != nil {
		// WhatsApp's clients show a document's caption only in this wrapping.
		msg = &waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: msg}}
	}
	return msg, nil
}

// stickerFromMatrix makes a WebP sticker of any picture.
func (c *Client) stickerFromMatrix(ctx context.Context, content *event.MessageEventContent) (*waE2E.Message, error) {
	var sticker *waE2E.StickerMessage
	err := c.fetch(ctx, content, maxImageSize, func(ctx context.Context, file *os.File) error {
		asSticker := func(file *os.File) (err error) {
			sticker, err = c.stickerMessage(ctx, file)
			return err
		}
		if _, ok, err := convert.InspectWebP(file); err != nil {
			return err
		} else if ok {
			return asSticker(file)
		}
		picture, ok, err := convert.InspectPicture(file)
		if err != nil {
			return err
		} else if !ok {
			return fmt.Errorf("%w: a sticker must be WebP, PNG, JPEG or GIF", bridgev2.ErrUnsupportedMediaType)
		}
		options := convert.StickerOptions
		if picture.MIMEType == "image/gif" {
			options = convert.AnimatedStickerOptions
		}
		return convert.Transcode(ctx, file, ".webp", options, asSticker)
	})
	if err != nil {
		return nil, err
	}
	return &waE2E.Message{StickerMessage: sticker}, nil
}

func (c *Client) stickerMessage(ctx context.Context, file *os.File) (*waE2E.StickerMessage, error) {
	picture, ok, err := convert.InspectWebP(file)
	if err != nil {
		return nil, err
	} else if !ok {
		return nil, fmt.Errorf("%w: the result is no WebP picture", convert.ErrTranscode)
	}
	up, err := c.upload(ctx, file, whatsmeow.MediaImage)
	if err != nil {
		return nil, err
	}
	return &waE2E.StickerMessage{
		Mimetype: proto.String("image/webp"), IsAnimated: proto.Bool(picture.Animated),
		Width: proto.Uint32(uint32(picture.Size.X)), Height: proto.Uint32(uint32(picture.Size.Y)),
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileLength: &up.FileLength,
		FileSHA256: up.FileSHA256, FileEncSHA256: up.FileEncSHA256,
	}, nil
}
