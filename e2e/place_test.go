package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

func locationIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	name, from := s.text("Harbour"), portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Raw: []byte(fmt.Sprintf(
		`{"locationMessage":{"degreesLatitude":52.5,"degreesLongitude":-13.25,"name":%q,"address":"Quay 1"}}`, name))})
	c := s.gets(portal, from, anna, "a location", isKind(event.MsgLocation)).Content.AsMessage()
	if c.GeoURI != "geo:52.5,-13.25" {
		s.Errorf("the place is %q", c.GeoURI)
	}
	for _, part := range []string{name, "Quay 1", "https://www.openstreetmap.org/?mlat=52.5&mlon=-13.25"} {
		if !strings.Contains(c.Body, part) {
			s.Errorf("the body %q lacks %q", c.Body, part)
		}
	}
}

func locationOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	name, before := s.text("Harbour"), len(anna.timeline())
	_, err := portal.Send(s.ctx, &event.MessageEventContent{MsgType: event.MsgLocation, Body: name, GeoURI: "geo:52.5,-13.25;u=20"})
	s.must(err)
	e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
	var raw struct {
		Location struct {
			Lat      float64 `json:"degreesLatitude"`
			Long     float64 `json:"degreesLongitude"`
			Name     string  `json:"name"`
			Accuracy int     `json:"accuracyInMeters"`
		} `json:"locationMessage"`
	}
	s.must(json.Unmarshal(e.Raw, &raw))
	if l := raw.Location; l.Lat != 52.5 || l.Long != -13.25 || l.Name != name || l.Accuracy != 20 {
		s.Errorf("Anna's phone got %s", e.Raw)
	}
	s.failsToSend()
	mark := portal.Mark()
	_, err = portal.Send(s.ctx, &event.MessageEventContent{MsgType: event.MsgLocation, Body: "nowhere", GeoURI: "geo:952.5,x"})
	s.must(err)
	s.tells(portal, mark, "no coordinates")
}

// movingSide is what a side implements on which positions of a place that is being shared are numbered.
type movingSide interface {
	// moving is the message of a position at longitude 13, sent so many seconds after the first; the caption is "on my way".
	moving(s *stage, latitude float64, sequence, seconds int) json.RawMessage
}

func (whatsapp) moving(_ *stage, latitude float64, sequence, seconds int) json.RawMessage {
	return fmt.Appendf(nil, `{"liveLocationMessage":{"degreesLatitude":%g,"degreesLongitude":13,"sequenceNumber":"%d","timeOffset":%d,"caption":"on my way"}}`,
		latitude, sequence, seconds)
}

// locationLive is for sides that are a movingSide.
func locationLive(s *stage) {
	side := s.side.(movingSide)
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	at := func(lat float64, sequence, offset int) {
		s.Helper()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: side.moving(s, lat, sequence, offset)})
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

func vCard(name, phone string) string {
	return "BEGIN:VCARD\r\nVERSION:3.0\r\nN:;" + name + ";;;\r\nFN:" + name + "\r\nitem1.TEL;waid=" + phone + ":+" + phone + "\r\nEND:VCARD"
}

func contactIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	send := func(message map[string]any) int {
		s.Helper()
		raw, err := json.Marshal(message)
		s.must(err)
		from := portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: raw})
		return from
	}
	name := s.text("Ben")
	card := vCard(name, "15550000099")
	from := send(map[string]any{"contactMessage": map[string]any{"displayName": name, "vcard": card}})
	if c := s.gets(portal, from, anna, "a readable card", isKind(event.MsgText)).Content.AsMessage(); c.Body != "Contact: "+name+"\n+15550000099" {
		s.Errorf("the card reads %q", c.Body)
	}
	file := s.gets(portal, from, anna, "a vCard", isKind(event.MsgFile)).Content.AsMessage()
	if file.GetFileName() != name+".vcf" || file.Info.MimeType != "text/vcard" {
		s.Errorf("the file is %q, %q", file.GetFileName(), file.Info.MimeType)
	}
	s.mustHold(file, []byte(card+"\n"))
	second := s.text("Carl")
	from = send(map[string]any{"contactsArrayMessage": map[string]any{"displayName": "2 contacts", "contacts": []map[string]string{
		{"displayName": name, "vcard": card}, {"displayName": second, "vcard": vCard(second, "15550000098")},
	}}})
	s.gets(portal, from, anna, "two readable cards", func(c *event.MessageEventContent) bool {
		return strings.Contains(c.Body, name) && strings.Contains(c.Body, "Contact: "+second+"\n+15550000098")
	})
	s.mustHold(s.gets(portal, from, anna, "a file of two cards", isKind(event.MsgFile)).Content.AsMessage(), []byte(card+"\n"+vCard(second, "15550000098")+"\n"))
}

func contactOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	name := s.text("Ben")
	send := func(data string) json.RawMessage {
		s.Helper()
		before := len(anna.timeline())
		_, err := portal.SendFile(s.ctx, lab.File{Type: event.MsgFile, Name: "ben.vcf", MIMEType: "text/vcard", Data: []byte(data)})
		s.must(err)
		return anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0].Raw
	}
	type card struct {
		Name  string `json:"displayName"`
		VCard string `json:"vcard"`
	}
	var one struct {
		Card card `json:"contactMessage"`
	}
	raw := send(vCard(name, "15550000099"))
	s.must(json.Unmarshal(raw, &one))
	if one.Card.Name != name || !strings.Contains(one.Card.VCard, "+15550000099") || !strings.HasPrefix(one.Card.VCard, "BEGIN:VCARD") {
		s.Errorf("Anna's phone got %s", raw)
	}
	var two struct {
		Array struct {
			Cards []card `json:"contacts"`
		} `json:"contactsArrayMessage"`
	}
	raw = send(vCard(name, "15550000099") + "\r\n" + vCard("Carl", "15550000098") + "\r\n")
	s.must(json.Unmarshal(raw, &two))
	if len(two.Array.Cards) != 2 || two.Array.Cards[0].Name != name || two.Array.Cards[1].Name != "Carl" {
		s.Errorf("Anna's phone got %s", raw)
	}
}

func callNotice(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	call := func(video bool, stop, rings, became string) {
		s.Helper()
		from := portal.Mark()
		_, err := s.stack.Simulator.Call(s.ctx, s.side.control(), anna.ID, control.CallRequest{To: s.me.ID, Video: video, Stop: stop})
		s.must(err)
		evt := s.gets(portal, from, anna, "a notice of a call", saying(rings))
		if stop != "" {
			s.editedTo(portal, evt.ID, anna.mxid, became)
		}
	}
	call(false, "", "Incoming WhatsApp voice call", "")
	call(true, "timeout", "Incoming WhatsApp video call", "Missed WhatsApp video call.")
	call(false, "accepted_elsewhere", "Incoming WhatsApp voice call", "You took a WhatsApp voice call on another device.")
	// Phones also write calls into the chat.
	from := portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Raw: []byte(`{"callLogMesssage":{"isVideo":true,"callOutcome":"MISSED","durationSecs":"0"}}`)})
	s.gets(portal, from, anna, "a missed call", saying("Missed WhatsApp video call."))
}

func unsupported(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for raw, name := range map[string]string{
		`{"eventMessage":{"name":"party"}}`:                             "event",
		`{"sendPaymentMessage":{}}`:                                     "send payment message",
		`{"ephemeralMessage":{"message":{"productMessage":{}}}}`:        "product message",
		`{"scheduledCallCreationMessage":{"title":"a talk"}}`:           "scheduled call",
		`{"interactiveMessage":{"body":{"text":"choose"}}}`:             "interactive message",
		`{"groupInviteMessage":{"groupJID":"1@g.us","inviteCode":"x"}}`: "invitation to a group",
	} {
		from := portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: []byte(raw)})
		if c := s.gets(portal, from, anna, "a placeholder", saying(name)).Content.AsMessage(); !strings.Contains(c.Body, "not bridged") {
			s.Errorf("the placeholder for %s is %q", raw, c.Body)
		}
	}
	// The other way, the user is told.
	s.failsToSend()
	mark := portal.Mark()
	_, err := portal.Send(s.ctx, &event.MessageEventContent{MsgType: "org.example.dance", Body: s.text("dance")})
	s.must(err)
	s.tells(portal, mark, "unsupported message type")
}
