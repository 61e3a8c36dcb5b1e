// Package mercury has the frame of uploads to Meta's sites. Who makes the request, and to where, is the network's own.
//
// It keeps no state; its functions may be called from any goroutine. Files are streamed.
package mercury

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
	"time"

	"crosschat/connector/metaweb/graphql"
)

// Path is where files go.
const Path = "/ajax/mercury/upload.php"

// Timeout bounds one upload; the files are up to 25 MB.
const Timeout = 10 * time.Minute

// ErrNoID is an answer without the file's id.
var ErrNoID = errors.New("server gave the file no id")

// File is a file to be uploaded.
type File struct {
	Name     string
	MimeType string
	// Open opens the file; it may be called more than once. Size is its length, -1 if that isn't known.
	Open func() (io.ReadCloser, error)
	Size int64
	// Voice makes it a voice message. Waveform, of values from 0 to 1, nine a second, may be empty.
	Voice    bool
	Waveform []float64
}

// Body is the body of an upload.
type Body struct {
	// Open opens it; it may be called more than once. Size is its length, -1 if that isn't known.
	Open        func() (io.ReadCloser, error)
	Size        int64
	ContentType string
}

// Encode makes the body of an upload. Nothing is read yet.
func Encode(f File) (*Body, error) {
	head, tail, contentType, err := frame(f)
	if err != nil {
		return nil, fmt.Errorf("frame upload: %w", err)
	}
	size := int64(-1)
	if f.Size >= 0 {
		size = int64(len(head)) + f.Size + int64(len(tail))
	}
	return &Body{Size: size, ContentType: contentType, Open: func() (io.ReadCloser, error) {
		file, err := f.Open()
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head), file, bytes.NewReader(tail)), file}, nil
	}}, nil
}

// frame makes what goes before and after the file.
func frame(f File) (head, tail []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err = w.SetBoundary("----WebKitFormBoundary" + rand.Text()[:16]); err != nil {
		return nil, nil, "", err
	}
	if f.Voice {
		if err = writeVoice(w, f.Waveform); err != nil {
			return nil, nil, "", err
		}
	}
	part := textproto.MIMEHeader{}
	part.Set("Content-Disposition", fmt.Sprintf(`form-data; name="farr"; filename="%s"`, filenameEscaper.Replace(f.Name)))
	part.Set("Content-Type", filenameEscaper.Replace(f.MimeType))
	if _, err = w.CreatePart(part); err != nil {
		return nil, nil, "", err
	}
	at := b.Len()
	if err = w.Close(); err != nil {
		return nil, nil, "", err
	}
	return b.Bytes()[:at], b.Bytes()[at:], w.FormDataContentType(), nil
}

// filenameEscaper escapes what would end a header, as browsers do.
var filenameEscaper = strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")

func writeVoice(w *multipart.Writer, waveform []float64) error {
	if err := w.WriteField("voice_clip", "true"); err != nil || len(waveform) == 0 {
		return err
	}
	encoded, err := graphql.Encode(struct {
		Amplitudes []float64 `json:"amplitudes"`
		Frequency  int       `json:"sampling_frequency"`
	}{waveform, 9})
	if err != nil {
		return err
	}
	return w.WriteField("voice_clip_waveform_data", encoded)
}

// ID finds the file's id in the payload of the server's answer, in which it has one of several names and shapes. The error
// is ErrNoID.
func ID(payload json.RawMessage) (int64, error) {
	var answer struct {
		Metadata json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(payload, &answer); err != nil {
		return 0, ErrNoID
	}
	type file struct {
		Video graphql.Int `json:"video_id"`
		Audio graphql.Int `json:"audio_id"`
		Image graphql.Int `json:"image_id"`
		GIF   graphql.Int `json:"gif_id"`
		File  graphql.Int `json:"file_id"`
		FBID  graphql.Int `json:"fbid"`
	}
	var files []file
	if json.Unmarshal(answer.Metadata, &files) != nil {
		files = nil
		var byIndex map[string]file
		if json.Unmarshal(answer.Metadata, &byIndex) == nil {
			files = append(files, byIndex["0"])
		}
	}
	for _, f := range files {
		for _, id := range []graphql.Int{f.Video, f.Audio, f.Image, f.GIF, f.File, f.FBID} {
			if id > 0 {
				return int64(id), nil
			}
		}
	}
	return 0, ErrNoID
}
