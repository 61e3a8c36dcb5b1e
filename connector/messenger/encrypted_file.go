package messenger

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waArmadilloApplication"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/meow"
)

// Files of the encrypted plane lie on servers of their own, each encrypted with a key that its message holds (protocol
// notes, section 5.7).

// encryptedFile is a file with where it is and how it is encrypted.
type encryptedFile struct {
	file
	at      *waMediaTransport.WAMediaTransport_Integral
	keys    whatsmeow.MediaType
	unknown bool // it can't be told where it is

	kind      string        // how it is remembered, see openSealed
	transport proto.Message // what it was made from
}

func transported(t *waMediaTransport.WAMediaTransport, keys whatsmeow.MediaType) encryptedFile {
	length := t.GetAncillary().GetFileLength()
	return encryptedFile{
		at: t.GetIntegral(), keys: keys,
		file: file{size: int64(min(length, math.MaxInt64)), small: nonNil(t.GetAncillary().GetThumbnail().GetJPEGThumbnail())},
	}
}

// nonNil keeps a file without a small picture from being asked for one.
func nonNil(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

func imageFile(t *waMediaTransport.ImageTransport) encryptedFile {
	f := transported(t.GetIntegral().GetTransport(), whatsmeow.MediaImage)
	f.kind, f.transport = sealedImage, t
	f.is(event.MsgImage, "picture", t.GetIntegral().GetTransport(), "image/jpeg")
	f.source.Width, f.source.Height = int(t.GetAncillary().GetWidth()), int(t.GetAncillary().GetHeight())
	return f
}

// videoFile is a video, one that loops, or a picture that came in a video's place.
func videoFile(t *waMediaTransport.VideoTransport) encryptedFile {
	f := transported(t.GetIntegral().GetTransport(), whatsmeow.MediaVideo)
	f.kind, f.transport = sealedVideo, t
	ancillary := t.GetAncillary()
	kind, word, usual := event.MsgVideo, "video", "video/mp4"
	if strings.HasPrefix(t.GetIntegral().GetTransport().GetAncillary().GetMimetype(), "image/") {
		kind, word, usual = event.MsgImage, "picture", "image/jpeg"
	}
	f.is(kind, word, t.GetIntegral().GetTransport(), usual)
	f.source.Width, f.source.Height = int(ancillary.GetWidth()), int(ancillary.GetHeight())
	f.source.Duration = time.Duration(ancillary.GetSeconds()) * time.Second
	if ancillary.GetGifPlayback() {
		f.word, f.source.Loop = "GIF", kind == event.MsgVideo
	}
	return f
}

// loudest is the top of this plane's waveforms, which are those of WhatsApp.
const loudest = 100

func audioFile(t *waMediaTransport.AudioTransport, voice bool) encryptedFile {
	f := transported(t.GetIntegral().GetTransport(), whatsmeow.MediaAudio)
	f.kind, f.transport = sealedAudio, t
	word := "audio file"
	if voice {
		f.kind, word = sealedVoice, "voice message"
	}
	f.is(event.MsgAudio, word, t.GetIntegral().GetTransport(), "audio/mp4")
	f.source.Voice, f.source.Duration = voice, time.Duration(t.GetAncillary().GetSeconds())*time.Second
	wave := t.GetAncillary().GetWaveform()
	for _, point := range wave[:min(len(wave), mostWaves)] {
		f.source.Waveform = append(f.source.Waveform, int(min(point, loudest))*convert.MaxLoudness/loudest)
	}
	if f.source.Waveform == nil {
		f.source.Waveform = waveform(t.GetAncillary().GetWaveformData())
	}
	return f
}

func documentFile(t *waMediaTransport.DocumentTransport, name string) encryptedFile {
	f := transported(t.GetIntegral().GetTransport(), whatsmeow.MediaDocument)
	f.kind, f.transport = sealedDocument, t
	f.is(event.MsgFile, "file", t.GetIntegral().GetTransport(), "application/octet-stream")
	f.source.Name = convert.FileName(name, "file", f.source.MIMEType)
	return f
}

func encryptedSticker(t *waMediaTransport.StickerTransport) encryptedFile {
	f := transported(t.GetIntegral().GetTransport(), whatsmeow.MediaImage)
	f.kind, f.transport = sealedSticker, t
	f.is(event.MsgImage, "sticker", t.GetIntegral().GetTransport(), "image/webp")
	f.source.Sticker, f.source.Animated = true, t.GetIntegral().GetIsAnimated()
	f.source.Width, f.source.Height = int(t.GetAncillary().GetWidth()), int(t.GetAncillary().GetHeight())
	if f.source.Width <= 0 || f.source.Height <= 0 {
		f.source.Width, f.source.Height = stickerSide, stickerSide
	}
	if f.source.Name = convert.Clean(t.GetAncillary().GetAccessibilityLabel()); f.source.Name == "" {
		f.source.Name = "sticker"
	}
	// What only its receiver could fetch, by a way that is not known.
	f.unknown = t.GetIntegral().GetReceiverFetchID() != "" || t.GetAncillary().GetReceiverFetchID() != ""
	return f
}

func (f *encryptedFile) is(kind event.MessageType, word string, t *waMediaTransport.WAMediaTransport, usual string) {
	f.source.Kind, f.word = kind, word
	f.source.MIMEType = convert.MIMEType(t.GetAncillary().GetMimetype(), usual)
	f.source.Name = convert.FileName("", word, f.source.MIMEType)
}

// captioned moves a file to Matrix, with a text below or beside it. malformed says that its message can't be read.
func (m *inbound) captioned(ctx context.Context, f encryptedFile, malformed error, caption *waCommon.MessageText) ([]*bridgev2.ConvertedMessagePart, error) {
	text := m.textPart(ctx, caption)
	if malformed != nil || f.unknown || f.at == nil {
		return append(notice(fmt.Sprintf("A Messenger %s came that the bridge can't fetch. Look at Messenger.", f.word)), text...), nil
	}
	part, err := m.e.filePart(ctx, m.portal, m.intent, f)
	if err != nil {
		return nil, err
	}
	parts := []*bridgev2.ConvertedMessagePart{part}
	if len(text) == 1 && takesCaption(part) {
		putCaption(part.Content, text[0].Content)
		return parts, nil
	}
	return append(parts, text...), nil
}

// filePart is as that of the Client.
func (e *encrypted) filePart(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, f encryptedFile) (*bridgev2.ConvertedMessagePart, error) {
	f.load = func(ctx context.Context, into *os.File, limit int64) error { return e.download(ctx, f, into, limit) }
	f.remember = f.seal
	return e.c.filePart(ctx, portal, intent, f.file)
}

// putCaption writes a text below a file.
func putCaption(content, caption *event.MessageEventContent) {
	content.Body, content.Format, content.FormattedBody = caption.Body, caption.Format, caption.FormattedBody
	content.Mentions = caption.Mentions
}

// download fetches, verifies and decrypts a file into an empty one.
func (e *encrypted) download(ctx context.Context, f encryptedFile, into *os.File, limit int64) error {
	if len(f.at.GetMediaKey()) == 0 || len(f.at.GetFileEncSHA256()) == 0 || len(f.at.GetFileSHA256()) == 0 {
		return meow.ErrUnencrypted
	}
	ctx, cancel := e.c.bound(ctx, e.c.network.Config.MediaTimeout)
	defer cancel()
	for {
		if err := e.online.Wait(ctx); err != nil {
			return fmt.Errorf("wait for connection: %w", err)
		}
		if err := into.Truncate(0); err != nil {
			return fmt.Errorf("empty temporary file: %w", err)
		}
		if _, err := into.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("rewind temporary file: %w", err)
		}
		err := e.client().DownloadFBToFile(ctx, f.at, f.keys, meow.Bounded(into, limit))
		if err == nil || !meow.ConnectionLost(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		case <-time.After(time.Second):
		}
	}
}

// raven is what can be looked at once.
func (m *inbound) raven(ctx context.Context, msg *waArmadilloApplication.Armadillo_Content_RavenMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	once := msg.GetEphemeralType() != waArmadilloApplication.Armadillo_Content_RavenMessage_KEEP_IN_CHAT
	if msg.GetVideoMessage() != nil {
		t, err := msg.DecodeVideoMessage()
		f := videoFile(t)
		f.once = once
		return m.captioned(ctx, f, err, nil)
	}
	t, err := msg.DecodeImageMessage()
	f := imageFile(t)
	f.once = once
	return m.captioned(ctx, f, err, nil)
}

// viewOnce is the same in another form.
func (m *inbound) viewOnce(ctx context.Context, msg *waConsumerApplication.ConsumerApplication_ViewOnceMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	if video := msg.GetVideoMessage(); video != nil {
		t, err := video.Decode()
		f := videoFile(t)
		f.once = true
		return m.captioned(ctx, f, err, video.GetCaption())
	}
	t, err := msg.GetImageMessage().Decode()
	f := imageFile(t)
	f.once = true
	return m.captioned(ctx, f, err, msg.GetImageMessage().GetCaption())
}

// mostPictures bounds one gallery.
const mostPictures = 100

// gallery is several pictures in one message.
func (m *inbound) gallery(ctx context.Context, msg *waArmadilloApplication.Armadillo_Content_ImageGalleryMessage) (parts []*bridgev2.ConvertedMessagePart, err error) {
	for _, wrapped := range msg.GetImages()[:min(len(msg.GetImages()), mostPictures)] {
		image := &waConsumerApplication.ConsumerApplication_ImageMessage{Image: wrapped}
		t, malformed := image.Decode()
		more, err := m.captioned(ctx, imageFile(t), malformed, nil)
		if err != nil {
			return nil, err
		}
		parts = append(parts, more...)
	}
	return parts, nil
}
