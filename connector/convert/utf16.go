package convert

import (
	"strconv"
	"strings"
	"unicode/utf16"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Units is the length of a text in UTF-16 units, in which web clients count.
func Units(text string) (length int) {
	for _, char := range text {
		length += max(1, utf16.RuneLen(char))
	}
	return length
}

// Span is a part of a text in UTF-16 units.
type Span struct{ Offset, Length int }

// PlaceMentions turns spans of people's names into mentions. who is asked for the Matrix user of the span with an index,
// and for the name to show; it gets what the text has there. Without a user there is no mention. Spans outside of the text
// or in the middle of a character are left out.
func PlaceMentions(text string, spans []Span, who func(index int, written string) (user id.UserID, name string)) (placed []Mention) {
	if len(spans) == 0 {
		return nil
	}
	at := byteOffsets(text)
	for i, s := range spans {
		if s.Offset < 0 || s.Length <= 0 || s.Offset >= len(at) || s.Length >= len(at)-s.Offset {
			continue
		}
		start, end := at[s.Offset], at[s.Offset+s.Length]
		if start < 0 || end < 0 {
			continue // in the middle of a character
		}
		if user, name := who(i, text[start:end]); user != "" {
			placed = append(placed, Mention{Start: start, End: end, User: user, Name: name})
		}
	}
	return placed
}

// byteOffsets answers at which byte each UTF-16 unit of a text begins, -1 for the second half of a pair, and the end.
func byteOffsets(text string) []int {
	at := make([]int, 0, len(text)+1)
	for i, char := range text {
		at = append(at, i)
		if utf16.RuneLen(char) == 2 {
			at = append(at, -1)
		}
	}
	return append(at, len(text))
}

// TextParts makes the parts of a text that somebody wrote, with marks and mentions: more than one if it is too long for an
// event. place finds the mentions, in the text that it is given; it may be nil. There are no parts if nothing can be shown.
func TextParts(text string, style Markup, place func(text string) []Mention) (parts []*bridgev2.ConvertedMessagePart) {
	text = strings.ReplaceAll(text, "\r", "")
	clean := Clean(text)
	if clean == "" {
		return nil
	}
	pieces := Split(clean)
	if len(pieces) == 1 {
		var found []Mention
		if clean == text && place != nil { // else the offsets don't fit any more
			found = place(text)
		}
		return []*bridgev2.ConvertedMessagePart{{Type: event.EventMessage, Content: Format(clean, style, found)}}
	}
	for i, piece := range pieces {
		part := &bridgev2.ConvertedMessagePart{Type: event.EventMessage, Content: Text(piece)}
		if i > 0 {
			part.ID = networkid.PartID(strconv.Itoa(i))
		}
		parts = append(parts, part)
	}
	return parts
}
