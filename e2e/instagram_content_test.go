package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// What Instagram has in other forms than the other networks.

// sendsRaw has a person send content of a kind that the control API has no word for.
func (p *person) sendsRaw(raw map[string]any) {
	p.s.Helper()
	data, err := json.Marshal(raw)
	p.s.must(err)
	p.sends(control.SendRequest{To: p.s.me.ID, Raw: data})
}

// file is one that sendsRaw's content refers to by name.
func rawFile(data []byte, mimeType string) map[string]any {
	return map[string]any{"data": data, "mime_type": mimeType}
}

// instagramImageIn: pictures have no captions there.
func instagramImageIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	data := photo(640, 480, 3)
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg", Width: 640, Height: 480}})
	c := s.gets(portal, 0, anna, "a picture from Anna", isKind(event.MsgImage)).Content.AsMessage()
	if i := c.Info; c.Body != c.FileName || i.MimeType != "image/jpeg" || i.Width != 640 || i.Height != 480 || i.Size != len(data) {
		s.Errorf("it is %q (file %q) with %+v; want image/jpeg, 640x480, %d bytes", c.Body, c.FileName, i, len(data))
	}
	s.mustHold(c, data)
}

// instagramImageOut: the caption follows as a text, and is unsent with the picture.
func instagramImageOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	from, data, caption := len(anna.timeline()), photo(800, 600, 4), s.text("my view")
	sent, err := portal.SendFile(s.ctx, lab.File{
		Type: event.MsgImage, Name: "view.jpg", Caption: caption, MIMEType: "image/jpeg", Data: data, Width: 800, Height: 600,
	})
	s.must(err)
	if got := anna.seesFile(from, "image"); !bytes.Equal(got.Data, data) || got.MIMEType != "image/jpeg" {
		s.Errorf("the picture is %s of %d bytes, want the sent %d", got.MIMEType, len(got.Data), len(data))
	}
	text := anna.reads(s.me, caption)
	from = len(anna.timeline())
	plain := photo(300, 200, 5)
	_, err = portal.SendFile(s.ctx, lab.File{Type: event.MsgImage, Name: "b.jpg", MIMEType: "image/jpeg", Data: plain, Width: 300, Height: 200})
	s.must(err)
	anna.seesFile(from, "image")
	// What happens to the caption there happens to the picture's here.
	better := s.text("a better word")
	_, err = s.stack.Simulator.Edit(s.ctx, s.side.control(), s.me.ID, control.EditRequest{Target: control.Target{Chat: anna.ID, ID: text.ID}, Text: better})
	s.must(err)
	if c := s.editedTo(portal, sent, s.user.ID, better).Content.AsMessage().NewContent; c.MsgType != event.MsgImage || c.FileName != "view.jpg" {
		s.Errorf("the edited caption is on a %s %q, want the picture", c.MsgType, c.FileName)
	}
	s.must(portal.Redact(s.ctx, sent))
	anna.sees(control.Match{Kind: control.KindRevoke, Sender: s.me.ID, Ref: text.ID})
	s.fence(portal, anna)
	messages := slices.DeleteFunc(anna.timeline(), func(e control.Event) bool { return e.Kind != control.KindMessage || e.FromMe })
	revokes := slices.DeleteFunc(anna.timeline(), func(e control.Event) bool { return e.Kind != control.KindRevoke })
	if len(messages) != 4 || len(revokes) != 2 {
		s.Errorf("Anna got %d messages and %d of them were unsent; want picture, caption, picture and fence, and the first two unsent", len(messages), len(revokes))
	}
}

func instagramVideoIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	data := s.made(".mp4", testVideo...)
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "video", Data: data, MIMEType: "video/mp4", Width: 320, Height: 240, Thumbnail: photo(64, 48, 3)}})
	c := s.gets(portal, 0, anna, "a video from Anna", isKind(event.MsgVideo)).Content.AsMessage()
	// How long it is only the file says.
	if i := c.Info; i.MimeType != "video/mp4" || i.Width != 320 || i.Height != 240 || i.Duration < 1900 || i.Duration > 2100 || i.Size != len(data) || i.MauGIF {
		s.Errorf("the info is %+v; want video/mp4, 320x240, 2000 ms, %d bytes", i, len(data))
	}
	s.mustHold(c, data)
	if thumbnail, err := s.user.DownloadThumbnail(s.ctx, c); err != nil || thumbnail == nil {
		s.Errorf("the thumbnail has %d bytes, error %v", len(thumbnail), err)
	}
}

func instagramVideoOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, sent := range []lab.File{
		{Name: "film.mp4", MIMEType: "video/mp4", Data: s.made(".mp4", testVideo...)},
		{Name: "film.mkv", MIMEType: "video/x-matroska", Data: s.made(".mkv", testVideo...)},
	} {
		sent.Type = event.MsgVideo
		from := len(anna.timeline())
		_, err := portal.SendFile(s.ctx, sent)
		s.must(err)
		got := anna.seesFile(from, "video")
		if got.MIMEType != "video/mp4" || string(got.Data[4:8]) != "ftyp" || bytes.Equal(got.Data, sent.Data) != (sent.MIMEType == "video/mp4") {
			s.Errorf("%s arrived as %s of %d bytes", sent.Name, got.MIMEType, len(got.Data))
		}
	}
}

func instagramVoiceIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	data, waveform := s.made(".m4a", testSound...), make([]byte, 64)
	for i, point := range wave(64, 100) {
		waveform[i] = byte(point)
	}
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "voice", Data: data, MIMEType: "audio/mp4", Seconds: 2, Waveform: waveform}})
	c := s.gets(portal, 0, anna, "a voice message from Anna", isKind(event.MsgAudio)).Content.AsMessage()
	if c.MSC3245Voice == nil || c.Info.MimeType != "audio/mp4" || c.Info.Duration != 2000 || c.Info.Size != len(data) {
		s.Errorf("voice message %t, %+v; want audio/mp4 of 2000 ms and %d bytes", c.MSC3245Voice != nil, c.Info, len(data))
	}
	if a := c.MSC1767Audio; a == nil || len(a.Waveform) != 64 || a.Waveform[0] != 0 || a.Waveform[63] != 1024 || !slices.IsSorted(a.Waveform) {
		s.Errorf("the waveform is %+v", a)
	}
	s.mustHold(c, data)
}

func instagramVoiceOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, sent := range []lab.File{
		{Name: "voice.ogg", MIMEType: "audio/ogg", Data: s.made(".ogg", append(testSound, "-c:a", "libopus")...)},
		{Name: "voice.m4a", MIMEType: "audio/mp4", Data: s.made(".m4a", testSound...)},
	} {
		sent.Type = event.MsgAudio
		sent.Change = func(c *event.MessageEventContent) {
			c.MSC3245Voice = &event.MSC3245Voice{}
			c.MSC1767Audio = &event.MSC1767Audio{Duration: 2000, Waveform: wave(64, 1024)}
		}
		from := len(anna.timeline())
		_, err := portal.SendFile(s.ctx, sent)
		s.must(err)
		got := anna.seesFile(from, "voice")
		if got.MIMEType != "audio/mp4" || string(got.Data[4:8]) != "ftyp" || bytes.Equal(got.Data, sent.Data) != (sent.MIMEType == "audio/mp4") {
			s.Errorf("%s arrived as %s of %d bytes", sent.Name, got.MIMEType, len(got.Data))
		}
		if len(got.Waveform) != 64 || got.Waveform[0] != 0 || got.Waveform[63] < 98 {
			s.Errorf("%s has waveform %v", sent.Name, got.Waveform)
		}
	}
}

func instagramAlbumIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	from, files, attachments := portal.Mark(), map[string]any{}, []any{}
	for i := range 3 {
		name := fmt.Sprintf("f%d", i)
		files[name] = rawFile(photo(60+i, 40, i), "image/jpeg")
		attachments = append(attachments, map[string]any{
			"__typename": "SlideMessageImageAttachment", "attachment_fbid": fmt.Sprint(7000 + i), "attachment_cdn_url": "file:" + name,
			"preview_width": 60 + i, "preview_height": 40,
		})
	}
	anna.sendsRaw(map[string]any{
		"content_type": "IMAGES", "snippet": "sent photos", "files": files,
		"content": map[string]any{"__typename": "SlideMessageImageContent", "attachments": attachments},
	})
	s.gets(portal, from, anna, "the last picture", func(c *event.MessageEventContent) bool { return c.Info != nil && c.Info.Width == 62 })
	var got []int
	for _, evt := range portal.Messages() {
		if c := evt.Content.AsMessage(); evt.Sender == anna.mxid && c.MsgType == event.MsgImage {
			s.mustHold(c, photo(60+len(got), 40, len(got)))
			got = append(got, c.Info.Width)
		}
	}
	if !slices.Equal(got, []int{60, 61, 62}) {
		s.Errorf("the album's pictures are %v wide, want 60, 61 and 62 in this order", got)
	}
}

// instagramViewOnceIn: browsers mostly don't get what may be seen once only.
func instagramViewOnceIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	from := portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", MIMEType: "image/jpeg", ViewOnce: true}})
	s.gets(portal, from, anna, "word of a picture that only the app has", saying("view-once picture came. It can only be seen in Instagram's app"))
	data := photo(100, 80, 1)
	for _, bridged := range []bool{true, false} {
		if !bridged {
			defer s.configured(map[string]string{"network.instagram.view_once_media": "false"})()
		}
		from = portal.Mark()
		anna.sendsRaw(map[string]any{
			"content_type": "RAVEN_IMAGE", "snippet": "sent a photo", "files": map[string]any{"p": rawFile(data, "image/jpeg")},
			"content": map[string]any{"__typename": "SlideMessageRavenImageContent", "view_mode": 1, "attachment": map[string]any{
				"__typename": "SlideMessageImageAttachment", "attachment_fbid": "7010", "attachment_cdn_url": "file:p",
			}},
		})
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

// sharesXMA has a person share something, and returns the message that has the text.
func (s *stage) sharesXMA(portal *roomOf, by *person, contentType, holds, written string, xma map[string]any) *event.MessageEventContent {
	s.Helper()
	from, content := portal.Mark(), map[string]any{"__typename": "SlideMessageXMAContent", "xma": xma}
	if written != "" {
		content["xma_text_body"] = written
	}
	xma["preview_image"] = map[string]any{"url": "file:p", "width": 90, "height": 60}
	by.sendsRaw(map[string]any{
		"content_type": contentType, "snippet": "shared something", "content": content,
		"files": map[string]any{"p": rawFile(photo(90, 60, 2), "image/jpeg")},
	})
	return s.gets(portal, from, by, fmt.Sprintf("a share with %q", holds), holding(holds)).Content.AsMessage()
}

func instagramLinkIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	text := s.text("look at https://example.org/a?b=c")
	c := s.sharesXMA(portal, anna, "MESSAGE_INLINE_SHARE", text, text, map[string]any{
		"title_text": "A title", "subtitle_text": "What it is about", "target_url": "https://l.instagram.com/?u=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc&e=x",
	})
	if len(c.BeeperLinkPreviews) != 1 || c.Body != text {
		s.Fatalf("the event is %q with %d previews, want %q with one", c.Body, len(c.BeeperLinkPreviews), text)
	}
	if p := c.BeeperLinkPreviews[0]; p.MatchedURL != "https://example.org/a?b=c" || p.Title != "A title" || p.Description != "What it is about" || p.ImageURL == "" {
		s.Errorf("the preview is %+v", p)
	}
}

func instagramShareIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, test := range []struct {
		kind, written string
		target        string
		want          []string
	}{
		{"MESSAGE_INLINE_SHARE", "", "https://www.instagram.com/reel/Cabc/?id=1", nil},
		{"MESSAGE_INLINE_SHARE", "", "https://www.instagram.com/p/Cdef/", nil},
		{"MONTAGE_SHARE_XMA", "", "https://www.instagram.com/stories/ben/3400000000000000001?reel_id=34000000002", []string{"Shared story"}},
		{"MESSAGE_INLINE_SHARE", s.text("what a story"), "https://www.instagram.com/stories/me/3400000000000000002?reel_id=34000000001", []string{"Reply to a story"}},
	} {
		title := s.text("A post of somebody")
		c := s.sharesXMA(portal, anna, test.kind, title, test.written, map[string]any{
			"target_id": "3400000000000000001", "target_url": test.target, "header_title_text": "ben.bauer", "title_text": title,
		})
		if c.MsgType != event.MsgImage || c.Info.Width != 90 {
			s.Errorf("%s is a %s, want its picture", test.target, c.MsgType)
		}
		for _, want := range append(test.want, "ben.bauer", test.target) {
			if !strings.Contains(c.Body, want) {
				s.Errorf("the share is %q, want %q in it", c.Body, want)
			}
		}
		if test.written != "" {
			s.awaitBody(portal.Room, test.written)
		}
	}
}

func instagramCallNotice(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for video, words := range map[bool]string{false: "started an audio call", true: "started a video chat"} {
		from := portal.Mark()
		_, err := s.stack.Simulator.Call(s.ctx, s.side.control(), anna.ID, control.CallRequest{To: s.me.ID, Video: video})
		s.must(err)
		if c := s.gets(portal, from, anna, "a notice of a call", holding(words)).Content.AsMessage(); c.MsgType != event.MsgNotice {
			s.Errorf("the call is a %s, want a notice", c.MsgType)
		}
	}
}

func instagramUnsupported(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	from, snippet := portal.Mark(), s.text("sent a hologram")
	anna.sendsRaw(map[string]any{"content_type": "HOLOGRAM", "snippet": snippet, "content": map[string]any{"__typename": "SlideMessageHologramContent"}})
	s.gets(portal, from, anna, "a placeholder", func(c *event.MessageEventContent) bool {
		return c.MsgType == event.MsgNotice && strings.Contains(c.Body, snippet) && strings.Contains(c.Body, "Look at Instagram")
	})
	s.failsToSend()
	mark := portal.Mark()
	_, err := portal.SendFile(s.ctx, lab.File{Type: event.MsgFile, Name: "a.pdf", MIMEType: "application/pdf", Data: []byte("%PDF")})
	s.must(err)
	s.tells(portal, mark, "Instagram has no files")
}

// instagramContactsList: there are no contacts but the people of the account's chats.
func instagramContactsList(s *stage) {
	anna, ben := s.newPerson(control.NewPerson{Name: "Anna " + randomHex(2)}), s.newPerson(control.NewPerson{Name: "Ben " + randomHex(2)})
	stranger := s.newPerson(control.NewPerson{Name: "Stranger " + randomHex(2)})
	anna.writes(s.me, s.text("from before"))
	s.logIn()
	s.greeted(ben)
	answer, err := s.bot.Ask(s.ctx, "instagram-contacts")
	s.must(err)
	for _, want := range []string{anna.Name, ben.Name, anna.ID, ben.ID} {
		if !strings.Contains(answer, want) {
			s.Errorf("the bot lists %q, want %q in it", answer, want)
		}
	}
	if strings.Contains(answer, stranger.ID) {
		s.Errorf("the bot lists %q, with somebody without a chat", answer)
	}
}

// instagramDeaf lets pushes stop on a connection that looks alive.
func instagramDeaf(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	defer s.configured(map[string]string{"network.instagram.wire.watch_interval": "5s"})()
	s.logIn()
	portal := s.greeted(anna)
	fault := s.breaks(control.Fault{Kind: "deaf", Person: s.me.ID})
	for _, words := range []string{"into deaf ears", "heard at once"} {
		text := s.text(words)
		anna.writes(s.me, text)
		_, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
	}
	s.must(s.struck(s.ctx, []string{fault.ID}))
	if got := texts(portal.Room, anna.mxid); len(got) != 3 {
		s.Errorf("the room has %q, want three texts, each once", got)
	}
}

// instagramMediaExpired: links run out, and the message asked for again has new ones.
func instagramMediaExpired(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	from, data := portal.Mark(), photo(200, 150, 1)
	gone := s.breaks(control.Fault{Kind: "http_status", Stanza: "media/GET", Times: -1, Args: map[string]string{"status": "403"}})
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg", Width: 200, Height: 150}})
	placeholder := s.gets(portal, from, anna, "a placeholder", saying("no longer on Instagram's servers"))
	if body := placeholder.Content.AsMessage().Body; !strings.Contains(body, "♻️") {
		s.Errorf("the placeholder %q does not say how to ask for the picture", body)
	}
	s.must(s.stack.Simulator.RemoveFault(s.ctx, s.side.control(), gone.ID))
	s.restart() // nothing of this may live in memory only
	from = portal.Mark()
	_, err := portal.React(s.ctx, placeholder.ID, "♻️")
	s.must(err)
	edit, err := portal.AwaitEvent(s.ctx, from, "the picture in place of its placeholder", isReplaced(placeholder.ID))
	s.must(err)
	c := edit.Content.AsMessage().NewContent
	if edit.Sender != anna.mxid || c == nil || c.MsgType != event.MsgImage {
		s.Fatalf("the edit by %s has content %+v", edit.Sender, c)
	}
	s.mustHold(c, data)
	for _, e := range anna.timeline() {
		if e.Kind == control.KindReaction {
			s.Errorf("Anna sees reaction %q, which was for the bridge", e.Text)
		}
	}
}
