package mercury

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
)

func TestID(t *testing.T) {
	for payload, want := range map[string]int64{
		`{"metadata":[{"image_id":"9007199254740993"}]}`:         9007199254740993,
		`{"metadata":{"0":{"video_id":0,"audio_id":12}}}`:        12,
		`{"metadata":[{"fbid":"7","src":"x"},{"image_id":"8"}]}`: 7,
		`{"metadata":{"0":{"image_id":null,"gif_id":5}}}`:        5,
		`{"metadata":{"1":{"image_id":5}}}`:                      0,
		`{"metadata":[]}`:                                        0,
		`{"metadata":"x"}`:                                       0,
		`{"metadata":[{"image_id":-5}]}`:                         0,
		`{"metadata":[{"image_id":{"a":1}}]}`:                    0,
		`null`:                                                   0,
		``:                                                       0,
	} {
		got, err := ID(json.RawMessage(payload))
		if got != want || (err != nil) != (want == 0) || err != nil && !errors.Is(err, ErrNoID) {
			t.Errorf("%s: got %d and %v, want %d", payload, got, err, want)
		}
	}
}

func TestEncode(t *testing.T) {
	body, err := Encode(File{
		Name: "a\"b\r\n.mp4", MimeType: "audio/mp4", Size: 5, Voice: true, Waveform: []float64{0, 0.5, 1},
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("bytes")), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		opened, err := body.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(opened)
		if err != nil || int64(len(data)) != body.Size {
			t.Fatalf("body has %d bytes and %v, want %d", len(data), err, body.Size)
		}
		_, parameters, err := mime.ParseMediaType(body.ContentType)
		if err != nil {
			t.Fatal(err)
		}
		form, err := multipart.NewReader(strings.NewReader(string(data)), parameters["boundary"]).ReadForm(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		if got := form.Value["voice_clip_waveform_data"]; len(got) != 1 || got[0] != `{"amplitudes":[0,0.5,1],"sampling_frequency":9}` {
			t.Errorf("waveform is %q", got)
		}
		if files := form.File["farr"]; len(files) != 1 || files[0].Size != 5 || files[0].Filename != "a%22b%0D%0A.mp4" {
			t.Errorf("file is %+v", files)
		}
	}
	unknown, err := Encode(File{Size: -1, Open: func() (io.ReadCloser, error) { return nil, io.ErrUnexpectedEOF }})
	if err != nil || unknown.Size != -1 {
		t.Fatalf("got size %d and %v, want -1", unknown.Size, err)
	}
	if _, err = unknown.Open(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want the file's error", err)
	}
}

func FuzzID(f *testing.F) {
	f.Add([]byte(`{"metadata":{"0":{"image_id":"1"}}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if id, err := ID(payload); err == nil && id <= 0 {
			t.Errorf("id %d without an error", id)
		}
	})
}
