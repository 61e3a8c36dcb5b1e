package server

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	_ "image/gif" // dimensions reads GIFs
	"image/jpeg"
	_ "image/png" // and PNGs
	"strings"
	"sync"
	"unicode/utf16"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/blob"
	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// Raw is a message of the plain plane in full, for what control.SendRequest has no word for.
type Raw struct {
	Text      string            `json:"text,omitempty"`
	Admin     bool              `json:"admin,omitempty"` // a system notice
	Sticker   int64             `json:"sticker_id,omitempty"`
	Forwarded bool              `json:"forwarded,omitempty"`
	ReplyKind int64             `json:"reply_kind,omitempty"` // 2 story and so on (section 3.4)
	Snippet   string            `json:"snippet,omitempty"`
	Expires   int64             `json:"expires,omitempty"` // seconds
	Files     []control.Media   `json:"files,omitempty"`
	Shares    []*lightspeed.XMA `json:"shares,omitempty"`
	Pictures  []control.Media   `json:"pictures,omitempty"` // of the shares, in their order
	Mentions  []world.Mention   `json:"mentions,omitempty"`
}

// rawOf is a message in that form, without the bytes of files; nil if a timeline's event says it all.
func rawOf(m *world.Message) json.RawMessage {
	if len(m.Shares) == 0 && len(m.Files) < 2 && len(m.Mentions) == 0 && m.Sticker == 0 && !m.Admin && !m.Forwarded && m.ReplyKind == 0 {
		return nil
	}
	raw := Raw{
		Text: m.Text, Admin: m.Admin, Sticker: m.Sticker, Forwarded: m.Forwarded, ReplyKind: m.ReplyKind, Snippet: m.Snippet,
		Expires: m.Expires, Shares: m.Shares, Mentions: m.Mentions,
	}
	for _, a := range m.Files {
		media := mediaOf(a)
		media.Data = nil
		raw.Files = append(raw.Files, *media)
	}
	data, err := json.Marshal(raw)
	if err != nil {
		return nil // a message that JSON can't hold is shown without
	}
	return data
}

// Kinds of media in the control API by attachment type.
var mediaKinds = map[int64]string{
	lightspeed.TypeSticker: "sticker", lightspeed.TypeImage: "image", lightspeed.TypeAnimated: "gif",
	lightspeed.TypeVideo: "video", lightspeed.TypeAudio: "voice", lightspeed.TypeFile: "document",
}

func mediaOf(a *world.Attachment) *control.Media {
	m := &control.Media{
		Kind: mediaKinds[a.Type], MIMEType: a.File.MIMEType, FileName: a.File.Name, Width: int(a.Width),
		Height: int(a.Height), Seconds: int(a.Millis / 1000), ViewOnce: a.ViewOnce, Waveform: waveformBytes(a.Waveform),
	}
	blob.Tell(m, a.File.Data)
	return m
}

// waveformBytes turns the amplitudes of a voice note into bytes from 0 to 100; nil if there are none.
func waveformBytes(text string) []byte {
	var waveform struct {
		Amplitudes []float64 `json:"amplitudes"`
	}
	if json.Unmarshal([]byte(text), &waveform) != nil {
		return nil
	}
	out := make([]byte, 0, len(waveform.Amplitudes))
	for _, a := range waveform.Amplitudes {
		out = append(out, byte(min(max(a, 0), 1)*100))
	}
	return out
}

func waveformText(waveform []byte) string {
	if len(waveform) == 0 {
		return ""
	}
	amplitudes := make([]float64, 0, len(waveform))
	for _, b := range waveform {
		amplitudes = append(amplitudes, float64(min(b, 100))/100)
	}
	data, err := json.Marshal(map[string]any{"amplitudes": amplitudes, "sampling_frequency": 9})
	if err != nil {
		return ""
	}
	return string(data)
}

// attachment makes one from what somebody's app sends.
func (s *Server) attachment(m control.Media) (*world.Attachment, error) {
	m = blob.Made(m)
	a := attach(s.world.NewFile(m.FileName, m.MIMEType, m.Data))
	known := false
	for kind, name := range mediaKinds {
		if name == m.Kind || m.Kind == "audio" && kind == lightspeed.TypeAudio {
			a.Type, known = kind, true
		}
	}
	if !known {
		return nil, control.Invalid("media of kind %q", m.Kind)
	}
	if m.Width > 0 {
		a.Width, a.Height = int64(m.Width), int64(m.Height)
	}
	a.Millis, a.Waveform, a.ViewOnce = int64(m.Seconds)*1000, waveformText(m.Waveform), m.ViewOnce
	if a.Type == lightspeed.TypeSticker {
		a.Label = m.Caption
	}
	if a.File.Name == "" {
		a.File.Name = strings.TrimPrefix(m.Kind, ".") + extension(m.MIMEType)
	}
	switch {
	case len(m.Thumbnail) > 0:
		a.Preview = s.world.NewFile("preview.jpg", "image/jpeg", m.Thumbnail)
	case a.Type == lightspeed.TypeImage:
		a.Preview = a.File
	case a.Type == lightspeed.TypeVideo:
		a.Preview = s.world.NewFile("preview.jpg", "image/jpeg", tinyJPEG())
	}
	return a, nil
}

// dimensions reads width and height of an image; 0 if it is none.
func dimensions(data []byte) (int64, int64) {
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return 0, 0
	}
	return int64(config.Width), int64(config.Height)
}

// tinyJPEG is a picture for what has none.
var tinyJPEG = sync.OnceValue(func() []byte {
	picture := image.NewGray(image.Rect(0, 0, 16, 16))
	picture.SetGray(8, 8, color.Gray{Y: 200})
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, nil); err != nil {
		return nil
	}
	return b.Bytes()
})

// nameMentions replaces @<id> in a text by @<name> and says where the names stand, in UTF-16 units.
func (s *Server) nameMentions(text string, ids []string) (string, []world.Mention, error) {
	var mentions []world.Mention
	for _, id := range ids {
		p, err := s.findPerson(id)
		if err != nil {
			return "", nil, err
		}
		before, after, found := strings.Cut(text, "@"+id)
		if !found {
			return "", nil, control.Invalid("text holds no @%s", id)
		}
		name := "@" + p.Name
		mentions = append(mentions, world.Mention{Person: p.ID, Offset: units(before), Length: units(name), Kind: "p"})
		text = before + name + after
	}
	return text, mentions, nil
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }
