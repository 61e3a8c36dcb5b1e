package whatsapp

import (
	"bytes"
	"crypto/rand"
	"image"
	_ "image/gif" // dimensions of pictures that come without
	_ "image/jpeg"
	_ "image/png"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp/phone"
	"crosschat/simulator/whatsapp/phone/filecrypt"
)

// compose makes the message that a request asks for; a file is uploaded on the way.
func (p *person) compose(req control.SendRequest) (*waE2E.Message, error) {
	given := 0
	for _, is := range []bool{req.Text != "", req.Media != nil, len(req.Raw) > 0} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, control.Invalid("exactly one of text, media and raw must be given, not %d", given)
	}
	if len(req.Raw) > 0 {
		message := &waE2E.Message{}
		if err := protojson.Unmarshal(req.Raw, message); err != nil {
			return nil, control.Invalid("raw is not a WhatsApp message: %v", err)
		}
		return message, nil
	}
	context, err := p.contextInfo(req)
	if err != nil {
		return nil, err
	}
	message := &waE2E.Message{}
	switch {
	case req.Media != nil:
		if message, err = p.mediaMessage(*req.Media, context); err != nil {
			return nil, err
		}
	case context != nil:
		text, err := p.mentionText(req.Text, req.Mentions)
		if err != nil {
			return nil, err
		}
		message.ExtendedTextMessage = &waE2E.ExtendedTextMessage{Text: proto.String(text), ContextInfo: context}
	default:
		message.Conversation = proto.String(req.Text)
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	message.MessageContextInfo = &waE2E.MessageContextInfo{MessageSecret: secret}
	if req.Album != "" {
		if message.MessageContextInfo.MessageAssociation, err = p.albumPart(req.Album); err != nil {
			return nil, err
		}
	}
	return message, nil
}

// contextInfo says what a message answers and whom it mentions; nil if neither.
func (p *person) contextInfo(req control.SendRequest) (*waE2E.ContextInfo, error) {
	if req.ReplyTo == "" && len(req.Mentions) == 0 {
		return nil, nil
	}
	context := &waE2E.ContextInfo{}
	if req.ReplyTo != "" {
		target, ok := p.phone.Known(req.ReplyTo)
		if !ok {
			return nil, control.NotFound("message %q, which is to be answered, is not on this phone", req.ReplyTo)
		}
		context.StanzaID = proto.String(target.ID)
		context.Participant = proto.String(target.Sender.ToNonAD().String())
		context.QuotedMessage = target.Content
	}
	for _, id := range req.Mentions {
		other, err := p.network.person(id)
		if err != nil {
			return nil, err
		}
		context.MentionedJID = append(context.MentionedJID, other.phone.LID().String())
	}
	return context, nil
}

// mentionText writes the hidden ids into a text in which people are named by id: that is how phones send it today.
func (p *person) mentionText(text string, mentions []string) (string, error) {
	for _, id := range mentions {
		other, err := p.network.person(id)
		if err != nil {
			return "", err
		}
		text = strings.ReplaceAll(text, "@"+id, "@"+other.phone.LID().User)
	}
	return text, nil
}

// mediaMessage uploads a file and makes the message of its kind.
func (p *person) mediaMessage(m control.Media, context *waE2E.ContextInfo) (*waE2E.Message, error) {
	kinds := map[string]filecrypt.Kind{
		"image": filecrypt.Image, "sticker": filecrypt.Image, "video": filecrypt.Video, "gif": filecrypt.Video,
		"audio": filecrypt.Audio, "voice": filecrypt.Audio, "document": filecrypt.Document,
	}
	kind, ok := kinds[m.Kind]
	if !ok {
		return nil, control.Invalid("media of kind %q does not exist", m.Kind)
	}
	if m.Noise > 0 {
		m.Data = noise(m.Noise)
	}
	up, err := p.phone.Upload(kind, m.Data)
	if err != nil {
		return nil, err
	}
	if m.Width == 0 {
		if config, _, err := image.DecodeConfig(bytes.NewReader(m.Data)); err == nil {
			m.Width, m.Height = config.Width, config.Height
		}
	}
	message := fileMessage(m, up, context)
	if m.ViewOnce {
		message = &waE2E.Message{ViewOnceMessageV2: &waE2E.FutureProofMessage{Message: message}}
	}
	return message, nil
}

// fileMessage fills in the message of one kind of file.
func fileMessage(m control.Media, up phone.Upload, context *waE2E.ContextInfo) *waE2E.Message {
	var caption *string
	if m.Caption != "" {
		caption = proto.String(m.Caption)
	}
	viewOnce := proto.Bool(m.ViewOnce)
	width, height := proto.Uint32(uint32(m.Width)), proto.Uint32(uint32(m.Height))
	seconds, length := proto.Uint32(uint32(m.Seconds)), proto.Uint64(up.Length)
	url, path, mime := proto.String(up.URL), proto.String(up.DirectPath), proto.String(m.MIMEType)
	switch m.Kind {
	case "image":
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
			URL: url, DirectPath: path, MediaKey: up.Key, FileSHA256: up.SHA256, FileEncSHA256: up.FileEncSHA256,
			FileLength: length, Mimetype: mime, Width: width, Height: height, Caption: caption,
			JPEGThumbnail: m.Thumbnail, ViewOnce: viewOnce, ContextInfo: context,
		}}
	case "sticker":
		return &waE2E.Message{StickerMessage: &waE2E.StickerMessage{
			URL: url, DirectPath: path, MediaKey: up.Key, FileSHA256: up.SHA256, FileEncSHA256: up.FileEncSHA256,
			FileLength: length, Mimetype: mime, Width: width, Height: height, IsAnimated: proto.Bool(m.Animated),
			PngThumbnail: m.Thumbnail, ContextInfo: context,
		}}
	case "video", "gif":
		return &waE2E.Message{VideoMessage: &waE2E.VideoMessage{
			URL: url, DirectPath: path, MediaKey: up.Key, FileSHA256: up.SHA256, FileEncSHA256: up.FileEncSHA256,
			FileLength: length, Mimetype: mime, Width: width, Height: height, Seconds: seconds, Caption: caption,
			GifPlayback: proto.Bool(m.Kind == "gif"), JPEGThumbnail: m.Thumbnail, ViewOnce: viewOnce, ContextInfo: context,
		}}
	case "audio", "voice":
		return &waE2E.Message{AudioMessage: &waE2E.AudioMessage{
			URL: url, DirectPath: path, MediaKey: up.Key, FileSHA256: up.SHA256, FileEncSHA256: up.FileEncSHA256,
			FileLength: length, Mimetype: mime, Seconds: seconds, PTT: proto.Bool(m.Kind == "voice"), Waveform: m.Waveform,
			ViewOnce: viewOnce, ContextInfo: context,
		}}
	}
	document := &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{
		URL: url, DirectPath: path, MediaKey: up.Key, FileSHA256: up.SHA256, FileEncSHA256: up.FileEncSHA256,
		FileLength: length, Mimetype: mime, FileName: proto.String(m.FileName), Title: proto.String(m.FileName),
		Caption: caption, JPEGThumbnail: m.Thumbnail, ContextInfo: context,
	}}
	if caption != nil {
		return &waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: document}}
	}
	return document
}
