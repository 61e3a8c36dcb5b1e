package whatsapp

import (
	"context"
	"os"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
)

// videoFromMatrix makes a video, or one that loops as a GIF does. What is not MP4 is converted.
func (c *Client) videoFromMatrix(ctx context.Context, content *event.MessageEventContent) (*waE2E.Message, error) {
	caption, err := c.captionOf(content)
	if err != nil {
		return nil, err
	}
	video := &waE2E.VideoMessage{Caption: caption, JPEGThumbnail: convert.SentThumbnail(ctx, c.network.bridge.Bot, content.GetInfo(), thumbnailSide)}
	if content.GetInfo().MauGIF {
		video.GifPlayback = proto.Bool(true)
	}
	err = c.fetch(ctx, content, maxVideoSize, func(ctx context.Context, file *os.File) error {
		kind, err := convert.VideoType(file)
		if err != nil {
			return err
		}
		if kind != "" {
			return c.fillVideo(ctx, file, kind, convert.RecordingOf(content.GetInfo()), video)
		}
		return convert.Transcode(ctx, file, ".mp4", convert.H264Options, func(file *os.File) error {
			return c.fillVideo(ctx, file, "video/mp4", convert.Recording{}, video)
		})
	})
	if err != nil {
		return nil, err
	}
	return &waE2E.Message{VideoMessage: video}, nil
}

// loopMessage makes a video that loops of a GIF.
func (c *Client) loopMessage(ctx context.Context, file *os.File, picture convert.Picture, caption *string) (*waE2E.Message, error) {
	thumbnail, err := convert.Thumbnail(file, thumbnailSide)
	if err != nil {
		return nil, err
	}
	video := &waE2E.VideoMessage{Caption: caption, GifPlayback: proto.Bool(true), JPEGThumbnail: thumbnail}
	err = convert.Transcode(ctx, file, ".mp4", convert.LoopOptions, func(file *os.File) error {
		return c.fillVideo(ctx, file, "video/mp4", convert.Recording{Size: picture.Size}, video)
	})
	return &waE2E.Message{VideoMessage: video}, err
}

// fillVideo uploads a video and describes it by what is said of it or, where nothing is, by what the file says.
func (c *Client) fillVideo(ctx context.Context, file *os.File, mimeType string, said convert.Recording, video *waE2E.VideoMessage) error {
	if said.Duration == 0 || said.Size.X == 0 || said.Size.Y == 0 {
		if found, ok := convert.InspectRecording(ctx, file); ok {
			said = found
		}
	}
	if video.JPEGThumbnail == nil {
		video.JPEGThumbnail = convert.FirstFrame(ctx, file, thumbnailSide)
	}
	up, err := c.upload(ctx, file, whatsmeow.MediaVideo)
	if err != nil {
		return err
	}
	video.Mimetype, video.Seconds = &mimeType, convert.WholeSeconds(said.Duration)
	video.Width, video.Height = proto.Uint32(uint32(said.Size.X)), proto.Uint32(uint32(said.Size.Y))
	video.URL, video.DirectPath, video.MediaKey, video.FileLength = &up.URL, &up.DirectPath, up.MediaKey, &up.FileLength
	video.FileSHA256, video.FileEncSHA256 = up.FileSHA256, up.FileEncSHA256
	return nil
}

// playedTypes are the sounds that WhatsApp's own clients play (Meta's list for the Cloud API, "Supported media types").
var playedTypes = map[string]string{
	"audio/aac": "audio/aac", "audio/amr": "audio/amr", "audio/mpeg": "audio/mpeg", "audio/mp3": "audio/mpeg",
	"audio/mp4": "audio/mp4", "audio/m4a": "audio/mp4", "audio/x-m4a": "audio/mp4",
}

// voiceType is what WhatsApp's clients send and play as a voice message.
const voiceType = "audio/ogg; codecs=opus"

// audioFromMatrix makes a voice message or a piece of sound. Sound that WhatsApp does not play, or that has a caption,
// which WhatsApp does not show with sound, goes as a document.
func (c *Client) audioFromMatrix(ctx context.Context, content *event.MessageEventContent) (*waE2E.Message, error) {
	if content.MSC3245Voice != nil {
		return c.voiceFromMatrix(ctx, content)
	}
	mimeType := convert.MIMEType(content.GetInfo().MimeType, "")
	played := playedTypes[mimeType]
	if content.GetCaption() != "" || played == "" && mimeType != "audio/ogg" {
		return c.fileFromMatrix(ctx, content)
	}
	audio := &waE2E.AudioMessage{Seconds: convert.WholeSeconds(convert.RecordingOf(content.GetInfo()).Duration)}
	isOther := false
	err := c.fetch(ctx, content, maxAudioSize, func(ctx context.Context, file *os.File) error {
		if mimeType == "audio/ogg" {
			duration, ok, err := convert.InspectOpus(file)
			if err != nil || !ok {
				isOther = true
				return err
			}
			played, audio.Seconds = voiceType, convert.WholeSeconds(duration)
		}
		return c.fillAudio(ctx, file, played, audio)
	})
	if err == nil && isOther {
		return c.fileFromMatrix(ctx, content)
	}
	return &waE2E.Message{AudioMessage: audio}, err
}

// voiceFromMatrix makes a voice message: Opus in Ogg, to which anything else is converted.
func (c *Client) voiceFromMatrix(ctx context.Context, content *event.MessageEventContent) (*waE2E.Message, error) {
	said := convert.RecordingOf(content.GetInfo()).Duration
	audio := &waE2E.AudioMessage{PTT: proto.Bool(true)}
	if extra := content.MSC1767Audio; extra != nil {
		audio.Waveform = convert.Waveform(extra.Waveform, loudest)
		if extra.Duration > 0 {
			said = time.Duration(extra.Duration) * time.Millisecond
		}
	}
	fill := func(ctx context.Context, file *os.File, found time.Duration) error {
		if found > 0 {
			said = found
		}
		audio.Seconds = convert.WholeSeconds(said)
		return c.fillAudio(ctx, file, voiceType, audio)
	}
	err := c.fetch(ctx, content, maxAudioSize, func(ctx context.Context, file *os.File) error {
		duration, ok, err := convert.InspectOpus(file)
		if err != nil {
			return err
		} else if ok {
			return fill(ctx, file, duration)
		}
		return convert.Transcode(ctx, file, ".ogg", convert.OpusOptions, func(file *os.File) error {
			duration, _, err := convert.InspectOpus(file)
			if err != nil {
				return err
			}
			return fill(ctx, file, duration)
		})
	})
	return &waE2E.Message{AudioMessage: audio}, err
}

// fillAudio uploads a recording.
func (c *Client) fillAudio(ctx context.Context, file *os.File, mimeType string, audio *waE2E.AudioMessage) error {
	up, err := c.upload(ctx, file, whatsmeow.MediaAudio)
	if err != nil {
		return err
	}
	audio.Mimetype = &mimeType
	audio.URL, audio.DirectPath, audio.MediaKey, audio.FileLength = &up.URL, &up.DirectPath, up.MediaKey, &up.FileLength
	audio.FileSHA256, audio.FileEncSHA256 = up.FileSHA256, up.FileEncSHA256
	return nil
}
