package convert

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

func TestClean(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"plain", "hello", "hello"},
		{"emoji, joiners, marks", "👩🏿‍🚒 Z\u0351\u036b शलום\n\t", "👩🏿‍🚒 Z\u0351\u036b शलום\n\t"},
		{"NUL", "a\x00b", "ab"},
		{"broken UTF-8", "a\xffb\xc3", "a\uFFFDb\uFFFD"},
		{"surrogate half", "\xed\xa0\x80", "\uFFFD"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Clean(test.in); got != test.want {
				t.Errorf("Clean(%q) = %q, want %q", test.in, got, test.want)
			}
			if got := Text(test.in); got.Body != test.want || got.MsgType != event.MsgText || got.Mentions == nil {
				t.Errorf("Text(%q) = %+v", test.in, got)
			}
			if got := Notice(test.in); got.Content.Body != test.want || got.Content.MsgType != event.MsgNotice {
				t.Errorf("Notice(%q) = %+v", test.in, got.Content)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	line := strings.Repeat("word ", 20) + "\n"
	for _, test := range []struct {
		name string
		text string
		want int // pieces
	}{
		{"empty", "", 1},
		{"short", "hello", 1},
		{"at the limit", strings.Repeat("a", maxTextSize), 1},
		{"one over", strings.Repeat("a", maxTextSize+1), 2},
		{"WhatsApp's longest", strings.Repeat("a", 65536), 2},
		{"lines", strings.Repeat(line, 1000), 3},
		{"words", strings.Repeat("word ", 10000), 2},
		{"four-byte characters", strings.Repeat("🦄", 65536), 7},
		{"escaped characters", strings.Repeat("<", 20000), 4},
		{"broken", strings.Repeat("\xff", 20000), 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			pieces := Split(test.text)
			if len(pieces) != test.want {
				t.Errorf("got %d pieces, want %d", len(pieces), test.want)
			}
			if strings.Join(pieces, "") != test.text {
				t.Error("the pieces are not the text")
			}
			for i, piece := range pieces {
				if encoded, err := json.Marshal(piece); err != nil || len(encoded) > maxTextSize+2 {
					t.Errorf("piece %d has %d bytes as JSON, error %v", i, len(encoded), err)
				}
				if utf8.ValidString(test.text) && !utf8.ValidString(piece) {
					t.Errorf("piece %d is cut inside a character", i)
				}
			}
		})
	}
	if pieces := Split(strings.Repeat(line, 1000)); !strings.HasSuffix(pieces[0], "\n") {
		t.Error("the first piece does not end with a line")
	}
}

// matrix keeps what is uploaded and gives it back.
type matrix struct {
	data []byte
	err  error
}

func (m *matrix) UploadMedia(_ context.Context, _ id.RoomID, data []byte, _, _ string) (id.ContentURIString, *event.EncryptedFileInfo, error) {
	return "mxc://test/thumbnail", nil, m.err
}

func (m *matrix) UploadMediaStream(_ context.Context, _ id.RoomID, _ int64, requireFile bool, write bridgev2.FileStreamCallback) (id.ContentURIString, *event.EncryptedFileInfo, error) {
	if !requireFile {
		return "", nil, errors.New("media would go through memory")
	}
	file, err := os.CreateTemp("", "crosschat-test-*")
	if err != nil {
		return "", nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := write(file); err != nil {
		return "", nil, bridgev2.CallbackError{Type: "write", Wrapped: err}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", nil, err
	}
	m.data, err = io.ReadAll(file)
	return "mxc://test/file", nil, errors.Join(err, m.err)
}

func (m *matrix) DownloadMediaToFile(_ context.Context, _ id.ContentURIString, _ *event.EncryptedFileInfo, _ bool, read func(*os.File) error) error {
	if m.err != nil {
		return m.err
	}
	file, err := os.CreateTemp("", "crosschat-test-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := file.Write(m.data); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := read(file); err != nil {
		return bridgev2.CallbackError{Type: "read", Wrapped: err}
	}
	return nil
}

func picture(t testing.TB, width, height int) image.Image {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.NRGBA{R: uint8(x), G: uint8(y), A: uint8(x)})
		}
	}
	return img
}

func pngOf(t testing.TB, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, picture(t, width, height)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func fetching(data []byte) func(context.Context, *os.File) error {
	return func(_ context.Context, file *os.File) error {
		_, err := file.Write(data)
		return err
	}
}

func TestMedia(t *testing.T) {
	data := pngOf(t, 30, 20)
	m := &matrix{}
	part, err := Media(t.Context(), m, Source{
		Room: "!room:test", Kind: event.MsgImage, Name: "image.png", MIMEType: "image/jpeg", Caption: "look\x00",
		Width: 1, Height: 1, ThumbnailJPEG: data, Fetch: fetching(data),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.data, data) {
		t.Error("Matrix got other bytes than were fetched")
	}
	c := part.Content
	if c.Body != "look" || c.FileName != "image.png" || c.URL != "mxc://test/file" {
		t.Errorf("content is %+v", c)
	}
	if i := c.Info; i.MimeType != "image/png" || i.Width != 30 || i.Height != 20 || i.Size != len(data) || i.ThumbnailInfo.Width != 30 {
		t.Errorf("info is %+v", i)
	}
}

func TestMediaOdd(t *testing.T) {
	part, err := Media(t.Context(), &matrix{}, Source{
		Kind: event.MsgImage, Name: "image.jpg", MIMEType: "image/jpeg", Width: 1 << 31, Height: -1,
		ThumbnailJPEG: []byte("no picture"), Fetch: fetching([]byte("no picture either")),
	})
	if err != nil {
		t.Fatal(err)
	}
	if i := part.Content.Info; i.Width != 0 || i.Height != 0 || i.ThumbnailInfo != nil || part.Content.Body != "image.jpg" {
		t.Errorf("content is %+v, info %+v", part.Content, i)
	}
}

func TestMediaErrors(t *testing.T) {
	broken := errors.New("broken")
	var fetch *FetchError
	_, err := Media(t.Context(), &matrix{}, Source{Fetch: func(context.Context, *os.File) error { return broken }})
	if !errors.As(err, &fetch) || !errors.Is(err, broken) {
		t.Errorf("a failed fetch gave %v", err)
	}
	_, err = Media(t.Context(), &matrix{err: broken}, Source{Fetch: fetching(nil)})
	if errors.As(err, &fetch) || !errors.Is(err, broken) {
		t.Errorf("a failed upload gave %v", err)
	}
}

func TestDownload(t *testing.T) {
	const limit = 10
	refused := errors.New("refused")
	here := &event.MessageEventContent{URL: "mxc://test/file"}
	for _, test := range []struct {
		name    string
		content *event.MessageEventContent
		data    string
		err     error // of the homeserver
		use     error
		want    error
	}{
		{"fine", here, "0123456789", nil, nil, nil},
		{"no file", &event.MessageEventContent{}, "", nil, nil, bridgev2.ErrMediaDownloadFailed},
		{"too large", here, "01234567890", nil, nil, bridgev2.ErrMediaTooLarge},
		{"said to be too large", &event.MessageEventContent{URL: "mxc://test/file", Info: &event.FileInfo{Size: 11}}, "0", nil, nil, bridgev2.ErrMediaTooLarge},
		{"gone", here, "", errors.New("404"), nil, bridgev2.ErrMediaDownloadFailed},
		{"refused", here, "0", nil, refused, refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			used := ""
			err := Download(t.Context(), &matrix{data: []byte(test.data), err: test.err}, test.content, limit, func(file *os.File, size int64) error {
				data, err := io.ReadAll(file)
				if int64(len(data)) != size {
					t.Errorf("size is %d, the file has %d", size, len(data))
				}
				used = string(data)
				return errors.Join(err, test.use)
			})
			if !errors.Is(err, test.want) {
				t.Errorf("got error %v, want %v", err, test.want)
			}
			if test.want == nil && used != test.data {
				t.Errorf("got %q, want %q", used, test.data)
			}
		})
	}
}

func TestThumbnail(t *testing.T) {
	for _, test := range []struct {
		name          string
		data          []byte
		width, height int // of the thumbnail, 0 if there is none
	}{
		{"wide", pngOf(t, 400, 100), 72, 18},
		{"high", pngOf(t, 1, 500), 1, 72},
		{"small", pngOf(t, 5, 4), 5, 4},
		{"no picture", []byte("GIF89a nonsense"), 0, 0},
		{"truncated", pngOf(t, 400, 100)[:200], 0, 0},
		{"empty", nil, 0, 0},
		{"bomb", hugePNG(t), 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := bytes.NewReader(test.data)
			thumbnail, err := Thumbnail(file, 72)
			if err != nil {
				t.Fatal(err)
			}
			if file.Len() != len(test.data) {
				t.Error("the file was not left at its start")
			}
			if test.width == 0 {
				if thumbnail != nil {
					t.Errorf("got a thumbnail of %d bytes, want none", len(thumbnail))
				}
				return
			}
			config, err := jpeg.DecodeConfig(bytes.NewReader(thumbnail))
			if err != nil || config.Width != test.width || config.Height != test.height {
				t.Errorf("thumbnail is %dx%d, error %v; want %dx%d", config.Width, config.Height, err, test.width, test.height)
			}
		})
	}
}

// hugePNG is the head of a picture of 60000 by 60000 pixels: the small one with another size in its first chunk.
func hugePNG(t *testing.T) []byte {
	t.Helper()
	data := pngOf(t, 5, 4)
	head := data[12:29] // IHDR and its content, see the PNG specification, section 11.2.2
	binary.BigEndian.PutUint32(head[4:], 60000)
	binary.BigEndian.PutUint32(head[8:], 60000)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(head))
	return data
}

func FuzzThumbnail(f *testing.F) {
	f.Add(pngOf(f, 9, 9))
	f.Add([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00"))
	f.Add([]byte("\xff\xd8\xff\xe0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Thumbnail(bytes.NewReader(data), 72); err != nil {
			t.Error(err)
		}
	})
}
