package e2e_test

import (
	"bytes"
	"slices"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

func encryptedAlbumIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	var files []control.Media
	for i := range 3 {
		files = append(files, control.Media{Kind: "image", Data: photo(60+i, 40, i), MIMEType: "image/jpeg", Width: 60 + i, Height: 40})
	}
	anna.sends(control.SendRequest{To: s.me.ID, Raw: rawOf(s, map[string]any{"gallery": files})})
	end := s.text("those were three")
	anna.writes(s.me, end)
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, end)
	s.must(err)
	var got []int
	for _, evt := range portal.Messages() {
		if c := evt.Content.AsMessage(); evt.Sender == anna.mxid && c.MsgType == event.MsgImage {
			got = append(got, c.Info.Width)
			s.mustHold(c, files[len(got)-1].Data)
		}
	}
	if !slices.Equal(got, []int{60, 61, 62}) {
		s.Errorf("the album's pictures are %v wide, want 60, 61 and 62 in this order", got)
	}
}

// encryptedVoiceOut: Messenger's apps record AAC.
func encryptedVoiceOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, sent := range s.recordings() {
		from := len(anna.timeline())
		_, err := portal.SendFile(s.ctx, sent)
		s.must(err)
		got := anna.seesFile(from, "voice")
		if got.MIMEType != "audio/mp4" || got.Seconds != 2 || string(got.Data[4:8]) != "ftyp" {
			s.Errorf("%s is %s of %d s, beginning with %q", sent.Name, got.MIMEType, got.Seconds, got.Data[:8])
		}
		if len(got.Waveform) != 64 || got.Waveform[0] != 0 || got.Waveform[63] < 98 || !slices.IsSorted(got.Waveform) {
			s.Errorf("%s has waveform %v", sent.Name, got.Waveform)
		}
		if same := bytes.Equal(got.Data, sent.Data); same != (sent.MIMEType == "audio/mp4") {
			s.Errorf("%s arrived unchanged: %t", sent.Name, same)
		}
	}
	// A piece of music is none.
	from := len(anna.timeline())
	_, err := portal.SendFile(s.ctx, lab.File{Type: event.MsgAudio, Name: "song.mp3", MIMEType: "audio/mpeg", Data: []byte("ID3 and so on")})
	s.must(err)
	anna.seesFile(from, "audio")
}

// Documents have no captions there.
func encryptedFileIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for name, want := range map[string]string{"Bericht – März.pdf": "Bericht – März.pdf", "../../etc/passwd.pdf": "passwd.pdf"} {
		from, data := portal.Mark(), []byte("any bytes \x00\xff of "+name)
		anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "document", Data: data, MIMEType: "application/pdf", FileName: name}})
		c := s.gets(portal, from, anna, "a file", isKind(event.MsgFile)).Content.AsMessage()
		if c.GetFileName() != want || c.Body != want || c.Info.MimeType != "application/pdf" || c.Info.Size != len(data) {
			s.Errorf("it is %q, body %q, %+v; want %q", c.GetFileName(), c.Body, c.Info, want)
		}
		s.mustHold(c, data)
	}
}

func encryptedFileOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
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
		if caption != "" {
			anna.reads(s.me, caption)
		}
	}
}

func encryptedCorrupt(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	from := portal.Mark()
	anna.sendsSpoilt("corrupt", photo(200, 150, 5), "")
	s.gets(portal, from, anna, "word that the picture is damaged", saying("damaged or was tampered with"))
	for _, evt := range portal.Timeline()[from:] {
		if evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgImage {
			s.Error("a damaged picture was shown")
		}
	}
}
