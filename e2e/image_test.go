package e2e_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"

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
	anna, portal := s.withAnna()
	caption, data := s.caption("image", "look at this"), photo(640, 480, 3)
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{
		Kind: "image", Data: data, MIMEType: "image/jpeg", Caption: caption, Width: 640, Height: 480, Thumbnail: photo(64, 48, 3),
	}})
	content := s.gets(portal, 0, anna, "a picture from Anna", isKind(event.MsgImage)).Content.AsMessage()
	s.mustBeCaptioned(content, caption)
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
	s.mustHold(content, data)
	if thumbnail, err := s.user.DownloadThumbnail(s.ctx, content); err != nil {
		s.Error(err)
	} else if thumbnail != nil {
		if _, err = jpeg.DecodeConfig(bytes.NewReader(thumbnail)); err != nil {
			s.Errorf("the thumbnail is no JPEG: %v", err)
		}
	}
	// One with no caption must not have its file name taken for one.
	from := portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg", Width: 640, Height: 480}})
	s.mustBeCaptioned(s.gets(portal, from, anna, "a second picture", isKind(event.MsgImage)).Content.AsMessage(), "")
}

func imageOut(s *stage) {
	anna, portal := s.withAnna()
	messages, deletions := 0, 0
	for _, caption := range []string{s.text("my view"), ""} {
		from, data := len(anna.timeline()), photo(800, 600, 4+len(caption))
		sent, err := portal.SendFile(s.ctx, lab.File{
			Type: event.MsgImage, Name: "view.jpg", Caption: caption, MIMEType: "image/jpeg", Data: data, Width: 800, Height: 600,
		})
		s.must(err)
		got := anna.seesFile(from, "image")
		messages++
		if !bytes.Equal(got.Data, data) {
			s.Errorf("the picture has %d bytes, want the sent %d", len(got.Data), len(data))
		}
		if got.MIMEType != "image/jpeg" || got.Width != 800 || got.Height != 600 {
			s.Errorf("it is %s, %dx%d; want image/jpeg, 800x600", got.MIMEType, got.Width, got.Height)
		}
		// Where the network can read the picture, its server makes the thumbnails.
		if len(got.Thumbnail) == 0 && s.side.traits().clientsMeasure {
			s.Error("it has no thumbnail")
		}
		if text := anna.seesCaption(got, caption); text != nil {
			messages, deletions = messages+1, 2
			s.captionFollows(portal, sent, anna, text.ID)
		}
	}
	s.fence(portal, anna)
	if n := len(anna.got(control.KindMessage)); n != messages+1 {
		s.Errorf("Anna's phone got %d messages, want the 2 pictures with their captions, %d in all, and the fence", n, messages)
	}
	if n := len(anna.got(control.KindRevoke)); n != deletions {
		s.Errorf("Anna's phone got %d deletions, want %d", n, deletions)
	}
}
