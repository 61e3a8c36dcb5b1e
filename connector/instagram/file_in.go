package instagram

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/instagram/wire"
	"crosschat/connector/metaweb/media"
)

// file is one file of a message on its way to Matrix.
type file struct {
	source  convert.Source
	link    string
	load    media.Kind
	preview string // link to a small picture of it, may be empty
	word    string // what it is, for a user
	usual   string // the MIME type that it has if the server does not say
	// either says that it may be a picture or a video, which shows only when it comes.
	either bool
}

// filesOf are the files of a content that is nothing but files; false for any other.
func filesOf(content wire.Content) (files []file, ok bool) {
	switch content := content.(type) {
	case wire.ImagesContent:
		for _, a := range content.Images {
			files = append(files, picture(a))
		}
	case wire.VideosContent:
		for _, a := range content.Videos {
			files = append(files, video(a))
		}
	case wire.MixedContent:
		for _, a := range content.Items {
			f := video(a)
			f.either, f.word = true, "picture or video"
			files = append(files, f)
		}
	case wire.VoiceContent:
		for _, clip := range content.Clips {
			files = append(files, voice(clip))
		}
	case wire.AnimatedContent:
		for _, a := range content.Items {
			files = append(files, animation(a))
		}
	case wire.StickerContent:
		files = append(files, sticker(content.Image.URL, content.Alt, content.Image.Width, content.Image.Height))
	default:
		return nil, false
	}
	return files[:min(len(files), mostFiles)], true
}

// mostFiles is more than one message has.
const mostFiles = 100

func newFile(link string, kind event.MessageType, load media.Kind, word, usual string) file {
	return file{link: link, load: load, word: word, usual: usual, source: convert.Source{Kind: kind}}
}

func picture(a wire.Attachment) file {
	return attached(a, event.MsgImage, media.Image, "picture", "image/jpeg")
}

func video(a wire.Attachment) file {
	return attached(a, event.MsgVideo, media.Video, "video", "video/mp4")
}

func attached(a wire.Attachment, kind event.MessageType, load media.Kind, word, usual string) file {
	f := newFile(a.URL, kind, load, word, usual).sized(a.Width, a.Height)
	if a.PreviewURL != a.URL {
		f.preview = a.PreviewURL
	}
	return f
}

func (f file) sized(width, height int) file {
	f.source.Width, f.source.Height = width, height
	return f
}

// mostWaves bounds what is shown of a recording's loudness.
const mostWaves = 512

func voice(clip wire.Clip) file {
	f := newFile(clip.URL, event.MsgAudio, media.Audio, "voice message", "audio/mp4")
	f.source.Voice, f.source.Duration = true, clip.Duration
	for _, wave := range clip.Waveform[:min(len(clip.Waveform), mostWaves)] {
		f.source.Waveform = append(f.source.Waveform, int(min(max(wave, 0), 1)*convert.MaxLoudness))
	}
	return f
}

// animation follows the protocol notes, section 12.2.
func animation(a wire.Animation) file {
	switch {
	case a.WebpURL != "" && (a.Sticker || a.MP4URL == ""):
		return sticker(a.WebpURL, a.Alt, a.Width, a.Height)
	case a.MP4URL != "":
		f := newFile(a.MP4URL, event.MsgVideo, media.Video, "GIF", "video/mp4").sized(a.Width, a.Height)
		f.source.Loop, f.preview = true, a.PreviewURL
		return f
	default:
		return newFile(a.PreviewURL, event.MsgImage, media.Image, "picture", "image/jpeg").sized(a.Width, a.Height)
	}
}

func sticker(link, alt string, width, height int) file {
	f := newFile(link, event.MsgImage, media.Image, "sticker", "image/webp").sized(width, height)
	f.source.Sticker, f.source.Name = true, shortened(alt)
	if f.source.Name == "" {
		f.source.Name = "sticker"
	}
	return f
}

// fileParts moves the files of a message.
func (c *Client) fileParts(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m wire.Message, files []file) (parts []*bridgev2.ConvertedMessagePart, err error) {
	for i, f := range files {
		part, err := c.filePart(ctx, portal, intent, m, f, i)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return notice(unknownText(m)), nil
	}
	return parts, nil
}

// filePart moves a file to Matrix. One that can't be had becomes a notice, of which its row remembers the file's place
// among those of the message; an error means that another try may help.
func (c *Client) filePart(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m wire.Message, f file, index int) (*bridgev2.ConvertedMessagePart, error) {
	part, err := c.moveFile(ctx, portal, intent, f)
	if errors.Is(err, media.ErrExpired) {
		// Signed links run out; the message asked for again has new ones.
		if fresh, ok := c.freshFile(ctx, portal, m, index); ok {
			part, err = c.moveFile(ctx, portal, intent, fresh)
		}
	}
	var fetch *convert.FetchError
	switch {
	case err == nil:
		return part, nil
	case errors.Is(err, bridgev2.ErrMediaTooLarge), errors.As(err, &fetch) && c.ctx.Err() == nil:
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Media could not be bridged")
		text := fmt.Sprintf("An Instagram %s could not be bridged: %s.", f.word, c.mediaFault(err))
		part = convert.Notice(text)
		if canComeBack(err) {
			part = convert.Notice(text + " " + askHint)
			partMeta(part).Missing = index + 1
		}
		return part, nil
	default:
		return nil, err
	}
}

// moveFile downloads a file and uploads it to Matrix. What Instagram is to blame for is a *convert.FetchError.
func (c *Client) moveFile(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, f file) (*bridgev2.ConvertedMessagePart, error) {
	ctx, cancel := c.bound(ctx, c.network.Config.MediaTimeout)
	defer cancel()
	limit := c.network.maxFileSize.Load()
	if f.link == "" {
		return nil, &convert.FetchError{Err: errNoLink}
	}
	body, err := c.wire.Download(ctx, f.link, f.load, limit)
	if err != nil {
		return nil, &convert.FetchError{Err: err}
	}
	defer body.Close()
	f.arrives(body.ContentType)
	f.source.Room = portal.MXID
	f.source.ThumbnailJPEG = c.thumbnail(ctx, f.preview)
	f.source.Fetch = func(_ context.Context, into *os.File) error {
		_, err := io.Copy(into, body)
		return err
	}
	part, err := convert.Media(ctx, intent, f.source)
	if err != nil && ctx.Err() != nil && c.ctx.Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, &convert.FetchError{Err: ctx.Err()} // it took too long, and would the next time
	}
	return part, err
}

// arrives takes what the server says of a file's type.
func (f *file) arrives(contentType string) {
	f.source.MIMEType = convert.MIMEType(contentType, f.usual)
	if f.either && strings.HasPrefix(f.source.MIMEType, "image/") {
		f.source.Kind, f.word = event.MsgImage, "picture"
	} else if f.either {
		f.word = "video"
	}
	switch {
	case f.source.Sticker:
	case f.source.Kind == event.MsgVideo && !strings.HasPrefix(f.source.MIMEType, "video/"),
		f.source.Kind == event.MsgImage && !strings.HasPrefix(f.source.MIMEType, "image/"),
		f.source.Kind == event.MsgAudio && !strings.HasPrefix(f.source.MIMEType, "audio/"):
		f.source.MIMEType = f.usual // the server names video and audio files alike
	}
	if f.source.Name == "" {
		f.source.Name = convert.FileName("", f.word, f.source.MIMEType)
	}
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

// errNoLink is a file that the server does not say the place of.
var errNoLink = errors.New("message has no link to the file")

// canComeBack says whether asking for a file again may help.
func canComeBack(err error) bool {
	return !errors.Is(err, bridgev2.ErrMediaTooLarge) && !errors.Is(err, media.ErrTooLarge) && !errors.Is(err, media.ErrNotAllowed)
}

// mediaFault says in words for a user why a file did not come.
func (c *Client) mediaFault(err error) string {
	missing := convert.Missing{
		Network: "Instagram", Look: "look at Instagram", Limit: c.network.maxFileSize.Load(),
		TooLarge: media.TooLarge, Foreign: media.NotAllowed,
		Gone: func(err error) bool { return errors.Is(err, media.ErrExpired) || errors.Is(err, errNoLink) },
	}
	return missing.Why(err)
}
