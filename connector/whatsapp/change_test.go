package whatsapp

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/event"

	"crosschat/connector/fakematrix"
)

// TestChangeTwice: what is delivered again is shown once, and nobody changes what is somebody else's.
func TestChangeTwice(t *testing.T) {
	m := fakematrix.New()
	n := newTestNetwork(t)
	mustStart(t, m, n, t.TempDir())
	c := mustLogin(t, n)
	change := func(waID string, msg *waE2E.Message) *events.Message {
		evt := fromAnna(waID)
		evt.RawMessage = msg
		return evt.UnwrapRaw()
	}
	protocol := func(kind waE2E.ProtocolMessage_Type, fromMe bool, text string) *waE2E.Message {
		return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Type: kind.Enum(), Key: &waCommon.MessageKey{ID: proto.String("A1"), FromMe: proto.Bool(fromMe)},
			EditedMessage: &waE2E.Message{Conversation: proto.String(text)},
		}}
	}
	count := func(kind event.Type) (sent int) {
		for _, call := range m.Calls("SendMessage") {
			if call.Type == kind.Type {
				sent++
			}
		}
		return sent
	}
	reaction := &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{
		Key: &waCommon.MessageKey{ID: proto.String("A1"), FromMe: proto.Bool(true)}, Text: proto.String("👍"),
	}}
	long := &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Key: reaction.ReactionMessage.Key, Text: proto.String(strings.Repeat("x", 1000))}}
	for _, step := range []struct {
		name                            string
		evt                             *events.Message
		messages, reactions, redactions int // that Matrix has afterwards
	}{
		{"message", withText(fromAnna("A1"), "hello"), 1, 0, 0},
		{"reaction", change("R1", reaction), 1, 1, 0},
		{"reaction again", change("R1", reaction), 1, 1, 0},
		{"reaction that is no emoji", change("R2", long), 1, 1, 0},
		{"edit", change("E1", protocol(waE2E.ProtocolMessage_MESSAGE_EDIT, true, "better")), 2, 1, 0},
		{"edit again", change("E1", protocol(waE2E.ProtocolMessage_MESSAGE_EDIT, true, "better")), 2, 1, 0},
		{"edit of somebody else's", change("E2", protocol(waE2E.ProtocolMessage_MESSAGE_EDIT, false, "worse")), 2, 1, 0},
		{"deletion of somebody else's", change("D1", protocol(waE2E.ProtocolMessage_REVOKE, false, "")), 2, 1, 0},
		{"deletion", change("D2", protocol(waE2E.ProtocolMessage_REVOKE, true, "")), 2, 1, 1},
		{"deletion again", change("D2", protocol(waE2E.ProtocolMessage_REVOKE, true, "")), 2, 1, 1},
		{"edit of what is gone", change("E3", protocol(waE2E.ProtocolMessage_MESSAGE_EDIT, true, "late")), 2, 1, 1},
	} {
		if !c.onEvent(step.evt) {
			t.Errorf("%s was not acknowledged", step.name)
		}
		if a, b, d := count(event.EventMessage), count(event.EventReaction), count(event.EventRedaction); a != step.messages || b != step.reactions || d != step.redactions {
			t.Errorf("after %s Matrix has %d messages, %d reactions and %d redactions, want %d, %d, %d", step.name, a, b, d, step.messages, step.reactions, step.redactions)
		}
	}
}

func TestTarget(t *testing.T) {
	c := newConverter(t)
	group := types.NewJID("120363000000000000", types.GroupServer)
	for _, test := range []struct {
		name         string
		chat, author types.JID
		key          *waCommon.MessageKey
		owner        types.JID // empty if the key is no good
	}{
		{"own", annaLID, annaLID, &waCommon.MessageKey{ID: proto.String("X"), FromMe: proto.Bool(true)}, annaLID},
		{"the other's", annaLID, annaLID, &waCommon.MessageKey{ID: proto.String("X")}, aliceLID},
		{"of the account, own", annaLID, aliceLID, &waCommon.MessageKey{ID: proto.String("X"), FromMe: proto.Bool(true)}, aliceLID},
		{"of the account, the other's", annaLID, aliceLID, &waCommon.MessageKey{ID: proto.String("X")}, annaLID},
		{"participant in a 1:1 chat", annaLID, annaLID, &waCommon.MessageKey{ID: proto.String("X"), Participant: proto.String("9@lid")}, aliceLID},
		{"group", group, annaLID, &waCommon.MessageKey{ID: proto.String("X"), Participant: proto.String(annaPN.String())}, annaLID},
		{"group, no person", group, annaLID, &waCommon.MessageKey{ID: proto.String("X"), Participant: proto.String("1@g.us")}, types.EmptyJID},
		{"group, junk", group, annaLID, &waCommon.MessageKey{ID: proto.String("X"), Participant: proto.String("a:b:c@lid")}, types.EmptyJID},
		{"nil", annaLID, annaLID, nil, types.EmptyJID},
		{"no id", annaLID, annaLID, &waCommon.MessageKey{FromMe: proto.Bool(true)}, types.EmptyJID},
	} {
		t.Run(test.name, func(t *testing.T) {
			id, owner, err := c.target(t.Context(), test.chat, test.author, test.key)
			if test.owner.IsEmpty() {
				if err == nil {
					t.Errorf("got %q, want an error", id)
				}
				return
			}
			key, parseErr := parseMessageID(id)
			if err = errors.Join(err, parseErr); err != nil || owner != test.owner || key.Sender != owner || key.ID != "X" {
				t.Errorf("got %q of %s, error %v; want one of %s", id, owner, err, test.owner)
			}
		})
	}
}

func TestPollTime(t *testing.T) {
	want := time.Unix(1_800_000_000, 0)
	for _, unix := range []int64{1_800_000_000, 1_800_000_000_000} {
		if got := pollTime(unix); !got.Equal(want) {
			t.Errorf("%d is %s, want %s", unix, got, want)
		}
	}
	if year := pollTime(1<<63 - 1).Year(); year > 9999 {
		t.Errorf("the last moment is in the year %d", year)
	}
}
