package app

import (
	"bytes"
	"fmt"
	"image"
	_ "image/gif"  // picture sizes are read
	_ "image/jpeg" // of these
	_ "image/png"  // three
	"time"

	"go.mau.fi/whatsmeow/proto/waArmadilloApplication"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/blob"
	"crosschat/simulator/whatsapp/phone/filecrypt"
)

// maxThumbnail is the longest side of a thumbnail; clients say 400 where they know nothing.
const maxThumbnail = 400

// fileKinds are the key derivations of the kinds of media.
var fileKinds = map[string]filecrypt.Kind{
	"image": filecrypt.Image, "sticker": filecrypt.Image, "video": filecrypt.Video, "gif": filecrypt.Video,
	"audio": filecrypt.Audio, "voice": filecrypt.Audio, "document": filecrypt.Document,
}

// upload encrypts a file, puts it on the media hosts and describes it.
func (a *App) upload(m control.Media) (*waMediaTransport.WAMediaTransport, error) {
	kind, ok := fileKinds[m.Kind]
	if !ok {
		return nil, control.Invalid("media of kind %q", m.Kind)
	}
	m = blob.Made(m)
	sealed, err := filecrypt.Encrypt(kind, m.Data)
	if err != nil {
		return nil, err
	}
	stored := a.server.Media().Put(kind.Path, sealed.File)
	width, height := sizeOf(m)
	thumbnail := &waMediaTransport.WAMediaTransport_Ancillary_Thumbnail{JPEGThumbnail: m.Thumbnail}
	if m.Kind != "audio" && m.Kind != "voice" && m.Kind != "document" {
		if width == 0 || height == 0 {
			width, height = maxThumbnail, maxThumbnail
		}
		thumbnail.ThumbnailWidth, thumbnail.ThumbnailHeight = proto.Uint32(min(width, maxThumbnail)), proto.Uint32(min(height, maxThumbnail))
	}
	return &waMediaTransport.WAMediaTransport{
		Integral: &waMediaTransport.WAMediaTransport_Integral{
			FileSHA256: sealed.SHA256, MediaKey: sealed.Key, FileEncSHA256: sealed.FileEncSHA256, DirectPath: &stored.Path,
			MediaKeyTimestamp: proto.Int64(time.Now().Unix()),
		},
		Ancillary: &waMediaTransport.WAMediaTransport_Ancillary{
			FileLength: &sealed.Length, Mimetype: &m.MIMEType, Thumbnail: thumbnail, ObjectID: proto.String(stored.Path[len(stored.Path)-8:]),
		},
	}, nil
}

// sizeOf is width and height of a picture, as given or as read; 0 if neither.
func sizeOf(m control.Media) (width, height uint32) {
	if m.Width > 0 && m.Height > 0 {
		return uint32(m.Width), uint32(m.Height)
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(m.Data))
	if err != nil {
		return 0, 0
	}
	return uint32(config.Width), uint32(config.Height)
}

// download fetches and decrypts a file; the media says what is wrong if that fails.
func (a *App) download(t *waMediaTransport.WAMediaTransport, kind string) (*control.Media, error) {
	m := &control.Media{
		Kind: kind, MIMEType: t.GetAncillary().GetMimetype(), Thumbnail: t.GetAncillary().GetThumbnail().GetJPEGThumbnail(),
	}
	stored, err := a.server.Media().Get(t.GetIntegral().GetDirectPath())
	if err != nil {
		return m, err
	}
	data, err := filecrypt.Decrypt(fileKinds[kind], filecrypt.Sealed{
		Key: t.GetIntegral().GetMediaKey(), File: stored.Data, SHA256: t.GetIntegral().GetFileSHA256(),
		FileEncSHA256: t.GetIntegral().GetFileEncSHA256(), Length: t.GetAncillary().GetFileLength(),
	})
	if err == nil {
		blob.Tell(m, data)
	}
	if err == nil && len(t.GetIntegral().GetFileSHA256()) != 32 {
		err = fmt.Errorf("the message names no hash of the file")
	}
	if err == nil && (kind == "image" || kind == "video" || kind == "gif" || kind == "sticker") {
		if th := t.GetAncillary().GetThumbnail(); th.GetThumbnailWidth() == 0 || th.GetThumbnailHeight() == 0 {
			err = fmt.Errorf("the message has no size of a thumbnail, so phones don't show the file")
		}
	}
	return m, err
}

// mediaContent makes the content for a file.
func (a *App) mediaContent(m control.Media) (Content, error) {
	t, err := a.upload(m)
	if err != nil {
		return nil, err
	}
	if m.ViewOnce {
		return viewOnce(m, t)
	}
	c := &waConsumerApplication.ConsumerApplication_Content{}
	caption := textOf(m.Caption)
	width, height := sizeOf(m)
	switch m.Kind {
	case "image":
		msg := &waConsumerApplication.ConsumerApplication_ImageMessage{Caption: caption}
		err = msg.Set(imageTransport(t, width, height))
		c.Content = &imageC{ImageMessage: msg}
	case "video", "gif":
		msg := &waConsumerApplication.ConsumerApplication_VideoMessage{Caption: caption}
		err = msg.Set(videoTransport(m, t, width, height))
		c.Content = &videoC{VideoMessage: msg}
	case "audio", "voice":
		msg := &waConsumerApplication.ConsumerApplication_AudioMessage{PTT: proto.Bool(m.Kind == "voice")}
		err = msg.Set(&waMediaTransport.AudioTransport{
			Integral:  &waMediaTransport.AudioTransport_Integral{Transport: t},
			Ancillary: &waMediaTransport.AudioTransport_Ancillary{Seconds: proto.Uint32(uint32(m.Seconds)), Waveform: m.Waveform},
		})
		c.Content = &audioC{AudioMessage: msg}
	case "document":
		msg := &waConsumerApplication.ConsumerApplication_DocumentMessage{FileName: &m.FileName}
		err = msg.Set(&waMediaTransport.DocumentTransport{
			Integral:  &waMediaTransport.DocumentTransport_Integral{Transport: t},
			Ancillary: &waMediaTransport.DocumentTransport_Ancillary{},
		})
		c.Content = &documentC{DocumentMessage: msg}
	case "sticker":
		msg := &waConsumerApplication.ConsumerApplication_StickerMessage{}
		err = msg.Set(&waMediaTransport.StickerTransport{
			Integral:  &waMediaTransport.StickerTransport_Integral{Transport: t, IsAnimated: &m.Animated},
			Ancillary: &waMediaTransport.StickerTransport_Ancillary{Height: &height, Width: &width, AccessibilityLabel: &m.Caption},
		})
		c.Content = &stickerC{StickerMessage: msg}
	}
	if err != nil {
		return nil, fmt.Errorf("serialise media: %w", err)
	}
	return consumerOf(c), nil
}

func imageTransport(t *waMediaTransport.WAMediaTransport, width, height uint32) *waMediaTransport.ImageTransport {
	return &waMediaTransport.ImageTransport{
		Integral:  &waMediaTransport.ImageTransport_Integral{Transport: t},
		Ancillary: &waMediaTransport.ImageTransport_Ancillary{Height: &height, Width: &width},
	}
}

func videoTransport(m control.Media, t *waMediaTransport.WAMediaTransport, width, height uint32) *waMediaTransport.VideoTransport {
	return &waMediaTransport.VideoTransport{
		Integral: &waMediaTransport.VideoTransport_Integral{Transport: t},
		Ancillary: &waMediaTransport.VideoTransport_Ancillary{
			Seconds: proto.Uint32(uint32(m.Seconds)), GifPlayback: proto.Bool(m.Kind == "gif"), Height: &height, Width: &width,
		},
	}
}

// viewOnce makes the message that shows its file once.
func viewOnce(m control.Media, t *waMediaTransport.WAMediaTransport) (Content, error) {
	raven := &waArmadilloApplication.Armadillo_Content_RavenMessage{
		EphemeralType: waArmadilloApplication.Armadillo_Content_RavenMessage_VIEW_ONCE.Enum(),
	}
	width, height := sizeOf(m)
	var err error
	switch m.Kind {
	case "image":
		err = raven.SetImageMessage(imageTransport(t, width, height))
	case "video":
		err = raven.SetVideoMessage(videoTransport(m, t, width, height))
	default:
		return nil, control.Invalid("a %s can't be viewed once", m.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("serialise media: %w", err)
	}
	return armadilloOf(&waArmadilloApplication.Armadillo_Content{
		Content: &waArmadilloApplication.Armadillo_Content_RavenMessage_{RavenMessage: raven},
	}), nil
}

// gallery makes a message of several pictures.
func (a *App) gallery(pictures []control.Media) (Content, error) {
	var transports []*waMediaTransport.ImageTransport
	for _, m := range pictures {
		t, err := a.upload(m)
		if err != nil {
			return nil, err
		}
		width, height := sizeOf(m)
		transports = append(transports, imageTransport(t, width, height))
	}
	images := &waArmadilloApplication.Armadillo_Content_ImageGalleryMessage{}
	if err := images.Set(transports); err != nil {
		return nil, fmt.Errorf("serialise gallery: %w", err)
	}
	return armadilloOf(&waArmadilloApplication.Armadillo_Content{
		Content: &waArmadilloApplication.Armadillo_Content_ImageGalleryMessage_{ImageGalleryMessage: images},
	}), nil
}

func textOf(text string) *waCommon.MessageText {
	if text == "" {
		return nil
	}
	return &waCommon.MessageText{Text: &text}
}
