package e2e_test

import (
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
)

// caption makes a text for a file of a kind that is sent on the network; there is none where such files can't have one.
func (s *stage) caption(kind, words string) string {
	if !slices.Contains(s.side.traits().captions, kind) {
		return ""
	}
	return s.text(words)
}

// mustBeCaptioned fails unless a file in Matrix has this caption; with none its name must not stand as one.
func (s *stage) mustBeCaptioned(c *event.MessageEventContent, caption string) {
	s.Helper()
	switch {
	case caption == "" && c.FileName != "" && c.FileName != c.Body:
		s.Errorf("a file without caption has body %q beside its name %q", c.Body, c.FileName)
	case caption != "" && (c.Body != caption || c.FileName == "" || c.FileName == caption):
		s.Errorf("the caption is %q and the file's name %q; want caption %q and a name of its own", c.Body, c.FileName, caption)
	}
}

// seesCaption looks for the caption of a file that the user has sent. Where such files have none it comes right after, as
// a text, which is returned.
func (p *person) seesCaption(file *control.Media, caption string) (text *control.Event) {
	p.s.Helper()
	own := slices.Contains(p.s.side.traits().captions, file.Kind)
	want := caption
	if !own {
		want = ""
	}
	if file.Caption != want {
		p.s.Errorf("the caption of the %s is %q, want %q", file.Kind, file.Caption, want)
	}
	if own || caption == "" {
		return nil
	}
	e := p.reads(p.s.me, caption)
	return &e
}

// captionFollows shows that the text with a file's caption goes with the file: what happens to it there happens to the
// file's caption here, and it is unsent with the file.
func (s *stage) captionFollows(portal *roomOf, file id.EventID, p *person, text string) {
	s.Helper()
	better := s.text("a better word")
	_, err := s.stack.Simulator.Edit(s.ctx, s.side.control(), s.me.ID, control.EditRequest{Target: control.Target{Chat: p.ID, ID: text}, Text: better})
	s.must(err)
	if c := s.editedTo(portal, file, s.user.ID, better).Content.AsMessage().NewContent; c.MsgType != event.MsgImage || c.FileName != "view.jpg" {
		s.Errorf("the edited caption is on a %s %q, want the picture", c.MsgType, c.FileName)
	}
	s.must(portal.Redact(s.ctx, file))
	p.sees(control.Match{Kind: control.KindRevoke, Sender: s.me.ID, Ref: text})
}
