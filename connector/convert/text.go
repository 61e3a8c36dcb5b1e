// Package convert holds the leaves of conversion that are the same on all networks: text, media, notices. A leaf takes
// values and functions, never a network's client, and changes nothing beyond the media it moves. The networks'
// converters call it from bridgev2's portal goroutines.
package convert

import (
	"strings"

	"maunium.net/go/mautrix/event"
)

// Text makes a Matrix text of a remote one.
func Text(body string) *event.MessageEventContent {
	return &event.MessageEventContent{
		MsgType:  event.MsgText,
		Body:     Clean(body),
		Mentions: &event.Mentions{},
	}
}

// Clean makes remote text storable: broken UTF-8 becomes the replacement character and NUL, which PostgreSQL refuses,
// goes. Everything else stays as it is.
func Clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}
