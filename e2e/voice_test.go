package e2e_test

import (
	"slices"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// opus is the type of a voice message in most apps.
const opus = "audio/ogg; codecs=opus"

// wave rises from silence to the loudest in n steps.
func wave(n, loudest int) []int {
	points := make([]int, n)
	for i := range points {
		points[i] = i * loudest / (n - 1)
	}
	return points
}

func voiceIn(s *stage) {
	anna, portal := s.withAnna()
	data, mimeType, plain := s.made(".ogg", append(testSound, "-c:a", "libopus")...), opus, "audio/ogg"
	if s.side.traits().takes["voice"][0] == "audio/mp4" {
		data, mimeType, plain = s.made(".m4a", testSound...), "audio/mp4", "audio/mp4"
	}
	waveform := make([]byte, 64)
	for i, point := range wave(64, 100) {
		waveform[i] = byte(point)
	}
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "voice", Data: data, MIMEType: mimeType, Seconds: 2, Waveform: waveform}})
	content := s.gets(portal, 0, anna, "a voice message from Anna", isKind(event.MsgAudio)).Content.AsMessage()
	if content.MSC3245Voice == nil {
		s.Error("it is not marked as a voice message")
	}
	if content.Info.MimeType != plain || content.Info.Duration != 2000 || content.Info.Size != len(data) {
		s.Errorf("the info is %+v, want %s of 2000 ms and %d bytes", content.Info, plain, len(data))
	}
	if a := content.MSC1767Audio; a == nil {
		s.Error("it has no waveform")
	} else if a.Duration != 2000 || len(a.Waveform) != 64 || a.Waveform[0] != 0 || a.Waveform[63] != 1024 || !slices.IsSorted(a.Waveform) {
		s.Errorf("it has %d ms and waveform %v", a.Duration, a.Waveform)
	}
	s.mustHold(content, data)
	if !s.side.traits().music {
		return
	}
	// Music is no voice message.
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "audio", Data: data, MIMEType: "audio/mpeg", Seconds: 2}})
	s.gets(portal, 0, anna, "a piece of music", func(c *event.MessageEventContent) bool {
		return c.MsgType == event.MsgAudio && c.MSC3245Voice == nil && c.Info.MimeType == "audio/mpeg"
	})
}

func voiceOut(s *stage) {
	anna, portal := s.withAnna()
	traits := s.side.traits()
	for _, sent := range []lab.File{
		{Name: "voice.ogg", MIMEType: "audio/ogg", Data: s.made(".ogg", append(testSound, "-c:a", "libopus")...)},
		{Name: "voice.m4a", MIMEType: "audio/mp4", Data: s.made(".m4a", testSound...)},
	} {
		sent.Type = event.MsgAudio
		sent.Change = func(c *event.MessageEventContent) {
			c.MSC3245Voice = &event.MSC3245Voice{}
			c.MSC1767Audio = &event.MSC1767Audio{Duration: 2000, Waveform: wave(100, 1024)}
			c.Info.Duration = 2000
		}
		from := len(anna.timeline())
		_, err := portal.SendFile(s.ctx, sent)
		s.must(err)
		got := anna.seesFile(from, "voice")
		s.mustBePlayable(got, sent)
		if traits.clientsMeasure && got.Seconds != 2 {
			s.Errorf("%s is %d s long, want 2", sent.Name, got.Seconds)
		}
		points := len(got.Waveform)
		if points < 64 || traits.clientsMeasure && points != 64 {
			s.Errorf("the waveform of %s has %d points, want 64", sent.Name, points)
		} else if got.Waveform[0] != 0 || got.Waveform[points-1] < 98 || !slices.IsSorted(got.Waveform) {
			s.Errorf("%s has waveform %v", sent.Name, got.Waveform)
		}
	}
	if !traits.music {
		return
	}
	// A piece of music is none.
	from := len(anna.timeline())
	_, err := portal.SendFile(s.ctx, lab.File{Type: event.MsgAudio, Name: "song.mp3", MIMEType: "audio/mpeg", Data: []byte("ID3 and so on")})
	s.must(err)
	anna.seesFile(from, "audio")
}

func stickerIn(s *stage) {
	anna, portal := s.withAnna()
	for _, animated := range []bool{false, true} {
		data := s.made(".webp", append(testPicture, "-c:v", "libwebp")...)
		if animated {
			data = s.made("-moving.webp", append(testLoop, "-c:v", "libwebp_anim", "-loop", "0")...)
		}
		from := portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{
			Kind: "sticker", Data: data, MIMEType: "image/webp", Width: 512, Height: 512, Animated: animated,
		}})
		evt := s.gets(portal, from, anna, "a sticker from Anna", func(*event.MessageEventContent) bool { return true })
		content := evt.Content.AsMessage()
		if evt.Type != event.EventSticker || content.MsgType != "" || content.Body == "" {
			s.Errorf("it is a %s with msgtype %q and body %q, want an m.sticker", evt.Type.Type, content.MsgType, content.Body)
		}
		if i := content.Info; i.MimeType != "image/webp" || i.Width == 0 || i.Height == 0 || i.IsAnimated != animated || i.Size != len(data) {
			s.Errorf("the info is %+v; want image/webp, animated %t, %d bytes", i, animated, len(data))
		}
		s.mustHold(content, data)
	}
}

func stickerOut(s *stage) {
	anna, portal := s.withAnna()
	for _, sent := range []lab.File{
		{Name: "Hello", MIMEType: "image/webp", Data: s.made(".webp", append(testPicture, "-c:v", "libwebp")...)},
		{Name: "Hello", MIMEType: "image/png", Data: s.made(".png", testPicture...)},
		{Name: "Hello", MIMEType: "image/gif", Data: s.made(".gif", testLoop...)},
	} {
		sent.Sticker = true
		from := len(anna.timeline())
		_, err := portal.SendFile(s.ctx, sent)
		s.must(err)
		got := anna.seesFile(from, "sticker")
		if got.MIMEType != "image/webp" || string(got.Data[8:12]) != "WEBP" || got.Width == 0 || got.Height == 0 {
			s.Errorf("%s arrived as %s, %dx%d, beginning with %q", sent.MIMEType, got.MIMEType, got.Width, got.Height, got.Data[:12])
		}
		if moves := sent.MIMEType == "image/gif"; got.Animated != moves {
			s.Errorf("%s arrived as an animated sticker: %t", sent.MIMEType, got.Animated)
		}
		if sent.MIMEType != "image/webp" && (got.Width != 512 || got.Height != 512) {
			s.Errorf("%s was made %dx%d, want 512x512", sent.MIMEType, got.Width, got.Height)
		}
	}
}

// pictureStickerOut: nobody can send stickers of their own there, so they go as pictures.
func pictureStickerOut(s *stage) {
	anna, portal := s.withAnna()
	before, data := len(anna.timeline()), s.made(".png", testPicture...)
	_, err := portal.SendFile(s.ctx, lab.File{Type: event.CapMsgSticker, Name: "cat", MIMEType: "image/png", Data: data, Width: 200, Height: 100})
	s.must(err)
	if m := anna.seesFile(before, "image"); m.MIMEType != "image/png" || m.Width != 200 || m.Height != 100 {
		s.Errorf("the sticker arrived as %s, %dx%d; want image/png, 200x100", m.MIMEType, m.Width, m.Height)
	}
}
