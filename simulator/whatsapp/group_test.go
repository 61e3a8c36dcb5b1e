package whatsapp_test

import (
	"slices"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
)

func TestGroup(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	anna, carl := s.addPerson("Anna"), s.addPerson("Carl")
	ben, c := s.linked("Ben")
	group, err := s.api.CreateGroup(ctx, whatsapp.Name, anna.ID, control.NewGroup{
		Subject: "Friends", Members: []string{ben.ID, carl.ID},
	})
	if err != nil {
		t.Fatal(err)
	}
	expect(c, "group", func(e *events.JoinedGroup) bool { return e.GroupName.Name == "Friends" })
	sent := s.send(anna.ID, control.SendRequest{To: group.ID, Text: "hello all"})
	got := c.text("hello all")
	if got.Info.Chat.String() != group.ID || got.Info.Sender.User != anna.LID {
		t.Errorf("client got %+v, want %s in %s", got.Info.MessageSource, anna.LID, group.ID)
	}
	on := s.await(carl.ID, control.Match{Text: "hello all", Chat: group.ID, Sender: anna.ID})
	if on.Encrypted != "skmsg" {
		t.Errorf("message came as %s, want skmsg", on.Encrypted)
	}
	jid, err := types.ParseJID(group.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, reader := range []string{ben.ID, carl.ID} {
		s.await(anna.ID, control.Match{Kind: control.KindReceipt, Ref: sent.ID, Chat: group.ID, Sender: reader, Text: "delivered"})
	}
	mine := c.sendText(jid, "hello from the client")
	expect(c, "receipt", func(e *events.Receipt) bool {
		return e.MessageIDs[0] == mine.ID && e.Chat == jid && e.Sender.User == anna.LID
	})
	if err := s.api.Receipt(ctx, whatsapp.Name, carl.ID, control.ReceiptRequest{
		Chat: group.ID, Sender: ben.ID, IDs: []string{mine.ID}, Type: "read",
	}); err != nil {
		t.Fatal(err)
	}
	expect(c, "read receipt", func(e *events.Receipt) bool {
		return e.Type == types.ReceiptTypeRead && e.Chat == jid && e.Sender.User == carl.LID
	})
	s.await(anna.ID, control.Match{Text: "hello from the client", Chat: group.ID, Sender: ben.ID})
	s.await(carl.ID, control.Match{Text: "hello from the client", Chat: group.ID, Sender: ben.ID})
	own := s.await(ben.ID, control.Match{Text: "hello from the client", Chat: group.ID})
	if !own.FromMe {
		t.Error("own phone took the client's message for somebody else's")
	}
}

func TestGroupChanges(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	anna, carl := s.addPerson("Anna"), s.addPerson("Carl")
	ben, c := s.linked("Ben")
	group, err := s.api.CreateGroup(ctx, whatsapp.Name, anna.ID, control.NewGroup{Subject: "Friends", Members: []string{ben.ID}})
	if err != nil {
		t.Fatal(err)
	}
	subject, topic := "Old friends", "who we are"
	changed, err := s.api.ChangeGroup(ctx, whatsapp.Name, anna.ID, group.ID, control.GroupChange{
		Subject: &subject, Topic: &topic, Add: []string{carl.ID},
	})
	if err != nil {
		t.Fatal(err)
	}
	if changed.Subject != subject || changed.Topic != topic || !slices.Contains(changed.Members, carl.ID) {
		t.Errorf("group is %+v after the change", changed)
	}
	expect(c, "subject", func(e *events.GroupInfo) bool { return e.Name != nil && e.Name.Name == subject })
	expect(c, "new member", func(e *events.GroupInfo) bool { return len(e.Join) == 1 && e.Join[0].User == carl.LID })
	if _, err := s.api.ChangeGroup(ctx, whatsapp.Name, carl.ID, group.ID, control.GroupChange{Leave: true}); err != nil {
		t.Fatal(err)
	}
	expect(c, "leaving member", func(e *events.GroupInfo) bool { return len(e.Leave) == 1 && e.Leave[0].User == carl.LID })
	if _, err := s.api.Group(ctx, whatsapp.Name, carl.ID, group.ID); err == nil {
		t.Error("who left can still look at the group")
	}
}

func TestGroupOfClient(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	_, c := s.linked("Ben")
	group, err := c.CreateGroup(t.Context(), whatsmeow.ReqCreateGroup{Name: "Made by a client", Participants: []types.JID{lid(anna)}})
	if err != nil {
		t.Fatal(err)
	}
	c.sendText(group.JID, "welcome")
	s.await(anna.ID, control.Match{Text: "welcome", Chat: group.JID.String()})
	s.send(anna.ID, control.SendRequest{To: group.JID.String(), Text: "thanks"})
	c.text("thanks")
}
