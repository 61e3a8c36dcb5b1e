package whatsapp_test

import (
	"bytes"
	"crypto/rand"
	"image"
	"image/jpeg"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
)

func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewRGBA(image.Rect(0, 0, width, height)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestMediaToClient(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	noise := make([]byte, 5000)
	rand.Read(noise)
	jpg := picture(t, 40, 30)
	for _, test := range []struct {
		media control.Media
		get   func(*waE2E.Message) whatsmeow.DownloadableMessage
	}{
		{control.Media{Kind: "image", Data: jpg, MIMEType: "image/jpeg", Caption: "look"},
			func(m *waE2E.Message) whatsmeow.DownloadableMessage { return m.GetImageMessage() }},
		{control.Media{Kind: "video", Data: noise, MIMEType: "video/mp4", Seconds: 3},
			func(m *waE2E.Message) whatsmeow.DownloadableMessage { return m.GetVideoMessage() }},
		{control.Media{Kind: "voice", Data: noise, MIMEType: "audio/ogg; codecs=opus", Seconds: 2},
			func(m *waE2E.Message) whatsmeow.DownloadableMessage { return m.GetAudioMessage() }},
		{control.Media{Kind: "sticker", Data: noise, MIMEType: "image/webp"},
			func(m *waE2E.Message) whatsmeow.DownloadableMessage { return m.GetStickerMessage() }},
		{control.Media{Kind: "document", Data: noise, MIMEType: "application/x-noise", FileName: "noise.bin", Caption: "a file"},
			func(m *waE2E.Message) whatsmeow.DownloadableMessage { return m.GetDocumentMessage() }},
	} {
		t.Run(test.media.Kind, func(t *testing.T) {
			sent := s.send(anna.ID, control.SendRequest{To: ben.ID, Media: &test.media})
			got := expect(c, test.media.Kind, func(e *events.Message) bool { return e.Info.ID == sent.ID })
			data, err := c.Download(t.Context(), test.get(got.Message))
			if err != nil {
				t.Fatalf("download: %v", err)
			}
			if !bytes.Equal(data, test.media.Data) {
				t.Errorf("client got %d bytes that differ from the %d sent", len(data), len(test.media.Data))
			}
			phone := s.await(ben.ID, control.Match{ID: sent.ID})
			if phone.Media == nil || phone.Media.Kind != test.media.Kind || !bytes.Equal(phone.Media.Data, test.media.Data) {
				t.Errorf("own phone got %+v (%s)", phone.Media, phone.MediaError)
			}
			if phone.Text != test.media.Caption {
				t.Errorf("caption is %q, want %q", phone.Text, test.media.Caption)
			}
		})
	}
	image := s.await(ben.ID, control.Match{Text: "look"})
	if image.Media.Width != 40 || image.Media.Height != 30 {
		t.Errorf("picture is %d×%d, want 40×30", image.Media.Width, image.Media.Height)
	}
}

// upload sends a picture from the client to somebody.
func (c *client) upload(to control.Person, data []byte) *waE2E.ImageMessage {
	c.t.Helper()
	up, err := c.Upload(c.t.Context(), data, whatsmeow.MediaImage)
	if err != nil {
		c.t.Fatalf("upload: %v", err)
	}
	message := &waE2E.ImageMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileSHA256: up.FileSHA256,
		FileEncSHA256: up.FileEncSHA256, FileLength: &up.FileLength, Mimetype: proto.String("image/jpeg"),
		Caption: proto.String("from the client"),
	}
	if _, err := c.SendMessage(c.t.Context(), lid(to), &waE2E.Message{ImageMessage: message}); err != nil {
		c.t.Fatalf("send: %v", err)
	}
	return message
}

func TestMediaFromClient(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	_, c := s.linked("Ben")
	data := picture(t, 20, 10)
	c.upload(anna, data)
	got := s.await(anna.ID, control.Match{Kind: control.KindMessage, Text: "from the client"})
	if got.MediaError != "" || got.Media == nil || !bytes.Equal(got.Media.Data, data) {
		t.Errorf("phone got %+v (%s), want %d bytes", got.Media, got.MediaError, len(data))
	}
}

func TestMediaExpiredAndSentAgain(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	data := picture(t, 20, 10)
	sent := s.send(anna.ID, control.SendRequest{To: ben.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg"}})
	got := expect(c, "image", func(e *events.Message) bool { return e.Info.ID == sent.ID })
	s.await(ben.ID, control.Match{ID: sent.ID})
	if err := s.api.SpoilMedia(t.Context(), whatsapp.Name, ben.ID, control.SpoilRequest{ID: sent.ID, How: "expired"}); err != nil {
		t.Fatal(err)
	}
	image := got.Message.GetImageMessage()
	if _, err := c.Download(t.Context(), image); err == nil {
		t.Fatal("an expired file was downloaded")
	}
	if err := c.SendMediaRetryReceipt(t.Context(), &got.Info, image.GetMediaKey()); err != nil {
		t.Fatal(err)
	}
	retry := expect[*events.MediaRetry](c, "media retry", nil)
	answer, err := whatsmeow.DecryptMediaRetryNotification(retry, image.GetMediaKey())
	if err != nil || answer.GetResult() != waMmsRetry.MediaRetryNotification_SUCCESS {
		t.Fatalf("answer to the media retry: %v, %v", answer, err)
	}
	image.DirectPath, image.URL = answer.DirectPath, nil
	again, err := c.Download(t.Context(), image)
	if err != nil || !bytes.Equal(again, data) {
		t.Errorf("download after the retry: %d bytes, %v", len(again), err)
	}
}

func TestMediaGoneEverywhere(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	sent := s.send(anna.ID, control.SendRequest{To: ben.ID, Media: &control.Media{Kind: "image", Data: picture(t, 2, 2), MIMEType: "image/jpeg"}})
	got := expect(c, "image", func(e *events.Message) bool { return e.Info.ID == sent.ID })
	s.await(ben.ID, control.Match{ID: sent.ID})
	for _, how := range []string{"deleted", "forget"} {
		if err := s.api.SpoilMedia(t.Context(), whatsapp.Name, ben.ID, control.SpoilRequest{ID: sent.ID, How: how}); err != nil {
			t.Fatal(err)
		}
	}
	image := got.Message.GetImageMessage()
	if err := c.SendMediaRetryReceipt(t.Context(), &got.Info, image.GetMediaKey()); err != nil {
		t.Fatal(err)
	}
	retry := expect[*events.MediaRetry](c, "media retry", nil)
	if _, err := whatsmeow.DecryptMediaRetryNotification(retry, image.GetMediaKey()); err == nil ||
		!strings.Contains(err.Error(), "no longer available") {
		t.Errorf("answer to the media retry: %v, want that the phone does not have it", err)
	}
}

func TestMediaCorrupt(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	sent := s.send(anna.ID, control.SendRequest{To: ben.ID, Media: &control.Media{Kind: "image", Data: picture(t, 2, 2), MIMEType: "image/jpeg"}})
	got := expect(c, "image", func(e *events.Message) bool { return e.Info.ID == sent.ID })
	s.await(ben.ID, control.Match{ID: sent.ID})
	if err := s.api.SpoilMedia(t.Context(), whatsapp.Name, ben.ID, control.SpoilRequest{ID: sent.ID, How: "corrupt"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Download(t.Context(), got.Message.GetImageMessage()); err == nil {
		t.Error("a damaged file was accepted")
	}
}
