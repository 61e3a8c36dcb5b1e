package e2e_test

import (
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// messengerFormatIn: there are no lists, and no marks inside marks.
func messengerFormatIn(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for words, want := range map[string]string{
		"*bold* _italic_ ~gone~ `code`":    "<strong>bold</strong> <em>italic</em> <del>gone</del> <code>code</code>",
		"> quoted\nanswer":                 "<blockquote>quoted</blockquote>answer",
		"- one and snake_case_name, 2*3*4": "",
	} {
		text := s.text(words)
		anna.writes(s.me, text)
		evt, err := portal.AwaitText(s.ctx, 0, anna.mxid, text)
		s.must(err)
		if want != "" {
			want += strings.TrimPrefix(text, words)
		}
		if got := evt.Content.AsMessage().FormattedBody; got != want {
			s.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func messengerFormatOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	for _, test := range []struct{ html, want string }{
		{"<b>bold</b> <i>italic</i> <del>gone</del> <code>code</code> ", "*bold* _italic_ ~gone~ `code` "},
		{"<blockquote>quoted</blockquote>answer ", "> quoted\nanswer "},
		{`<a href="https://example.org/x">here</a> `, "here (https://example.org/x) "},
		{`<mx-reply>no</mx-reply><blink onclick="leak">plain</blink><!-- no --><script>no</script> &amp; <u>more</u> `, "plain & more "},
	} {
		canary, before := s.text("end"), len(anna.timeline())
		_, err := portal.SendHTML(s.ctx, "fallback", test.html+canary)
		s.must(err)
		e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
		if got, want := strings.ReplaceAll(e.Text, "\n\n", "\n"), test.want+canary; got != want {
			s.Errorf("%q arrived as %q, want %q", test.html, got, want)
		}
	}
}

func messengerMentionOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	canary, before := s.text("see"), len(anna.timeline())
	pill := fmt.Sprintf(`<a href="https://matrix.to/#/%s">Anna</a>`, anna.mxid)
	_, err := portal.SendHTML(s.ctx, "Anna: see", "👩🏿‍🚒 🦄<br>\n"+pill+": look "+canary)
	s.must(err)
	e := anna.sees(control.Match{From: before, Kind: control.KindMessage, Sender: s.me.ID})[0]
	if want := "👩🏿‍🚒 🦄\n@" + s.named(anna) + ": look " + canary; e.Text != want {
		s.Errorf("the text is %q, want %q", e.Text, want)
	}
	if !slices.Equal(e.Mentions, []string{anna.ID}) {
		s.Errorf("mentioned are %q, want Anna", e.Mentions)
	}
	// The offset counts UTF-16 units: seven of the fire fighter, a space, two of the unicorn, a line break.
	raw, length := strings.ToLower(string(e.Raw)), len("@"+s.named(anna))
	if !strings.Contains(raw, `"offset":11`) || !strings.Contains(raw, fmt.Sprintf(`"length":%d`, length)) {
		s.Errorf("the mention stands in %s, want it at 11, %d long", e.Raw, length)
	}
}

// messengerStickerOut: nobody can send stickers of their own there, so they go as pictures.
func messengerStickerOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	before, data := len(anna.timeline()), s.made(".png", testPicture...)
	_, err := portal.SendFile(s.ctx, lab.File{Type: event.CapMsgSticker, Name: "cat", MIMEType: "image/png", Data: data, Width: 200, Height: 100})
	s.must(err)
	if m := anna.seesFile(before, "image"); m.MIMEType != "image/png" || m.Width != 200 || m.Height != 100 {
		s.Errorf("the sticker arrived as %s, %dx%d; want image/png, 200x100", m.MIMEType, m.Width, m.Height)
	}
}

// messengerGIFOut: GIFs stay GIFs there.
func messengerGIFOut(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	before, data := len(anna.timeline()), s.made(".gif", testLoop...)
	_, err := portal.SendFile(s.ctx, lab.File{Type: event.MsgImage, Name: "dance.gif", MIMEType: "image/gif", Data: data, Width: 160, Height: 120})
	s.must(err)
	if m := anna.seesFile(before, "gif"); m.MIMEType != "image/gif" {
		s.Errorf("the GIF arrived as %s", m.MIMEType)
	}
}
