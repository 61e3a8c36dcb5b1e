package e2e_test

import (
	"encoding/json"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

func replyIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	old := s.text("from before the bridge")
	oldID := anna.writes(s.me, old)
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
	if c := reply(anna.sees(control.Match{Kind: control.KindMessage, Text: portal.greeting.Content.AsMessage().Body})[0].ID, "to myself"); c.RelatesTo.GetReplyTo() != portal.greeting.ID {
		s.Errorf("the reply points at %q, want the greeting %q", c.RelatesTo.GetReplyTo(), portal.greeting.ID)
	}
	// The old message may have come with the history. If not, its text is repeated.
	c := reply(oldID, "to what is old")
	if target := c.RelatesTo.GetReplyTo(); target != "" {
		s.mustBe(portal.Room, target, old)
	} else if !strings.HasPrefix(c.Body, "> "+old) || !strings.HasPrefix(c.FormattedBody, "<blockquote>"+old) {
		s.Errorf("the reply to an old message neither points at it nor quotes it: %q, %q", c.Body, c.FormattedBody)
	}
	// What is known to nobody is quoted.
	unknown, text, from := s.text("known to nobody"), s.text("an answer"), portal.Mark()
	raw, err := json.Marshal(map[string]any{"extendedTextMessage": map[string]any{"text": text, "contextInfo": map[string]any{
		"stanzaID": "ACDOESNOTEXIST", "participant": s.me.LID + "@lid", "quotedMessage": map[string]any{"conversation": unknown},
	}}})
	s.must(err)
	anna.sends(control.SendRequest{To: s.me.ID, Raw: raw})
	c = s.gets(portal, from, anna, "a reply with a quote", holding(text)).Content.AsMessage()
	if want := "> " + unknown + "\n\n" + text; c.Body != want {
		s.Errorf("the reply to something unknown is %q, want %q", c.Body, want)
	}
}

// mustBe fails unless the event of a room has this text.
func (s *stage) mustBe(room *lab.Room, target id.EventID, text string) {
	s.Helper()
	for _, evt := range room.Messages() {
		if evt.ID == target {
			if got := evt.Content.AsMessage().Body; got != text {
				s.Errorf("%s is %q, want %q", target, got, text)
			}
			return
		}
	}
	s.Errorf("%s is not in the room", target)
}

func replyOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	from := portal.Mark()
	caption := s.text("a picture")
	picture := anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: photo(40, 30, 2), MIMEType: "image/jpeg", Caption: caption}})
	shown := s.gets(portal, from, anna, "a picture", holding(caption))
	mine, onPhone := s.says(portal, anna, "said before")
	for _, test := range []struct {
		what   string
		to     id.EventID
		target string
		quote  string // what stands in the quoted message
		author *person
	}{
		{"the greeting", portal.greeting.ID, anna.greeting().ID, portal.greeting.Content.AsMessage().Body, anna},
		{"the picture", shown.ID, picture.ID, `"imageMessage"`, anna},
		{"the user's own text", mine, onPhone.ID, onPhone.Text, s.me},
	} {
		text, before := s.text("answer to "+test.what), len(anna.timeline())
		_, err := portal.Reply(s.ctx, test.to, text)
		s.must(err)
		e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID, Text: text})[0]
		if e.ReplyTo != test.target {
			s.Errorf("the answer to %s points at %q, want %q", test.what, e.ReplyTo, test.target)
		}
		var raw struct {
			Extended struct {
				Context struct {
					Participant string          `json:"participant"`
					Quoted      json.RawMessage `json:"quotedMessage"`
				} `json:"contextInfo"`
			} `json:"extendedTextMessage"`
		}
		s.must(json.Unmarshal(e.Raw, &raw))
		if !strings.Contains(string(raw.Extended.Context.Quoted), test.quote) || raw.Extended.Context.Participant != test.author.LID+"@lid" {
			s.Errorf("the answer to %s quotes %s of %q, want %s of %s", test.what, raw.Extended.Context.Quoted,
				raw.Extended.Context.Participant, test.quote, test.author.LID)
		}
	}
	// The bot's own words are not on WhatsApp; they are repeated.
	s.failsToSend()
	mark := portal.Mark()
	_, err := portal.React(s.ctx, portal.greeting.ID, "lol")
	s.must(err)
	notice := s.tells(portal, mark, "only emoji")
	text, before := s.text("why"), len(anna.timeline())
	_, err = portal.Reply(s.ctx, notice.ID, text)
	s.must(err)
	if e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Contains: text})[0]; !strings.HasPrefix(e.Text, "> ") || e.ReplyTo != "" {
		s.Errorf("an answer to what WhatsApp does not know arrived as %q, pointing at %q", e.Text, e.ReplyTo)
	}
}
