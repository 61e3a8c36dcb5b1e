package e2e_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
)

// configured restarts the bridge with other values in its config, and returns what undoes it.
func (s *stage) configured(values map[string]string) (undo func()) {
	s.Helper()
	restore, err := s.stack.Bridge.Configure(values)
	s.must(err)
	s.restart()
	return func() {
		s.Helper()
		s.must(restore())
		s.restart()
	}
}

// saying accepts notices with a text in them.
func saying(text string) func(*event.MessageEventContent) bool {
	return func(c *event.MessageEventContent) bool {
		return c.MsgType == event.MsgNotice && strings.Contains(c.Body, text)
	}
}

// sendsSpoilt has a person send a picture whose file is spoilt before the bridge, which is held back, can fetch it.
func (p *person) sendsSpoilt(how string, data []byte, caption string) string {
	p.s.Helper()
	wait := p.s.breaks(control.Fault{Kind: "media_delay", Stanza: "GET/image", Args: map[string]string{"ms": "700"}, Times: -1})
	sent := p.sends(control.SendRequest{To: p.s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg", Caption: caption}})
	p.s.me.sees(control.Match{Kind: control.KindMessage, ID: sent.ID}) // or their phone would miss the file as well
	p.s.must(p.s.stack.Simulator.SpoilMedia(p.s.ctx, p.s.side.control(), p.ID, control.SpoilRequest{ID: sent.ID, How: how}))
	p.s.must(p.s.stack.Simulator.RemoveFault(p.s.ctx, p.s.side.control(), wait.ID))
	return sent.ID
}

// expiring is a file that the servers do not give.
type expiring struct {
	refusal control.Fault // by which they refuse it
	// spoilt has the files themselves spoilt in place of the refusal, the first in one way, the second in another.
	spoilt []string
}

func (whatsapp) expiring() expiring { return expiring{spoilt: []string{"expired", "deleted"}} }

func (messenger) expiring() expiring {
	return expiring{refusal: control.Fault{Kind: "media_expired", Stanza: "media/GET"}}
}

func (messengerE2EE) expiring() expiring {
	return expiring{refusal: control.Fault{Kind: "media_status", Stanza: "GET/image", Args: map[string]string{"status": "403"}, Times: -1}}
}

func (instagram) expiring() expiring {
	return expiring{refusal: control.Fault{Kind: "http_status", Stanza: "media/GET", Times: -1, Args: map[string]string{"status": "403"}}}
}

// mediaExpired shows that a picture which the servers do not give leaves a placeholder, and comes in its place when it is
// asked for, by a click or a command, and they give it again.
func mediaExpired(s *stage) {
	anna, portal := s.withAnna()
	_, network := s.side.protocol()
	gone, how := "no longer on "+network+"'s servers", s.side.expiring()
	byClick := func(placeholder id.EventID) {
		s.Helper()
		_, err := portal.React(s.ctx, placeholder, "♻️")
		s.must(err)
	}
	byCommand := func(placeholder id.EventID) {
		s.Helper()
		_, err := portal.Reply(s.ctx, placeholder, "!cc "+s.prefix()+"-media")
		s.must(err)
	}
	if s.side.traits().byClick {
		byCommand = byClick
	}
	for i, ask := range []func(id.EventID){byClick, byCommand} {
		from, caption, data := portal.Mark(), s.caption("image", "old times"), photo(200, 150, 5+i)
		var refusal control.Fault
		if how.spoilt != nil {
			anna.sendsSpoilt(how.spoilt[i], data, caption)
		} else {
			refusal = s.breaks(how.refusal)
			anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg", Caption: caption, Width: 200, Height: 150}})
		}
		placeholder := s.gets(portal, from, anna, "a placeholder", saying(gone))
		if body := placeholder.Content.AsMessage().Body; !strings.Contains(body, "♻️") {
			s.Errorf("the placeholder %q does not say how to ask for the picture", body)
		}
		if caption != "" {
			s.gets(portal, from, anna, "the caption", func(c *event.MessageEventContent) bool { return c.Body == caption })
		}
		if refusal.ID != "" {
			s.must(s.stack.Simulator.RemoveFault(s.ctx, s.side.control(), refusal.ID))
		}
		if i == 0 {
			s.restart() // nothing of this may live in memory only
		}
		from = portal.Mark()
		ask(placeholder.ID)
		edit, err := portal.AwaitEvent(s.ctx, from, "the picture in place of its placeholder", isReplaced(placeholder.ID))
		s.must(err)
		content := edit.Content.AsMessage().NewContent
		if edit.Sender != anna.mxid || content == nil || content.MsgType != event.MsgImage || content.Info == nil || content.Info.Width != 200 {
			s.Fatalf("the edit by %s has content %+v", edit.Sender, content)
		}
		s.mustHold(content, data)
	}
	if side, ok := s.side.(missingSide); ok {
		side.missesBesides(s, portal, anna, byClick)
	}
	for _, e := range anna.got(control.KindReaction) {
		s.Errorf("Anna sees reaction %q, which was for the bridge", e.Text)
	}
}

// missingSide is a side on which more can become of files that are missing.
type missingSide interface {
	// missesBesides shows that. ask asks for the file of a placeholder.
	missesBesides(s *stage, portal *roomOf, anna *person, ask func(placeholder id.EventID))
}

// missesBesides: the phone may have lost the file as well.
func (whatsapp) missesBesides(s *stage, portal *roomOf, anna *person, ask func(id.EventID)) {
	s.Helper()
	s.staysMissing(portal, anna, "nor your phone", ask, func(message string) {
		s.must(s.stack.Simulator.SpoilMedia(s.ctx, s.side.control(), s.me.ID, control.SpoilRequest{ID: message, How: "forget"}))
	})
}

// missesBesides: links end, and new ones are asked for by themselves.
func (messenger) missesBesides(s *stage, portal *roomOf, anna *person, _ func(id.EventID)) {
	s.Helper()
	old, data := s.text("with an old link"), photo(200, 150, 1)
	wait := s.breaks(control.Fault{Kind: "delay_push", Stanza: "push/1", Person: s.me.ID, Args: map[string]string{"ms": "300"}})
	sent := anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg", Caption: old}})
	s.must(s.stack.Simulator.SpoilMedia(s.ctx, s.side.control(), anna.ID, control.SpoilRequest{ID: sent.ID, How: "expired"}))
	s.mustHold(s.gets(portal, 0, anna, "a picture with a new link", holding(old)).Content.AsMessage(), data)
	s.must(s.struck(s.ctx, []string{wait.ID}))
}

// missesBesides: the message holds all that there is to know of its file, so what is gone for good stays so.
func (messengerE2EE) missesBesides(s *stage, portal *roomOf, anna *person, ask func(id.EventID)) {
	s.Helper()
	s.staysMissing(portal, anna, "no longer on Messenger's servers", ask, func(string) {})
}

// staysMissing has somebody send a picture that is gone, does more to it, asks for it and wants it to be said why not.
func (s *stage) staysMissing(portal *roomOf, anna *person, why string, ask func(id.EventID), more func(message string)) {
	s.Helper()
	from := portal.Mark()
	message := anna.sendsSpoilt("expired", photo(200, 150, 9), "")
	_, network := s.side.protocol()
	placeholder := s.gets(portal, from, anna, "a placeholder", saying("no longer on "+network+"'s servers"))
	more(message)
	ask(placeholder.ID)
	edit, err := portal.AwaitEvent(s.ctx, from, "word that the picture can't be had", isReplaced(placeholder.ID))
	s.must(err)
	if body := edit.Content.AsMessage().Body; !strings.Contains(body, why) {
		s.Errorf("the placeholder then says %q", body)
	}
}

// mediaCorrupt shows that what is not what its sender sent is not shown.
func mediaCorrupt(s *stage) {
	anna, portal := s.withAnna()
	from, data := portal.Mark(), photo(200, 150, 5)
	damaged := saying("damaged or was tampered with")
	mustNotShow := func() {
		s.Helper()
		for _, evt := range portal.Timeline()[from:] {
			if evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgImage {
				s.Error("a damaged picture was shown")
			}
		}
	}
	// The bytes are other than the sender's hash says.
	anna.sendsSpoilt("corrupt", data, "")
	s.gets(portal, from, anna, "word that the picture is damaged", damaged)
	mustNotShow()
	side, ok := s.side.(wrongHashSide)
	if !ok {
		return
	}
	// The sender's hashes of the plain file do not match what decrypts well.
	sent := anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{Kind: "image", Data: data, MIMEType: "image/jpeg"}})
	s.gets(portal, from, anna, "a whole picture", isKind(event.MsgImage))
	events := anna.timeline()
	at := slices.IndexFunc(events, func(e control.Event) bool { return e.ID == sent.ID })
	from = portal.Mark()
	anna.sends(control.SendRequest{To: s.me.ID, Raw: side.wrongHash(s, events[at].Raw)})
	s.gets(portal, from, anna, "word that the second picture is damaged", damaged)
	mustNotShow()
}

// wrongHashSide is a side on which messages can be forged so that only the hash of the plain file is wrong.
type wrongHashSide interface {
	wrongHash(*stage, json.RawMessage) json.RawMessage
}

func (whatsapp) wrongHash(s *stage, message json.RawMessage) json.RawMessage {
	s.Helper()
	var raw map[string]map[string]any
	s.must(json.Unmarshal(message, &raw))
	raw["imageMessage"]["fileSHA256"] = bytes.Repeat([]byte{7}, 32)
	return rawOf(s, map[string]any{"imageMessage": raw["imageMessage"]})
}
