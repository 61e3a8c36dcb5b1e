package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
)

func albumIn(s *stage) {
	anna, portal := s.withAnna()
	from := portal.Mark()
	head := anna.sends(control.SendRequest{To: s.me.ID, Raw: json.RawMessage(`{"albumMessage": {"expectedImageCount": 3, "expectedVideoCount": 1}}`)})
	captions := []string{s.text("one"), s.text("two"), s.text("three"), s.text("four")}
	for i, caption := range captions {
		media := &control.Media{Kind: "image", Data: photo(100, 80, i), MIMEType: "image/jpeg", Caption: caption}
		if i == 3 {
			media = &control.Media{Kind: "video", Data: s.made(".mp4", testVideo...), MIMEType: "video/mp4", Caption: caption, Seconds: 2}
		}
		anna.sends(control.SendRequest{To: s.me.ID, Media: media, Album: head.ID})
	}
	s.gets(portal, from, anna, "the album's last part", func(c *event.MessageEventContent) bool { return c.Body == captions[3] })
	notice := s.gets(portal, from, anna, "the album's head", isKind(event.MsgNotice))
	if body := notice.Content.AsMessage().Body; !strings.Contains(body, "3 pictures") || !strings.Contains(body, "1 video") {
		s.Errorf("the head says %q, want 3 pictures and 1 video in it", body)
	}
	var got []string
	for _, evt := range portal.Messages() {
		content := evt.Content.AsMessage()
		if evt.Sender != anna.mxid || content.RelatesTo == nil {
			continue
		}
		if content.RelatesTo.Type != event.RelReference || content.RelatesTo.EventID != notice.ID {
			s.Errorf("%q has relation %+v, want a reference to the head", content.Body, content.RelatesTo)
		}
		got = append(got, content.Body)
	}
	if !slices.Equal(got, captions) {
		s.Errorf("the album has %q, want %q", got, captions)
	}
}

// albumSide is a side on which several files are one message.
type albumSide interface {
	// album is a message with pictures, and with a text if those have one.
	album(s *stage, text string, pictures []control.Media) json.RawMessage
}

func (messenger) album(s *stage, text string, pictures []control.Media) json.RawMessage {
	s.Helper()
	return rawOf(s, map[string]any{"text": text, "files": pictures})
}

func (messengerE2EE) album(s *stage, _ string, pictures []control.Media) json.RawMessage {
	s.Helper()
	return rawOf(s, map[string]any{"gallery": pictures})
}

func (instagram) album(s *stage, _ string, pictures []control.Media) json.RawMessage {
	s.Helper()
	files, attachments := map[string]any{}, []any{}
	for i, p := range pictures {
		name := fmt.Sprintf("f%d", i)
		files[name] = rawFile(p.Data, p.MIMEType)
		attachments = append(attachments, map[string]any{
			"__typename": "SlideMessageImageAttachment", "attachment_fbid": fmt.Sprint(7000 + i), "attachment_cdn_url": "file:" + name,
			"preview_width": p.Width, "preview_height": p.Height,
		})
	}
	return rawOf(s, map[string]any{
		"content_type": "IMAGES", "snippet": "sent photos", "files": files,
		"content": map[string]any{"__typename": "SlideMessageImageContent", "attachments": attachments},
	})
}

// oneAlbumIn is for an albumSide.
func oneAlbumIn(s *stage) {
	anna, portal := s.withAnna()
	var pictures []control.Media
	for i := range 3 {
		pictures = append(pictures, control.Media{
			Kind: "image", Data: photo(60+i, 40, i), MIMEType: "image/jpeg", FileName: fmt.Sprintf("%d.jpg", i), Width: 60 + i, Height: 40,
		})
	}
	text, end := s.text("three pictures"), s.text("those were three")
	raw := s.side.(albumSide).album(s, text, pictures)
	anna.sends(control.SendRequest{To: s.me.ID, Raw: raw})
	anna.writes(s.me, end)
	s.gets(portal, 0, anna, "the text after the album", holding(end))
	if hasText := strings.Contains(string(raw), text); hasText {
		s.gets(portal, 0, anna, "the album's text", holding(text))
	}
	var got []int
	for _, evt := range portal.Messages() {
		if c := evt.Content.AsMessage(); evt.Sender == anna.mxid && c.MsgType == event.MsgImage {
			if len(got) < len(pictures) {
				s.mustHold(c, pictures[len(got)].Data)
			}
			got = append(got, c.Info.Width)
		}
	}
	if !slices.Equal(got, []int{60, 61, 62}) {
		s.Errorf("the album's pictures are %v wide, want 60, 61 and 62 in this order", got)
	}
}

func viewOnceIn(s *stage) {
	anna, portal := s.withAnna()
	isMark := func(c *event.MessageEventContent) bool {
		return c.MsgType == event.MsgNotice && strings.Contains(strings.ToLower(c.Body), "view-once image")
	}
	for _, bridged := range []bool{true, false} {
		if !bridged {
			defer s.configured(map[string]string{"network.whatsapp.view_once_media": "false"})()
		}
		from, caption, data := portal.Mark(), s.text("quick"), photo(100, 80, 1)
		anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{
			Kind: "image", Data: data, MIMEType: "image/jpeg", Caption: caption, ViewOnce: true,
		}})
		end := s.text("after")
		anna.writes(s.me, end)
		_, err := portal.AwaitText(s.ctx, from, anna.mxid, end)
		s.must(err)
		mark := s.gets(portal, from, anna, "the mark of a view-once picture", isMark)
		later := portal.Timeline()[from:]
		at := slices.IndexFunc(later, func(evt *event.Event) bool { return evt.ID == mark.ID })
		picture := slices.IndexFunc(later, func(evt *event.Event) bool {
			return evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgImage
		})
		if (picture > at) != bridged || (picture >= 0) != bridged {
			s.Errorf("with view_once_media %t the mark is event %d and the picture %d", bridged, at, picture)
		}
		if picture >= 0 {
			s.mustHold(later[picture].Content.AsMessage(), data)
		}
	}
}

// onceSide is a side that marks what may be seen once in its own words.
type onceSide interface {
	// once is a message with a picture that may be seen once.
	once(s *stage, picture []byte) control.SendRequest
}

func (messenger) once(s *stage, picture []byte) control.SendRequest {
	return control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: picture, MIMEType: "image/jpeg", ViewOnce: true, Width: 100, Height: 80}}
}

// once: browsers get such pictures only now and then.
func (instagram) once(s *stage, picture []byte) control.SendRequest {
	s.Helper()
	return control.SendRequest{To: s.me.ID, Raw: rawOf(s, map[string]any{
		"content_type": "RAVEN_IMAGE", "snippet": "sent a photo", "files": map[string]any{"p": rawFile(picture, "image/jpeg")},
		"content": map[string]any{"__typename": "SlideMessageRavenImageContent", "view_mode": 1, "attachment": map[string]any{
			"__typename": "SlideMessageImageAttachment", "attachment_fbid": "7010", "attachment_cdn_url": "file:p",
		}},
	})}
}

// markedOnceIn is for a onceSide: the picture itself bears the mark.
func markedOnceIn(s *stage) {
	anna, portal := s.withAnna()
	if words := s.side.traits().onceInApp; words != "" {
		from := portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", MIMEType: "image/jpeg", ViewOnce: true}})
		s.gets(portal, from, anna, "word of a picture that only the app has", saying(words))
	}
	for _, bridged := range []bool{true, false} {
		if !bridged {
			defer s.configured(map[string]string{"network." + s.prefix() + ".view_once_media": "false"})()
		}
		from, data := portal.Mark(), photo(100, 80, 1)
		anna.sends(s.side.(onceSide).once(s, data))
		c := s.gets(portal, from, anna, "a view-once picture", func(c *event.MessageEventContent) bool {
			return strings.Contains(strings.ToLower(c.Body), "view-once picture")
		}).Content.AsMessage()
		if bridged != (c.MsgType == event.MsgImage) {
			s.Errorf("with view_once_media %t it came as %s", bridged, c.MsgType)
		}
		if bridged {
			s.mustHold(c, data)
		}
	}
}

// isReplaced finds the last edit of an event by the same sender.
func isReplaced(target id.EventID) func(*event.Event) bool {
	return func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && evt.Content.AsMessage().RelatesTo.GetReplaceID() == target
	}
}
