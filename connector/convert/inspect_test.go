package convert

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.mau.fi/util/ffmpeg"

	"maunium.net/go/mautrix/event"
)

// webp is the head of a picture of 300 by 200 pixels.
func webp(chunk string, flags byte) []byte {
	head := make([]byte, 40)
	copy(head, "RIFF\x20\x00\x00\x00WEBP"+chunk)
	switch chunk {
	case "VP8X":
		head[20] = flags
		head[24], head[25] = 299&0xff, 299>>8
		head[27] = 199
	case "VP8L":
		head[20] = 0x2f
		binary.LittleEndian.PutUint32(head[21:], 299|199<<14)
	case "VP8 ":
		binary.LittleEndian.PutUint16(head[26:], 300)
		binary.LittleEndian.PutUint16(head[28:], 200)
	}
	return head
}

func TestInspectWebP(t *testing.T) {
	for _, test := range []struct {
		name     string
		data     []byte
		ok       bool
		animated bool
	}{
		{"extended", webp("VP8X", 0), true, false},
		{"animated", webp("VP8X", 2), true, true},
		{"lossless", webp("VP8L", 0), true, false},
		{"lossy", webp("VP8 ", 0), true, false},
		{"unknown chunk", webp("VP9X", 0), false, false},
		{"truncated", webp("VP8X", 0)[:29], false, false},
		{"another format", pngOf(t, 300, 200), false, false},
		{"empty", nil, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := bytes.NewReader(test.data)
			got, ok, err := InspectWebP(file)
			if err != nil || ok != test.ok || got.Animated != test.animated || ok && got.Size != image.Pt(300, 200) {
				t.Errorf("got %+v, %t, %v", got, ok, err)
			}
			if file.Len() != len(test.data) {
				t.Error("the file was not left at its start")
			}
		})
	}
}

func FuzzInspectWebP(f *testing.F) {
	for _, chunk := range []string{"VP8X", "VP8L", "VP8 "} {
		f.Add(webp(chunk, 2))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, ok, err := InspectWebP(bytes.NewReader(data)); err != nil || ok && (got.Size.X <= 0 || got.Size.Y <= 0) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// opus is an Ogg stream of a head and a last page, without sound.
func opus(granule uint64) []byte {
	page := func(granule uint64, body string) []byte {
		head := make([]byte, 28)
		copy(head, "OggS")
		binary.LittleEndian.PutUint64(head[6:], granule)
		head[26], head[27] = 1, byte(len(body))
		return append(head, body...)
	}
	head := "OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00" // skips 312 samples
	return append(page(0, head), page(granule, "sound")...)
}

func TestInspectOpus(t *testing.T) {
	for _, test := range []struct {
		name string
		data []byte
		ok   bool
		want time.Duration
	}{
		{"two seconds", opus(2*48000 + 312), true, 2 * time.Second},
		{"no time", opus(0), true, 0},
		{"a year", opus(48000 * 86400 * 365), true, 0},
		{"negative", opus(1<<64 - 1), true, 0},
		{"cut off", opus(96312)[:50], true, 0},
		{"only a head", []byte("OggS"), false, 0},
		{"Vorbis", append([]byte("OggS"), make([]byte, 100)...), false, 0},
		{"MP3", []byte("ID3 OpusHead"), false, 0},
		{"empty", nil, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := bytes.NewReader(test.data)
			got, ok, err := InspectOpus(file)
			if err != nil || ok != test.ok || got != test.want {
				t.Errorf("got %s, %t, %v; want %s, %t", got, ok, err, test.want, test.ok)
			}
			if file.Len() != len(test.data) {
				t.Error("the file was not left at its start")
			}
		})
	}
}

func FuzzInspectOpus(f *testing.F) {
	f.Add(opus(96312))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, _, err := InspectOpus(bytes.NewReader(data)); err != nil || got < 0 || got > maxDuration {
			t.Errorf("got %s, %v", got, err)
		}
	})
}

// useFFmpeg has a shell script play ffmpeg; an empty one takes ffmpeg away.
func useFFmpeg(t *testing.T, script string) {
	t.Helper()
	path := ""
	if script != "" {
		path = filepath.Join(t.TempDir(), "ffmpeg")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ffmpeg.SetPath(path)
	t.Cleanup(func() { ffmpeg.SetPath("") })
}

func TestTranscode(t *testing.T) {
	const last = `for last; do :; done
`
	refused := errors.New("refused")
	for _, test := range []struct {
		name, script string
		use          error
		want         error
	}{
		{"fine", last + `echo converted > "$last"`, nil, nil},
		{"no ffmpeg", "", nil, ErrNoFFmpeg},
		{"broken file", last + `echo half > "$last"; exit 1`, nil, ErrTranscode},
		{"not used", last + `echo converted > "$last"`, refused, refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			useFFmpeg(t, test.script)
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			file, err := os.Create(filepath.Join(t.TempDir(), "input"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			err = Transcode(t.Context(), file, ".ogg", OpusOptions, func(result *os.File) error {
				data, err := io.ReadAll(result)
				if string(data) != "converted\n" {
					t.Errorf("the result is %q", data)
				}
				return errors.Join(err, test.use)
			})
			if !errors.Is(err, test.want) {
				t.Errorf("got error %v, want %v", err, test.want)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("temporary files are left: %v, error %v", left, err)
			}
		})
	}
}

func TestMediaKinds(t *testing.T) {
	data := webp("VP8X", 2)
	for _, test := range []struct {
		name   string
		source Source
		check  func(*event.MessageEventContent) bool
	}{
		{"voice", Source{Kind: event.MsgAudio, Voice: true, Duration: time.Second, Waveform: []int{1, 2}}, func(c *event.MessageEventContent) bool {
			return c.MSC3245Voice != nil && c.MSC1767Audio.Duration == 1000 && len(c.MSC1767Audio.Waveform) == 2 && c.Info.Duration == 1000
		}},
		{"absurd duration", Source{Kind: event.MsgAudio, Duration: 1 << 62}, func(c *event.MessageEventContent) bool {
			return c.MSC3245Voice == nil && c.Info.Duration == 0
		}},
		{"loop", Source{Kind: event.MsgVideo, Loop: true}, func(c *event.MessageEventContent) bool { return c.Info.MauGIF }},
		{"sticker", Source{Sticker: true, MIMEType: "image/png", Width: 9}, func(c *event.MessageEventContent) bool {
			return c.MsgType == "" && c.FileName == "" && c.Body == "name" && c.Info.MimeType == "image/webp" && c.Info.IsAnimated && c.Info.Width == 300
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.source.Name, test.source.Fetch = "name", fetching(data)
			part, err := Media(t.Context(), &matrix{}, test.source)
			if err != nil {
				t.Fatal(err)
			}
			if sticker := part.Type == event.EventSticker; sticker != test.source.Sticker || !test.check(part.Content) {
				t.Errorf("it is %s with %+v, info %+v", part.Type.Type, part.Content, part.Content.Info)
			}
		})
	}
}
