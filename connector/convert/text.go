// Package convert holds the leaves of conversion that are the same on all networks: text, media, notices. A leaf takes
// values and functions, never a network's client, and changes nothing beyond the media it moves. The networks'
// converters call it from bridgev2's portal goroutines.
package convert

import (
	"strings"
	"unicode/utf8"

	"maunium.net/go/mautrix/event"
)

// maxTextSize is how much text fits into one Matrix event, whose limit is 65,536 bytes (client-server API, "Size
// limits"): encryption adds a third, and the rest of the event a few kilobytes.
const maxTextSize = 40_000

// Text makes a Matrix text of a remote one.
func Text(body string) *event.MessageEventContent {
	return &event.MessageEventContent{
		MsgType:  event.MsgText,
		Body:     Clean(body),
		Mentions: &event.Mentions{},
	}
}

// Split cuts text into pieces that fit into one Matrix event each, at the end of a line or word if there is one near.
// Joined they are the text again. Nearly all texts are one piece.
func Split(text string) []string {
	var pieces []string
	for {
		end := fitting(text)
		pieces = append(pieces, text[:end])
		if text = text[end:]; text == "" {
			return pieces
		}
	}
}

// fitting is the length of the first piece.
func fitting(text string) int {
	size, end := 0, 0
	for end < len(text) {
		char, width := utf8.DecodeRuneInString(text[end:])
		if size += sizeInJSON(char, width); size > maxTextSize {
			break
		}
		end += width
	}
	if end == len(text) {
		return end
	}
	for _, mark := range []string{"\n", " "} {
		if cut := strings.LastIndex(text[:end], mark) + 1; cut > end*3/4 {
			return cut
		}
	}
	return max(end, 1)
}

func sizeInJSON(char rune, width int) int {
	switch {
	case char == '"', char == '\\', char == '\n', char == '\t', char == '\r':
		return 2
	case char < ' ', char == '<', char == '>', char == '&', char == '\u2028', char == '\u2029', char == utf8.RuneError:
		return 6
	default:
		return width
	}
}

// Clean makes remote text storable: broken UTF-8 becomes the replacement character and NUL, which PostgreSQL refuses,
// goes. Everything else stays as it is.
func Clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}
