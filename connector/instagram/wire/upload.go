package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"crosschat/connector/metaweb/graphql"
	"crosschat/connector/metaweb/media"
	"crosschat/connector/metaweb/mercury"
	"crosschat/connector/metaweb/web"
)

// Upload is a file to be uploaded.
type Upload struct {
	Thread   ThreadKey
	Filename string
	// MimeType: jpeg, png, gif, webp pictures; mp4, quicktime, webm, ogg videos; mpeg, mp4, wav audio, voice only audio/mp4.
	MimeType string
	// Open opens the file; it may be called more than once. Size is its length, -1 if that isn't known.
	Open func() (io.ReadCloser, error)
	Size int64
	// Voice makes it a voice message. Waveform, of values from 0 to 1, nine a second, may be empty.
	Voice    bool
	Waveform []float64
}

// Upload uploads a file. Nothing is sent by that. Errors are SendText's, and ErrNoAttachment.
func (c *Client) Upload(ctx context.Context, u Upload) (AttachmentID, error) {
	if err := c.allowed(true); err != nil {
		return 0, err
	}
	s, err := c.ready(ctx)
	var id AttachmentID
	if err == nil {
		id, err = c.upload(ctx, s, u)
		var reload *ReloadError
		if errors.As(err, &reload) {
			if s, err = c.loadAgain(ctx, s, reload.Reason); err == nil {
				id, err = c.upload(ctx, s, u)
			}
		}
	}
	if err != nil {
		return 0, fmt.Errorf("upload %s: %w", u.MimeType, c.judge(err))
	}
	return id, nil
}

func (c *Client) upload(ctx context.Context, s *site, u Upload) (AttachmentID, error) {
	body, err := mercury.Encode(mercury.File{
		Name: u.Filename, MimeType: u.MimeType, Open: u.Open, Size: u.Size, Voice: u.Voice, Waveform: u.Waveform,
	})
	if err != nil {
		return 0, err
	}
	form := s.form()
	form.Set("__jssesw", "1")
	header := c.header(s, "/direct/t/"+u.Thread.String()+"/")
	header.Set("Content-Type", body.ContentType)
	header.Set("Priority", "u=1, i")
	response, err := c.web.Do(ctx, web.Request{
		Method: http.MethodPost, URL: c.cfg.Site + mercury.Path + "?" + form.Encode(), Header: header,
		Timeout: mercury.Timeout, Size: body.Size, Body: body.Open,
	})
	if err != nil {
		return 0, c.explain(err, false)
	}
	c.keepClaim(response)
	answer, err := graphql.Read(response.Body)
	if err != nil {
		return 0, &ReloadError{Reason: "answer is not JSON", Err: err}
	}
	if stop := answer.Target(c.web); stop != nil {
		return 0, stop
	}
	if answer.Failure != nil {
		return 0, c.classify(answer.Failure, operation{}, "")
	}
	id, err := mercury.ID(answer.Payload)
	if err != nil {
		return 0, ErrNoAttachment
	}
	return AttachmentID(id), nil
}

// Download opens a link of a message, a picture of a user and the like. Errors and limit as in media.Fetcher.Fetch;
// media.ErrExpired can be mended by fetching the message again.
func (c *Client) Download(ctx context.Context, link string, kind media.Kind, limit int64) (*media.Body, error) {
	return c.fetcher.Fetch(ctx, link, kind, limit)
}
