package e2e_test

import (
	"encoding/json"
	"time"
)

// What Messenger has in other forms than WhatsApp.

// sharing is a message with a text and something shared.
func sharing(s *stage, text string, share map[string]any) json.RawMessage {
	s.Helper()
	return rawOf(s, map[string]any{"text": text, "shares": []any{share}})
}

func (messenger) links(s *stage, text string, _ []byte) []json.RawMessage {
	s.Helper()
	return []json.RawMessage{sharing(s, text, map[string]any{
		"FBID": "71001", "Title": "A title", "Subtitle": "What it is about",
		"Actions": []any{map[string]any{"ID": 1, "Type": "xma_web_url", "URL": "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc&h=x"}},
	})}
}

// places implements placeSide.
func (messenger) places(s *stage, name string) []json.RawMessage {
	s.Helper()
	return []json.RawMessage{sharing(s, "", map[string]any{
		"FBID": "71002", "Title": name, "Subtitle": "Quay 1",
		"Actions": []any{map[string]any{"ID": 1, "Type": "xma_live_location_sharing", "NativeURL": "52.5,-13.25"}},
	})}
}

// moves implements movingSide: positions are one share that changes.
func (messenger) moves(s *stage, by *person) (at func(float64, int, int), numbered bool) {
	begins := time.Now()
	return func(latitude float64, _, _ int) {
		s.Helper()
		s.must(s.stack.Simulator.Special(s.ctx, s.side.control(), by.ID, "live_location", map[string]any{
			"chat": s.me.ID, "latitude": latitude, "longitude": 13, "begins": begins.UnixMilli(), "ends": begins.Add(time.Hour).UnixMilli(),
		}, nil))
	}, false
}
