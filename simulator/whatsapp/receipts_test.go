package whatsapp_test

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
)

func TestReceiptsAndTyping(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	ctx := t.Context()
	sent := s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "read me"})
	got := c.text("read me")
	if err := c.MarkRead(ctx, []string{sent.ID}, time.Now(), got.Info.Chat, got.Info.Sender); err != nil {
		t.Fatal(err)
	}
	s.await(anna.ID, control.Match{Kind: control.KindReceipt, Ref: sent.ID, Text: "read", Sender: ben.ID})
	own := s.await(ben.ID, control.Match{Kind: control.KindReceipt, Ref: sent.ID, Text: "read"})
	if !own.FromMe || own.Chat != anna.ID {
		t.Errorf("own phone got %+v, want an own read receipt in the chat with %s", own, anna.ID)
	}
	mine := c.sendText(lid(anna), "now you")
	s.await(anna.ID, control.Match{Text: "now you"})
	if err := s.api.Receipt(ctx, whatsapp.Name, anna.ID, control.ReceiptRequest{
		Chat: ben.ID, Sender: ben.ID, IDs: []string{mine.ID}, Type: "read",
	}); err != nil {
		t.Fatal(err)
	}
	expect(c, "read receipt", func(e *events.Receipt) bool {
		return e.Type == types.ReceiptTypeRead && e.MessageIDs[0] == mine.ID && e.Chat.User == anna.LID
	})
	if err := c.SendPresence(ctx, types.PresenceAvailable); err != nil {
		t.Fatal(err)
	}
	if err := c.SendChatPresence(ctx, lid(anna), types.ChatPresenceComposing, ""); err != nil {
		t.Fatal(err)
	}
	s.await(anna.ID, control.Match{Kind: control.KindTyping, Chat: ben.ID, Text: "composing"})
	for _, typing := range []bool{true, false} {
		if err := s.api.Typing(ctx, whatsapp.Name, anna.ID, control.TypingRequest{Chat: ben.ID, Typing: typing}); err != nil {
			t.Fatal(err)
		}
		want := types.ChatPresencePaused
		if typing {
			want = types.ChatPresenceComposing
		}
		expect(c, string(want), func(e *events.ChatPresence) bool { return e.State == want && e.Chat.User == anna.LID })
	}
}

func TestHabits(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	_, c := s.linked("Ben")
	yes := true
	if err := s.api.SetBehaviour(t.Context(), whatsapp.Name, anna.ID, control.Behaviour{Echo: &yes, AutoRead: &yes}); err != nil {
		t.Fatal(err)
	}
	sent := c.sendText(lid(anna), "echo?")
	c.text("echo?")
	expect(c, "read receipt", func(e *events.Receipt) bool {
		return e.Type == types.ReceiptTypeRead && e.MessageIDs[0] == sent.ID
	})
}

func TestReceiptsHeldAndHidden(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	ben, c := s.linked("Ben")
	anna, a := s.linked("Anna")
	behave := func(b control.Behaviour) {
		t.Helper()
		if err := s.api.SetBehaviour(ctx, whatsapp.Name, anna.ID, b); err != nil {
			t.Fatal(err)
		}
	}
	yes, no := true, false
	behave(control.Behaviour{HoldDelivery: &yes, ReadReceipts: &no})
	held := c.sendText(lid(anna), "held")
	s.await(anna.ID, control.Match{Text: "held"})
	if err := s.api.Receipt(ctx, whatsapp.Name, anna.ID, control.ReceiptRequest{
		Chat: ben.ID, Sender: ben.ID, IDs: []string{held.ID}, Type: "read",
	}); err != nil {
		t.Fatal(err)
	}
	expect(a, "own read receipt", func(e *events.Receipt) bool {
		return e.Type == types.ReceiptTypeReadSelf && e.MessageIDs[0] == held.ID
	})
	behave(control.Behaviour{HoldDelivery: &no, ReadReceipts: &yes})
	shown := c.sendText(lid(anna), "shown")
	s.await(anna.ID, control.Match{Text: "shown"})
	if err := s.api.Receipt(ctx, whatsapp.Name, anna.ID, control.ReceiptRequest{
		Chat: ben.ID, Sender: ben.ID, IDs: []string{shown.ID}, Type: "read",
	}); err != nil {
		t.Fatal(err)
	}
	expect(c, "read receipt", func(e *events.Receipt) bool {
		return e.Type == types.ReceiptTypeRead && e.MessageIDs[0] == shown.ID
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, event := range c.events {
		r, ok := event.(*events.Receipt)
		fromAnna := ok && r.MessageIDs[0] == held.ID && r.Sender.User == anna.LID
		if fromAnna && (r.Sender.Device == 0 || r.Type == types.ReceiptTypeRead) {
			t.Errorf("receipt %q of %s reached the author in spite of the settings", r.Type, r.Sender)
		}
	}
}
