package convert

import (
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
)

// Notice is the message part that stands for something that can't be shown. The text says what it was, and where to
// find it if anywhere.
func Notice(text string) *bridgev2.ConvertedMessagePart {
	return &bridgev2.ConvertedMessagePart{
		Type: event.EventMessage,
		Content: &event.MessageEventContent{
			MsgType:  event.MsgNotice,
			Body:     Clean(text),
			Mentions: &event.Mentions{},
		},
	}
}
