package ledger_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/fakematrix"
	"crosschat/connector/ledger"
)

const deadline = 20 * time.Second

// errAway is what a homeserver that is down looks like to bridgev2.
var errAway = errors.New("connection refused")

// client has one contact.
type client struct{ fakematrix.Client }

func (client) IsThisUser(_ context.Context, u networkid.UserID) bool { return u == "me" }
func (client) GetCapabilities(context.Context, *bridgev2.Portal) *event.RoomFeatures {
	return &event.RoomFeatures{}
}
func (client) GetUserInfo(context.Context, *bridgev2.Ghost) (*bridgev2.UserInfo, error) {
	name := "Anna"
	return &bridgev2.UserInfo{Name: &name}, nil
}
func (client) GetChatInfo(context.Context, *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
	dm := database.RoomTypeDM
	return &bridgev2.ChatInfo{Type: &dm, Members: &bridgev2.ChatMemberList{
		IsFull: true, OtherUserID: "anna",
		MemberMap: bridgev2.ChatMemberMap{
			"anna": {EventSender: bridgev2.EventSender{Sender: "anna"}},
			"me":   {EventSender: bridgev2.EventSender{IsFromMe: true, Sender: "me"}},
		},
	}}, nil
}

func mustStart(t *testing.T, m *fakematrix.Matrix, dir string) *bridgev2.UserLogin {
	t.Helper()
	allowed := func(message string) bool {
		return strings.Contains(message, "Failed to") || message == "Gave up on an event that Matrix does not take"
	}
	network := fakematrix.Network{
		Name: bridgev2.BridgeName{NetworkID: "test"}, NewClient: func() bridgev2.NetworkAPI { return client{} },
	}
	bridge := fakematrix.NewBridge(t, m, network, dir, allowed)
	fakematrix.MustStart(t, bridge)
	user, err := bridge.GetUserByMXID(t.Context(), "@alice:"+fakematrix.Server)
	if err != nil {
		t.Fatalf("get user: %v", err)
	}
	login, err := user.NewLogin(t.Context(), &database.UserLogin{ID: "login"}, nil)
	if err != nil {
		t.Fatalf("make login: %v", err)
	}
	return login
}

var fromAnna = simplevent.EventMeta{
	PortalKey:    networkid.PortalKey{ID: "anna", Receiver: "login"},
	Sender:       bridgev2.EventSender{Sender: "anna"},
	CreatePortal: true,
	Timestamp:    time.UnixMilli(1_700_000_000_000),
}

func text(id networkid.MessageID, parts ...string) ledger.Message {
	return ledger.Message{ID: id, Convert: func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
		converted := &bridgev2.ConvertedMessage{}
		for _, part := range parts {
			converted.Parts = append(converted.Parts, &bridgev2.ConvertedMessagePart{
				ID: networkid.PartID(part), Type: event.EventMessage,
				Content: &event.MessageEventContent{MsgType: event.MsgText, Body: part},
			})
		}
		return converted, nil
	}}
}

func rows(t *testing.T, login *bridgev2.UserLogin, id networkid.MessageID) int {
	t.Helper()
	found, err := login.Bridge.DB.Message.GetAllPartsByID(t.Context(), "login", id)
	if err != nil {
		t.Fatalf("get rows: %v", err)
	}
	return len(found)
}

func TestDeliverMessage(t *testing.T) {
	failing := func(op string, times int32) func(context.Context, fakematrix.Call) error {
		var left atomic.Int32
		left.Store(times)
		return func(_ context.Context, call fakematrix.Call) error {
			if call.Op == op && left.Add(-1) >= 0 {
				return errAway
			}
			return nil
		}
	}
	for _, test := range []struct {
		name      string
		message   ledger.Message
		intercept func(context.Context, fakematrix.Call) error
		rows      int
		sent      int
	}{
		{name: "homeserver is there", message: text("1", "a"), rows: 1, sent: 1},
		{name: "first send fails", message: text("1", "a"), intercept: failing("SendMessage", 1), rows: 1, sent: 1},
		{name: "room can't be made at first", message: text("1", "a"), intercept: failing("CreateRoom", 2), rows: 1, sent: 1},
		{name: "second part fails once", message: text("1", "a", "b"), intercept: failOn("b"), rows: 2, sent: 3},
		{name: "never taken", message: text("1", "a"), intercept: failing("SendMessage", 1000), rows: 0, sent: 0},
		{name: "can't be converted at first", message: balking(text("1", "a"), 2), rows: 1, sent: 1},
		{name: "nothing to show", message: ledger.Message{ID: "1", Convert: func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			return nil, bridgev2.ErrIgnoringRemoteEvent
		}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := fakematrix.New()
			m.Intercept = test.intercept
			login := mustStart(t, m, t.TempDir())
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			if err := ledger.DeliverMessage(ctx, login, fromAnna, test.message); err != nil {
				t.Fatalf("deliver: %v", err)
			}
			if got := rows(t, login, "1"); got != test.rows {
				t.Errorf("%d rows, want %d", got, test.rows)
			}
			if got := len(m.Calls("SendMessage")); got != test.sent {
				t.Errorf("%d events sent, want %d", got, test.sent)
			}
			if got := len(m.Calls("CreateRoom")); got != 1 {
				t.Errorf("%d rooms made, want 1", got)
			}
		})
	}
}

// balking makes the first tries to convert a message fail.
func balking(message ledger.Message, times int) ledger.Message {
	convert := message.Convert
	message.Convert = func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
		if times--; times >= 0 {
			return nil, errors.New("the file did not come")
		}
		return convert(ctx, portal, intent)
	}
	return message
}

// failOn fails the first event with this body. The whole message is sent again then; a homeserver knows the parts that
// it has by their transaction ids (TestTransport), which this Matrix does not look at.
func failOn(body string) func(context.Context, fakematrix.Call) error {
	var failed atomic.Bool
	return func(_ context.Context, call fakematrix.Call) error {
		content, ok := call.Content.(*event.MessageEventContent)
		if ok && content.Body == body && !failed.Swap(true) {
			return errAway
		}
		return nil
	}
}

func TestDeliverAgainAfterRestart(t *testing.T) {
	dir := t.TempDir()
	first := fakematrix.New()
	login := mustStart(t, first, dir)
	if err := ledger.DeliverMessage(t.Context(), login, fromAnna, text("1", "a")); err != nil {
		t.Fatalf("deliver: %v", err)
	}
	login.Bridge.Stop()
	second := fakematrix.New()
	if err := ledger.DeliverMessage(t.Context(), mustStart(t, second, dir), fromAnna, text("1", "a")); err != nil {
		t.Fatalf("deliver again: %v", err)
	}
	if calls := second.Calls("SendMessage"); len(calls) != 0 {
		t.Errorf("sent again after a restart: %+v", calls)
	}
}

func TestDeliverEndsWithItsContext(t *testing.T) {
	m := fakematrix.New()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	m.Intercept = func(_ context.Context, call fakematrix.Call) error {
		if call.Op == "SendMessage" {
			<-hang
		}
		return nil
	}
	login := mustStart(t, m, t.TempDir())
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("login stopped")
	go func() {
		_ = m.Await(deadline, "room made", func() bool { return len(m.Calls("CreateRoom")) > 0 })
		cancel(stopped)
	}()
	if err := ledger.DeliverMessage(ctx, login, fromAnna, text("1", "a")); !errors.Is(err, stopped) {
		t.Errorf("deliver = %v, want an error with cause %q: the network must not be told that it is stored", err, stopped)
	}
}

func TestDeliverReceipt(t *testing.T) {
	m := fakematrix.New()
	login := mustStart(t, m, t.TempDir())
	if err := ledger.DeliverMessage(t.Context(), login, fromAnna, text("1", "a")); err != nil {
		t.Fatalf("deliver message: %v", err)
	}
	meta := fromAnna
	meta.Type = bridgev2.RemoteEventReadReceipt
	err := ledger.Deliver(t.Context(), login, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Receipt{EventMeta: meta, LastTarget: "1"}
	})
	if err != nil {
		t.Fatalf("deliver receipt: %v", err)
	}
	if got := len(m.Calls("MarkRead")); got != 1 {
		t.Errorf("%d receipts in Matrix when Deliver returned, want 1", got)
	}
}
