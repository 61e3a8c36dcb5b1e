package messenger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/meow"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/metaweb/media"
	crosschatdb "crosschat/database"
)

// attachmentParts converts what is attached to a message. A link preview belongs to the message's text instead.
func (c *Client) attachmentParts(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m lightspeed.Message, attached *lightspeed.Attachments) (parts []*bridgev2.ConvertedMessagePart, preview *event.BeeperLinkPreview, err error) {
	for _, f := range filesOf(m, attached) {
		part, err := c.filePart(ctx, portal, intent, f)
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, part)
	}
	for _, x := range attached.XMAs {
		shared := share{XMA: x, cta: ctaOf(x, attached.CTAs)}
		if shared.isLinkPreview() && m.Text != "" {
			preview = c.linkPreview(ctx, portal, intent, m, shared)
			continue
		}
		more, err := c.shareParts(ctx, portal, intent, m, shared)
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, more...)
	}
	return parts, preview, nil
}

// filesOf are the files of a message, those of shared things aside.
func filesOf(m lightspeed.Message, attached *lightspeed.Attachments) (files []file) {
	if attached == nil {
		return nil
	}
	for _, b := range attached.Blobs {
		files = append(files, blobFile(m, b))
	}
	for _, s := range attached.Stickers {
		files = append(files, stickerFile(m, s))
	}
	return files
}

// file is one attached file on its way to Matrix.
type file struct {
	source  convert.Source
	remote  wire.Attachment
	size    int64
	preview string // link to a small picture of it, may be empty
	small   []byte // the small picture itself, instead
	// load fetches a file of the encrypted plane, instead of remote.
	load func(ctx context.Context, into *os.File, limit int64) error
	// remember is what a placeholder's row keeps of a file of the encrypted plane, nil if that can't be told.
	remember func() *crosschatdb.MessengerFile
	word     string // what it is, for a user
	once     bool   // shown once on Messenger
	expired  bool   // and seen already
	shared   bool   // the picture of something shared
}

// maxMillis is more than any real recording has; convert drops it.
const maxMillis = math.MaxInt32

func blobFile(m lightspeed.Message, b lightspeed.Blob) file {
	f := file{
		size: b.Size, once: b.Ephemeral && b.EphemeralView < 2 &&
			(b.Type == lightspeed.AttachmentEphemeralImage || b.Type == lightspeed.AttachmentEphemeralVideo),
		remote: wire.Attachment{
			ThreadKey: m.ThreadKey, MessageID: m.ID, Timestamp: m.Timestamp, FBID: b.FBID, Index: b.Index, Link: b.Playable,
		},
		source: convert.Source{
			Width: int(b.Width), Height: int(b.Height), Duration: time.Duration(min(max(b.Duration, 0), maxMillis)) * time.Millisecond,
		},
	}
	f.expired = f.once && b.EphemeralSeen == 4
	mime := b.MimeType
	if b.Playable.MimeType != "" {
		mime = b.Playable.MimeType
	}
	if f.remote.Link.URL == "" {
		f.remote.Link = b.Preview
	} else if b.Preview.URL != b.Playable.URL {
		f.preview = b.Preview.URL
	}
	switch {
	case b.Type == lightspeed.AttachmentAnimatedImage && strings.HasPrefix(mime, "video/"):
		f.become(event.MsgVideo, media.Video, "GIF", mime, "video/mp4")
		f.source.Loop = true
	case b.Type == lightspeed.AttachmentImage, b.Type == lightspeed.AttachmentAnimatedImage,
		b.Type == lightspeed.AttachmentEphemeralImage, b.Type == lightspeed.AttachmentSelfieSticker:
		f.become(event.MsgImage, media.Image, "picture", mime, "image/jpeg")
	case b.Type == lightspeed.AttachmentVideo, b.Type == lightspeed.AttachmentEphemeralVideo:
		f.become(event.MsgVideo, media.Video, "video", mime, "video/mp4")
	case b.Type == lightspeed.AttachmentAudio, b.Type == lightspeed.AttachmentSoundBite:
		f.become(event.MsgAudio, media.Audio, "voice message", mime, "audio/mp4")
		f.source.Voice, f.source.Waveform = true, waveform(b.WaveformData)
	default:
		f.become(event.MsgFile, media.Other, "file", mime, "application/octet-stream")
	}
	f.source.Name = convert.FileName(b.Filename, f.word, f.source.MIMEType)
	return f
}

func (f *file) become(kind event.MessageType, load media.Kind, word, mime, usual string) {
	f.source.Kind, f.remote.Kind, f.word = kind, load, word
	f.source.MIMEType = convert.MIMEType(mime, usual)
}

// stickerSide is how large stickers are shown (protocol notes, section 4.3).
const stickerSide = 96

func stickerFile(m lightspeed.Message, s lightspeed.Sticker) file {
	f := file{
		word: "sticker",
		remote: wire.Attachment{
			ThreadKey: m.ThreadKey, MessageID: m.ID, Timestamp: m.Timestamp, FBID: s.FBID, Index: s.Index, Link: s.Playable,
			Kind: media.Image,
		},
		source: convert.Source{
			Sticker: true, Name: convert.Clean(s.Label), Width: int(s.Width), Height: int(s.Height),
			MIMEType: convert.MIMEType(s.Playable.MimeType, "image/png"),
		},
	}
	if f.remote.Link.URL == "" {
		f.remote.Link = s.Preview
	}
	if f.source.Name == "" {
		f.source.Name = "sticker"
	}
	if f.source.Width <= 0 || f.source.Height <= 0 {
		f.source.Width, f.source.Height = stickerSide, stickerSide
	}
	return f
}

// mostWaves bounds what is shown of a recording's loudness.
const mostWaves = 512

// waveform reads loudness over time: JSON with a list of numbers from 0 to 1.
func waveform(data string) (waves []int) {
	var read struct {
		Amplitudes []float64 `json:"amplitudes"`
	}
	if json.Unmarshal([]byte(data), &read) != nil {
		return nil
	}
	for _, value := range read.Amplitudes[:min(len(read.Amplitudes), mostWaves)] {
		waves = append(waves, int(min(max(value, 0), 1)*convert.MaxLoudness))
	}
	return waves
}

// filePart moves a file to Matrix. One that can't be had becomes a notice; an error means that another try may help.
func (c *Client) filePart(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, f file) (*bridgev2.ConvertedMessagePart, error) {
	switch {
	case f.expired:
		return convert.Notice(fmt.Sprintf("A view-once %s came that had been opened already.", f.word)), nil
	case f.once && !c.network.Config.ViewOnceMedia:
		return convert.Notice(fmt.Sprintf("A view-once %s came. Look at Messenger to see it.", f.word)), nil
	}
	limit := c.network.maxFileSize.Load()
	part, err := func() (*bridgev2.ConvertedMessagePart, error) {
		if f.size > limit {
			return nil, convert.TooLarge(f.size, limit)
		}
		f.source.Room = portal.MXID
		if f.source.ThumbnailJPEG = f.small; f.small == nil {
			f.source.ThumbnailJPEG = c.thumbnail(ctx, f.preview)
		}
		f.source.Fetch = func(ctx context.Context, into *os.File) error {
			if f.load != nil {
				return f.load(ctx, into, limit)
			}
			return c.fetch(ctx, f.remote, into, limit)
		}
		return convert.Media(ctx, intent, f.source)
	}()
	var fetch *convert.FetchError
	switch {
	case err == nil:
	case errors.Is(err, bridgev2.ErrMediaTooLarge), errors.Is(err, media.ErrTooLarge), errors.As(err, &fetch) && c.ctx.Err() == nil:
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Media could not be bridged")
		return noticeOf(f, fmt.Sprintf("A Messenger %s could not be bridged: %s.", f.word, c.mediaFault(err)), err), nil
	default:
		return nil, err
	}
	if f.once && part.Content.Body == part.Content.FileName {
		part.Content.Body = fmt.Sprintf("View-once %s", f.word)
	}
	return part, nil
}

// maxThumbnail is more than any small picture has.
const maxThumbnail = 512 << 10

// thumbnail downloads the small picture of a file. It is an ornament: without it the file goes all the same.
func (c *Client) thumbnail(ctx context.Context, link string) []byte {
	if link == "" {
		return nil
	}
	data, err := c.picture(ctx, link, maxThumbnail)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("Could not download a thumbnail")
		return nil
	}
	return data
}

// fetch downloads an attachment into an empty file.
func (c *Client) fetch(ctx context.Context, a wire.Attachment, into *os.File, limit int64) error {
	ctx, cancel := c.bound(ctx, c.network.Config.MediaTimeout)
	defer cancel()
	if a.Link.URL == "" {
		return media.ErrExpired
	}
	a.ThreadKey = c.known.plainKey(a.ThreadKey)
	body, err := c.wire.Open(ctx, a, limit)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err = io.Copy(into, body); err != nil {
		return fmt.Errorf("download media: %w", err)
	}
	return nil
}

// mediaFault says in words for a user why a file did not come.
func (c *Client) mediaFault(err error) string {
	missing := convert.Missing{
		Network: "Messenger", Look: "look at Messenger", Limit: c.network.maxFileSize.Load(),
		TooLarge: media.TooLarge, Foreign: media.NotAllowed, Damaged: meow.Damaged,
		Gone: func(err error) bool { return errors.Is(err, media.ErrExpired) || meow.Gone(err) },
	}
	return missing.Why(err)
}
