package e2e_test

import (
	"encoding/json"
)

// What Instagram has in other forms than the other networks.

// rawFile is a file to which a message in Instagram's form refers by name.
func rawFile(data []byte, mimeType string) map[string]any {
	return map[string]any{"data": data, "mime_type": mimeType}
}

// sharing is a message in which something is shared, with a picture and a text, which may be empty.
func (instagram) sharing(s *stage, contentType, text string, picture []byte, width, height int, xma map[string]any) json.RawMessage {
	s.Helper()
	content := map[string]any{"__typename": "SlideMessageXMAContent", "xma": xma}
	if text != "" {
		content["xma_text_body"] = text
	}
	xma["preview_image"] = map[string]any{"url": "file:p", "width": width, "height": height}
	return rawOf(s, map[string]any{
		"content_type": contentType, "snippet": "shared something", "content": content,
		"files": map[string]any{"p": rawFile(picture, "image/jpeg")},
	})
}

func (i instagram) links(s *stage, text string, picture []byte) []json.RawMessage {
	s.Helper()
	return []json.RawMessage{i.sharing(s, "MESSAGE_INLINE_SHARE", text, picture, 64, 48, map[string]any{
		"title_text": "A title", "subtitle_text": "What it is about", "target_url": "https://l.instagram.com/?u=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc&e=x",
	})}
}
