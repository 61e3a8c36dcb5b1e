package whatsapp

import (
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
)

// attachment is the file in a message, with what the message says of it.
type attachment struct {
	word    string // what it is called in words for a user
	file    whatsmeow.DownloadableMessage
	size    uint64 // as the sender says
	context *waE2E.ContextInfo
	// source lacks only where it comes from and goes to. Its caption may be too long for one event.
	source convert.Source
	// bare is a message with nothing but this file, for asking for it again.
	bare *waE2E.Message
}

// attachmentOf finds the file in a message; false if there is none.
func attachmentOf(msg *waE2E.Message) (attachment, bool) {
	switch {
	case msg.GetImageMessage() != nil:
		return imageAttachment(msg.ImageMessage), true
	case msg.GetVideoMessage() != nil:
		return videoAttachment("video", msg.VideoMessage), true
	case msg.GetPtvMessage() != nil:
		return videoAttachment("video message", msg.PtvMessage), true
	case msg.GetAudioMessage() != nil:
		return audioAttachment(msg.AudioMessage), true
	case msg.GetDocumentMessage() != nil:
		return documentAttachment(msg.DocumentMessage), true
	case msg.GetStickerMessage() != nil:
		return stickerAttachment(msg.StickerMessage), true
	default:
		return attachment{}, false
	}
}

func imageAttachment(image *waE2E.ImageMessage) attachment {
	mimeType := image.GetMimetype()
	if !imageTypes[mimeType] {
		mimeType = "image/jpeg"
	}
	return attachment{
		word: "image", file: image, size: image.GetFileLength(), context: image.GetContextInfo(),
		bare: &waE2E.Message{ImageMessage: image},
		source: convert.Source{
			Kind: event.MsgImage, Name: "image" + imageExtensions[mimeType], MIMEType: mimeType,
			Caption: convert.Clean(image.GetCaption()), Width: int(image.GetWidth()), Height: int(image.GetHeight()),
			ThumbnailJPEG: image.GetJPEGThumbnail(),
		},
	}
}

func videoAttachment(word string, video *waE2E.VideoMessage) attachment {
	a := attachment{
		word: word, file: video, size: video.GetFileLength(), context: video.GetContextInfo(),
		bare: &waE2E.Message{VideoMessage: video},
	}
	mimeType := convert.MIMEType(video.GetMimetype(), "video/mp4")
	a.source = convert.Source{
		Kind: event.MsgVideo, Name: convert.FileName("", "video", mimeType), MIMEType: mimeType,
		Caption: convert.Clean(video.GetCaption()), Width: int(video.GetWidth()), Height: int(video.GetHeight()),
		Duration: seconds(video.GetSeconds()), Loop: video.GetGifPlayback(), ThumbnailJPEG: video.GetJPEGThumbnail(),
	}
	if a.source.Loop {
		a.word = "GIF"
	}
	return a
}

func audioAttachment(audio *waE2E.AudioMessage) attachment {
	mimeType := convert.MIMEType(audio.GetMimetype(), "audio/ogg")
	a := attachment{
		word: "audio message", file: audio, size: audio.GetFileLength(), context: audio.GetContextInfo(),
		bare: &waE2E.Message{AudioMessage: audio},
		source: convert.Source{
			Kind: event.MsgAudio, Name: convert.FileName("", "audio", mimeType), MIMEType: mimeType,
			Duration: seconds(audio.GetSeconds()), Voice: audio.GetPTT(),
		},
	}
	if a.source.Voice {
		a.word = "voice message"
		a.source.Name = convert.FileName("", "voice", mimeType)
		a.source.Waveform = waveformToMatrix(audio.GetWaveform())
	}
	return a
}

func documentAttachment(document *waE2E.DocumentMessage) attachment {
	mimeType := convert.MIMEType(document.GetMimetype(), "application/octet-stream")
	name := document.GetFileName()
	if name == "" {
		name = document.GetTitle()
	}
	return attachment{
		word: "document", file: document, size: document.GetFileLength(), context: document.GetContextInfo(),
		bare: &waE2E.Message{DocumentMessage: document},
		source: convert.Source{
			Kind: event.MsgFile, Name: convert.FileName(name, "document", mimeType), MIMEType: mimeType,
			Caption: convert.Clean(document.GetCaption()), ThumbnailJPEG: document.GetJPEGThumbnail(),
		},
	}
}

// stickerAttachment is a sticker, or the plain file for one that is an animation in a format that only WhatsApp knows.
func stickerAttachment(sticker *waE2E.StickerMessage) attachment {
	a := attachment{
		word: "sticker", file: sticker, size: sticker.GetFileLength(), context: sticker.GetContextInfo(),
		bare: &waE2E.Message{StickerMessage: sticker},
	}
	name := convert.FileName(sticker.GetAccessibilityLabel(), "Sticker", "")
	if lottie := "application/was"; sticker.GetIsLottie() || sticker.GetMimetype() == lottie {
		a.word = "animated sticker"
		a.source = convert.Source{Kind: event.MsgFile, Name: "sticker.was", MIMEType: lottie}
		return a
	}
	mimeType := sticker.GetMimetype()
	if !imageTypes[mimeType] {
		mimeType = "image/webp"
	}
	a.source = convert.Source{
		Name: name, MIMEType: mimeType, Sticker: true, Animated: sticker.GetIsAnimated(),
		Width: int(sticker.GetWidth()), Height: int(sticker.GetHeight()),
	}
	return a
}

func seconds(n uint32) time.Duration {
	return time.Duration(n) * time.Second
}

const (
	// loudest is the top of WhatsApp's waveforms, wavePoints how many points its own clients draw.
	loudest    = 100
	wavePoints = 64
)

func waveformToMatrix(waveform []byte) []int {
	points := make([]int, 0, wavePoints)
	for _, point := range waveform[:min(len(waveform), wavePoints)] {
		points = append(points, int(min(point, loudest))*convert.MaxLoudness/loudest)
	}
	return points
}

// withoutContext is a copy of a message with one file that holds only what it takes to show it again.
func withoutContext(bare *waE2E.Message) *waE2E.Message {
	copied := proto.CloneOf(bare)
	switch {
	case copied.ImageMessage != nil:
		copied.ImageMessage.ContextInfo = nil
	case copied.VideoMessage != nil:
		copied.VideoMessage.ContextInfo = nil
	case copied.AudioMessage != nil:
		copied.AudioMessage.ContextInfo = nil
	case copied.DocumentMessage != nil:
		copied.DocumentMessage.ContextInfo = nil
	case copied.StickerMessage != nil:
		copied.StickerMessage.ContextInfo = nil
	}
	return copied
}

// setDirectPath says where the one file of a message is now.
func setDirectPath(bare *waE2E.Message, path string) {
	switch {
	case bare.ImageMessage != nil:
		bare.ImageMessage.DirectPath = &path
	case bare.VideoMessage != nil:
		bare.VideoMessage.DirectPath = &path
	case bare.AudioMessage != nil:
		bare.AudioMessage.DirectPath = &path
	case bare.DocumentMessage != nil:
		bare.DocumentMessage.DirectPath = &path
	case bare.StickerMessage != nil:
		bare.StickerMessage.DirectPath = &path
	}
}

// asImage turns a sticker into an ordinary image.
func asImage(part *bridgev2.ConvertedMessagePart) {
	part.Type = event.EventMessage
	part.Content.MsgType = event.MsgImage
}
