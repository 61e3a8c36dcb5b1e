package wire

import (
	"net/url"
	"strings"

	"crosschat/connector/metaweb/web"
)

type rawPreview struct {
	URL        text `json:"url"`
	Fallback   text `json:"fallback_url"`
	Width      size `json:"width"`
	Height     size `json:"height"`
	Decoration text `json:"preview_image_decoration_type"`
}

type rawXMA struct {
	Type        string      `json:"__typename"`
	TargetID    text        `json:"target_id"`
	TargetURL   text        `json:"target_url"`
	Title       text        `json:"title_text"`
	OtherTitle  text        `json:"xmaTitle"`
	Header      text        `json:"header_title_text"`
	OtherHeader text        `json:"xmaHeaderTitle"`
	Subtitle    text        `json:"subtitle_text"`
	Caption     text        `json:"caption_body_text"`
	Eyebrow     text        `json:"eyebrow_text"`
	Preview     *rawPreview `json:"preview_image"`
	OtherView   *rawPreview `json:"xmaPreviewImage"`
	Buttons     []struct {
		Title text `json:"title"`
		URL   text `json:"action_url"`
	} `json:"cta_buttons"`
}

func (r *rawContent) share(m *Message) Content {
	x := r.XMA
	if x == nil {
		return ShareContent{Share{Kind: ShareUnavailable, Text: string(r.XMAText)}}
	}
	s := Share{
		Text: string(r.XMAText), TargetURL: webURL(string(x.TargetURL)), TargetID: string(x.TargetID),
		Title: first(x.Title, x.OtherTitle), Header: first(x.Header, x.OtherHeader), Subtitle: string(x.Subtitle),
		Caption: string(x.Caption), Eyebrow: string(x.Eyebrow),
	}
	preview := x.Preview
	if preview == nil {
		preview = x.OtherView
	}
	if preview != nil {
		s.Image = Attachment{URL: first(preview.URL, preview.Fallback), Width: int(preview.Width), Height: int(preview.Height)}
		s.Image.PreviewURL = s.Image.URL
	}
	for _, b := range x.Buttons {
		if address := webURL(string(b.URL)); b.Title != "" || address != "" {
			s.Buttons = append(s.Buttons, Button{string(b.Title), address})
		}
	}
	s.Kind, s.Media = judgeShare(&s, x, m.ContentType)
	return ShareContent{s}
}

// judgeShare says what a share leads to (section 12.3).
func judgeShare(s *Share, x *rawXMA, contentType string) (ShareKind, PostRef) {
	var path []string
	var query url.Values
	if u, err := url.Parse(s.TargetURL); err == nil && web.HostIn(u.Hostname(), []string{"instagram.com"}) {
		path, query = strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' }), u.Query()
	}
	last := ""
	if len(path) > 0 {
		last = path[len(path)-1]
	}
	switch {
	case strings.Contains(x.Type, "Placeholder"):
		return ShareUnavailable, PostRef{}
	case len(path) > 1 && path[0] == "stories" && digits(last):
		return ShareStory, PostRef{ID: last, Owner: numeric(query.Get("reel_id"))}
	case contentType == "MONTAGE_SHARE_XMA":
		return ShareStory, PostRef{}
	case s.Text != "" && s.TargetID == "" && s.TargetURL != "":
		return ShareLink, PostRef{}
	case digits(s.TargetID):
		ref := PostRef{ID: s.TargetID, Child: numeric(query.Get("carousel_share_child_media_id"))}
		kind := SharePost
		if len(path) > 1 && (path[0] == "p" || path[0] == "reel" || path[0] == "reels" || path[0] == "tv") {
			ref.Code = path[1]
			if path[0] != "p" {
				kind = ShareReel
			}
		}
		return kind, ref
	case len(s.Buttons) > 0 && s.TargetURL == "" && s.Title+s.Header+s.Subtitle+s.Caption+s.Eyebrow+s.Image.URL == "":
		return ShareButtons, PostRef{}
	}
	return ShareOther, PostRef{}
}

// numeric answers text that is a number, perhaps with an account's behind it, and nothing for other text.
func numeric(text string) string {
	text, _, _ = strings.Cut(text, "_")
	if !digits(text) {
		return ""
	}
	return text
}

const maxShims = 4

// webURL answers an address without the link shims around it, or nothing if it is none of the web.
func webURL(address string) string {
	for range maxShims {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return ""
		}
		inner := ""
		switch u.Hostname() {
		case "l.facebook.com", "lm.facebook.com":
			if u.Path == "/l.php" {
				inner = u.Query().Get("u")
			}
		case "l.instagram.com":
			inner = u.Query().Get("u")
		}
		if inner == "" {
			return address
		}
		address = inner
	}
	return ""
}
