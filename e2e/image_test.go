package e2e_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"slices"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// photo makes a JPEG picture; different seeds give different ones.
func photo(width, height, seed int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{R: uint8(x * 255 / width), G: uint8(y * 255 / height), B: uint8(seed * 60), A: 255})
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 90}); err != nil {
		panic(err) // writing to memory
	}
	return out.Bytes()
}

func imageIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	caption, data := s.text("look at this"), photo(640, 480, 3)
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{
		Kind: "image", Data: data, MIMEType: "image/jpeg", Caption: caption, Width: 640, Height: 480, Thumbnail: photo(64, 48, 3),
	}})
	evt, err := portal.AwaitEvent(s.ctx, 0, "a picture from Anna", func(evt *event.Event) bool {
		return evt.Sender == anna.mxid && evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgImage
	})
	s.must(err)
	s.mustBeEncrypted(evt)
	content := evt.Content.AsMessage()
	if content.Body != caption {
		s.Errorf("the caption is %q, want %q", content.Body, caption)
	}
	if content.FileName == "" || content.FileName == caption {
		s.Errorf("the file's name is %q, want one of its own", content.FileName)
	}
	if encrypted := content.File != nil; encrypted != (s.stack.Setting.Encryption != lab.EncryptionOff) {
		s.Errorf("the file is encrypted: %t, in setting %s", encrypted, s.stack.Setting)
	}
	if info := content.Info; info == nil {
		s.Error("the picture has no info")
	} else {
		if info.MimeType != "image/jpeg" || info.Width != 640 || info.Height != 480 || info.Size != len(data) {
			s.Errorf("the info is %s, %dx%d, %d bytes; want image/jpeg, 640x480, %d bytes", info.MimeType, info.Width, info.Height, info.Size, len(data))
		}
		if info.Blurhash == "" && info.AnoaBlurhash == "" && info.ThumbnailURL == "" && info.ThumbnailFile == nil {
			s.Error("the picture has neither blurhash nor thumbnail")
		}
	}
	got, err := s.user.Download(s.ctx, content)
	s.must(err)
	if !bytes.Equal(got, data) {
		s.Errorf("the picture has %d bytes, want the sent %d", len(got), len(data))
	}
	if thumbnail, err := s.user.DownloadThumbnail(s.ctx, content); err != nil {
		s.Error(err)
	} else if thumbnail != nil {
		if _, err = jpeg.DecodeConfig(bytes.NewReader(thumbnail)); err != nil {
			s.Errorf("the thumbnail is no JPEG: %v", err)
		}
	}
	// One with no caption must not have its file name taken for one.
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg", Width: 640, Height: 480}})
	evt, err = portal.AwaitEvent(s.ctx, 0, "a second picture", func(e *event.Event) bool {
		return e.ID != evt.ID && e.Sender == anna.mxid && e.Type == event.EventMessage && e.Content.AsMessage().MsgType == event.MsgImage
	})
	s.must(err)
	if c := evt.Content.AsMessage(); c.FileName != "" && c.FileName != c.Body {
		s.Errorf("a picture without caption has body %q beside its file's name %q", c.Body, c.FileName)
	}
}

func imageOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, caption := range []string{s.text("my view"), ""} {
		from, data := len(anna.timeline()), photo(800, 600, 4+len(caption))
		_, err := portal.SendFile(s.ctx, lab.File{
			Type: event.MsgImage, Name: "view.jpg", Caption: caption, MIMEType: "image/jpeg", Data: data, Width: 800, Height: 600,
		})
		s.must(err)
		e := anna.sees(control.Match{From: from, Kind: control.KindMessage, Sender: s.me.ID})[0]
		anna.mustBeEncrypted(e)
		switch {
		case e.MediaError != "":
			s.Errorf("Anna's phone can't open the picture: %s", e.MediaError)
		case e.Media == nil:
			s.Errorf("Anna's phone got no picture but %q", e.Text)
		default:
			if !bytes.Equal(e.Media.Data, data) {
				s.Errorf("the picture has %d bytes, want the sent %d", len(e.Media.Data), len(data))
			}
			if e.Media.Kind != "image" || e.Media.MIMEType != "image/jpeg" || e.Media.Width != 800 || e.Media.Height != 600 {
				s.Errorf("it is a %s, %s, %dx%d; want an image, image/jpeg, 800x600", e.Media.Kind, e.Media.MIMEType, e.Media.Width, e.Media.Height)
			}
			if e.Media.Caption != caption {
				s.Errorf("its caption is %q, want %q", e.Media.Caption, caption)
			}
			// Where the network can read the picture, its server makes the thumbnails.
			if len(e.Media.Thumbnail) == 0 && e.Encrypted != "" {
				s.Error("it has no thumbnail")
			}
		}
	}
	if n := len(slices.DeleteFunc(anna.timeline(), func(e control.Event) bool { return e.Kind != control.KindMessage || e.FromMe })); n != 2 {
		s.Errorf("Anna's phone got %d messages, want the 2 pictures", n)
	}
}
