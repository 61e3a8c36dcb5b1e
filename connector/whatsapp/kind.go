package whatsapp

import (
	"strings"
	"unicode"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// silentFields of a message are for devices, not for people: keys and what accompanies other content.
var silentFields = map[protoreflect.Name]bool{
	"messageContextInfo":                         true,
	"senderKeyDistributionMessage":               true,
	"fastRatchetKeySenderKeyDistributionMessage": true,
	"placeholderMessage":                         true,
	"stickerSyncRmrMessage":                      true,
	// A second form of what was sent already, such as a picture in higher resolution.
	"associatedChildMessage": true,
}

// spokenProtocol are the protocol messages that change what people see; all others are silent.
var spokenProtocol = map[waE2E.ProtocolMessage_Type]string{
	waE2E.ProtocolMessage_REVOKE:            "deletion of a message",
	waE2E.ProtocolMessage_MESSAGE_EDIT:      "edit of a message",
	waE2E.ProtocolMessage_EPHEMERAL_SETTING: "change of the disappearing-message timer",
}

// kindNames are clearer than what the wire calls them.
var kindNames = map[protoreflect.Name]string{
	"videoMessage":                 "video",
	"ptvMessage":                   "video message",
	"audioMessage":                 "audio message",
	"documentMessage":              "document",
	"stickerMessage":               "sticker",
	"contactMessage":               "contact card",
	"contactsArrayMessage":         "contact cards",
	"locationMessage":              "location",
	"liveLocationMessage":          "live location",
	"reactionMessage":              "reaction",
	"encReactionMessage":           "reaction",
	"pollCreationMessage":          "poll",
	"pollCreationMessageV2":        "poll",
	"pollCreationMessageV3":        "poll",
	"pollUpdateMessage":            "vote in a poll",
	"groupInviteMessage":           "invitation to a group",
	"pinInChatMessage":             "pinning of a message",
	"keepInChatMessage":            "keeping of a message",
	"callLogMesssage":              "call",
	"eventMessage":                 "event",
	"albumMessage":                 "album",
	"stickerPackMessage":           "sticker pack",
	"requestPhoneNumberMessage":    "request for your phone number",
	"scheduledCallCreationMessage": "scheduled call",
}

// carriesNothing is whether a message has nothing for people in it.
func carriesNothing(msg *waE2E.Message) bool {
	return contentKind(msg) == "" && len(msg.ProtoReflect().GetUnknown()) == 0
}

// contentKind names what a message carries in words for a user, "" if nothing. The message may be nil.
func contentKind(msg *waE2E.Message) (kind string) {
	if protocol := msg.GetProtocolMessage(); protocol != nil {
		return spokenProtocol[protocol.GetType()]
	}
	msg.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if silentFields[field.Name()] {
			return true
		}
		kind = kindNames[field.Name()]
		if kind == "" {
			kind = words(string(field.Name()))
		}
		return false
	})
	return kind
}

// words splits the wire's camel case: "highlyStructuredMessage" becomes "highly structured message".
func words(name string) string {
	var out strings.Builder
	for i, c := range name {
		if unicode.IsUpper(c) {
			if i > 0 {
				out.WriteByte(' ')
			}
			c = unicode.ToLower(c)
		}
		out.WriteRune(c)
	}
	return out.String()
}
