package wire

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"crosschat/connector/metaweb/web"
)

// Upload is a file for an unencrypted thread.
type Upload struct {
	ThreadID int64
	Filename string
	MimeType string
	// Open opens the file; it may be called more than once. Size is its length, -1 if that isn't known.
	Open func() (io.ReadCloser, error)
	Size int64
	// Voice makes it a voice message. Waveform, of values from 0 to 1, nine a second, may be empty.
	Voice    bool
	Waveform []float64
}

// uploadTimeout bounds one upload; the files are up to 25 MB.
const uploadTimeout = 10 * time.Minute

// Upload uploads a file and answers its id, for task.Message.Attachments. Errors: *GraphQLError, *web.StopError,
// *ReloadError (another try may be good after the next Serve), ErrNoAnswer if the server gave no id, those of web.Client.
func (c *Client) Upload(ctx context.Context, u Upload) (int64, error) {
	c.mu.Lock()
	s := c.site
	c.mu.Unlock()
	if s == nil {
		return 0, ErrNotConnected
	}
	id, err := s.upload(ctx, u)
	var reload *ReloadError
	if errors.As(err, &reload) {
		if s, err = c.loadAgain(ctx, s); err == nil {
			id, err = s.upload(ctx, u)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("upload %s: %w", u.MimeType, c.judge(err))
	}
	return id, nil
}

// loadAgain loads the page again because its tokens went stale, unless somebody else just did, or it is too soon.
func (c *Client) loadAgain(ctx context.Context, stale *site) (*site, error) {
	c.mu.Lock()
	if c.site == stale && c.reload == "" {
		c.wantReload("tokens went stale", true)
	}
	c.mu.Unlock()
	return c.ready(ctx, false)
}

func (s *site) upload(ctx context.Context, u Upload) (int64, error) {
	head, tail, contentType, err := multipartFrame(u)
	if err != nil {
		return 0, err
	}
	size := int64(-1)
	if u.Size >= 0 {
		size = int64(len(head)) + u.Size + int64(len(tail))
	}
	header := s.header(fmt.Sprintf("/messages/t/%d/", u.ThreadID))
	header.Set("Content-Type", contentType)
	header.Set("Priority", "u=1, i")
	response, err := s.web.Do(ctx, web.Request{
		Method: http.MethodPost, URL: s.cfg.Site + "/ajax/mercury/upload.php?" + s.form().Encode(), Header: header,
		Timeout: uploadTimeout, Size: size,
		Body: func() (io.ReadCloser, error) {
			file, err := u.Open()
			if err != nil {
				return nil, err
			}
			return struct {
				io.Reader
				io.Closer
			}{io.MultiReader(bytes.NewReader(head), file, bytes.NewReader(tail)), file}, nil
		},
	})
	if err != nil {
		return 0, err
	}
	id, err := readUpload(response.Body)
	if err != nil {
		return 0, s.redirected(response.Body, err)
	}
	return id, nil
}

// multipartFrame makes what goes before and after the file, so that the file itself is streamed.
func multipartFrame(u Upload) (head, tail []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err = w.SetBoundary("----WebKitFormBoundary" + randomLetters(16)); err != nil {
		return nil, nil, "", fmt.Errorf("frame upload: %w", err)
	}
	if u.Voice {
		if err = writeVoiceFields(w, u.Waveform); err != nil {
			return nil, nil, "", fmt.Errorf("frame upload: %w", err)
		}
	}
	part := textproto.MIMEHeader{}
	part.Set("Content-Disposition", fmt.Sprintf(`form-data; name="farr"; filename="%s"`, filenameEscaper.Replace(u.Filename)))
	part.Set("Content-Type", filenameEscaper.Replace(u.MimeType))
	if _, err = w.CreatePart(part); err != nil {
		return nil, nil, "", fmt.Errorf("frame upload: %w", err)
	}
	at := b.Len()
	if err = w.Close(); err != nil {
		return nil, nil, "", fmt.Errorf("frame upload: %w", err)
	}
	return b.Bytes()[:at], b.Bytes()[at:], w.FormDataContentType(), nil
}

// filenameEscaper escapes what would end a header, as browsers do.
var filenameEscaper = strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")

func writeVoiceFields(w *multipart.Writer, waveform []float64) error {
	if err := w.WriteField("voice_clip", "true"); err != nil || len(waveform) == 0 {
		return err
	}
	encoded, err := encodeJSON(struct {
		Amplitudes []float64 `json:"amplitudes"`
		Frequency  int       `json:"sampling_frequency"`
	}{waveform, 9})
	if err != nil {
		return err
	}
	return w.WriteField("voice_clip_waveform_data", encoded)
}

// randomLetters makes a text of letters and digits.
func randomLetters(n int) string {
	return rand.Text()[:min(n, 26)]
}

// readUpload finds the file's id in the server's answer, in which it has one of several names and shapes.
func readUpload(body []byte) (int64, error) {
	e, err := readEnvelope(body)
	if err != nil {
		return 0, err
	}
	var payload struct {
		Metadata json.RawMessage `json:"metadata"`
	}
	if err = json.Unmarshal(e.Payload, &payload); err != nil {
		return 0, fmt.Errorf("read upload answer: %w", ErrNoAnswer)
	}
	type file struct {
		Video looseInt `json:"video_id"`
		Audio looseInt `json:"audio_id"`
		Image looseInt `json:"image_id"`
		GIF   looseInt `json:"gif_id"`
		File  looseInt `json:"file_id"`
	}
	var files []file
	if json.Unmarshal(payload.Metadata, &files) != nil {
		var byIndex map[string]file
		if json.Unmarshal(payload.Metadata, &byIndex) == nil {
			files = append(files, byIndex["0"])
		}
	}
	for _, f := range files {
		for _, id := range []looseInt{f.Video, f.Audio, f.Image, f.GIF, f.File} {
			if id > 0 {
				return int64(id), nil
			}
		}
	}
	return 0, fmt.Errorf("read upload answer: %w", ErrNoAnswer)
}
