package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
)

// What Messenger has in other forms than WhatsApp, and what its limits are.

func messengerTextLong(s *stage) {
	const limit = 20000 // UTF-16 units
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	words := s.text("long")
	long := words + strings.Repeat("ä🦄", limit/3)
	long = long[:len(words)] + string([]rune(long[len(words):])[:(limit-len(words))/3*2])
	anna.writes(s.me, long)
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, long)
	s.must(err)
	full := words + strings.Repeat("x", limit-len(words))
	_, err = portal.SendText(s.ctx, full)
	s.must(err)
	anna.reads(s.me, full)
	s.failsToSend()
	mark := portal.Mark()
	_, err = portal.SendText(s.ctx, full+"y")
	s.must(err)
	s.tells(portal, mark, "20001", "at most 20000")
	s.fence(portal, anna)
	if got := anna.textsFrom(s.me); len(got) != 2 {
		s.Errorf("Anna's app has %d texts, want the one at the limit and the fence", len(got))
	}
}

func messengerDeleteIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	mine, onPhone := s.says(portal, anna, "mine")
	_, err := s.stack.Simulator.Revoke(s.ctx, s.side.control(), anna.ID, control.Target{Chat: s.me.ID, ID: anna.greeting().ID})
	s.must(err)
	s.redacted(portal.Room, portal.greeting.ID, anna.mxid)
	_, err = s.stack.Simulator.Revoke(s.ctx, s.side.control(), s.me.ID, control.Target{Chat: anna.ID, ID: onPhone.ID})
	s.must(err)
	s.redacted(portal.Room, mine, s.user.ID)
}

// messengerDeleteOut: Messenger has no limit in time, but nobody unsends what others wrote.
func messengerDeleteOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	mine, onPhone := s.says(portal, anna, "to be deleted")
	s.must(portal.Redact(s.ctx, mine))
	anna.sees(control.Match{Kind: control.KindRevoke, Sender: s.me.ID, Ref: onPhone.ID})
	s.must(portal.Redact(s.ctx, s.oldMessage(portal, anna, 100*24*time.Hour)))
	s.fence(portal, anna)
	if n := len(slices.DeleteFunc(anna.timeline(), func(e control.Event) bool { return e.Kind != control.KindRevoke })); n != 2 {
		s.Errorf("Anna's app got %d deletions, want 2", n)
	}
}

// shared has a person share something, and returns the message that has the text.
func (s *stage) shared(portal *roomOf, by *person, text, holds string, share map[string]any) *event.MessageEventContent {
	s.Helper()
	from := portal.Mark()
	raw, err := json.Marshal(map[string]any{"text": text, "shares": []any{share}})
	s.must(err)
	by.sends(control.SendRequest{To: s.me.ID, Raw: raw})
	return s.gets(portal, from, by, fmt.Sprintf("a share with %q", holds), holding(holds)).Content.AsMessage()
}

func messengerLinkIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	text := s.text("look at https://example.org/a?b=c")
	c := s.shared(portal, anna, text, text, map[string]any{
		"FBID": "71001", "Title": "A title", "Subtitle": "What it is about",
		"Actions": []any{map[string]any{"ID": 1, "Type": "xma_web_url", "URL": "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc&h=x"}},
	})
	if len(c.BeeperLinkPreviews) != 1 {
		s.Fatalf("the event has %d previews, want 1", len(c.BeeperLinkPreviews))
	}
	if p := c.BeeperLinkPreviews[0]; p.MatchedURL != "https://example.org/a?b=c" || p.Title != "A title" || p.Description != "What it is about" {
		s.Errorf("the preview is %+v", p)
	}
	if c.Body != text {
		s.Errorf("the body is %q, want %q", c.Body, text)
	}
}

func messengerLocationIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	c := s.shared(portal, anna, "", "Rathaus", map[string]any{
		"FBID": "71002", "Title": "Rathaus", "Subtitle": "Friedrich-Schmidt-Platz 1",
		"Actions": []any{map[string]any{"ID": 1, "Type": "xma_live_location_sharing", "NativeURL": "48.2108,16.3572"}},
	})
	if c.MsgType != event.MsgLocation || !strings.HasPrefix(c.GeoURI, "geo:48.2108,16.3572") {
		s.Errorf("the place is %s %q, want a location at 48.2108,16.3572", c.MsgType, c.GeoURI)
	}
	if !strings.Contains(c.Body, "https://www.openstreetmap.org/") {
		s.Errorf("the body %q has no link to a map", c.Body)
	}
}

func messengerCallNotice(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for stop, words := range map[string]string{"": "started a video call", "timeout": "missed a video call"} {
		from := portal.Mark()
		_, err := s.stack.Simulator.Call(s.ctx, s.side.control(), anna.ID, control.CallRequest{To: s.me.ID, Video: true, Stop: stop})
		s.must(err)
		if c := s.gets(portal, from, anna, "a notice of a call", holding(words)).Content.AsMessage(); c.MsgType != event.MsgNotice {
			s.Errorf("the call is a %s, want a notice", c.MsgType)
		}
	}
}

func messengerUnsupported(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, raw := range []string{`{"shares":[{"FBID":"71003"}]}`, `{"sticker_id":4711}`} {
		from := portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: []byte(raw)})
		s.gets(portal, from, anna, "a placeholder", func(c *event.MessageEventContent) bool {
			return c.MsgType == event.MsgNotice && strings.Contains(c.Body, "Look at Messenger")
		})
	}
	s.failsToSend()
	mark := portal.Mark()
	_, err := portal.Send(s.ctx, &event.MessageEventContent{MsgType: "org.example.dance", Body: s.text("dance")})
	s.must(err)
	s.tells(portal, mark, "unsupported message type")
}

func messengerShareIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for i, kind := range []string{"posts", "reel", "stories"} {
		title, link := s.text("One of the "+kind), fmt.Sprintf("https://www.facebook.com/ben/%s/%d", kind, i)
		from, picture := portal.Mark(), photo(90+i, 60, i)
		raw, err := json.Marshal(map[string]any{
			"shares": []any{map[string]any{
				"FBID": fmt.Sprintf("7100%d", 4+i), "Header": "Ben Bauer", "Title": title, "Subtitle": "said something", "ActionURL": link,
			}},
			"pictures": []any{control.Media{Kind: "image", Data: picture, MIMEType: "image/jpeg", Width: 90 + i, Height: 60}},
		})
		s.must(err)
		anna.sends(control.SendRequest{To: s.me.ID, Raw: raw})
		c := s.gets(portal, from, anna, "something shared of the "+kind, holding(title)).Content.AsMessage()
		for _, want := range []string{"Ben Bauer", "said something", link} {
			if !strings.Contains(c.Body, want) {
				s.Errorf("what was shared is %q, want %q in it", c.Body, want)
			}
		}
		if c.MsgType != event.MsgImage {
			s.Fatalf("what was shared is a %s, want its picture", c.MsgType)
		}
		s.mustHold(c, picture)
	}
	// A picture that would be fetched from somewhere else, or from this very machine, is not.
	for i, address := range []string{"https://example.org/x.jpg", "https://127.0.0.1:1/x.jpg", "http://169.254.169.254/latest/meta-data"} {
		title := s.text("A trap")
		c := s.shared(portal, anna, "", title, map[string]any{
			"FBID": fmt.Sprintf("7101%d", i), "Title": title, "Preview": address, "PreviewMIME": "image/jpeg",
		})
		if c.MsgType != event.MsgText {
			s.Errorf("with a picture at %s it came as %s: %q", address, c.MsgType, c.Body)
		}
		s.gets(portal, 0, anna, "word of the picture", saying("not on Messenger's own servers"))
	}
}

// messengerAlbumIn: several files are one message there.
func messengerAlbumIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	text, from := s.text("three pictures"), portal.Mark()
	var files []control.Media
	for i := range 3 {
		files = append(files, control.Media{Kind: "image", Data: photo(60+i, 40, i), MIMEType: "image/jpeg", FileName: fmt.Sprintf("%d.jpg", i), Width: 60 + i, Height: 40})
	}
	raw, err := json.Marshal(map[string]any{"text": text, "files": files})
	s.must(err)
	anna.sends(control.SendRequest{To: s.me.ID, Raw: raw})
	s.gets(portal, from, anna, "the album's text", holding(text))
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

func messengerViewOnceIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, bridged := range []bool{true, false} {
		if !bridged {
			defer s.configured(map[string]string{"network.messenger.view_once_media": "false"})()
		}
		from, data := portal.Mark(), photo(100, 80, 1)
		anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg", ViewOnce: true, Width: 100, Height: 80}})
		c := s.gets(portal, from, anna, "a view-once picture", func(c *event.MessageEventContent) bool {
			return strings.Contains(strings.ToLower(c.Body), "view-once picture")
		}).Content.AsMessage()
		if bridged != (c.MsgType == event.MsgImage) {
			s.Errorf("with view_once_media %t it came as %s", bridged, c.MsgType)
		}
		if bridged {
			s.mustHold(c, data)
		}
	}
}

// messengerDeaf lets pushes stop on a connection that looks alive.
func messengerDeaf(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	defer s.configured(map[string]string{"network.messenger.wire.resync_interval": "5s"})()
	s.logIn()
	portal := s.greeted(anna)
	fault := s.breaks(control.Fault{Kind: "stall", Person: s.me.ID, Stanza: "push/1"})
	held := s.text("into deaf ears")
	anna.writes(s.me, held)
	_, err := portal.AwaitText(s.ctx, 0, anna.mxid, held)
	s.must(err)
	s.must(s.struck(s.ctx, []string{fault.ID}))
	after := s.text("heard at once")
	anna.writes(s.me, after)
	_, err = portal.AwaitText(s.ctx, 0, anna.mxid, after)
	s.must(err)
	if got := texts(portal.Room, anna.mxid); len(got) != 3 {
		s.Errorf("the room has %q, want three texts, each once", got)
	}
}

func messengerSearch(s *stage) {
	name := "Zora Zeh " + randomHex(3)
	zora := s.newPerson(control.NewPerson{Name: name})
	s.logIn()
	answer, err := s.bot.Ask(s.ctx, "search "+name)
	s.must(err)
	if !strings.Contains(answer, name) || !strings.Contains(answer, zora.ID) {
		s.Errorf("the bot answers %q, want %s with id %s", answer, name, zora.ID)
	}
}
