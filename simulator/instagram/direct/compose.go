package direct

import (
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// Text is a plain text.
func Text(text string) *world.Message {
	return &world.Message{Type: "TEXT", Delta: shape.NewMessage, Text: text, Snippet: text}
}

// content is a message's content of a kind.
func content(kind string, fields shape.Object) shape.Object {
	fields["__typename"], fields["__isSlideMessageContent"] = kind, kind
	return fields
}

// Content is a message of any kind, with its text_body and snippet; body may be nil.
func Content(contentType, delta string, c shape.Object, body *string, snippet string) *world.Message {
	if kind, ok := c["__typename"].(string); ok {
		c["__isSlideMessageContent"] = kind
	}
	if delta == "" {
		delta = shape.NewMessage
	}
	return &world.Message{Type: contentType, Delta: delta, Content: c, Body: body, Snippet: snippet}
}

// link is the URL of a file, or null.
func link(f *world.File) any {
	if f == nil {
		return nil
	}
	return world.Link{File: f}
}

// Attachment is a file as part of a message; preview may be nil.
func Attachment(kind string, f, preview *world.File) shape.Object {
	return shape.Object{
		"__typename": kind, "attachment_fbid": shape.ID(f.ID), "attachment_type": 1,
		"attachment_cdn_url": link(f), "attachment_cdn_fallback_url": nil,
		"preview_cdn_url": link(preview), "preview_cdn_fallback_url": nil,
		"preview_width": f.Width, "preview_height": f.Height,
	}
}

// Kinds of media, in the words of the control API.
const (
	KindImage   = "image"
	KindVideo   = "video"
	KindGIF     = "gif"
	KindVoice   = "voice"
	KindSticker = "sticker"
)

// Media is a message with a file of one of the kinds; false for others. preview may be nil.
func Media(kind string, f, preview *world.File, viewOnce bool) (*world.Message, bool) {
	snippet := "sent an attachment"
	m := &world.Message{Delta: shape.NewMessage, Snippet: snippet, Media: &world.Media{Kind: kind, File: f, ViewOnce: viewOnce}}
	switch {
	case viewOnce && kind == KindImage:
		m.Type, m.Delta = "RAVEN_IMAGE", shape.NewRaven
		m.Content = content("SlideMessageRavenImageContent", shape.Object{"view_mode": 0, "attachment": nil})
	case viewOnce && kind == KindVideo:
		m.Type, m.Delta = "RAVEN_VIDEO", shape.NewRaven
		m.Content = content("SlideMessageRavenVideoContent", shape.Object{"view_mode": 0, "attachment": nil})
	case viewOnce:
		return nil, false
	case kind == KindImage:
		if preview == nil {
			preview = f
		}
		m.Type = "IMAGES"
		m.Content = content("SlideMessageImageContent", shape.Object{
			"attachments": []any{Attachment("SlideMessageImageAttachment", f, preview)},
		})
	case kind == KindVideo:
		video := Attachment("SlideMessageVideoAttachment", f, preview)
		video["dash_manifest"] = "<MPD/>"
		m.Type = "VIDEOS"
		m.Content = content("SlideMessageVideosContent", shape.Object{"videos": []any{video}})
	case kind == KindVoice:
		m.Type, m.Content = "AUDIOS", voice(f)
	case kind == KindGIF, kind == KindSticker:
		m.Type, m.Content = "ANIMATED_MEDIA", animated(f, preview, kind == KindSticker)
	default:
		return nil, false
	}
	return m, true
}

func voice(f *world.File) shape.Object {
	wave := []any{}
	for _, amplitude := range f.Waveform {
		wave = append(wave, amplitude)
	}
	return content("SlideMessageAudiosContent", shape.Object{"audio_attachments": []any{shape.Object{
		"attachment_fbid": shape.ID(f.ID), "attachment_cdn_url": link(f), "playable_duration_ms": f.Millis,
		"waveform_data": wave,
	}}})
}

func animated(f, preview *world.File, sticker bool) shape.Object {
	var webp, mp4 any
	if f.MIMEType == "video/mp4" {
		mp4 = link(f)
	} else {
		webp = link(f)
	}
	return content("SlideMessageAnimatedMediaContent", shape.Object{"animated_media": []any{shape.Object{
		"attachment_webp_url": webp, "attachment_mp4_url": mp4, "preview_cdn_url": link(preview),
		"preview_width": f.Width, "preview_height": f.Height, "is_sticker": sticker, "alt_text": f.Name,
	}}})
}

// loudest is the top of a waveform in the control API.
const loudest = 100

// Uploaded is a message with a file that a client uploaded: what kind it is shows in its type.
func Uploaded(f *world.File) (*world.Message, bool) {
	kind := map[string]string{"imag": KindImage, "vide": KindVideo, "audi": KindVoice}[f.MIMEType[:min(4, len(f.MIMEType))]]
	m, ok := Media(kind, f, nil, false)
	if ok && f.MIMEType == "image/gif" {
		m.Media.Kind = KindGIF
	}
	for _, amplitude := range f.Waveform {
		if ok {
			m.Media.Waveform = append(m.Media.Waveform, byte(min(max(amplitude, 0), 1)*loudest))
		}
	}
	return m, ok
}
