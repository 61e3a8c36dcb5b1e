package e2e_test

import (
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
)

// lid has contacts known by phone number first, by hidden id first, and by both in turn: each is one contact in one room.
func lid(s *stage) {
	anna, ben := s.newPerson(control.NewPerson{Name: "Anna"}), s.newPerson(control.NewPerson{Name: "Ben"})
	s.logIn()
	for _, p := range []*person{anna, ben} {
		byNumber := p == ben // Ben is known by number first
		var want []string
		for range 4 {
			text := s.text("by LID")
			if byNumber {
				text = s.text("by number")
			}
			p.sends(control.SendRequest{To: s.me.ID, Text: text, ByNumber: byNumber})
			want = append(want, text)
			_, err := s.portal(p).AwaitText(s.ctx, 0, p.mxid, text)
			s.must(err)
			byNumber = !byNumber
		}
		portal := s.portal(p)
		if got := texts(portal, p.mxid); !slices.Equal(got, want) {
			s.Errorf("the room with %s has %q, want %q", p.Name, got, want)
		}
		reply := s.text("reply to " + p.Name)
		_, err := portal.SendText(s.ctx, reply)
		s.must(err)
		p.reads(s.me, reply)
	}
	s.lateLID()
}

// lateLID has a contact of whom WhatsApp tells only the number at first.
func (s *stage) lateLID() {
	s.Helper()
	cleo := s.newPerson(control.NewPerson{Name: "Cleo"})
	hidden := s.breaks(control.Fault{Kind: "hide_lid", Person: s.me.ID, Times: -1})
	early := s.text("without a LID")
	cleo.sends(control.SendRequest{To: s.me.ID, Text: early, ByNumber: true})
	byNumber := *cleo
	byNumber.mxid = id.NewUserID("crosschat_whatsapp-"+cleo.Phone, s.stack.Homeserver.Domain)
	room := s.portal(&byNumber)
	_, err := room.AwaitText(s.ctx, 0, byNumber.mxid, early)
	s.must(err)
	s.must(s.stack.Simulator.RemoveFault(s.ctx, s.side.control(), hidden.ID))

	late := s.text("with a LID")
	cleo.sends(control.SendRequest{To: s.me.ID, Text: late})
	// The sender goes on with the session that it has; whatsmeow keeps that under the number and has to ask again.
	_, err = room.AwaitEvent(s.ctx, 0, "the text with the LID", func(evt *event.Event) bool {
		if evt.Type != event.EventMessage || evt.Sender != cleo.mxid {
			return false
		}
		content := evt.Content.AsMessage()
		return content.Body == late || content.NewContent != nil && content.NewContent.Body == late
	})
	s.must(err)
	if portal := s.portal(cleo); portal.ID != room.ID {
		s.Errorf("with its LID the contact is in room %s, was in %s", portal.ID, room.ID)
	}
	// What came before still belongs to the chat: it can be read there, and answered.
	evt, err := room.AwaitText(s.ctx, 0, byNumber.mxid, early)
	s.must(err)
	answer := s.text("answer to the early one")
	_, err = room.Reply(s.ctx, evt.ID, answer)
	s.must(err)
	cleo.reads(s.me, answer)
	s.must(room.MarkRead(s.ctx, evt.ID))
}
