package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"google.golang.org/protobuf/proto"
	"maunium.net/go/mautrix/event"

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
