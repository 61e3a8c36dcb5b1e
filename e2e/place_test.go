package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// placeSide is a side on which people can tell where they are.
type placeSide interface {
	// places are messages that tell of a place by a name, "Quay 1", 52.5 degrees north and 13.25 west.
	places(s *stage, name string) []json.RawMessage
}

func (whatsapp) places(s *stage, name string) []json.RawMessage {
	s.Helper()
	return []json.RawMessage{rawOf(s, map[string]any{"locationMessage": map[string]any{
		"degreesLatitude": 52.5, "degreesLongitude": -13.25, "name": name, "address": "Quay 1",
	}})}
}

func locationIn(s *stage) {
	anna, portal := s.withAnna()
	name := s.text("Harbour")
	for _, raw := range s.side.(placeSide).places(s, name) {
		from := portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: raw})
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
}

// placedSide is a side on which the user can tell a place.
type placedSide interface {
	// mustBePlaced fails unless a message tells of the place that the user has sent.
	mustBePlaced(s *stage, raw json.RawMessage, name string)
}

func (whatsapp) mustBePlaced(s *stage, raw json.RawMessage, name string) {
	s.Helper()
	var message struct {
		Location struct {
			Lat      float64 `json:"degreesLatitude"`
			Long     float64 `json:"degreesLongitude"`
			Name     string  `json:"name"`
			Accuracy int     `json:"accuracyInMeters"`
		} `json:"locationMessage"`
	}
	s.must(json.Unmarshal(raw, &message))
	if l := message.Location; l.Lat != 52.5 || l.Long != -13.25 || l.Name != name || l.Accuracy != 20 {
		s.Errorf("Anna's phone got %s", raw)
	}
}

func locationOut(s *stage) {
	anna, portal := s.withAnna()
	name, before := s.text("Harbour"), len(anna.timeline())
	_, err := portal.Send(s.ctx, &event.MessageEventContent{MsgType: event.MsgLocation, Body: name, GeoURI: "geo:52.5,-13.25;u=20"})
	s.must(err)
	e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
	s.side.(placedSide).mustBePlaced(s, e.Raw, name)
	s.failsToSend()
	mark := portal.Mark()
	_, err = portal.Send(s.ctx, &event.MessageEventContent{MsgType: event.MsgLocation, Body: "nowhere", GeoURI: "geo:952.5,x"})
	s.must(err)
	s.tells(portal, mark, "no coordinates")
}

// movingSide is a side on which people can show where they are while they move.
type movingSide interface {
	// moves has somebody begin to. Each call of at is a further position, with a number, so many seconds after the first, at
	// longitude 13. Where positions are numbered on the network, they also have the caption "on my way".
	moves(s *stage, by *person) (at func(latitude float64, sequence, seconds int), numbered bool)
}

func (whatsapp) moves(s *stage, by *person) (at func(float64, int, int), numbered bool) {
	return func(latitude float64, sequence, seconds int) {
		s.Helper()
		by.sends(control.SendRequest{To: s.me.ID, Raw: rawOf(s, map[string]any{"liveLocationMessage": map[string]any{
			"degreesLatitude": latitude, "degreesLongitude": 13, "sequenceNumber": fmt.Sprint(sequence), "timeOffset": seconds, "caption": "on my way",
		}})})
	}, true
}

func locationLive(s *stage) {
	anna, portal := s.withAnna()
	moved := func(evt *event.Event, uri string) {
		s.Helper()
		_, err := portal.AwaitEvent(s.ctx, 0, "the location to move to "+uri, func(e *event.Event) bool {
			c := e.Content.AsMessage()
			return e.Type == event.EventMessage && c.RelatesTo.GetReplaceID() == evt.ID && c.NewContent != nil && c.NewContent.GeoURI == uri
		})
		s.must(err)
	}
	from := portal.Mark()
	at, numbered := s.side.(movingSide).moves(s, anna)
	at(50, 1, 0)
	evt := s.gets(portal, from, anna, "a live location", isKind(event.MsgLocation))
	c := evt.Content.AsMessage()
	if c.GeoURI != "geo:50,13" || !strings.Contains(c.Body, "Live location") || !strings.Contains(c.Body, "https://www.openstreetmap.org/") {
		s.Errorf("the live location is %q at %q", c.Body, c.GeoURI)
	}
	if numbered && !strings.Contains(c.Body, "on my way") {
		s.Errorf("the live location is %q, want its caption in it", c.Body)
	}
	at(51, 2, 30)
	moved(evt, "geo:51,13")
	s.restart()
	at(53, 4, 90)
	if numbered {
		at(52, 3, 60) // late, so it does not count
	}
	moved(evt, "geo:53,13")
	at(53, 4, 90) // nothing new
	text := s.text("arrived")
	anna.writes(s.me, text)
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
	s.must(err)
	count := 0
	for _, e := range portal.Messages() {
		c := e.Content.AsMessage()
		if c.MsgType != event.MsgLocation {
			continue
		}
		if count++; e.ID != evt.ID && c.RelatesTo.GetReplaceID() != evt.ID || c.NewContent != nil && c.NewContent.GeoURI == "geo:52,13" {
			s.Errorf("%s is another location, or an old one: %q", e.ID, c.Body)
		}
	}
	if count != 3 {
		s.Errorf("the room has %d locations, want one and two edits of it", count)
	}
}

// contact is somebody on a contact card.
type contact struct{ name, phone string }

func (c contact) vCard() string {
	return "BEGIN:VCARD\r\nVERSION:3.0\r\nN:;" + c.name + ";;;\r\nFN:" + c.name + "\r\nitem1.TEL;waid=" + c.phone + ":+" + c.phone + "\r\nEND:VCARD"
}

// cardSide is a side on which people can send contact cards.
type cardSide interface {
	// cards is a message with one card or more.
	cards(*stage, ...contact) json.RawMessage
}

func (whatsapp) cards(s *stage, people ...contact) json.RawMessage {
	s.Helper()
	var all []map[string]string
	for _, p := range people {
		all = append(all, map[string]string{"displayName": p.name, "vcard": p.vCard()})
	}
	if len(all) == 1 {
		return rawOf(s, map[string]any{"contactMessage": all[0]})
	}
	return rawOf(s, map[string]any{"contactsArrayMessage": map[string]any{"displayName": "2 contacts", "contacts": all}})
}

func contactIn(s *stage) {
	anna, portal := s.withAnna()
	ben, carl := contact{s.text("Ben"), "15550000099"}, contact{s.text("Carl"), "15550000098"}
	from := portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Raw: s.side.(cardSide).cards(s, ben)})
	if c := s.gets(portal, from, anna, "a readable card", isKind(event.MsgText)).Content.AsMessage(); c.Body != "Contact: "+ben.name+"\n+15550000099" {
		s.Errorf("the card reads %q", c.Body)
	}
	file := s.gets(portal, from, anna, "a vCard", isKind(event.MsgFile)).Content.AsMessage()
	if file.GetFileName() != ben.name+".vcf" || file.Info.MimeType != "text/vcard" {
		s.Errorf("the file is %q, %q", file.GetFileName(), file.Info.MimeType)
	}
	s.mustHold(file, []byte(ben.vCard()+"\n"))
	from = portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Raw: s.side.(cardSide).cards(s, ben, carl)})
	s.gets(portal, from, anna, "two readable cards", func(c *event.MessageEventContent) bool {
		return strings.Contains(c.Body, ben.name) && strings.Contains(c.Body, "Contact: "+carl.name+"\n+15550000098")
	})
	s.mustHold(s.gets(portal, from, anna, "a file of two cards", isKind(event.MsgFile)).Content.AsMessage(), []byte(ben.vCard()+"\n"+carl.vCard()+"\n"))
}

func contactOut(s *stage) {
	anna, portal := s.withAnna()
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
	ben := contact{name, "15550000099"}.vCard()
	raw := send(ben)
	s.must(json.Unmarshal(raw, &one))
	if one.Card.Name != name || !strings.Contains(one.Card.VCard, "+15550000099") || !strings.HasPrefix(one.Card.VCard, "BEGIN:VCARD") {
		s.Errorf("Anna's phone got %s", raw)
	}
	var two struct {
		Array struct {
			Cards []card `json:"contacts"`
		} `json:"contactsArrayMessage"`
	}
	raw = send(ben + "\r\n" + contact{"Carl", "15550000098"}.vCard() + "\r\n")
	s.must(json.Unmarshal(raw, &two))
	if len(two.Array.Cards) != 2 || two.Array.Cards[0].Name != name || two.Array.Cards[1].Name != "Carl" {
		s.Errorf("Anna's phone got %s", raw)
	}
}
