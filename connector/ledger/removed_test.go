package ledger

import (
	"context"
	"fmt"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
)

// TestDeletedMessagesStayDeleted: a network that tells once more of a message that it has deleted does not bring it back.
func TestDeletedMessagesStayDeleted(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.start()
	login, converted := s.user.GetDefaultLogin(), 0
	meta := simplevent.EventMeta{PortalKey: networkid.PortalKey{ID: "anna", Receiver: "login"}, Sender: bridgev2.EventSender{Sender: "anna"}}
	deliver := func(id networkid.MessageID) {
		t.Helper()
		message := shown(id)
		s.must(DeliverMessage(t.Context(), login, meta, Message{ID: id, Convert: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
			converted++
			return message.Convert(ctx, portal, intent)
		}}))
	}
	deliver("1")
	gone := meta
	gone.Type = bridgev2.RemoteEventMessageRemove
	s.must(Deliver(t.Context(), login, gone, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.MessageRemove{EventMeta: meta, TargetMessage: "1"}
	}))
	deliver("1")
	deliver("2")
	if converted != 2 {
		t.Errorf("%d messages were brought, want 2", converted)
	}
}

// shown is a text that shows its id.
func shown(id networkid.MessageID) Message {
	return Message{ID: id, Convert: func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI) (*bridgev2.ConvertedMessage, error) {
		return &bridgev2.ConvertedMessage{Parts: []*bridgev2.ConvertedMessagePart{{
			Type: event.EventMessage, Content: &event.MessageEventContent{MsgType: event.MsgText, Body: string(id)},
		}}}, nil
	}}
}

func TestRemovedIsBounded(t *testing.T) {
	var r removedList
	for i := range 3 * mostRemoved {
		r.add("login", networkid.MessageID(fmt.Sprint(i)))
	}
	last := networkid.MessageID(fmt.Sprint(3*mostRemoved - 1))
	if len(r.at) > mostRemoved || !r.has("login", last) || r.has("other", last) {
		t.Errorf("%d are remembered, want up to %d and the last", len(r.at), mostRemoved)
	}
	for message := range r.at {
		r.at[message] = time.Now().Add(-2 * removedFor)
	}
	if r.add("login", "new"); len(r.at) != 1 {
		t.Errorf("%d are remembered, want the new one only", len(r.at))
	}
}
