package wire

import (
	"encoding/json"
	"strings"
	"time"
)

type rawAttachment struct {
	ID              text `json:"attachment_fbid"`
	URL             text `json:"attachment_cdn_url"`
	Fallback        text `json:"attachment_cdn_fallback_url"`
	Preview         text `json:"preview_cdn_url"`
	PreviewFallback text `json:"preview_cdn_fallback_url"`
	Width           size `json:"preview_width"`
	Height          size `json:"preview_height"`
}

func (r *rawAttachment) attachment() Attachment {
	a := Attachment{ID: string(r.ID), URL: first(r.URL, r.Fallback, r.Preview, r.PreviewFallback),
		PreviewURL: first(r.Preview, r.PreviewFallback), Width: int(r.Width), Height: int(r.Height)}
	return a
}

// attachments keeps entries that are null: something was sent there, and has to be shown as missing.
func attachments(raw []*rawAttachment) []Attachment {
	list := make([]Attachment, len(raw))
	for i, r := range raw {
		if r != nil {
			list[i] = r.attachment()
		}
	}
	return list
}

// first answers the first text that isn't empty.
func first(texts ...text) string {
	for _, t := range texts {
		if t != "" {
			return string(t)
		}
	}
	return ""
}

// rawContent has the fields of all kinds; which count depends on the type.
type rawContent struct {
	Type string `json:"__typename"`
	Text text   `json:"text_body"`

	Images []*rawAttachment `json:"attachments"`
	Videos []*rawAttachment `json:"videos"`
	Mixed  []*rawAttachment `json:"ordered_photo_video_attachments"`
	Audio  []*struct {
		ID       text      `json:"attachment_fbid"`
		URL      text      `json:"attachment_cdn_url"`
		Duration size      `json:"playable_duration_ms"`
		Waveform []float64 `json:"waveform_data"`
	} `json:"audio_attachments"`
	Animated []*struct {
		Webp    text `json:"attachment_webp_url"`
		MP4     text `json:"attachment_mp4_url"`
		Preview text `json:"preview_cdn_url"`
		Width   size `json:"preview_width"`
		Height  size `json:"preview_height"`
		Sticker bool `json:"is_sticker"`
		Alt     text `json:"alt_text"`
	} `json:"animated_media"`

	// Stickers and music
	PreviewURL    text `json:"preview_url"`
	PreviewWidth  size `json:"preview_width"`
	PreviewHeight size `json:"preview_height"`
	Alt           text `json:"alt_text"`
	Track         struct {
		Title   text `json:"title"`
		Artist  text `json:"display_artist"`
		Preview text `json:"web_30s_preview_download_url"`
	} `json:"audio_track"`
	Link text `json:"attribution_link"`

	ViewMode   *int           `json:"view_mode"`
	Attachment *rawAttachment `json:"attachment"`

	XMA     *rawXMA `json:"xma"`
	XMAText text    `json:"xma_text_body"`

	Fragments []struct {
		Text text `json:"plaintext"`
	} `json:"text_fragments"`
	ReactionLog bool `json:"is_reaction_action_log"`

	AIAnswer  text `json:"unified_response"`
	AIPayload text `json:"unified_response_payload"`
	AISearch  text `json:"messasge_text_body"` // so on the wire
}

// UnmarshalJSON leaves out values of wrong types, so that one of them doesn't cost the rest.
func (r *rawContent) UnmarshalJSON(data []byte) error {
	type plain rawContent
	if len(data) == 0 || data[0] != '{' {
		return nil
	}
	return unmarshal(data, (*plain)(r))
}

// contents are the makers of Content by the server's type.
var contents = map[string]func(*rawContent, *Message) Content{
	"SlideMessageText": func(r *rawContent, m *Message) Content {
		if m.Text == "" {
			m.Text = string(r.Text)
		}
		return TextContent{}
	},
	"SlideMessageImageContent":  func(r *rawContent, _ *Message) Content { return ImagesContent{attachments(r.Images)} },
	"SlideMessageVideosContent": func(r *rawContent, _ *Message) Content { return VideosContent{attachments(r.Videos)} },
	"SlideMessageMultiMediaContent": func(r *rawContent, _ *Message) Content {
		return MixedContent{attachments(r.Mixed)}
	},
	"SlideMessageAudiosContent":                       (*rawContent).voice,
	"SlideMessageAnimatedMediaContent":                (*rawContent).animated,
	"SlideMessageStoreStickerContent":                 (*rawContent).sticker,
	"SlideMessageAvatarStickerXMAContent":             (*rawContent).sticker,
	"SlideMessageCutoutStickerXMAContent":             (*rawContent).sticker,
	"SlideMessageAIStickerXMAContent":                 (*rawContent).sticker,
	"SlideMessageRavenImageContent":                   (*rawContent).viewOnce,
	"SlideMessageRavenVideoContent":                   (*rawContent).viewOnce,
	"SlideMessageXMAContent":                          (*rawContent).share,
	"SlideMessageMusicStickerXMAContent":              (*rawContent).music,
	"SlideMessageAdminText":                           (*rawContent).admin,
	"SlideMessageGenAIRichResponseXMAContent":         (*rawContent).ai,
	"SlideMessageGenAISearchPluginResponseXMAContent": (*rawContent).ai,
}

func (r *rawContent) content(m *Message) Content {
	if r.Type == "" {
		return nil
	}
	if make, known := contents[r.Type]; known {
		return make(r, m)
	}
	return UnknownContent{r.Type}
}

func (r *rawContent) voice(*Message) Content {
	clips := make([]Clip, len(r.Audio))
	for i, a := range r.Audio {
		if a == nil {
			continue
		}
		clips[i] = Clip{ID: string(a.ID), URL: string(a.URL), Duration: time.Duration(a.Duration) * time.Millisecond}
		for _, amplitude := range a.Waveform {
			clips[i].Waveform = append(clips[i].Waveform, min(max(amplitude, 0), 1))
		}
	}
	return VoiceContent{clips}
}

func (r *rawContent) animated(*Message) Content {
	items := make([]Animation, len(r.Animated))
	for i, a := range r.Animated {
		if a != nil {
			items[i] = Animation{string(a.Webp), string(a.MP4), string(a.Preview), int(a.Width), int(a.Height),
				a.Webp != "" && (a.Sticker || a.MP4 == ""), string(a.Alt)}
		}
	}
	return AnimatedContent{items}
}

func (r *rawContent) sticker(*Message) Content {
	return StickerContent{Attachment{URL: string(r.PreviewURL), PreviewURL: string(r.PreviewURL), Width: int(r.PreviewWidth),
		Height: int(r.PreviewHeight)}, string(r.Alt)}
}

func (r *rawContent) viewOnce(*Message) Content {
	c := ViewOnceContent{Video: strings.Contains(r.Type, "Video")}
	if r.ViewMode != nil {
		c.Mode = ViewMode(*r.ViewMode)
	}
	if r.Attachment != nil {
		if file := r.Attachment.attachment(); file.URL != "" {
			c.File = &file
		}
	}
	return c
}

func (r *rawContent) music(*Message) Content {
	return MusicContent{string(r.Track.Title), string(r.Track.Artist), string(r.Track.Preview), string(r.PreviewURL),
		webURL(string(r.Link))}
}

func (r *rawContent) admin(m *Message) Content {
	var b strings.Builder
	for _, fragment := range r.Fragments {
		b.WriteString(string(fragment.Text))
	}
	c := AdminContent{b.String(), strings.Contains(m.ContentType, "_CALL_"), r.ReactionLog ||
		m.ContentType == "REACTION_LOG_XMAT"}
	if c.Text == "" {
		c.Text = m.Snippet
	}
	return c
}

func (r *rawContent) ai(m *Message) Content {
	if t := first(r.AIAnswer, r.AISearch, text(m.Text), r.AIPayload); t != "" && !json.Valid([]byte(t)) {
		return AIContent{t}
	}
	return AIContent{m.Snippet}
}
