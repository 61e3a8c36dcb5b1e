package whatsapp_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
)

func TestPhonesTalk(t *testing.T) {
	s := newSimulation(t)
	anna, ben := s.addPerson("Anna"), s.addPerson("Ben")
	first := s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "hello"})
	got := s.await(ben.ID, control.Match{Kind: control.KindMessage, Text: "hello"})
	if got.ID != first.ID || got.Sender != anna.ID || got.Chat != anna.ID || got.Encrypted != "pkmsg" || got.FromMe {
		t.Errorf("got %+v, want message %s of %s", got, first.ID, anna.ID)
	}
	s.await(anna.ID, control.Match{Kind: control.KindReceipt, Ref: first.ID, Text: "delivered", Sender: ben.ID})
	s.send(ben.ID, control.SendRequest{To: anna.ID, Text: "hi", ReplyTo: first.ID})
	answer := s.await(anna.ID, control.Match{Kind: control.KindMessage, Text: "hi"})
	if answer.ReplyTo != first.ID || answer.Encrypted != "msg" {
		t.Errorf("answer %+v, want a reply to %s within the session", answer, first.ID)
	}
}

func TestClientPairsAndTalksWithPhone(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	if c.Store.LID.User != ben.LID || c.Store.ID.User != ben.Phone {
		t.Errorf("client is %s, %s, want %s, %s", c.Store.ID, c.Store.LID, ben.Phone, ben.LID)
	}
	sent := s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "to both devices"})
	got := c.text("to both devices")
	if got.Info.ID != sent.ID || got.Info.Sender.User != anna.LID || got.Info.PushName != "Anna" {
		t.Errorf("client got %+v, want %s from %s", got.Info, sent.ID, anna.LID)
	}
	s.await(ben.ID, control.Match{Kind: control.KindMessage, Text: "to both devices"})
	delivered, err := s.api.Await(t.Context(), whatsapp.Name, anna.ID,
		control.Match{Kind: control.KindReceipt, Ref: sent.ID, Text: "delivered", Count: 2}, patience)
	if err != nil {
		t.Fatal(err)
	}
	devices := map[int]bool{delivered[0].Device: true, delivered[1].Device: true}
	if !devices[0] || !devices[1] {
		t.Errorf("delivered to devices %v, want 0 and 1", devices)
	}
	back := c.sendText(lid(anna), "from the client")
	s.await(anna.ID, control.Match{Kind: control.KindMessage, Text: "from the client", Sender: ben.ID, ID: back.ID})
	own := s.await(ben.ID, control.Match{Kind: control.KindMessage, Text: "from the client", ID: back.ID})
	if !own.FromMe || own.Chat != anna.ID || own.Device != 1 {
		t.Errorf("own phone got %+v, want a copy in the chat with %s from device 1", own, anna.ID)
	}
	expect(c, "delivery receipt", func(e *events.Receipt) bool {
		return e.Type == types.ReceiptTypeDelivered && e.MessageIDs[0] == back.ID && e.Sender.User == anna.LID
	})
}

func TestOwnPhoneReachesClient(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	s.send(ben.ID, control.SendRequest{To: anna.ID, Text: "typed on the phone"})
	got := c.text("typed on the phone")
	if !got.Info.IsFromMe || got.Info.Chat.User != anna.LID {
		t.Errorf("client got %+v, want an own message in the chat with %s", got.Info.MessageSource, anna.LID)
	}
	s.send(ben.ID, control.SendRequest{To: ben.ID, Text: "note to self"})
	if got := c.text("note to self"); got.Info.Chat.User != ben.LID {
		t.Errorf("note is in chat %s, want %s", got.Info.Chat, ben.LID)
	}
}

func TestByNumber(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "by number", ByNumber: true})
	got := c.text("by number")
	if got.Info.Chat != pn(anna) || got.Info.SenderAlt.User != anna.LID {
		t.Errorf("chat is %s with %s beside it, want %s and %s", got.Info.Chat, got.Info.SenderAlt, pn(anna), anna.LID)
	}
	c.sendText(pn(anna), "answered by number")
	s.await(anna.ID, control.Match{Text: "answered by number", Chat: ben.ID})
}

func TestTwoClientsTalk(t *testing.T) {
	s := newSimulation(t)
	anna, a := s.linked("Anna")
	ben, b := s.linked("Ben")
	a.sendText(lid(ben), "client to client")
	b.text("client to client")
	b.sendText(lid(anna), "and back")
	a.text("and back")
	s.await(anna.ID, control.Match{Text: "and back"})
}

func TestManyInOrder(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	const count = 100
	for i := range count {
		s.send(anna.ID, control.SendRequest{To: ben.ID, Text: fmt.Sprintf("number %d", i)})
	}
	c.text(fmt.Sprintf("number %d", count-1))
	next := 0
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, event := range c.events {
		if m, ok := event.(*events.Message); ok && strings.HasPrefix(m.Message.GetConversation(), "number ") {
			if want := fmt.Sprintf("number %d", next); m.Message.GetConversation() != want {
				t.Fatalf("message %d is %q, want %q", next, m.Message.GetConversation(), want)
			}
			next++
		}
	}
	if next != count {
		t.Errorf("client got %d messages, want %d", next, count)
	}
}

func TestRestartAndOfflineQueue(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "before"})
	c.text("before")
	c.Disconnect()
	for i := range 3 {
		s.send(anna.ID, control.SendRequest{To: ben.ID, Text: fmt.Sprintf("while away %d", i)})
	}
	again := s.openClient(c.db)
	if err := again.Connect(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		again.text(fmt.Sprintf("while away %d", i))
	}
	again.sendText(lid(anna), "back again")
	s.await(anna.ID, control.Match{Text: "back again"})
}

func TestPhoneOffline(t *testing.T) {
	s := newSimulation(t)
	anna, ben := s.addPerson("Anna"), s.addPerson("Ben")
	off, on := false, true
	if err := s.api.SetBehaviour(t.Context(), whatsapp.Name, ben.ID, control.Behaviour{Online: &off}); err != nil {
		t.Fatal(err)
	}
	s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "waits"})
	if _, err := s.api.Send(t.Context(), whatsapp.Name, ben.ID, control.SendRequest{To: anna.ID, Text: "no"}); err == nil {
		t.Error("a phone that is off could send")
	}
	if _, err := s.api.ScanQR(t.Context(), whatsapp.Name, ben.ID, s.newClient().qr()); err == nil {
		t.Error("a phone that is off could scan")
	}
	events, err := s.api.Timeline(t.Context(), whatsapp.Name, ben.ID, 0)
	if err != nil || len(events) != 0 {
		t.Errorf("timeline of a phone that is off: %v, %v", events, err)
	}
	if err := s.api.SetBehaviour(t.Context(), whatsapp.Name, ben.ID, control.Behaviour{Online: &on}); err != nil {
		t.Fatal(err)
	}
	s.await(ben.ID, control.Match{Text: "waits"})
}

func TestReactEditRevoke(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	ctx := t.Context()
	sent := s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "fisrt"})
	c.text("fisrt")
	if _, err := s.api.Edit(ctx, whatsapp.Name, anna.ID, control.EditRequest{
		Target: control.Target{Chat: ben.ID, ID: sent.ID}, Text: "first",
	}); err != nil {
		t.Fatal(err)
	}
	expect(c, "edit", func(e *events.Message) bool {
		return e.IsEdit && e.Message.GetProtocolMessage().GetEditedMessage().GetConversation() == "first"
	})
	if _, err := s.api.React(ctx, whatsapp.Name, anna.ID, control.ReactRequest{
		Target: control.Target{Chat: ben.ID, ID: sent.ID}, Emoji: "👍",
	}); err != nil {
		t.Fatal(err)
	}
	expect(c, "reaction", func(e *events.Message) bool {
		return e.Message.GetReactionMessage().GetText() == "👍" && e.Message.GetReactionMessage().GetKey().GetID() == sent.ID
	})
	if _, err := s.api.Revoke(ctx, whatsapp.Name, anna.ID, control.Target{Chat: ben.ID, ID: sent.ID}); err != nil {
		t.Fatal(err)
	}
	expect(c, "revoke", func(e *events.Message) bool {
		p := e.Message.GetProtocolMessage()
		return p != nil && p.GetType() == waE2E.ProtocolMessage_REVOKE && p.GetKey().GetID() == sent.ID
	})
	mine := c.sendText(lid(anna), "mine")
	for _, m := range []*waE2E.Message{
		c.BuildReaction(lid(anna), c.Store.GetLID(), mine.ID, "🎉"),
		c.BuildEdit(lid(anna), mine.ID, &waE2E.Message{Conversation: proto.String("mine, edited")}),
		c.BuildRevoke(lid(anna), types.EmptyJID, mine.ID),
	} {
		if _, err := c.SendMessage(ctx, lid(anna), m); err != nil {
			t.Fatal(err)
		}
	}
	s.await(anna.ID, control.Match{Kind: control.KindReaction, Ref: mine.ID, Text: "🎉", Sender: ben.ID})
	s.await(anna.ID, control.Match{Kind: control.KindEdit, Ref: mine.ID, Text: "mine, edited"})
	s.await(anna.ID, control.Match{Kind: control.KindRevoke, Ref: mine.ID})
}

func TestRetryBothWays(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	ctx := t.Context()
	c.sendText(lid(anna), "a session first")
	s.await(anna.ID, control.Match{Text: "a session first"})
	if _, err := s.api.AddFault(ctx, whatsapp.Name, control.Fault{
		Kind: "corrupt", Person: ben.ID, Device: 1, Stanza: "message",
	}); err != nil {
		t.Fatal(err)
	}
	s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "damaged on the way"})
	expect[*events.UndecryptableMessage](c, "undecryptable message", nil)
	c.text("damaged on the way")
	twice := 2
	if err := s.api.SetBehaviour(ctx, whatsapp.Name, anna.ID, control.Behaviour{FailDecrypt: &twice}); err != nil {
		t.Fatal(err)
	}
	c.sendText(lid(anna), "read at the third attempt")
	s.await(anna.ID, control.Match{Kind: control.KindMessage, Text: "read at the third attempt"})
}

// TestUsedKey: what comes under a key that was used is taken for a message that is there. The sender hears that it was
// delivered, and it is never shown.
func TestUsedKey(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	_, c := s.linked("Ben")
	c.sendText(lid(anna), "a session first")
	s.await(anna.ID, control.Match{Text: "a session first"})
	address := lid(anna).SignalAddress().String()
	before, err := c.Store.Sessions.GetSession(t.Context(), address)
	if err != nil || before == nil {
		t.Fatalf("the session is %x (%v)", before, err)
	}
	c.sendText(lid(anna), "uses a key")
	if err = c.Store.Sessions.PutSession(t.Context(), address, before); err != nil {
		t.Fatal(err)
	}
	lost := c.sendText(lid(anna), "uses it again")
	expect(c, "a delivery receipt", func(e *events.Receipt) bool {
		return e.Type == types.ReceiptTypeDelivered && slices.Contains(e.MessageIDs, lost.ID)
	})
	c.sendText(lid(anna), "uses the next one")
	s.await(anna.ID, control.Match{Kind: control.KindMessage, Text: "uses the next one"})
	timeline, err := s.api.Timeline(t.Context(), whatsapp.Name, anna.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range timeline {
		if e.Kind == control.KindMessage && e.ID == lost.ID {
			t.Errorf("%q was shown", e.Text)
		}
	}
}

func TestReinstall(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	c.sendText(lid(anna), "old phone")
	s.await(anna.ID, control.Match{Text: "old phone"})
	if err := s.api.Reinstall(t.Context(), whatsapp.Name, anna.ID); err != nil {
		t.Fatal(err)
	}
	expect[*events.IdentityChange](c, "identity change", nil)
	c.sendText(lid(anna), "new phone")
	s.await(anna.ID, control.Match{Text: "new phone"})
	s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "with new keys"})
	c.text("with new keys")
}

func TestRefusals(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	anna := s.addPerson("Anna")
	status := func(err error) int {
		var e *control.Error
		if !errors.As(err, &e) {
			t.Fatalf("error %v is not the API's", err)
		}
		return e.Status
	}
	_, err := s.api.Send(ctx, whatsapp.Name, anna.ID, control.SendRequest{To: "999", Text: "x"})
	if got := status(err); got != http.StatusNotFound {
		t.Errorf("sending to nobody: status %d, %v", got, err)
	}
	_, err = s.api.Send(ctx, whatsapp.Name, anna.ID, control.SendRequest{To: anna.ID})
	if got := status(err); got != http.StatusBadRequest {
		t.Errorf("sending nothing: status %d, %v", got, err)
	}
	_, err = s.api.AddPerson(ctx, whatsapp.Name, control.NewPerson{Phone: anna.Phone})
	if got := status(err); got != http.StatusConflict {
		t.Errorf("taking a taken number: status %d, %v", got, err)
	}
	_, err = s.api.Await(ctx, whatsapp.Name, anna.ID, control.Match{Text: "never"}, 10*time.Millisecond)
	if got := status(err); got != http.StatusGatewayTimeout {
		t.Errorf("awaiting what never comes: status %d, %v", got, err)
	}
	ben := s.addPerson("Ben")
	if _, err := s.api.AddFault(ctx, whatsapp.Name, control.Fault{Kind: "no such kind"}); err == nil {
		t.Error("a fault of an unknown kind was accepted")
	}
	if err := s.api.Unlink(ctx, whatsapp.Name, ben.ID, 7); err == nil {
		t.Error("a device that does not exist was unlinked")
	}
}
