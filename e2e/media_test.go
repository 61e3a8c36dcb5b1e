package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// made has ffmpeg make a file of two seconds of pictures or sound. ending has its dot.
func (s *stage) made(ending string, options ...string) []byte {
	s.Helper()
	path := filepath.Join(s.TempDir(), "made"+ending)
	out, err := exec.CommandContext(s.ctx, "ffmpeg", append(append([]string{"-v", "error"}, options...), path)...).CombinedOutput()
	if err != nil {
		s.Fatalf("ffmpeg, which this scenario needs, failed: %v\n%s", err, out)
	}
	data, err := os.ReadFile(path)
	s.must(err)
	return data
}

var (
	testVideo   = []string{"-f", "lavfi", "-i", "testsrc=d=2:s=320x240", "-f", "lavfi", "-i", "sine=d=2", "-shortest", "-pix_fmt", "yuv420p"}
	testLoop    = []string{"-f", "lavfi", "-i", "testsrc=d=2:s=160x120:r=10"}
	testSound   = []string{"-f", "lavfi", "-i", "sine=d=2"}
	testPicture = []string{"-f", "lavfi", "-i", "testsrc=s=200x100", "-frames:v", "1"}
)

// gets waits for something from a person that match accepts, at or after from, and checks that it came encrypted.
func (s *stage) gets(portal *roomOf, from int, sender *person, what string, match func(*event.MessageEventContent) bool) *event.Event {
	s.Helper()
	evt, err := portal.AwaitEvent(s.ctx, from, what, func(evt *event.Event) bool {
		return evt.Sender == sender.mxid && (evt.Type == event.EventMessage || evt.Type == event.EventSticker) && match(evt.Content.AsMessage())
	})
	s.must(err)
	s.mustBeEncrypted(evt)
	return evt
}

func isKind(kind event.MessageType) func(*event.MessageEventContent) bool {
	return func(content *event.MessageEventContent) bool { return content.MsgType == kind }
}

// mustHold fails unless the message's file is data.
func (s *stage) mustHold(content *event.MessageEventContent, data []byte) {
	s.Helper()
	got, err := s.user.Download(s.ctx, content)
	s.must(err)
	if !bytes.Equal(got, data) {
		s.Errorf("the file has %d bytes, want the sent %d", len(got), len(data))
	}
	if encrypted := content.File != nil; encrypted != (s.stack.Setting.Encryption != lab.EncryptionOff) {
		s.Errorf("the file is encrypted: %t, in setting %s", encrypted, s.stack.Setting)
	}
}

// seesFile waits for the next message from the user on the person's phone that has a file, and checks that it opens.
func (p *person) seesFile(from int, kind string) *control.Media {
	p.s.Helper()
	e := p.sees(control.Match{From: from, Kind: control.KindMessage, Sender: p.s.me.ID})[0]
	p.mustBeEncrypted(e)
	switch {
	case e.MediaError != "":
		p.s.Fatalf("%s's phone can't open the file: %s", p.Name, e.MediaError)
	case e.Media == nil:
		p.s.Fatalf("%s's phone got no file but %q", p.Name, e.Text)
	case e.Media.Kind != kind:
		p.s.Errorf("%s's phone got a %s, want a %s", p.Name, e.Media.Kind, kind)
	}
	return e.Media
}

func videoIn(s *stage) {
	anna, portal := s.withAnna()
	caption, data := s.caption("video", "my film"), s.made(".mp4", testVideo...)
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{
		Kind: "video", Data: data, MIMEType: "video/mp4", Caption: caption, Width: 320, Height: 240, Seconds: 2, Thumbnail: photo(64, 48, 3),
	}})
	content := s.gets(portal, 0, anna, "a video from Anna", isKind(event.MsgVideo)).Content.AsMessage()
	s.mustBeCaptioned(content, caption)
	slack := 0
	if !s.side.traits().lengths {
		slack = 100
	}
	if i := content.Info; i.MimeType != "video/mp4" || i.Width != 320 || i.Height != 240 || i.Duration < 2000-slack || i.Duration > 2000+slack ||
		i.Size != len(data) || i.MauGIF {
		s.Errorf("the info is %+v; want video/mp4, 320x240, 2000 ms, %d bytes", i, len(data))
	}
	s.mustHold(content, data)
	if thumbnail, err := s.user.DownloadThumbnail(s.ctx, content); err != nil || thumbnail == nil {
		s.Errorf("the thumbnail has %d bytes, error %v", len(thumbnail), err)
	}
}

func videoOut(s *stage) {
	anna, portal := s.withAnna()
	traits := s.side.traits()
	for _, sent := range []lab.File{
		{Name: "film.mp4", MIMEType: "video/mp4", Data: s.made(".mp4", testVideo...), Caption: s.text("my film"), Width: 320, Height: 240},
		// In formats that not every network takes, without a word about its size.
		{Name: "film.webm", MIMEType: "video/webm", Data: s.made(".mkv", testVideo...)},
		{Name: "film.mkv", MIMEType: "video/x-matroska", Data: s.made(".mkv", testVideo...)},
	} {
		if _, ok := traits.taken("video", sent.MIMEType); traits.onlyTaken && !ok {
			continue
		}
		sent.Type = event.MsgVideo
		from := len(anna.timeline())
		_, err := portal.SendFile(s.ctx, sent)
		s.must(err)
		got := anna.seesFile(from, "video")
		s.mustBePlayable(got, sent)
		if traits.clientsMeasure && (got.Width != 320 || got.Height != 240 || got.Seconds != 2) {
			s.Errorf("it is %dx%d, %d s; want 320x240, 2 s", got.Width, got.Height, got.Seconds)
		}
		if traits.clientsMeasure && len(got.Thumbnail) == 0 {
			s.Error("it has no thumbnail")
		}
		anna.seesCaption(got, sent.Caption)
	}
}

// mustBePlayable fails unless what came of a file is what the network takes, and the very file if it was that already.
func (s *stage) mustBePlayable(got *control.Media, sent lab.File) {
	s.Helper()
	traits := s.side.traits()
	want, as := traits.taken(got.Kind, sent.MIMEType)
	if same := bytes.Equal(got.Data, sent.Data); same != as {
		s.Errorf("%s, a %s, arrived unchanged: %t", sent.Name, sent.MIMEType, same)
	}
	if !as {
		want = traits.takes[got.Kind][0]
	}
	is := as || string(got.Data[4:8]) == "ftyp" // MP4
	if want == opus {
		is = bytes.HasPrefix(got.Data, []byte("OggS")) && bytes.Contains(got.Data[:64], []byte("OpusHead"))
	}
	if got.MIMEType != want || !is {
		s.Errorf("%s is %s, beginning with %q; want %s", sent.Name, got.MIMEType, got.Data[:12], want)
	}
}

func fileIn(s *stage) {
	anna, portal := s.withAnna()
	caption, data := s.caption("document", "read this"), []byte("any bytes \x00\xff of a report")
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{
		Kind: "document", Data: data, MIMEType: "application/pdf", FileName: "Bericht – März.pdf", Caption: caption,
	}})
	content := s.gets(portal, 0, anna, "a file from Anna", isKind(event.MsgFile)).Content.AsMessage()
	s.mustBeCaptioned(content, caption)
	if content.GetFileName() != "Bericht – März.pdf" || content.Info.MimeType != "application/pdf" || content.Info.Size != len(data) {
		s.Errorf("it is %q, caption %q, %+v", content.GetFileName(), content.Body, content.Info)
	}
	s.mustHold(content, data)
	// A name that would lead out of the folder it is saved in, and no type.
	from := portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "document", Data: data, FileName: "../../etc/passwd"}})
	content = s.gets(portal, from, anna, "a second file", isKind(event.MsgFile)).Content.AsMessage()
	if content.Body != "passwd" || content.Info.MimeType != "application/octet-stream" {
		s.Errorf("it is %q of type %q, want %q of application/octet-stream", content.Body, content.Info.MimeType, "passwd")
	}
	s.mustHold(content, data)
}

func fileOut(s *stage) {
	anna, portal := s.withAnna()
	data := []byte("any bytes \x00\xff of a report")
	for _, caption := range []string{s.text("read this"), ""} {
		from := len(anna.timeline())
		_, err := portal.SendFile(s.ctx, lab.File{
			Type: event.MsgFile, Name: "Bericht – März.xyz", MIMEType: "application/x-unheard-of", Caption: caption, Data: data,
		})
		s.must(err)
		got := anna.seesFile(from, "document")
		if got.FileName != "Bericht – März.xyz" || got.MIMEType != "application/x-unheard-of" || !bytes.Equal(got.Data, data) {
			s.Errorf("it is %q of type %s, %d bytes", got.FileName, got.MIMEType, len(got.Data))
		}
		anna.seesCaption(got, caption)
	}
}

func gifIn(s *stage) {
	anna, portal := s.withAnna()
	data := s.made(".mp4", append(testLoop, "-pix_fmt", "yuv420p")...)
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{
		Kind: "gif", Data: data, MIMEType: "video/mp4", Width: 160, Height: 120, Seconds: 2, Thumbnail: photo(32, 24, 3),
	}})
	evt := s.gets(portal, 0, anna, "a GIF from Anna", isKind(event.MsgVideo))
	content := evt.Content.AsMessage()
	info, _ := evt.Content.Raw["info"].(map[string]any)
	if !content.Info.MauGIF || info["fi.mau.loop"] != true || info["fi.mau.autoplay"] != true {
		s.Errorf("the info %v does not say that it plays as a GIF", info)
	}
	s.mustHold(content, data)
}

func gifOut(s *stage) {
	anna, portal := s.withAnna()
	video := s.made(".mp4", append(testLoop, "-pix_fmt", "yuv420p")...)
	for _, sent := range []lab.File{
		{Type: event.MsgImage, Name: "dance.gif", MIMEType: "image/gif", Data: s.made(".gif", testLoop...), Width: 160, Height: 120},
		{Type: event.MsgVideo, Name: "dance.mp4", MIMEType: "video/mp4", Data: video, Width: 160, Height: 120, Change: func(c *event.MessageEventContent) {
			c.Info.MauGIF = true
		}},
	} {
		from := len(anna.timeline())
		_, err := portal.SendFile(s.ctx, sent)
		s.must(err)
		got := anna.seesFile(from, "gif")
		if got.MIMEType != "video/mp4" || got.Width != 160 || got.Height != 120 || got.Seconds != 2 || string(got.Data[4:8]) != "ftyp" {
			s.Errorf("%s is %s, %dx%d, %d s; want video/mp4, 160x120, 2 s", sent.Name, got.MIMEType, got.Width, got.Height, got.Seconds)
		}
		if len(got.Thumbnail) == 0 {
			s.Errorf("%s has no thumbnail", sent.Name)
		}
	}
}

// plainGIFOut: GIFs stay GIFs there.
func plainGIFOut(s *stage) {
	anna, portal := s.withAnna()
	before, data := len(anna.timeline()), s.made(".gif", testLoop...)
	_, err := portal.SendFile(s.ctx, lab.File{Type: event.MsgImage, Name: "dance.gif", MIMEType: "image/gif", Data: data, Width: 160, Height: 120})
	s.must(err)
	if m := anna.seesFile(before, "gif"); m.MIMEType != "image/gif" {
		s.Errorf("the GIF arrived as %s", m.MIMEType)
	}
}
