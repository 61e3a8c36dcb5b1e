package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/convert"
	"crosschat/connector/meow"
)

// attachmentParts is what shows a message with a file.
func (c *Client) attachmentParts(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, evt *events.Message, a attachment) ([]*bridgev2.ConvertedMessagePart, error) {
	show := func() ([]*bridgev2.ConvertedMessagePart, error) { return c.attachmentToMatrix(ctx, portal, intent, a) }
	if evt.IsViewOnce {
		return c.viewOnceParts(a.word, show)
	}
	parts, err := show()
	if err != nil {
		return nil, err
	}
	c.joinAlbum(ctx, portal, evt, parts)
	return parts, nil
}

// attachmentToMatrix moves a file to Matrix. One that can't be had becomes a placeholder; an error means that another
// try may help.
func (c *Client) attachmentToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, a attachment) ([]*bridgev2.ConvertedMessagePart, error) {
	part, err := c.moveToMatrix(ctx, portal, intent, &a)
	var fetch *convert.FetchError
	switch {
	case err == nil:
	case errors.As(err, &fetch) && c.ctx.Err() == nil, errors.Is(err, bridgev2.ErrMediaTooLarge):
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Media could not be bridged")
		part = c.placeholder(a, err)
	default:
		return nil, err
	}
	parts := []*bridgev2.ConvertedMessagePart{part}
	if caption := a.source.Caption; caption != "" && part.Content.Body != caption {
		parts = append(parts, c.markedParts(ctx, caption, a.context)...)
	} else if caption != "" {
		c.markCaption(ctx, part.Content, a.context)
	}
	return parts, nil
}

// moveToMatrix downloads and uploads a file, unless its sender already says that it is too large. A caption too long for
// the file's own event is left out.
func (c *Client) moveToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, a *attachment) (*bridgev2.ConvertedMessagePart, error) {
	if limit := c.network.maxFileSize.Load(); a.size > uint64(limit) {
		return nil, convert.TooLarge(int64(min(a.size, 1<<62)), limit)
	}
	source := a.source
	source.Room = portal.MXID
	if len(convert.Split(source.Caption)) > 1 {
		source.Caption = ""
	}
	source.Fetch = func(ctx context.Context, file *os.File) error {
		return c.download(ctx, a.file, file)
	}
	return convert.Media(ctx, intent, source)
}

// placeholder stands for a file that did not come. If the phone may still have it, it says how to ask.
func (c *Client) placeholder(a attachment, err error) *bridgev2.ConvertedMessagePart {
	part := convert.Notice(fmt.Sprintf("A WhatsApp %s could not be bridged: %s.", a.word, c.mediaFault(err)))
	if canBeAskedFor(a, err) {
		part.Content.Body += " " + askHint
		part.DBMetadata = rememberAttachment(a)
	}
	return part
}

// mediaFault says in words for a user why a file did not come.
func (c *Client) mediaFault(err error) string {
	missing := convert.Missing{
		Network: "WhatsApp", Look: "look on your phone", Limit: c.network.maxFileSize.Load(), Gone: meow.Gone, Damaged: meow.Damaged,
	}
	return missing.Why(err)
}
