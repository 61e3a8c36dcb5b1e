package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// tells waits for a notice of the bridge in a room, at or after a position, that has all these words.
func (s *stage) tells(portal *roomOf, from int, words ...string) *event.Event {
	s.Helper()
	evt, err := portal.AwaitEvent(s.ctx, from, fmt.Sprintf("a notice with %q", words), func(evt *event.Event) bool {
		if evt.Sender != s.stack.Bridge.Bot || evt.Type != event.EventMessage || evt.Content.AsMessage().MsgType != event.MsgNotice {
			return false
		}
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(evt.Content.AsMessage().Body, word) })
	})
	s.must(err)
	return evt
}

// failsToSend announces that the bridge logs refusals of what the user does.
func (s *stage) failsToSend() {
	s.announced = append(s.announced, "Failed to handle Matrix message", "Failed to handle Matrix edit", "Failed to handle Matrix redaction",
		"Failed to pre-handle Matrix reaction", "Failed to handle Matrix reaction")
}

// fence sends a text after which nothing of what was sent before can still come.
func (s *stage) fence(portal *roomOf, p *person) {
	s.Helper()
	text := s.text("fence")
	_, err := portal.SendText(s.ctx, text)
	s.must(err)
	p.reads(s.me, text)
}

// marked is a text with the network's marks, and as HTML. Without HTML it has none.
type marked struct{ text, html string }

func (whatsapp) marks() []marked {
	return []marked{
		{"*bold* _italic_ ~gone~ `code` *_both_*", "<strong>bold</strong> <em>italic</em> <del>gone</del> <code>code</code> <strong><em>both</em></strong>"},
		{"```a <b>\n  c```\n", "<pre><code>a &lt;b&gt;\n  c</code></pre>"},
		{"> quoted\nanswer", "<blockquote>quoted</blockquote>answer"},
		{"- one\n- two\n", "<ul><li>one</li><li>two</li></ul>"},
		{"1. one\n2. two\n", "<ol><li>one</li><li>two</li></ol>"},
		{"snake_case_name and 2*3*4 =", ""},
	}
}

// marks: Messenger has no lists, and no marks inside marks.
func (messenger) marks() []marked {
	return []marked{
		{"*bold* _italic_ ~gone~ `code`", "<strong>bold</strong> <em>italic</em> <del>gone</del> <code>code</code>"},
		{"> quoted\nanswer", "<blockquote>quoted</blockquote>answer"},
		{"- one and snake_case_name, 2*3*4", ""},
	}
}

func (instagram) marks() []marked { return messenger{}.marks() }

func formatIn(s *stage) {
	anna, portal := s.withAnna()
	for _, test := range s.side.marks() {
		text := s.text(test.text)
		anna.writes(s.me, text)
		evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		want := test.html
		if want != "" {
			want += strings.TrimPrefix(text, test.text)
		}
		if c := evt.Content.AsMessage(); c.FormattedBody != want || want != "" && c.Format != event.FormatHTML {
			s.Errorf("%q became %q, want %q", text, c.FormattedBody, want)
		}
	}
	// A caption has marks, too.
	caption, from := s.caption("image", "*look*"), portal.Mark()
	if caption == "" {
		return
	}
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: photo(40, 30, 1), MIMEType: "image/jpeg", Caption: caption}})
	want := "<strong>look</strong>" + strings.TrimPrefix(caption, "*look*")
	if c := s.gets(portal, from, anna, "a picture with a caption", holding(caption)).Content.AsMessage(); c.FormattedBody != want {
		s.Errorf("the caption %q became %q, want %q", caption, c.FormattedBody, want)
	}
}

// written are what HTML becomes on the network, beside what is the same on all.
func (whatsapp) written() []marked {
	return []marked{
		{"*_both_* ", "<strong><em>both</em></strong> "},
		{"```a <b>\n  c```\n", "<pre><code class=\"language-go\">a &lt;b&gt;\n  c</code></pre>"},
		{"- one\n- two\n", "<ul><li>one</li><li>two</li></ul>"},
		{"2. one\n3. two\n", "<ol start=\"2\"><li>one</li><li>two</li></ol>"},
		{"*Title*\n\nfirst\n\nsecond\n\n", "<h1>Title</h1><p>first</p><p>second</p>"},
	}
}

func (messenger) written() []marked { return nil }
func (instagram) written() []marked { return nil }

func formatOut(s *stage) {
	anna, portal := s.withAnna()
	for _, test := range append(s.side.written(),
		marked{"*bold* _italic_ ~gone~ `code` ", "<b>bold</b> <i>italic</i> <del>gone</del> <code>code</code> "},
		marked{"> quoted\nanswer ", "<blockquote>quoted</blockquote>answer "},
		marked{"here (https://example.org/x) ", `<a href="https://example.org/x">here</a> `},
		marked{"plain & more ", `<mx-reply>no</mx-reply><blink onclick="leak">plain</blink><!-- no --><script>no</script> &amp; <u>more</u> `},
	) {
		canary := s.text("end")
		before := len(anna.timeline())
		_, err := portal.SendHTML(s.ctx, "fallback", test.html+canary)
		s.must(err)
		want := test.text + canary
		e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
		if strings.ReplaceAll(e.Text, "\n\n", "\n") != strings.ReplaceAll(want, "\n\n", "\n") {
			s.Errorf("%q arrived as %q, want %q", test.html, e.Text, want)
		}
	}
	caption, before := s.text("look"), len(anna.timeline())
	_, err := portal.SendFile(s.ctx, lab.File{
		Type: event.MsgImage, Name: "view.jpg", Caption: caption, MIMEType: "image/jpeg", Data: photo(40, 30, 1),
		Change: func(c *event.MessageEventContent) { c.Format, c.FormattedBody = event.FormatHTML, "<b>"+caption+"</b>" },
	})
	s.must(err)
	anna.seesCaption(anna.seesFile(before, "image"), "*"+caption+"*")
}

// namingSide is a side on which mentions call people otherwise than by their names.
type namingSide interface {
	called(*stage, *person) string
}

// named is what a mention calls somebody.
func (s *stage) named(p *person) string {
	s.Helper()
	if side, ok := s.side.(namingSide); ok {
		return side.called(s, p)
	}
	return p.Name
}

func mentionIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna Aal"})
	s.logIn()
	portal := s.greeted(anna)
	canary := s.text("see")
	from := portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Text: "👩🏿‍🚒\n@" + s.me.ID + " and @" + anna.ID + " " + canary, Mentions: []string{s.me.ID, anna.ID}})
	evt := s.gets(portal, from, anna, "a text with mentions", holding(canary))
	content := evt.Content.AsMessage()
	want := []id.UserID{anna.mxid, s.user.ID}
	slices.Sort(want)
	if content.Mentions == nil || !slices.Equal(content.Mentions.UserIDs, want) {
		s.Errorf("the event mentions %+v, want %q", content.Mentions, want)
	}
	mine, hers := s.named(s.me), s.named(anna)
	pill := fmt.Sprintf(`<a href="https://matrix.to/#/%s">@%s</a>`, s.user.ID, mine)
	other := fmt.Sprintf(`<a href="https://matrix.to/#/%s">@%s</a>`, anna.mxid, hers)
	if want := "👩🏿‍🚒<br>" + pill + " and " + other + " " + canary; content.FormattedBody != want {
		s.Errorf("the HTML is %q, want %q", content.FormattedBody, want)
	}
	if want := "👩🏿‍🚒\n@" + mine + " and @" + hers + " " + canary; content.Body != want {
		s.Errorf("the body is %q, want %q", content.Body, want)
	}
}

func mentionOut(s *stage) {
	anna, portal := s.withAnna()
	at := "@" + s.side.mention(s, anna)
	pill := fmt.Sprintf(`<a href="https://matrix.to/#/%s">Anna</a>`, anna.mxid)
	tests := []marked{{at + ": look ", pill + ": look "}}
	if s.side.traits().nested {
		tests = append(tests, marked{at + ": *look " + at + "* ", pill + ": <b>look " + pill + "</b> "})
	}
	for _, test := range tests {
		canary, before := s.text("see"), len(anna.timeline())
		_, err := portal.SendHTML(s.ctx, "Anna: see", "👩🏿‍🚒 🦄<br>\n"+test.html+canary)
		s.must(err)
		e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
		if want := "👩🏿‍🚒 🦄\n" + test.text + canary; e.Text != want {
			s.Errorf("the text is %q, want %q", e.Text, want)
		}
		if !slices.Equal(e.Mentions, []string{anna.ID}) {
			s.Errorf("mentioned are %q, want Anna", e.Mentions)
		}
		// An offset counts UTF-16 units: seven of the fire fighter, a space, two of the unicorn, a line break.
		raw := strings.ToLower(string(e.Raw))
		if s.side.traits().offsets && (!strings.Contains(raw, `"offset":11`) || !strings.Contains(raw, fmt.Sprintf(`"length":%d`, len(at)))) {
			s.Errorf("the mention stands in %s, want it at 11, %d long", e.Raw, len(at))
		}
	}
}

// mention is the address: texts have no other mark of a mention.
func (whatsapp) mention(_ *stage, p *person) string      { return p.LID }
func (messengerE2EE) mention(_ *stage, p *person) string { return p.ID + "@msgr" }

// mention is the name: a message says beside its text where in it somebody is mentioned.
func (messenger) mention(_ *stage, p *person) string   { return p.Name }
func (i instagram) mention(s *stage, p *person) string { return i.called(s, p) }

func (whatsapp) links(s *stage, text string, picture []byte) []json.RawMessage {
	s.Helper()
	return []json.RawMessage{rawOf(s, map[string]any{"extendedTextMessage": map[string]any{
		"text": text, "matchedText": "https://example.org/a?b=c", "title": "A title", "description": "What it is about", "JPEGThumbnail": picture,
	}})}
}

func linkIn(s *stage) {
	anna, portal := s.withAnna()
	text, picture := s.text("look at https://example.org/a?b=c"), photo(64, 48, 5)
	for _, raw := range s.side.links(s, text, picture) {
		from := portal.Mark()
		anna.sends(control.SendRequest{To: s.me.ID, Raw: raw})
		content := s.gets(portal, from, anna, "a text with a link", holding(text)).Content.AsMessage()
		if len(content.BeeperLinkPreviews) != 1 || content.Body != text {
			s.Fatalf("the event is %q with %d previews, want %q with one", content.Body, len(content.BeeperLinkPreviews), text)
		}
		p := content.BeeperLinkPreviews[0]
		if p.MatchedURL != "https://example.org/a?b=c" || p.CanonicalURL != p.MatchedURL || p.Title != "A title" || p.Description != "What it is about" {
			s.Errorf("the preview is %+v", p)
		}
		if !s.side.traits().linkPictures {
			continue
		}
		if p.ImageWidth != 64 || p.ImageHeight != 48 || p.ImageType != "image/jpeg" {
			s.Errorf("its picture is %dx%d, %q; want 64x48, image/jpeg", p.ImageWidth, p.ImageHeight, p.ImageType)
		}
		s.mustHold(&event.MessageEventContent{URL: p.ImageURL, File: p.ImageEncryption}, picture)
	}
}

// holding accepts messages of any kind with a text in them.
func holding(text string) func(*event.MessageEventContent) bool {
	return func(c *event.MessageEventContent) bool { return strings.Contains(c.Body, text) }
}
