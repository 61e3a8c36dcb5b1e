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
	// What is older than the login may be here with the history. If not, it is repeated, as far as the network tells it.
	c := reply(oldID, "to what is old")
	if target := c.RelatesTo.GetReplyTo(); target != "" {
		s.mustBe(portal.Room, target, old)
	} else if traits := s.side.traits(); traits.past || !strings.HasPrefix(c.Body, "> ") ||
		traits.quotes && (!strings.HasPrefix(c.Body, "> "+old) || !strings.HasPrefix(c.FormattedBody, "<blockquote>"+old)) {
		s.Errorf("the reply to an old message neither points at it nor quotes it: %q, %q", c.Body, c.FormattedBody)
	}
	if side, ok := s.side.(replySide); ok {
		side.repliesBesides(s, portal, anna)
	}
}

// replySide is what a side implements whose people reply to more than messages that are in the room.
type replySide interface {
	// repliesBesides has somebody reply to such things, and looks at what comes.
	repliesBesides(s *stage, portal *roomOf, by *person)
}

// repliesBesides implements replySide: what is known to nobody is quoted.
func (whatsapp) repliesBesides(s *stage, portal *roomOf, by *person) {
	s.Helper()
	unknown, text, from := s.text("known to nobody"), s.text("an answer"), portal.Mark()
	raw, err := json.Marshal(map[string]any{"extendedTextMessage": map[string]any{"text": text, "contextInfo": map[string]any{
		"stanzaID": "ACDOESNOTEXIST", "participant": s.me.LID + "@lid", "quotedMessage": map[string]any{"conversation": unknown},
	}}})
	s.must(err)
	by.sends(control.SendRequest{To: s.me.ID, Raw: raw})
	c := s.gets(portal, from, by, "a reply with a quote", holding(text)).Content.AsMessage()
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
	anna, portal := s.withAnna()
	from := portal.Mark()
	picture := anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: photo(40, 30, 2), MIMEType: "image/jpeg"}})
	shown := s.gets(portal, from, anna, "a picture", isKind(event.MsgImage))
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
		anna.mustBeEncrypted(e)
		if e.ReplyTo != test.target {
			s.Errorf("the answer to %s points at %q, want %q", test.what, e.ReplyTo, test.target)
		}
		if s.side.traits().quotes {
			s.mustQuote(e, test.quote, test.author)
		}
	}
	if s.side.traits().quotes {
		s.repeatsUnknown(portal, anna)
	}
}

// repeatsUnknown has the user answer the bot's own words, which are not on the network.
func (s *stage) repeatsUnknown(portal *roomOf, to *person) {
	s.Helper()
	s.failsToSend()
	mark := portal.Mark()
	_, err := portal.React(s.ctx, portal.greeting.ID, "lol")
	s.must(err)
	notice := s.tells(portal, mark, "only emoji")
	text, before := s.text("why"), len(to.timeline())
	_, err = portal.Reply(s.ctx, notice.ID, text)
	s.must(err)
	if e := to.sees(control.Match{From: before, Kind: control.KindMessage, Contains: text})[0]; !strings.HasPrefix(e.Text, "> ") || e.ReplyTo != "" {
		s.Errorf("an answer to what the network does not know arrived as %q, pointing at %q", e.Text, e.ReplyTo)
	}
}

// mustQuote fails unless a reply on WhatsApp has what it answers in it.
func (s *stage) mustQuote(e control.Event, quote string, author *person) {
	s.Helper()
	var raw struct {
		Extended struct {
			Context struct {
				Participant string          `json:"participant"`
				Quoted      json.RawMessage `json:"quotedMessage"`
			} `json:"contextInfo"`
		} `json:"extendedTextMessage"`
	}
	s.must(json.Unmarshal(e.Raw, &raw))
	if got := raw.Extended.Context; !strings.Contains(string(got.Quoted), quote) || got.Participant != author.LID+"@lid" {
		s.Errorf("the answer %s quotes %s of %q, want %s of %s", e.ID, got.Quoted, got.Participant, quote, author.LID)
	}
}
