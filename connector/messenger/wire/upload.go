package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"crosschat/connector/metaweb/graphql"
	"crosschat/connector/metaweb/mercury"
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
	body, err := mercury.Encode(mercury.File{
		Name: u.Filename, MimeType: u.MimeType, Open: u.Open, Size: u.Size, Voice: u.Voice, Waveform: u.Waveform,
	})
	if err != nil {
		return 0, err
	}
	header := s.header(fmt.Sprintf("/messages/t/%d/", u.ThreadID))
	header.Set("Content-Type", body.ContentType)
	header.Set("Priority", "u=1, i")
	response, err := s.web.Do(ctx, web.Request{
		Method: http.MethodPost, URL: s.cfg.Site + mercury.Path + "?" + s.form().Encode(), Header: header,
		Timeout: mercury.Timeout, Size: body.Size, Body: body.Open,
	})
	if err != nil {
		return 0, err
	}
	answer, err := graphql.Read(response.Body)
	if err != nil {
		return 0, err
	}
	if answer.Failure != nil {
		return 0, s.redirected(answer, graphql.Judge(answer.Failure))
	}
	id, err := mercury.ID(answer.Payload)
	if err != nil {
		return 0, s.redirected(answer, fmt.Errorf("read upload answer: %w", ErrNoAnswer))
	}
	return id, nil
}
