package whatsapp_test

import (
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
)

// TestStatus: a status update reaches the devices of those in the address book, and no others.
func TestStatus(t *testing.T) {
	s := newSimulation(t)
	ben, c := s.linked("Ben")
	carl := s.addPerson("Carl")
	anna, err := s.api.AddPerson(t.Context(), whatsapp.Name, control.NewPerson{Name: "Anna", Contacts: []string{ben.ID}})
	if err != nil {
		t.Fatal(err)
	}
	s.send(anna.ID, control.SendRequest{To: "status", Text: "sunny today"})
	got := c.text("sunny today")
	if got.Info.Chat != types.StatusBroadcastJID || got.Info.Sender.User != anna.LID {
		t.Errorf("client got %+v, want a status of %s", got.Info.MessageSource, anna.LID)
	}
	s.await(ben.ID, control.Match{Text: "sunny today", Chat: "status", Sender: anna.ID})
	s.send(anna.ID, control.SendRequest{To: carl.ID, Text: "hello"})
	s.await(carl.ID, control.Match{Text: "hello"})
	timeline, err := s.api.Timeline(t.Context(), whatsapp.Name, carl.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range timeline {
		if e.Chat == "status" {
			t.Errorf("Carl, who is in nobody's address book, got %+v", e)
		}
	}
}

// TestGroupLooks: a group's picture and who may speak in it change on all sides.
func TestGroupLooks(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	group, err := s.api.CreateGroup(t.Context(), whatsapp.Name, anna.ID, control.NewGroup{Subject: "Friends", Members: []string{ben.ID}})
	if err != nil {
		t.Fatal(err)
	}
	avatar, announce := []byte{0xff, 0xd8, 0xff, 0xe0, 1, 2, 3}, true
	if _, err := s.api.ChangeGroup(t.Context(), whatsapp.Name, anna.ID, group.ID, control.GroupChange{Avatar: &avatar, Announce: &announce}); err != nil {
		t.Fatal(err)
	}
	expect(c, "picture", func(e *events.Picture) bool { return e.JID.String() == group.ID && e.PictureID != "" })
	expect(c, "announcement", func(e *events.GroupInfo) bool { return e.Announce != nil && e.Announce.IsAnnounce })
	if _, err := s.api.Send(t.Context(), whatsapp.Name, ben.ID, control.SendRequest{To: group.ID, Text: "may I"}); err == nil {
		t.Error("a member who is no admin could speak")
	}
}
