package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"google.golang.org/protobuf/proto"
	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// What Messenger's encrypted chats have in other forms than its plain ones and WhatsApp.

// consumer is a message with a content of the kind that people write.
func consumer(s *stage, content map[string]any) json.RawMessage {
	s.Helper()
	return rawOf(s, map[string]any{"consumer": map[string]any{"payload": map[string]any{"content": content}}})
}

// armadillo is one with a content of Messenger's own.
func armadillo(s *stage, content map[string]any) json.RawMessage {
	s.Helper()
	return rawOf(s, map[string]any{"armadillo": map[string]any{"payload": map[string]any{"content": content}}})
}

func rawOf(s *stage, message map[string]any) json.RawMessage {
	s.Helper()
	data, err := json.Marshal(message)
	s.must(err)
	return data
}

// wrapped is a transport as it stands in a message.
func wrapped(s *stage, m proto.Message) map[string]any {
	s.Helper()
	data, err := proto.Marshal(m)
	s.must(err)
	return map[string]any{"payload": base64.StdEncoding.EncodeToString(data), "version": 1}
}

// encryptedReplyIn: there is no history before the device, so what is older can only be named.
func encryptedReplyIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	oldID := anna.writes(s.me, s.text("from before the bridge"))
	s.logIn()
	portal := s.greeted(anna)
	mine, onPhone := s.says(portal, anna, "answer this")
	reply := func(to, words string) *event.MessageEventContent {
		s.Helper()
		text, from := s.text(words), portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Text: text, ReplyTo: to})
		return s.gets(portal, from, anna, "a reply", holding(text)).Content.AsMessage()
	}
	if c := reply(onPhone.ID, "to what came from Matrix"); c.RelatesTo.GetReplyTo() != mine {
		s.Errorf("the reply points at %q, want %q", c.RelatesTo.GetReplyTo(), mine)
	}
	if c := reply(oldID, "to what is old"); c.RelatesTo.GetReplyTo() != "" || !strings.HasPrefix(c.Body, "> ") {
		s.Errorf("the reply to what is not here points at %q and is %q", c.RelatesTo.GetReplyTo(), c.Body)
	}
	// An answer to a story says what it answers.
	text, from := s.text("what a story"), portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Raw: armadillo(s, map[string]any{"extendedContentMessage": map[string]any{
		"targetType": "FB_STORY_REPLY", "messageText": text, "titleText": "Ben's story",
	}})})
	c := s.gets(portal, from, anna, "a reply to a story", holding(text)).Content.AsMessage()
	if !strings.Contains(c.Body, "Reply to a story") || !strings.Contains(c.Body, "Ben's story") {
		s.Errorf("the reply to a story is %q", c.Body)
	}
}

// encryptedMentionOut: people stand in the text by their address.
func encryptedMentionOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	canary, before := s.text("see"), len(anna.timeline())
	pill := fmt.Sprintf(`<a href="https://matrix.to/#/%s">Anna</a>`, anna.mxid)
	_, err := portal.SendHTML(s.ctx, "Anna: see", "👩🏿‍🚒 🦄<br>\n"+pill+": look "+canary)
	s.must(err)
	e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
	if want := "👩🏿‍🚒 🦄\n@" + anna.ID + "@msgr: look " + canary; e.Text != want {
		s.Errorf("the text is %q, want %q", e.Text, want)
	}
	if !slices.Equal(e.Mentions, []string{anna.ID}) {
		s.Errorf("mentioned are %q, want Anna", e.Mentions)
	}
}

func encryptedLinkIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	text, from := s.text("look at https://example.org/a?b=c"), portal.Mark()
	check := func(c *event.MessageEventContent) {
		s.Helper()
		if len(c.BeeperLinkPreviews) != 1 {
			s.Fatalf("the event has %d previews, want 1", len(c.BeeperLinkPreviews))
		}
		if p := c.BeeperLinkPreviews[0]; p.CanonicalURL != "https://example.org/a?b=c" || p.Title != "A title" || p.Description != "What it is about" {
			s.Errorf("the preview is %+v", p)
		}
		if c.Body != text {
			s.Errorf("the body is %q, want %q", c.Body, text)
		}
	}
	anna.sends(control.SendRequest{To: s.me.ID, Raw: consumer(s, map[string]any{"extendedTextMessage": map[string]any{
		"text": map[string]any{"text": text}, "matchedText": "https://example.org/a?b=c", "canonicalURL": "https://example.org/a?b=c",
		"title": "A title", "description": "What it is about",
	}})})
	check(s.gets(portal, from, anna, "a text with a link", holding(text)).Content.AsMessage())
	from = portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Raw: armadillo(s, map[string]any{"extendedContentMessage": map[string]any{
		"targetType": "MSG_EXTERNAL_LINK_SHARE", "messageText": text, "titleText": "A title", "subtitleText": "What it is about",
		"ctas": []any{map[string]any{"nativeURL": "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc&h=x"}},
	}})})
	check(s.gets(portal, from, anna, "a shared link", holding(text)).Content.AsMessage())
}

func encryptedLocationIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, raw := range []json.RawMessage{
		consumer(s, map[string]any{"locationMessage": map[string]any{
			"location": map[string]any{"degreesLatitude": 52.5, "degreesLongitude": -13.25, "name": "Harbour"}, "address": "Quay 1",
		}}),
		armadillo(s, map[string]any{"extendedContentMessage": map[string]any{
			"targetType": "MSG_LOCATION_SHARING_V2", "titleText": "Harbour", "subtitleText": "Quay 1",
			"ctas": []any{map[string]any{"nativeURL": "messenger://location_share?lat=52.500000&long=-13.250000"}},
		}}),
	} {
		from := portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: raw})
		c := s.gets(portal, from, anna, "a location", isKind(event.MsgLocation)).Content.AsMessage()
		if c.GeoURI != "geo:52.5,-13.25" {
			s.Errorf("the place is %q", c.GeoURI)
		}
		for _, part := range []string{"Harbour", "Quay 1", "https://www.openstreetmap.org/?mlat=52.5&mlon=-13.25"} {
			if !strings.Contains(c.Body, part) {
				s.Errorf("the body %q lacks %q", c.Body, part)
			}
		}
	}
}

func encryptedLocationOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	name, before := s.text("Harbour"), len(anna.timeline())
	_, err := portal.Send(s.ctx, &event.MessageEventContent{MsgType: event.MsgLocation, Body: name, GeoURI: "geo:52.5,-13.25;u=20"})
	s.must(err)
	e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
	raw := string(e.Raw)
	for _, want := range []string{"lat=52.500000", "long=-13.250000", name, "MSG_LOCATION_SHARING_V2"} {
		if !strings.Contains(raw, want) {
			s.Errorf("Anna's app got %s, want %q in it", raw, want)
		}
	}
	s.failsToSend()
	mark := portal.Mark()
	_, err = portal.Send(s.ctx, &event.MessageEventContent{MsgType: event.MsgLocation, Body: "nowhere", GeoURI: "geo:952.5,x"})
	s.must(err)
	s.tells(portal, mark, "no coordinates")
}

func encryptedContactIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	card := func(name, phone string) map[string]any {
		s.Helper()
		return map[string]any{"contact": wrapped(s, &waMediaTransport.ContactTransport{
			Integral:  &waMediaTransport.ContactTransport_Integral{Contact: &waMediaTransport.ContactTransport_Integral_Vcard{Vcard: vCard(name, phone)}},
			Ancillary: &waMediaTransport.ContactTransport_Ancillary{DisplayName: &name},
		})}
	}
	name, second, from := s.text("Ben"), s.text("Carl"), portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Raw: consumer(s, map[string]any{"contactMessage": card(name, "15550000099")})})
	if c := s.gets(portal, from, anna, "a readable card", isKind(event.MsgText)).Content.AsMessage(); c.Body != "Contact: "+name+"\n+15550000099" {
		s.Errorf("the card reads %q", c.Body)
	}
	file := s.gets(portal, from, anna, "a vCard", isKind(event.MsgFile)).Content.AsMessage()
	if file.GetFileName() != name+".vcf" || file.Info.MimeType != "text/vcard" {
		s.Errorf("the file is %q, %q", file.GetFileName(), file.Info.MimeType)
	}
	s.mustHold(file, []byte(vCard(name, "15550000099")+"\n"))
	from = portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Raw: consumer(s, map[string]any{"contactsArrayMessage": map[string]any{
		"contacts": []any{card(name, "15550000099"), card(second, "15550000098")},
	}})})
	s.gets(portal, from, anna, "two readable cards", func(c *event.MessageEventContent) bool {
		return strings.Contains(c.Body, name) && strings.Contains(c.Body, "Contact: "+second+"\n+15550000098")
	})
}

func encryptedShareIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	// Its picture is a file of the encrypted plane: one that Anna sends goes along.
	from, data := portal.Mark(), photo(120, 90, 3)
	sent := anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg"}})
	s.gets(portal, from, anna, "a picture", isKind(event.MsgImage))
	var picture struct {
		Consumer struct {
			Payload struct {
				Content struct {
					Message struct {
						Image map[string]any `json:"image"`
					} `json:"imageMessage"`
				} `json:"content"`
			} `json:"payload"`
		} `json:"consumer"`
	}
	for _, e := range anna.timeline() {
		if e.ID == sent.ID {
			s.must(json.Unmarshal(e.Raw, &picture))
		}
	}
	title, from := s.text("A post of somebody"), portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Raw: armadillo(s, map[string]any{"extendedContentMessage": map[string]any{
		"targetType": "FB_FEED_SHARE", "headerTitle": "Ben Bauer", "titleText": title, "subtitleText": "said something",
		"previews": []any{picture.Consumer.Payload.Content.Message.Image},
		"ctas":     []any{map[string]any{"nativeURL": "https://www.facebook.com/ben/posts/1"}},
	}})})
	c := s.gets(portal, from, anna, "a post", holding(title)).Content.AsMessage()
	for _, want := range []string{"Ben Bauer", "said something", "https://www.facebook.com/ben/posts/1"} {
		if !strings.Contains(c.Body, want) {
			s.Errorf("the post is %q, want %q in it", c.Body, want)
		}
	}
	if c.MsgType != event.MsgImage {
		s.Fatalf("the post came as %s, want its picture", c.MsgType)
	}
	s.mustHold(c, data)
}

func encryptedUnsupported(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, raw := range []json.RawMessage{
		consumer(s, map[string]any{"pollCreationMessage": map[string]any{"name": "Where?"}}),
		consumer(s, map[string]any{"groupInviteMessage": map[string]any{"groupName": "party"}}),
		consumer(s, map[string]any{"statusTextMessage": map[string]any{}}),
		consumer(s, map[string]any{}),
		armadillo(s, map[string]any{"networkVerificationMessage": map[string]any{"codeText": "1"}}),
		armadillo(s, map[string]any{"paymentsTransactionMessage": map[string]any{"amount": "5"}}),
		armadillo(s, map[string]any{"extendedContentMessage": map[string]any{}}),
		armadillo(s, map[string]any{}),
	} {
		from := portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: raw})
		s.gets(portal, from, anna, "a placeholder for "+string(raw), func(c *event.MessageEventContent) bool {
			return c.MsgType == event.MsgNotice && strings.Contains(c.Body, "Look at Messenger")
		})
	}
	s.failsToSend()
	mark := portal.Mark()
	_, err := portal.Send(s.ctx, &event.MessageEventContent{MsgType: "org.example.dance", Body: s.text("dance")})
	s.must(err)
	s.tells(portal, mark, "unsupported message type")
}

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

// encryptedDeaf: nothing tells a socket that delivers nothing from one over which nobody writes.
func encryptedDeaf(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	defer s.configured(map[string]string{"network.messenger.encrypted_quiet": "5s"})()
	s.logIn()
	portal := s.greeted(anna)
	s.settled(portal.Room)
	fault := s.breaks(control.Fault{Kind: "deaf", Person: s.me.ID})
	held := s.text("into deaf ears")
	anna.writes(s.me, held)
	out := s.text("still going out")
	_, err := portal.SendText(s.ctx, out)
	s.must(err)
	anna.reads(s.me, out)
	s.must(s.stack.Simulator.RemoveFault(s.ctx, s.side.control(), fault.ID))
	_, err = portal.AwaitText(s.ctx, 0, anna.mxid, held)
	s.must(err)
	after := s.text("heard at once")
	anna.writes(s.me, after)
	_, err = portal.AwaitText(s.ctx, 0, anna.mxid, after)
	s.must(err)
	if got := texts(portal.Room, anna.mxid); len(got) != 3 {
		s.Errorf("the room has %q, want three texts, each once", got)
	}
}

// encryptedReadOut: whether the network keeps receipts back is not known, so the bridge can be told to.
func encryptedReadOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	s.must(portal.MarkRead(s.ctx, portal.greeting.ID))
	greeting := anna.timeline()[0]
	anna.sees(control.Match{Kind: control.KindReceipt, Sender: s.me.ID, Ref: greeting.ID, Text: "read"})
	answer, err := s.bot.Ask(s.ctx, "messenger-receipts off")
	s.must(err)
	if !strings.Contains(answer, "Nobody") {
		s.Errorf("the bot answers %q", answer)
	}
	text := s.text("read this in secret")
	secret := anna.writes(s.me, text)
	evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
	s.must(err)
	s.must(portal.MarkRead(s.ctx, evt.ID))
	s.fence(portal, anna)
	for _, e := range anna.timeline() {
		if e.Kind == control.KindReceipt && e.Ref == secret && e.Text == "read" {
			s.Error("the contact was told although read receipts are switched off")
		}
	}
}

// encryptedLive is a position of a place that is being shared.
func encryptedLive(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	at := func(lat float64, sequence, offset int) {
		s.Helper()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: consumer(s, map[string]any{"liveLocationMessage": map[string]any{
			"location": map[string]any{"degreesLatitude": lat, "degreesLongitude": 13}, "sequenceNumber": fmt.Sprint(sequence),
			"timeOffset": offset, "caption": map[string]any{"text": "on my way"},
		}})})
	}
	moved := func(evt *event.Event, uri string) {
		s.Helper()
		_, err := portal.AwaitEvent(s.ctx, 0, "the location to move to "+uri, func(e *event.Event) bool {
			c := e.Content.AsMessage()
			return e.Type == event.EventMessage && c.RelatesTo.GetReplaceID() == evt.ID && c.NewContent != nil && c.NewContent.GeoURI == uri
		})
		s.must(err)
	}
	from := portal.Mark()
	at(50, 1, 0)
	evt := s.gets(portal, from, anna, "a live location", isKind(event.MsgLocation))
	if c := evt.Content.AsMessage(); c.GeoURI != "geo:50,13" || !strings.Contains(c.Body, "Live location") || !strings.Contains(c.Body, "on my way") {
		s.Errorf("the live location is %q at %q", c.Body, c.GeoURI)
	}
	at(51, 2, 30)
	moved(evt, "geo:51,13")
	s.restart()
	at(53, 4, 90)
	at(52, 3, 60) // late, so it does not count
	moved(evt, "geo:53,13")
	text := s.text("arrived")
	anna.writes(s.me, text)
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
	s.must(err)
	for _, e := range portal.Messages() {
		c := e.Content.AsMessage()
		if c.MsgType == event.MsgLocation && e.ID != evt.ID && c.RelatesTo.GetReplaceID() != evt.ID || c.NewContent != nil && c.NewContent.GeoURI == "geo:52,13" {
			s.Errorf("%s is another location, or an old one: %q", e.ID, c.Body)
		}
	}
}

// encryptedDisappearIn has the contact set a timer, and messages go when they are due, over a restart too.
func encryptedDisappearIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	timer := func(seconds int) {
		s.Helper()
		s.must(s.stack.Simulator.Special(s.ctx, s.side.control(), anna.ID, "timer", map[string]any{"chat": s.me.ID, "seconds": seconds}, nil))
	}
	timer(int(shortLife.Seconds()))
	s.await("the room to have the timer", func(ctx context.Context) error { return hasTimer(ctx, portal.Room, shortLife) })
	_, err := portal.AwaitEvent(s.ctx, 0, "word of the timer", func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && strings.Contains(strings.ToLower(evt.Content.AsMessage().Body), "disappearing")
	})
	s.must(err)
	for _, restarted := range []bool{false, true} {
		text, sentAt := s.text("short-lived"), time.Now()
		anna.writes(s.me, text)
		evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		if restarted {
			s.restart()
		}
		_, err = portal.AwaitEvent(s.ctx, 0, "the message to go", func(redaction *event.Event) bool {
			return redaction.Type == event.EventRedaction &&
				(redaction.Redacts == evt.ID || redaction.Content.AsRedaction().Redacts == evt.ID)
		})
		s.must(err)
		// The plane's times are whole seconds.
		if lived := time.Since(sentAt); lived < shortLife-2*time.Second {
			s.Errorf("the message was gone after %s, want %s", lived, shortLife)
		}
	}
	timer(0)
	s.await("the timer to be off", func(ctx context.Context) error { return hasTimer(ctx, portal.Room, 0) })
}

// encryptedDisappearOut sets the timer from Matrix: the contact's app learns it, and messages say it.
func encryptedDisappearOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	life := func(e control.Event) int {
		s.Helper()
		var raw struct {
			Metadata struct {
				Setting *struct {
					Seconds int `json:"ephemeralExpiration"`
				} `json:"chatEphemeralSetting"`
			} `json:"metadata"`
		}
		s.must(json.Unmarshal(e.Raw, &raw))
		if raw.Metadata.Setting == nil {
			return -1
		}
		return raw.Metadata.Setting.Seconds
	}
	plain := s.text("for ever")
	_, err := portal.SendText(s.ctx, plain)
	s.must(err)
	if got := life(anna.reads(s.me, plain)); got != -1 {
		s.Errorf("before there is a timer a message lives %d seconds", got)
	}
	for command, want := range map[string]int{"24h": 24 * 3600, "7d": 7 * 24 * 3600} {
		from := len(anna.timeline())
		_, err = portal.SendText(s.ctx, "!cc messenger-disappear "+command)
		s.must(err)
		if got := life(anna.sees(control.Match{From: from, Kind: control.KindMessage, Sender: s.me.ID})[0]); got != want {
			s.Errorf("after %q Anna's app is told of %d seconds, want %d", command, got, want)
		}
		s.await("the room to have the timer", func(ctx context.Context) error {
			return hasTimer(ctx, portal.Room, time.Duration(want)*time.Second)
		})
		text := s.text("with a timer of " + command)
		_, err = portal.SendText(s.ctx, text)
		s.must(err)
		if got := life(anna.reads(s.me, text)); got != want {
			s.Errorf("after %q a message lives %d seconds, want %d", command, got, want)
		}
	}
}

// cutover has one chat move to the encrypted plane and back: it stays one room, in order, and what is about a message goes
// where that message is.
func cutover(s *stage) {
	const plain, secret = "messenger", "messenger-e2ee"
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	var want []string
	var portal *lab.Room
	writes := func(plane, words string) string {
		s.Helper()
		text := s.text(words)
		want = append(want, text)
		sent, err := s.stack.Simulator.Send(s.ctx, plane, anna.ID, control.SendRequest{To: s.me.ID, Text: text})
		s.must(err)
		if portal == nil {
			portal = s.portal(anna)
		}
		_, err = portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		return sent.ID
	}
	answers := func(plane, words string) control.Event {
		s.Helper()
		text := s.text(words)
		_, err := portal.SendText(s.ctx, text)
		s.must(err)
		e := anna.sees(control.Match{Kind: control.KindMessage, Sender: s.me.ID, Text: text})[0]
		if encrypted := e.Encrypted != ""; encrypted != (plane == secret) {
			s.Errorf("%q came to Anna encrypted as %q, want it on the plane %s", text, e.Encrypted, plane)
		}
		return e
	}
	eventOf := func(text string) *event.Event {
		s.Helper()
		evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		return evt
	}
	reacts := func(text, id string) {
		s.Helper()
		_, err := portal.React(s.ctx, eventOf(text).ID, "👍")
		s.must(err)
		anna.sees(control.Match{Kind: control.KindReaction, Sender: s.me.ID, Ref: id})
	}
	first := writes(plain, "unencrypted")
	answers(plain, "unencrypted answer")
	second := writes(secret, "encrypted")
	answers(secret, "encrypted answer")
	reacts(want[0], first)
	reacts(want[1], second)
	s.restart()
	s.awaitCompanion()
	answers(secret, "encrypted over a restart")

	encrypted := false
	s.must(s.stack.Simulator.Special(s.ctx, plain, anna.ID, "thread", map[string]any{"chat": s.me.ID, "encrypted": encrypted}, nil))
	writes(plain, "unencrypted again")
	answers(plain, "answer to that")
	writes(secret, "and encrypted")
	answers(secret, "the last one")
	if got := texts(portal, anna.mxid); !slices.Equal(got, want) {
		s.Errorf("the room has %q from Anna, want %q", got, want)
	}
	if rooms, err := s.user.Portals(s.ctx, anna.mxid); err != nil || len(rooms) != 1 {
		s.Errorf("the chat has %d rooms (%v), want one", len(rooms), err)
	}
}
