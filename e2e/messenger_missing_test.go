package e2e_test

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
)

// messengerMediaExpired: links end, and new ones are asked for by themselves; only what the servers refuse to give leaves a
// placeholder.
func messengerMediaExpired(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	old, data := s.text("with an old link"), photo(200, 150, 1)
	wait := s.breaks(control.Fault{Kind: "delay_push", Stanza: "push/1", Person: s.me.ID, Args: map[string]string{"ms": "300"}})
	sent := anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg", Caption: old}})
	s.must(s.stack.Simulator.SpoilMedia(s.ctx, s.side.control(), anna.ID, control.SpoilRequest{ID: sent.ID, How: "expired"}))
	s.mustHold(s.gets(portal, 0, anna, "a picture with a new link", holding(old)).Content.AsMessage(), data)
	s.must(s.struck(s.ctx, []string{wait.ID}))

	s.asksAgain(anna, portal, control.Fault{Kind: "media_expired", Stanza: "media/GET"})
}

// encryptedMediaExpired: the message holds all that there is to know of its file, so that it can only be tried again.
func encryptedMediaExpired(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	s.asksAgain(anna, portal, control.Fault{Kind: "media_status", Stanza: "GET/image", Args: map[string]string{"status": "403"}, Times: -1})

	// What is gone for good.
	from := portal.Mark()
	anna.sendsSpoilt("expired", photo(200, 150, 9), "")
	placeholder := s.gets(portal, from, anna, "a placeholder", saying("no longer on Messenger's servers"))
	_, err := portal.React(s.ctx, placeholder.ID, "♻️")
	s.must(err)
	edit, err := portal.AwaitEvent(s.ctx, from, "word that it is gone still", isReplaced(placeholder.ID))
	s.must(err)
	if body := edit.Content.AsMessage().Body; !strings.Contains(body, "no longer on Messenger's servers") {
		s.Errorf("the placeholder then says %q", body)
	}
}

// asksAgain shows that a picture which the servers refuse, by a fault, leaves a placeholder, and comes in its place when it
// is asked for and they give it again.
func (s *stage) asksAgain(anna *person, portal *roomOf, refusal control.Fault) {
	s.Helper()
	byClick := func(placeholder id.EventID) {
		_, err := portal.React(s.ctx, placeholder, "♻️")
		s.must(err)
	}
	byCommand := func(placeholder id.EventID) {
		_, err := portal.Reply(s.ctx, placeholder, "!cc messenger-media")
		s.must(err)
	}
	for i, ask := range []func(id.EventID){byClick, byCommand} {
		from, caption, data := portal.Mark(), s.text("old times"), photo(200, 150, 5+i)
		gone := s.breaks(refusal)
		anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg", Caption: caption, Width: 200, Height: 150}})
		placeholder := s.gets(portal, from, anna, "a placeholder", saying("no longer on Messenger's servers"))
		if body := placeholder.Content.AsMessage().Body; !strings.Contains(body, "♻️") {
			s.Errorf("the placeholder %q does not say how to ask for the picture", body)
		}
		s.gets(portal, from, anna, "the caption", func(c *event.MessageEventContent) bool { return c.Body == caption })
		s.must(s.stack.Simulator.RemoveFault(s.ctx, s.side.control(), gone.ID))
		if i == 0 {
			s.restart() // nothing of this may live in memory only
		}
		from = portal.Mark()
		ask(placeholder.ID)
		edit, err := portal.AwaitEvent(s.ctx, from, "the picture in place of its placeholder", isReplaced(placeholder.ID))
		s.must(err)
		content := edit.Content.AsMessage().NewContent
		if edit.Sender != anna.mxid || content == nil || content.MsgType != event.MsgImage {
			s.Fatalf("the edit by %s has content %+v", edit.Sender, content)
		}
		got, err := s.user.Download(s.ctx, content)
		s.must(err)
		if !bytes.Equal(got, data) {
			s.Errorf("the picture has %d bytes, want the sent %d", len(got), len(data))
		}
	}
	if clicked := slices.ContainsFunc(anna.timeline(), func(e control.Event) bool { return e.Kind == control.KindReaction }); clicked {
		s.Error("Anna sees the reaction that was for the bridge")
	}
}

// messengerLocationLive has somebody share their place while they move, over a restart too.
func messengerLocationLive(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	ends := time.Now().Add(time.Hour).UnixMilli()
	begins := time.Now().UnixMilli()
	at := func(latitude float64) {
		s.Helper()
		s.must(s.stack.Simulator.Special(s.ctx, s.side.control(), anna.ID, "live_location", map[string]any{
			"chat": s.me.ID, "latitude": latitude, "longitude": 13.25, "begins": begins, "ends": ends,
		}, nil))
	}
	from := portal.Mark()
	at(50.5)
	evt := s.gets(portal, from, anna, "a live location", isKind(event.MsgLocation))
	if c := evt.Content.AsMessage(); c.GeoURI != "geo:50.5,13.25" || !strings.Contains(c.Body, "Live location") || !strings.Contains(c.Body, "https://www.openstreetmap.org/") {
		s.Errorf("the live location is %q at %q", c.Body, c.GeoURI)
	}
	moved := func(uri string) {
		s.Helper()
		_, err := portal.AwaitEvent(s.ctx, 0, "the location to move to "+uri, func(e *event.Event) bool {
			c := e.Content.AsMessage()
			return e.Type == event.EventMessage && c.RelatesTo.GetReplaceID() == evt.ID && c.NewContent != nil && c.NewContent.GeoURI == uri
		})
		s.must(err)
	}
	at(51.5)
	moved("geo:51.5,13.25")
	s.restart()
	at(52.5)
	moved("geo:52.5,13.25")
	at(52.5)
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
		if count++; e.ID != evt.ID && c.RelatesTo.GetReplaceID() != evt.ID {
			s.Errorf("%s is another location: %q", e.ID, c.Body)
		}
	}
	if count != 3 {
		s.Errorf("the room has %d locations, want one and two edits of it", count)
	}
}
