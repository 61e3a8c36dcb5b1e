package e2e_test

import (
	"context"
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

func textLong(s *stage) {
	const limit = 65536 // characters, on WhatsApp
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	from := len(texts(portal.Room, anna.mxid))
	long := s.text("long") + " " + strings.Repeat("wörter über wörter ", limit)
	long = string([]rune(long)[:limit])
	anna.writes(s.me, long)
	s.await("all of the long text", func(context.Context) error {
		if got := strings.Join(texts(portal.Room, anna.mxid)[from:], ""); got != long {
			return fmt.Errorf("%d bytes are here, want %d", len(got), len(long))
		}
		return nil
	})
	// No Matrix event holds as much, but HTML gets longer: 512 lines of 64 characters, quoted 32 times.
	line := strings.Repeat("a", 63)
	quoted := func(last string) string {
		lines := strings.Repeat(line+"<br>", 511) + last
		return strings.Repeat("<blockquote>", 32) + lines + strings.Repeat("</blockquote>", 32)
	}
	before := len(anna.timeline())
	_, err := portal.SendHTML(s.ctx, "at the limit", quoted(line+"b"))
	s.must(err)
	e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
	if n := len([]rune(e.Text)); n != limit || !strings.HasSuffix(e.Text, "ab") {
		s.Errorf("the text at the limit has %d characters, want %d", n, limit)
	}
	s.failsToSend()
	mark := portal.Mark()
	_, err = portal.SendHTML(s.ctx, "over the limit", quoted(line+"bc"))
	s.must(err)
	s.tells(portal, mark, "65537", "at most 65536")
	s.fence(portal, anna)
	if got := anna.textsFrom(s.me); len(got) != 2 {
		s.Errorf("Anna's phone has %d texts, want the one at the limit and the fence", len(got))
	}
}

func formatIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, test := range []struct{ words, want string }{
		{"*bold* _italic_ ~gone~ `code` *_both_*", "<strong>bold</strong> <em>italic</em> <del>gone</del> <code>code</code> <strong><em>both</em></strong>"},
		{"```a <b>\n  c```\n", "<pre><code>a &lt;b&gt;\n  c</code></pre>"},
		{"> quoted\nanswer", "<blockquote>quoted</blockquote>answer"},
		{"- one\n- two\n", "<ul><li>one</li><li>two</li></ul>"},
		{"1. one\n2. two\n", "<ol><li>one</li><li>two</li></ol>"},
		{"snake_case_name and 2*3*4 =", ""},
	} {
		text := s.text(test.words)
		suffix := strings.TrimPrefix(text, test.words)
		anna.writes(s.me, text)
		evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		want := test.want
		if want != "" {
			want += suffix
			if strings.HasSuffix(test.words, "\n") {
				want = test.want + suffix
			}
		}
		if c := evt.Content.AsMessage(); c.FormattedBody != want || want != "" && c.Format != event.FormatHTML {
			s.Errorf("%q became %q, want %q", text, c.FormattedBody, want)
		}
	}
	// A caption has marks, too.
	caption, from := s.text("*look*"), portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: photo(40, 30, 1), MIMEType: "image/jpeg", Caption: caption}})
	want := "<strong>look</strong>" + strings.TrimPrefix(caption, "*look*")
	if c := s.gets(portal, from, anna, "a picture with a caption", holding(caption)).Content.AsMessage(); c.FormattedBody != want {
		s.Errorf("the caption %q became %q, want %q", caption, c.FormattedBody, want)
	}
}

func formatOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, test := range []struct{ html, want string }{
		{"<b>bold</b> <i>italic</i> <del>gone</del> <code>code</code> <strong><em>both</em></strong> ", "*bold* _italic_ ~gone~ `code` *_both_* "},
		{"<pre><code class=\"language-go\">a &lt;b&gt;\n  c</code></pre>", "```a <b>\n  c```\n"},
		{"<blockquote>quoted</blockquote>answer ", "> quoted\nanswer "},
		{"<ul><li>one</li><li>two</li></ul>", "- one\n- two\n"},
		{"<ol start=\"2\"><li>one</li><li>two</li></ol>", "2. one\n3. two\n"},
		{"<h1>Title</h1><p>first</p><p>second</p>", "*Title*\n\nfirst\n\nsecond\n\n"},
		{`<a href="https://example.org/x">here</a> `, "here (https://example.org/x) "},
		{`<mx-reply>no</mx-reply><blink onclick="leak">plain</blink><!-- no --><script>no</script> &amp; <u>more</u> `, "plain & more "},
	} {
		canary := s.text("end")
		before := len(anna.timeline())
		_, err := portal.SendHTML(s.ctx, "fallback", test.html+canary)
		s.must(err)
		want := strings.TrimLeft(test.want+canary, "\n")
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
	if e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]; e.Text != "*"+caption+"*" {
		s.Errorf("the caption arrived as %q, want %q", e.Text, "*"+caption+"*")
	}
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
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	canary, before := s.text("see"), len(anna.timeline())
	pill := fmt.Sprintf(`<a href="https://matrix.to/#/%s">Anna</a>`, anna.mxid)
	_, err := portal.SendHTML(s.ctx, "Anna: see", "👩🏿‍🚒 🦄<br>\n"+pill+": <b>look "+pill+"</b> "+canary)
	s.must(err)
	e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
	if want := "👩🏿‍🚒 🦄\n@" + anna.LID + ": *look @" + anna.LID + "* " + canary; e.Text != want {
		s.Errorf("the text is %q, want %q", e.Text, want)
	}
	if !slices.Equal(e.Mentions, []string{anna.ID}) {
		s.Errorf("mentioned are %q, want Anna", e.Mentions)
	}
}

func linkIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	text, picture, from := s.text("look at https://example.org/a?b=c"), photo(64, 48, 5), portal.Mark()
	raw, err := json.Marshal(map[string]any{"extendedTextMessage": map[string]any{
		"text": text, "matchedText": "https://example.org/a?b=c", "title": "A title", "description": "What it is about", "JPEGThumbnail": picture,
	}})
	s.must(err)
	anna.sends(control.SendRequest{To: s.me.ID, Raw: raw})
	content := s.gets(portal, from, anna, "a text with a link", holding(text)).Content.AsMessage()
	if len(content.BeeperLinkPreviews) != 1 {
		s.Fatalf("the event has %d previews, want 1", len(content.BeeperLinkPreviews))
	}
	p := content.BeeperLinkPreviews[0]
	if p.MatchedURL != "https://example.org/a?b=c" || p.CanonicalURL != p.MatchedURL || p.Title != "A title" || p.Description != "What it is about" {
		s.Errorf("the preview is %+v", p)
	}
	if p.ImageWidth != 64 || p.ImageHeight != 48 || p.ImageType != "image/jpeg" {
		s.Errorf("its picture is %dx%d, %q; want 64x48, image/jpeg", p.ImageWidth, p.ImageHeight, p.ImageType)
	}
	s.mustHold(&event.MessageEventContent{URL: p.ImageURL, File: p.ImageEncryption}, picture)
}

// holding accepts messages of any kind with a text in them.
func holding(text string) func(*event.MessageEventContent) bool {
	return func(c *event.MessageEventContent) bool { return strings.Contains(c.Body, text) }
}
