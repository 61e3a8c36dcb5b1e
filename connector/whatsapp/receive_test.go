package whatsapp

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/fakematrix"
)

func withText(evt *events.Message, text string) *events.Message {
	evt.Message = &waE2E.Message{Conversation: proto.String(text)}
	evt.RawMessage = evt.Message
	return evt
}

// sentTexts are the message bodies that reached Matrix, with their senders.
func sentTexts(m *fakematrix.Matrix) (texts []string) {
	for _, call := range m.Calls("SendMessage") {
		if content, ok := call.Content.(*event.MessageEventContent); ok {
			texts = append(texts, string(call.User)+": "+content.Body)
		}
	}
	return texts
}

func TestReceiveText(t *testing.T) {
	m := fakematrix.New()
	n := newTestNetwork(t)
	mustStart(t, m, n, t.TempDir())
	c := mustLogin(t, n)

	first := withText(fromAnna("A1"), "hello")
	if !c.onEvent(first) {
		t.Fatal("message was not acknowledged")
	}
	id, err := makeMessageID(messageKey{Chat: annaLID, Sender: annaLID, ID: "A1"})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := n.bridge.DB.Message.GetAllPartsByID(t.Context(), c.login.ID, id)
	if err != nil || len(rows) != 1 {
		t.Fatalf("got %d rows and error %v after the acknowledgement, want 1 row", len(rows), err)
	}
	if !c.onEvent(first) {
		t.Error("repeated message was not acknowledged")
	}
	if !c.onEvent(withText(fromAlicesPhone("B1"), "hello back")) {
		t.Error("own message was not acknowledged")
	}
	texts := sentTexts(m)
	if len(texts) != 2 {
		t.Fatalf("Matrix got %q, want two messages", texts)
	}
	anna := n.bridge.Matrix.GhostIntent(mustID[networkid.UserID](annaLID)).GetMXID()
	if want := string(anna) + ": hello"; texts[0] != want {
		t.Errorf("Matrix got %q, want %q", texts[0], want)
	}
	ghost, err := n.bridge.GetGhostByID(t.Context(), mustID[networkid.UserID](annaLID))
	if err != nil {
		t.Fatal(err)
	}
	if ghost.Name != "Anna" {
		t.Errorf("ghost is called %q, want %q", ghost.Name, "Anna")
	}
}

func TestReceiveIgnores(t *testing.T) {
	m := fakematrix.New()
	n := newTestNetwork(t)
	mustStart(t, m, n, t.TempDir())
	c := mustLogin(t, n)
	for _, chat := range []string{"x@g.us", "status@broadcast", "1@broadcast", "12036@newsletter", "x@lid", "13135550002@bot"} {
		jid, err := types.ParseJID(chat)
		if err != nil {
			t.Fatal(err)
		}
		evt := withText(fromAnna("C"+chat), "not for you")
		evt.Info.Chat = jid
		if !c.onEvent(evt) {
			t.Errorf("message in %s was not acknowledged", chat)
		}
	}
	for name, msg := range map[string]*waE2E.Message{
		"nil":   nil,
		"empty": {},
		"keys":  {SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{}},
		"protocol": {ProtocolMessage: &waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum(),
		}},
	} {
		evt := fromAnna("D" + name)
		evt.Message = msg
		if !c.onEvent(evt) {
			t.Errorf("message %q was not acknowledged", name)
		}
	}
	if texts := sentTexts(m); len(texts) != 0 {
		t.Errorf("Matrix got %q, want nothing", texts)
	}
}

func TestReceiveWithoutHomeserver(t *testing.T) {
	m := fakematrix.New()
	n := newTestNetwork(t)
	mustStart(t, m, n, t.TempDir(), "Failed to send message part to Matrix")
	c := mustLogin(t, n)
	refused := make(chan struct{}, 100)
	m.Intercept = func(_ context.Context, call fakematrix.Call) error {
		if call.Op == "SendMessage" {
			refused <- struct{}{}
			return errors.New("homeserver is away")
		}
		return nil
	}
	answer := make(chan bool)
	go func() { answer <- c.onEvent(withText(fromAnna("E1"), "hello")) }()
	select {
	case <-refused:
	case <-time.After(awaitTimeout):
		t.Fatal("the message was not offered to Matrix")
	}
	c.Disconnect()
	select {
	case received := <-answer:
		if received {
			t.Error("a message that is not in Matrix was acknowledged")
		}
	case <-time.After(awaitTimeout):
		t.Fatal("Disconnect did not end the delivery")
	}
	if c.onEvent(withText(fromAnna("E2"), "late")) {
		t.Error("an event after Disconnect was acknowledged")
	}
}

func TestReceiveReceiptsAndTyping(t *testing.T) {
	m := fakematrix.New()
	n := newTestNetwork(t)
	mustStart(t, m, n, t.TempDir())
	c := mustLogin(t, n)
	c.onEvent(withText(fromAlicesPhone("B1"), "one"))
	c.onEvent(withText(fromAnna("A1"), "two"))

	annas := types.MessageSource{Chat: annaLID, Sender: annaLID}
	alices := types.MessageSource{Chat: annaLID, Sender: aliceLID, IsFromMe: true}
	now := time.Unix(1_700_000_005, 0)
	for _, evt := range []*events.Receipt{
		{MessageSource: annas, MessageIDs: []string{"B1"}, Timestamp: now, Type: types.ReceiptTypeDelivered},
		{MessageSource: annas, MessageIDs: []string{"B1", "unknown", ""}, Timestamp: now, Type: types.ReceiptTypeRead},
		{MessageSource: alices, MessageIDs: []string{"A1"}, Timestamp: now, Type: types.ReceiptTypeReadSelf},
		{MessageSource: alices, MessageIDs: []string{"B1"}, Timestamp: now, Type: types.ReceiptTypeSender},
		{MessageSource: annas, MessageIDs: []string{"B1"}, Timestamp: now, Type: types.ReceiptTypeRetry},
		{MessageSource: annas, MessageIDs: nil, Timestamp: now, Type: types.ReceiptTypeRead},
	} {
		if !c.onEvent(evt) {
			t.Errorf("receipt %q was not acknowledged", evt.Type)
		}
	}
	if read := m.Calls("MarkRead"); len(read) != 2 {
		t.Errorf("Matrix got read receipts %v, want two", read)
	}
	delivered := 0
	for _, status := range m.Statuses() {
		delivered += len(status.DeliveredTo)
	}
	if delivered != 1 {
		t.Errorf("%d messages show as delivered, want 1", delivered)
	}
	c.onEvent(&events.ChatPresence{MessageSource: annas, State: types.ChatPresenceComposing})
	c.onEvent(&events.ChatPresence{MessageSource: annas, State: types.ChatPresencePaused})
	if err := m.Await(awaitTimeout, "typing", func() bool { return len(m.Calls("MarkTyping")) >= 2 }); err != nil {
		t.Fatal(err)
	}
	typing := m.Calls("MarkTyping")
	if got := typing[0].Content; got != n.Config.TypingTimeout {
		t.Errorf("typing shows for %v, want %s", got, n.Config.TypingTimeout)
	}
	if got := typing[1].Content; got != time.Duration(0) {
		t.Errorf("typing goes on for %v after a pause, want 0s", got)
	}
}

// TestReceiptOfOneSecond: messages sent in the same second are read up to the one that stands last, in whichever order
// the phone names them.
func TestReceiptOfOneSecond(t *testing.T) {
	m := fakematrix.New()
	n := newTestNetwork(t)
	mustStart(t, m, n, t.TempDir())
	c := mustLogin(t, n)
	for _, id := range []string{"B1", "B2", "B3"} {
		c.onEvent(withText(fromAlicesPhone(id), id))
	}
	sent := m.Calls("SendMessage")
	last := sent[len(sent)-1].EventID
	for _, ids := range [][]string{{"B1", "B2", "B3"}, {"B3", "B2", "B1"}, {"B2", "B3", "B1"}} {
		c.onEvent(&events.Receipt{
			MessageSource: types.MessageSource{Chat: annaLID, Sender: annaLID}, MessageIDs: ids,
			Timestamp: time.Unix(1_700_000_005, 0), Type: types.ReceiptTypeRead,
		})
		read := m.Calls("MarkRead")
		if len(read) == 0 || read[len(read)-1].Content != last {
			t.Errorf("receipt for %q gave %+v, want %s last", ids, read, last)
		}
	}
}
