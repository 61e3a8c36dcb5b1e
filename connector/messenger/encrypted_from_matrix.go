package messenger

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waArmadilloApplication"
	"go.mau.fi/whatsmeow/proto/waArmadilloXMA"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"go.mau.fi/whatsmeow/proto/waMsgApplication"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
)

// fromMatrix converts a message, to one or to several in a row; the error is ready for bridgev2. It uploads media.
func (e *encrypted) fromMatrix(ctx context.Context, wa *whatsmeow.Client, msg *bridgev2.MatrixMessage) (out []outbound, err error) {
	if msg.Content == nil {
		return nil, bridgev2.ErrUnexpectedParsedContentType
	}
	content := &consumerContent{}
	switch msg.Content.MsgType {
	case event.MsgText, event.MsgNotice, event.MsgEmote:
		var text *waCommon.MessageText
		text, err = e.textFromMatrix(msg.Content)
		content.Content = &waConsumerApplication.ConsumerApplication_Content_MessageText{MessageText: text}
	case event.MsgImage, event.MsgVideo, event.MsgAudio, event.MsgFile, event.CapMsgSticker:
		u := &upload{e: e, wa: wa, content: msg.Content, out: content}
		if err = u.run(ctx); u.follows {
			out = append(out, consumerOf(&consumerContent{
				Content: &waConsumerApplication.ConsumerApplication_Content_MessageText{MessageText: u.caption},
			}))
		}
	case event.MsgLocation:
		var place outbound
		place, err = locationFromMatrix(msg.Content)
		return []outbound{place}, err
	default:
		err = fmt.Errorf("%w %q", bridgev2.ErrUnsupportedMessageType, msg.Content.MsgType)
	}
	if err != nil {
		return nil, err
	}
	return append([]outbound{consumerOf(content)}, out...), nil
}

// headOf is what stands beside a message: the chat's timer, and what is answered.
func headOf(msg *bridgev2.MatrixMessage) *messageHead {
	head := headFor(msg.Portal)
	if msg.ReplyTo != nil {
		// A message of the other plane can't be answered here.
		if key, err := parseEncryptedID(msg.ReplyTo.ID); err == nil {
			head.QuotedMessage = &waMsgApplication.MessageApplication_Metadata_QuotedMessage{
				StanzaID: proto.String(key.ID), Participant: proto.String(jidOf(key.Author).String()),
			}
		}
	}
	return head
}

// textFromMatrix writes a text with Messenger's marks, and people in it by their address. The error is ready for bridgev2.
func (e *encrypted) textFromMatrix(content *event.MessageEventContent) (*waCommon.MessageText, error) {
	text, named := markup.FromMatrix(content, func(user id.UserID) (string, bool) {
		person, ok := e.c.userOf(user)
		if !ok {
			return "", false
		}
		return "@" + jidOf(person).String(), true
	})
	if err := checkText(text); err != nil {
		return nil, err
	}
	out := &waCommon.MessageText{Text: proto.String(text)}
	for _, m := range named {
		if person, ok := e.c.userOf(m.User); ok && len(out.MentionedJID) < mostMentions {
			out.MentionedJID = append(out.MentionedJID, jidOf(person).String())
		}
	}
	if content.Mentions != nil && content.Mentions.Room {
		out.Commands = []*waCommon.Command{{CommandType: waCommon.Command_EVERYONE.Enum()}}
	}
	return out, nil
}

// locationFromMatrix makes what Messenger's web client shares of a place (protocol notes, section 5.7).
func locationFromMatrix(content *event.MessageEventContent) (outbound, error) {
	place, err := convert.ParseGeo(content.GeoURI)
	if err != nil {
		return nil, ledger.Refuse("the location has no coordinates that Messenger understands")
	}
	title := "Shared location"
	// Clients write "Location" and the coordinates into the body where the user gave no name.
	if name := oneLine(content.Body); name != "" && !strings.Contains(name, content.GeoURI) && !strings.HasPrefix(name, "Location") {
		title = name
	}
	return &waArmadilloApplication.Armadillo{Payload: &waArmadilloApplication.Armadillo_Payload{
		Payload: &waArmadilloApplication.Armadillo_Payload_Content{Content: &armadilloContent{
			Content: &waArmadilloApplication.Armadillo_Content_ExtendedContentMessage{
				ExtendedContentMessage: &waArmadilloXMA.ExtendedContentMessage{
					TargetID:         proto.String(""),
					TargetType:       waArmadilloXMA.ExtendedContentMessage_MSG_LOCATION_SHARING_V2.Enum(),
					XmaLayoutType:    waArmadilloXMA.ExtendedContentMessage_SINGLE.Enum(),
					OverlayIconGlyph: waArmadilloXMA.ExtendedContentMessage_NONE.Enum(),
					Ctas: []*waArmadilloXMA.ExtendedContentMessage_CTA{{
						ButtonType: waArmadilloXMA.ExtendedContentMessage_OPEN_NATIVE.Enum(),
						Title:      proto.String(title),
						ActionURL:  proto.String(fmt.Sprintf("https://www.google.com/maps/search/?api=1&query=%.6f,%.6f", place.Latitude, place.Longitude)),
						NativeURL:  proto.String(fmt.Sprintf("messenger://location_share?lat=%.6f&long=%.6f", place.Latitude, place.Longitude)),
						CtaType:    proto.String("xma_live_location_sharing"),
					}},
					TitleText: proto.String(title), SubtitleText: proto.String(""),
				},
			},
		}},
	}}, nil
}

const (
	// thumbnailSide is the size of the pictures that go inside of messages.
	thumbnailSide = 100
	// largestShown is what the size of a thumbnail is cut to. Where no size is known it is taken, too: without one phones
	// do not show the file (protocol notes, section 5.7).
	largestShown = 400
	// maxEncryptedSize is the most that is sent as one file.
	maxEncryptedSize = 100 << 20
)

// upload is a file on its way to the encrypted plane's servers.
type upload struct {
	e       *encrypted
	wa      *whatsmeow.Client
	content *event.MessageEventContent
	out     *consumerContent

	caption *waCommon.MessageText
	follows bool // the caption has no place in the file's message
}

// run fetches the file, converts it where Messenger wants that, and fills the content. The error is ready for bridgev2.
func (u *upload) run(ctx context.Context) (err error) {
	if u.content.GetCaption() != "" {
		caption := *u.content
		caption.MsgType = event.MsgText
		if u.caption, err = u.e.textFromMatrix(&caption); err != nil {
			return err
		}
	}
	err = convert.Download(ctx, u.e.c.network.bridge.Bot, u.content, maxEncryptedSize, func(file *os.File, _ int64) error {
		ctx, cancel := u.e.c.bound(ctx, u.e.c.network.Config.MediaTimeout)
		defer cancel()
		switch {
		case u.content.MsgType == event.MsgImage, u.content.MsgType == event.CapMsgSticker:
			return u.picture(ctx, file)
		case u.content.MsgType == event.MsgVideo:
			return u.video(ctx, file)
		case u.content.MsgType == event.MsgAudio && u.content.MSC3245Voice != nil:
			return u.voice(ctx, file)
		case u.content.MsgType == event.MsgAudio && u.caption == nil:
			return u.sound(ctx, file)
		}
		return u.document(ctx, file)
	})
	return convert.RefuseUnconverted(err, "Messenger", "send it as a file")
}

// put encrypts and uploads a file, which it overwrites.
func (u *upload) put(ctx context.Context, file *os.File, kind whatsmeow.MediaType, mimeType string, thumbnail []byte, size image.Point) (*waMediaTransport.WAMediaTransport, error) {
	_, err := file.Seek(0, io.SeekStart)
	var up whatsmeow.UploadResponse
	if err == nil {
		up, err = u.wa.UploadReader(ctx, file, file, kind)
	}
	if err != nil {
		return nil, bridgev2.WrapErrorInStatus(fmt.Errorf("upload media: %w", err)).
			WithIsCertain(true).WithSendNotice(true).WithErrorReason(event.MessageStatusNetworkError).
			WithMessage("the file could not be uploaded to Messenger; try again")
	}
	t := &waMediaTransport.WAMediaTransport{
		Integral: &waMediaTransport.WAMediaTransport_Integral{
			FileSHA256: up.FileSHA256, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, DirectPath: &up.DirectPath,
			MediaKeyTimestamp: proto.Int64(time.Now().Unix()),
		},
		Ancillary: &waMediaTransport.WAMediaTransport_Ancillary{
			FileLength: &up.FileLength, Mimetype: &mimeType, ObjectID: &up.ObjectID,
			Thumbnail: &waMediaTransport.WAMediaTransport_Ancillary_Thumbnail{JPEGThumbnail: thumbnail},
		},
	}
	if kind == whatsmeow.MediaImage || kind == whatsmeow.MediaVideo {
		t.Ancillary.Thumbnail.ThumbnailWidth, t.Ancillary.Thumbnail.ThumbnailHeight = shownSide(size.X), shownSide(size.Y)
	}
	return t, nil
}

func shownSide(pixels int) *uint32 {
	if pixels <= 0 {
		pixels = largestShown
	}
	return proto.Uint32(uint32(min(pixels, largestShown)))
}

// picture sends a picture. A GIF becomes a video that loops, as its app does it; WebP and rare kinds of PNG become plain
// PNGs.
func (u *upload) picture(ctx context.Context, file *os.File) error {
	picture, ok, err := convert.InspectPicture(file)
	switch {
	case err != nil:
		return err
	case ok && picture.MIMEType == "image/gif":
		thumbnail, err := convert.Thumbnail(file, thumbnailSide)
		if err != nil {
			return err
		}
		return u.moving(ctx, file, "image/gif", convert.Recording{Size: picture.Size}, thumbnail, true)
	case ok && picture.MIMEType == "image/png":
		plain, err := convert.PlainPNG(file)
		if err != nil || plain {
			return errors.Join(err, u.still(ctx, file, err == nil))
		}
	case ok:
		return u.still(ctx, file, true)
	default:
		if _, ok, err := convert.InspectWebP(file); err != nil || !ok {
			return errors.Join(err, fmt.Errorf("%w: Messenger takes images as JPEG, PNG, GIF or WebP; send it as a file", bridgev2.ErrUnsupportedMediaType))
		}
	}
	return convert.Transcode(ctx, file, ".png", []string{"-frames:v", "1", "-pix_fmt", "rgba"}, func(file *os.File) error {
		return u.still(ctx, file, true)
	})
}

// still sends a picture as it is, if it is good.
func (u *upload) still(ctx context.Context, file *os.File, good bool) error {
	if !good {
		return nil
	}
	picture, _, err := convert.InspectPicture(file)
	if err != nil {
		return err
	}
	thumbnail, err := convert.Thumbnail(file, thumbnailSide)
	if err != nil {
		return err
	}
	t, err := u.put(ctx, file, whatsmeow.MediaImage, picture.MIMEType, thumbnail, picture.Size)
	if err != nil {
		return err
	}
	msg := &waConsumerApplication.ConsumerApplication_ImageMessage{Caption: u.caption}
	err = msg.Set(&waMediaTransport.ImageTransport{
		Integral: &waMediaTransport.ImageTransport_Integral{Transport: t},
		Ancillary: &waMediaTransport.ImageTransport_Ancillary{
			Height: proto.Uint32(uint32(picture.Size.Y)), Width: proto.Uint32(uint32(picture.Size.X)),
		},
	})
	u.out.Content = &waConsumerApplication.ConsumerApplication_Content_ImageMessage{ImageMessage: msg}
	return err
}

// video sends a video. What is not MP4 is converted.
func (u *upload) video(ctx context.Context, file *os.File) error {
	thumbnail := convert.SentThumbnail(ctx, u.e.c.network.bridge.Bot, u.content.GetInfo(), thumbnailSide)
	kind, err := convert.VideoType(file)
	if err != nil {
		return err
	}
	if kind != "" {
		return u.moving(ctx, file, kind, convert.RecordingOf(u.content.GetInfo()), thumbnail, u.content.GetInfo().MauGIF)
	}
	return convert.Transcode(ctx, file, ".mp4", convert.H264Options, func(file *os.File) error {
		return u.moving(ctx, file, "video/mp4", convert.Recording{}, thumbnail, u.content.GetInfo().MauGIF)
	})
}

// moving sends a video or what loops as one, described by what is said of it or, where nothing is, by what the file says.
func (u *upload) moving(ctx context.Context, file *os.File, mimeType string, said convert.Recording, thumbnail []byte, loops bool) error {
	if mimeType != "image/gif" && (said.Duration == 0 || said.Size.X == 0 || said.Size.Y == 0) {
		if found, ok := convert.InspectRecording(ctx, file); ok {
			said = found
		}
	}
	if thumbnail == nil {
		thumbnail = convert.FirstFrame(ctx, file, thumbnailSide)
	}
	t, err := u.put(ctx, file, whatsmeow.MediaVideo, mimeType, thumbnail, said.Size)
	if err != nil {
		return err
	}
	msg := &waConsumerApplication.ConsumerApplication_VideoMessage{Caption: u.caption}
	err = msg.Set(&waMediaTransport.VideoTransport{
		Integral: &waMediaTransport.VideoTransport_Integral{Transport: t},
		Ancillary: &waMediaTransport.VideoTransport_Ancillary{
			Seconds: convert.WholeSeconds(said.Duration), GifPlayback: proto.Bool(loops),
			Height: proto.Uint32(uint32(said.Size.Y)), Width: proto.Uint32(uint32(said.Size.X)),
		},
	})
	u.out.Content = &waConsumerApplication.ConsumerApplication_Content_VideoMessage{VideoMessage: msg}
	return err
}

// voiceType is what Messenger's apps record.
const voiceType = "audio/mp4"

// voice sends a voice message: AAC in MPEG-4, to which anything else is converted.
func (u *upload) voice(ctx context.Context, file *os.File) error {
	said := convert.RecordingOf(u.content.GetInfo()).Duration
	var wave []byte
	if extra := u.content.MSC1767Audio; extra != nil {
		wave = convert.Waveform(extra.Waveform, loudest)
		if extra.Duration > 0 {
			said = time.Duration(extra.Duration) * time.Millisecond
		}
	}
	kind, err := convert.VideoType(file)
	if err != nil {
		return err
	}
	if kind == "video/mp4" {
		return u.audio(ctx, file, voiceType, said, wave, true)
	}
	return convert.Transcode(ctx, file, ".m4a", convert.AACOptions, func(file *os.File) error {
		if found, ok := convert.InspectRecording(ctx, file); ok && found.Duration > 0 {
			said = found.Duration
		}
		return u.audio(ctx, file, voiceType, said, wave, true)
	})
}

// sound sends a piece of sound that is no voice message.
func (u *upload) sound(ctx context.Context, file *os.File) error {
	mimeType := convert.MIMEType(u.content.GetInfo().MimeType, "audio/mpeg")
	return u.audio(ctx, file, mimeType, convert.RecordingOf(u.content.GetInfo()).Duration, nil, false)
}

func (u *upload) audio(ctx context.Context, file *os.File, mimeType string, duration time.Duration, wave []byte, voice bool) error {
	u.follows = u.caption != nil
	t, err := u.put(ctx, file, whatsmeow.MediaAudio, mimeType, nil, image.Point{})
	if err != nil {
		return err
	}
	msg := &waConsumerApplication.ConsumerApplication_AudioMessage{PTT: proto.Bool(voice)}
	err = msg.Set(&waMediaTransport.AudioTransport{
		Integral:  &waMediaTransport.AudioTransport_Integral{Transport: t},
		Ancillary: &waMediaTransport.AudioTransport_Ancillary{Seconds: convert.WholeSeconds(duration), Waveform: wave},
	})
	u.out.Content = &waConsumerApplication.ConsumerApplication_Content_AudioMessage{AudioMessage: msg}
	return err
}

// document sends any file with its name. There is no place for a caption, so it follows as a text.
func (u *upload) document(ctx context.Context, file *os.File) error {
	mimeType := convert.MIMEType(u.content.GetInfo().MimeType, "application/octet-stream")
	t, err := u.put(ctx, file, whatsmeow.MediaDocument, mimeType, nil, image.Point{})
	if err != nil {
		return err
	}
	msg := &waConsumerApplication.ConsumerApplication_DocumentMessage{
		FileName: proto.String(convert.FileName(u.content.GetFileName(), "file", mimeType)),
	}
	err = msg.Set(&waMediaTransport.DocumentTransport{
		Integral:  &waMediaTransport.DocumentTransport_Integral{Transport: t},
		Ancillary: &waMediaTransport.DocumentTransport_Ancillary{},
	})
	u.out.Content = &waConsumerApplication.ConsumerApplication_Content_DocumentMessage{DocumentMessage: msg}
	u.follows = u.caption != nil
	return err
}
