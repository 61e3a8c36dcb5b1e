package e2e_test

import (
	"encoding/json"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
)

func albumIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
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

func viewOnceIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
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

// isReplaced finds the last edit of an event by the same sender.
func isReplaced(target id.EventID) func(*event.Event) bool {
	return func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && evt.Content.AsMessage().RelatesTo.GetReplaceID() == target
	}
}
