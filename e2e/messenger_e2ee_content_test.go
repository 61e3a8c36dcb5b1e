package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"google.golang.org/protobuf/proto"
)

// What Messenger's encrypted chats have in other forms than its plain ones and WhatsApp.

// consumer is a message with a content of the kind that people write.
func consumer(s *stage, content map[string]any) json.RawMessage {
	s.Helper()
	return rawOf(s, map[string]any{"consumer": map[string]any{"payload": map[string]any{"content": content}}})
}

// armadillo is one with a content of Messenger's own.
func armadillo(s *stage, content map[string]any) json.RawMessage {
	s.Helper()
	return rawOf(s, map[string]any{"armadillo": map[string]any{"payload": map[string]any{"content": content}}})
}

// wrapped is a transport as it stands in a message.
func wrapped(s *stage, m proto.Message) map[string]any {
	s.Helper()
	data, err := proto.Marshal(m)
	s.must(err)
	return map[string]any{"payload": base64.StdEncoding.EncodeToString(data), "version": 1}
}

// links: typed, and shared from elsewhere.
func (messengerE2EE) links(s *stage, text string, _ []byte) []json.RawMessage {
	s.Helper()
	return []json.RawMessage{
		consumer(s, map[string]any{"extendedTextMessage": map[string]any{
			"text": map[string]any{"text": text}, "matchedText": "https://example.org/a?b=c", "canonicalURL": "https://example.org/a?b=c",
			"title": "A title", "description": "What it is about",
		}}),
		armadillo(s, map[string]any{"extendedContentMessage": map[string]any{
			"targetType": "MSG_EXTERNAL_LINK_SHARE", "messageText": text, "titleText": "A title", "subtitleText": "What it is about",
			"ctas": []any{map[string]any{"nativeURL": "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc&h=x"}},
		}}),
	}
}

// places implements placeSide.
func (messengerE2EE) places(s *stage, name string) []json.RawMessage {
	s.Helper()
	return []json.RawMessage{
		consumer(s, map[string]any{"locationMessage": map[string]any{
			"location": map[string]any{"degreesLatitude": 52.5, "degreesLongitude": -13.25, "name": name}, "address": "Quay 1",
		}}),
		armadillo(s, map[string]any{"extendedContentMessage": map[string]any{
			"targetType": "MSG_LOCATION_SHARING_V2", "titleText": name, "subtitleText": "Quay 1",
			"ctas": []any{map[string]any{"nativeURL": "messenger://location_share?lat=52.500000&long=-13.250000"}},
		}}),
	}
}

// mustBePlaced implements placedSide.
func (messengerE2EE) mustBePlaced(s *stage, raw json.RawMessage, name string) {
	s.Helper()
	for _, want := range []string{"lat=52.500000", "long=-13.250000", name, "MSG_LOCATION_SHARING_V2"} {
		if !strings.Contains(string(raw), want) {
			s.Errorf("Anna's app got %s, want %q in it", raw, want)
		}
	}
}

// cards implements cardSide.
func (messengerE2EE) cards(s *stage, people ...contact) json.RawMessage {
	s.Helper()
	var all []any
	for _, p := range people {
		card := p.vCard()
		all = append(all, map[string]any{"contact": wrapped(s, &waMediaTransport.ContactTransport{
			Integral:  &waMediaTransport.ContactTransport_Integral{Contact: &waMediaTransport.ContactTransport_Integral_Vcard{Vcard: card}},
			Ancillary: &waMediaTransport.ContactTransport_Ancillary{DisplayName: &p.name},
		})})
	}
	if len(all) == 1 {
		return consumer(s, map[string]any{"contactMessage": all[0]})
	}
	return consumer(s, map[string]any{"contactsArrayMessage": map[string]any{"contacts": all}})
}
