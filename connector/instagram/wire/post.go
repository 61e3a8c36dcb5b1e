package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"crosschat/connector/metaweb/web"
)

// PostRef names a post, reel or story.
type PostRef struct {
	ID    string // its number
	Code  string // as in its address, empty if not known
	Owner string // IGID, of a story only
	// Child is one picture of a post with several, empty for the post.
	Child string
}

// Post is what a post, reel or story shows.
type Post struct {
	Owner   string // user name
	Caption string
	Items   []PostItem // more than one in a carousel
}

// PostItem is a picture or video.
type PostItem struct {
	VideoURL      string // empty for a picture
	ImageURL      string
	Width, Height int
	Seconds       float64 // of a video
}

type rawVersion struct {
	Width  size `json:"width"`
	Height size `json:"height"`
	URL    text `json:"url"`
}

// largest picks the version with the most pixels.
func largest(versions []rawVersion) rawVersion {
	var best rawVersion
	for _, v := range versions {
		if v.URL != "" && (best.URL == "" || int64(v.Width)*int64(v.Height) > int64(best.Width)*int64(best.Height)) {
			best = v
		}
	}
	return best
}

type rawPost struct {
	PK     text         `json:"pk"`
	ID     text         `json:"id"`
	Videos []rawVersion `json:"video_versions"`
	Images struct {
		Candidates []rawVersion `json:"candidates"`
	} `json:"image_versions2"`
	Carousel []rawPost `json:"carousel_media"`
	User     struct {
		Username text `json:"username"`
	} `json:"user"`
	Caption struct {
		Text text `json:"text"`
	} `json:"caption"`
	Duration float64 `json:"video_duration"`
}

func (r *rawPost) item() PostItem {
	video, image := largest(r.Videos), largest(r.Images.Candidates)
	item := PostItem{VideoURL: string(video.URL), ImageURL: string(image.URL), Width: int(video.Width), Height: int(video.Height),
		Seconds: max(0, r.Duration)}
	if item.VideoURL == "" {
		item.Width, item.Height = int(image.Width), int(image.Height)
	}
	return item
}

func (r *rawPost) post(child string) (*Post, error) {
	p := &Post{Owner: string(r.User.Username), Caption: string(r.Caption.Text)}
	parts := r.Carousel
	if len(parts) == 0 {
		parts = []rawPost{*r}
	}
	for _, part := range parts {
		item := part.item()
		if item.VideoURL+item.ImageURL == "" || child != "" && len(r.Carousel) > 0 && numeric(first(part.PK, part.ID)) != child {
			continue
		}
		p.Items = append(p.Items, item)
	}
	if len(p.Items) == 0 {
		return nil, ErrNotFound
	}
	return p, nil
}

// Post fetches what a shared post, reel or story shows. It is the riskiest call for the account: only on a user's demand.
// ErrNotFound if there is nothing to be had; other errors are SendText's.
func (c *Client) Post(ctx context.Context, ref PostRef) (*Post, error) {
	if !digits(ref.ID) {
		return nil, ErrNotFound
	}
	if err := c.allowed(false); err != nil {
		return nil, err
	}
	if err := c.pages.Wait(ctx); err != nil {
		return nil, err
	}
	raw, err := c.fetchPost(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("fetch post: %w", c.judge(err))
	}
	return raw.post(ref.Child)
}

func (c *Client) fetchPost(ctx context.Context, ref PostRef) (*rawPost, error) {
	s, err := c.ready(ctx)
	if err != nil {
		return nil, err
	}
	path, referer := "/api/v1/media/"+ref.ID+"/info/", ""
	switch {
	case ref.Owner != "":
		path = "/api/v1/feed/reels_media/?" + url.Values{"media_id": {ref.ID}, "reel_ids": {ref.Owner}}.Encode()
	case ref.Code != "":
		referer = "/p/" + url.PathEscape(ref.Code) + "/"
	}
	body, err := c.get(ctx, s, path, referer)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Items []rawPost `json:"items"`
		Reels map[string]struct {
			Items []rawPost `json:"items"`
		} `json:"reels"`
	}
	if err = unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("read post: %w", err)
	}
	if ref.Owner == "" && len(answer.Items) > 0 {
		return &answer.Items[0], nil
	}
	for _, item := range answer.Reels[ref.Owner].Items {
		if numeric(first(item.PK, item.ID)) == ref.ID {
			return &item, nil
		}
	}
	return nil, ErrNotFound
}

// get asks the site's older interface, which answers JSON.
func (c *Client) get(ctx context.Context, s *site, path, referer string) (json.RawMessage, error) {
	response, err := c.web.Do(ctx, web.Request{URL: c.cfg.Site + path, Header: c.restHeader(s, referer)})
	var status *web.StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, c.explain(err, false)
	}
	c.keepClaim(response)
	if !strings.HasPrefix(strings.TrimSpace(string(response.Body[:min(len(response.Body), 64)])), "{") {
		return nil, &ReloadError{Reason: "answer is not JSON"}
	}
	if err = c.restError(response.Body); err != nil {
		return nil, err
	}
	return response.Body, nil
}
