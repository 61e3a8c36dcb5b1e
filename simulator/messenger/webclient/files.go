package webclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// File is something to upload.
type File struct {
	Name, Type string
	Data       []byte
	Voice      bool
	Waveform   string
}

// Upload sends a file and returns its id.
func (c *Client) Upload(ctx context.Context, f File) (int64, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if f.Voice {
		form.WriteField("voice_clip", "true")                   //nolint:errcheck // writes to memory
		form.WriteField("voice_clip_waveform_data", f.Waveform) //nolint:errcheck // writes to memory
	}
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="farr"; filename=%q`, f.Name)}, "Content-Type": {f.Type},
	})
	if err != nil {
		return 0, err
	}
	part.Write(f.Data) //nolint:errcheck // writes to memory
	form.Close()       //nolint:errcheck // writes to memory
	req, err := c.post(ctx, web+"/ajax/mercury/upload.php?"+c.common().Encode(), &body, form.FormDataContentType())
	if err != nil {
		return 0, err
	}
	var answer struct {
		Refused
		Redirect string `json:"redirect"`
		Payload  struct {
			Metadata json.RawMessage `json:"metadata"`
		} `json:"payload"`
	}
	if err = c.json(req, &answer); err != nil {
		return 0, err
	}
	if answer.Code != 0 {
		return 0, &answer.Refused
	}
	if answer.Redirect != "" {
		return 0, &Redirected{Target: answer.Redirect}
	}
	return uploadID(answer.Payload.Metadata)
}

// uploadID takes the first id of either shape.
func uploadID(metadata json.RawMessage) (int64, error) {
	var entries []map[string]any
	if json.Unmarshal(metadata, &entries) != nil {
		var byIndex map[string]map[string]any
		if err := json.Unmarshal(metadata, &byIndex); err != nil {
			return 0, err
		}
		entries = append(entries, byIndex["0"])
	}
	for _, name := range []string{"video_id", "audio_id", "image_id", "gif_id", "file_id"} {
		for _, e := range entries {
			switch id := e[name].(type) {
			case float64:
				return int64(id), nil
			case string:
				return strconv.ParseInt(id, 10, 64)
			}
		}
	}
	return 0, errors.New("upload without an id")
}

// Download gets a file as section 4.2 says: no cookies, ranges after a redirect.
func (c *Client) Download(ctx context.Context, target string) ([]byte, error) {
	body, err := c.get(ctx, target)
	var redirected *Redirected
	if !errors.As(err, &redirected) {
		return []byte(body), err
	}
	var data []byte
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, redirected.Target, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("User-Agent", c.Agent)
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", len(data), len(data)+1<<20-1))
		resp, err := c.HTTP.Do(req)
		if err != nil {
			return nil, err
		}
		part, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case err != nil:
			return nil, err
		case resp.StatusCode == http.StatusOK:
			return part, nil
		case resp.StatusCode != http.StatusPartialContent:
			return nil, Status(resp.StatusCode)
		}
		data = append(data, part...)
		_, total, _ := strings.Cut(resp.Header.Get("Content-Range"), "/")
		if n, err := strconv.Atoi(total); err != nil || len(data) >= n {
			return data, err
		}
	}
}
