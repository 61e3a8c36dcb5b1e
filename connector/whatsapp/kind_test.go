package whatsapp

import (
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

func TestContentKind(t *testing.T) {
	unknown := &waE2E.Message{}
	unknown.ProtoReflect().SetUnknown([]byte{0xfa, 0x3f, 0x01, 'x'}) // field 1023, one byte
	keys := &waE2E.SenderKeyDistributionMessage{}
	for _, test := range []struct {
		name    string
		msg     *waE2E.Message
		want    string
		nothing bool
	}{
		{"nil", nil, "", true},
		{"empty", &waE2E.Message{}, "", true},
		{"keys", &waE2E.Message{SenderKeyDistributionMessage: keys}, "", true},
		{"keys and text", &waE2E.Message{SenderKeyDistributionMessage: keys, Conversation: proto.String("x")}, "conversation", false},
		{"context only", &waE2E.Message{MessageContextInfo: &waE2E.MessageContextInfo{}}, "", true},
		{"key share", &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum()}}, "", true},
		{"revoke", &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum()}}, "deletion of a message", false},
		{"audio", &waE2E.Message{AudioMessage: &waE2E.AudioMessage{}}, "audio message", false},
		{"unnamed", &waE2E.Message{HighlyStructuredMessage: &waE2E.HighlyStructuredMessage{}}, "highly structured message", false},
		{"future", unknown, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := contentKind(test.msg); got != test.want {
				t.Errorf("kind is %q, want %q", got, test.want)
			}
			if got := carriesNothing(test.msg); got != test.nothing {
				t.Errorf("carries nothing: %t, want %t", got, test.nothing)
			}
		})
	}
}
