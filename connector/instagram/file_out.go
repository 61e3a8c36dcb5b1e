package instagram

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/instagram/wire"
	"crosschat/connector/ledger"
)

// fileFromMatrix uploads a file and puts it into a message. Errors are ready for bridgev2.
func (c *Client) fileFromMatrix(ctx context.Context, at place, msg *bridgev2.MatrixMessage, out *outgoing) error {
	content := msg.Content
	if at.short == 0 {
		return ledger.Refuse("a chat on Instagram has to begin with a text; send one first")
	}
	if content.GetCaption() != "" {
		caption := *content
		caption.MsgType = event.MsgText
		var err error
		if out.text, out.mentions, err = c.textFromMatrix(&caption); err != nil {
			return err
		}
	}
	limit := int64(maxFileSize)
	if content.MsgType == event.MsgImage || content.MsgType == event.CapMsgSticker {
		limit = maxImageSize
	}
	err := convert.Download(ctx, c.network.bridge.Bot, content, limit, func(file *os.File, _ int64) error {
		ctx, cancel := c.bound(ctx, c.network.Config.MediaTimeout)
		defer cancel()
		return prepare(ctx, content, file, func(file *os.File, mimeType string) (err error) {
			out.attachment, err = c.upload(ctx, at, content, file, mimeType)
			return err
		})
	})
	return convert.RefuseUnconverted(err, "Instagram", "")
}

// What Instagram takes as it is (protocol notes, section 8.1).
var (
	videoTypes = []string{"video/mp4", "video/quicktime", "video/webm", "video/ogg"}
	audioTypes = []string{"audio/mp4", "audio/mpeg", "audio/wav", "audio/x-wav"}
)

// prepare gives use the file in a format that Instagram takes. Stickers can only be sent as pictures.
func prepare(ctx context.Context, content *event.MessageEventContent, file *os.File, use func(*os.File, string) error) error {
	switch content.MsgType {
	case event.MsgVideo:
		return prepareVideo(ctx, content, file, use)
	case event.MsgAudio:
		return prepareAudio(ctx, content, file, use)
	}
	picture, ok, err := convert.InspectPicture(file)
	if err != nil {
		return err
	} else if ok {
		return use(file, picture.MIMEType)
	}
	if _, ok, err := convert.InspectWebP(file); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("%w: Instagram takes pictures as JPEG, PNG, GIF or WebP", bridgev2.ErrUnsupportedMediaType))
	}
	return convert.Transcode(ctx, file, ".png", []string{"-frames:v", "1"}, func(file *os.File) error { return use(file, "image/png") })
}

func prepareVideo(ctx context.Context, content *event.MessageEventContent, file *os.File, use func(*os.File, string) error) error {
	declared := convert.MIMEType(content.GetInfo().MimeType, "")
	for _, known := range videoTypes {
		if declared == known {
			return use(file, known)
		}
	}
	return convert.Transcode(ctx, file, ".mp4", convert.H264Options, func(file *os.File) error { return use(file, "video/mp4") })
}

// voiceOptions make the sound that Instagram's voice messages have.
var voiceOptions = []string{"-vn", "-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart"}

func prepareAudio(ctx context.Context, content *event.MessageEventContent, file *os.File, use func(*os.File, string) error) error {
	declared := convert.MIMEType(content.GetInfo().MimeType, "")
	for _, known := range audioTypes {
		if declared == known && (content.MSC3245Voice == nil || known == "audio/mp4") {
			return use(file, known)
		}
	}
	return convert.Transcode(ctx, file, ".m4a", voiceOptions, func(file *os.File) error { return use(file, "audio/mp4") })
}

// upload uploads a file. The error is ready for bridgev2.
func (c *Client) upload(ctx context.Context, at place, content *event.MessageEventContent, file *os.File, mimeType string) (wire.AttachmentID, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("size of file: %w", err)
	}
	upload := wire.Upload{
		Thread: at.Key, Filename: convert.FileName(content.GetFileName(), "file", mimeType), MimeType: mimeType, Size: info.Size(),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(file, 0, info.Size())), nil },
	}
	if content.MsgType == event.MsgAudio && content.MSC3245Voice != nil {
		upload.Voice = true
		if audio := content.MSC1767Audio; audio != nil {
			for _, wave := range audio.Waveform {
				upload.Waveform = append(upload.Waveform, float64(min(max(wave, 0), convert.MaxLoudness))/convert.MaxLoudness)
			}
		}
	}
	attachment, err := c.wire.Upload(ctx, upload)
	switch {
	case errors.Is(err, wire.ErrNoAttachment) && strings.HasPrefix(mimeType, "video/"):
		return 0, convert.RefuseFile(err, "Instagram takes no videos from this account's browsers; send it from the app")
	case errors.Is(err, wire.ErrNoAttachment):
		return 0, convert.RefuseFile(err, "Instagram did not take the file; send it in another format")
	case err != nil:
		return 0, sendError(fmt.Errorf("upload media: %w", err))
	}
	return attachment, nil
}
