package e2e_test

import (
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// statusUpdates has a contact post status updates: none shows until the user wants them.
func statusUpdates(s *stage) {
	s.patient(time.Minute)
	anna := s.newPerson(control.NewPerson{Name: "Anna", Contacts: []string{s.me.ID}})
	s.logIn()
	room := s.greeted(anna)
	hidden := s.text("nobody should see this")
	anna.sends(control.SendRequest{To: "status", Text: hidden})
	// The chat is behind the status: when this is there, the status would be.
	after := s.text("did you see it")
	anna.writes(s.me, after)
	_, err := room.AwaitText(s.ctx, 0, anna.mxid, after)
	s.must(err)
	rooms, err := s.user.JoinedRooms(s.ctx)
	s.must(err)
	for _, r := range rooms {
		if slices.Contains(texts(r, anna.mxid), hidden) {
			s.Errorf("the status update is in room %s although the user did not ask for it", r.ID)
		}
	}

	answer, err := s.bot.Ask(s.ctx, s.side.network()+"-status on")
	s.must(err)
	if !strings.Contains(answer, "will show") {
		s.Errorf("the bot answers %q", answer)
	}
	shown := s.text("sunny today")
	anna.sends(control.SendRequest{To: "status", Text: shown})
	status := s.roomNamed("WhatsApp status updates")
	evt, err := status.AwaitText(s.ctx, 0, anna.mxid, shown)
	s.must(err)
	s.mustBeEncrypted(evt)
	picture := photo(90, 160, 3)
	anna.sends(control.SendRequest{To: "status", Media: &control.Media{Kind: "image", Data: picture, MIMEType: "image/jpeg", Width: 90, Height: 160}})
	_, err = status.AwaitEvent(s.ctx, 0, "the picture", func(evt *event.Event) bool {
		return evt.Sender == anna.mxid && evt.Type == event.EventMessage && evt.Content.AsMessage().MsgType == event.MsgImage
	})
	s.must(err)
	s.mustNotWrite(status)

	// Reading it is nobody's business.
	s.must(status.MarkRead(s.ctx, evt.ID))
	answer, err = s.bot.Ask(s.ctx, s.side.network()+"-status off")
	s.must(err)
	if !strings.Contains(answer, "not be shown") {
		s.Errorf("the bot answers %q", answer)
	}
	late := s.text("rain tomorrow")
	anna.sends(control.SendRequest{To: "status", Text: late})
	end := s.text("over")
	anna.writes(s.me, end)
	_, err = room.AwaitText(s.ctx, 0, anna.mxid, end)
	s.must(err)
	if slices.Contains(texts(status, anna.mxid), late) {
		s.Errorf("a status update shows after they were switched off")
	}
	for _, e := range anna.timeline() {
		if e.Kind == control.KindReceipt && e.Chat == "status" && e.Text == "read" {
			s.Errorf("Anna was told that her status was read")
		}
	}
}

// mustNotWrite fails if the user can write in a room.
func (s *stage) mustNotWrite(room *lab.Room) {
	s.Helper()
	if _, err := room.SendText(s.ctx, s.text("can I write here")); err == nil || !strings.Contains(err.Error(), "M_FORBIDDEN") {
		s.Errorf("writing into room %s: %v, want that it is forbidden", room.ID, err)
	}
}
