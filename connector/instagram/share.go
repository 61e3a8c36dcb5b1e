package instagram

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/instagram/wire"
	"crosschat/connector/metaweb/media"
)

// shareParts shows something shared: what it is, title, picture and link; below it what was written with it.
func (c *Client) shareParts(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m wire.Message, s wire.Share) ([]*bridgev2.ConvertedMessagePart, error) {
	if s.Kind == wire.ShareLink {
		return c.linkParts(ctx, portal, intent, m, s)
	}
	var parts []*bridgev2.ConvertedMessagePart
	text := shareText(m, s)
	if s.Image.URL == "" && text == "" && s.Text == "" {
		return notice(unknownText(m)), nil
	}
	if s.Image.URL != "" {
		f := shareFile(s)
		f.source.Caption = text
		part, err := c.filePart(ctx, portal, intent, m, f, 0)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if part.Content.MsgType != event.MsgNotice {
			text = "" // it is the caption
		}
	}
	if text != "" {
		parts = append(parts, c.plainParts(text)...)
	}
	if s.Text != "" {
		parts = append(parts, c.textParts(ctx, s.Text, m.Mentions)...)
	}
	return parts, nil
}

// plainParts shows a text without taking its marks for formatting: it is Instagram's, and its lines belong together.
func (c *Client) plainParts(text string) []*bridgev2.ConvertedMessagePart {
	return convert.TextParts(text, convert.Markup{}, nil)
}

func shareFile(s wire.Share) file { return picture(s.Image) }

// longestLine bounds each line of what is said of something shared.
const longestLine = 1000

// shareText is what is said of something shared, a line each.
func shareText(m wire.Message, s wire.Share) string {
	said := []string{shareKind(m, s)}
	if eyebrow := shortened(s.Eyebrow); eyebrow != "" {
		said = append(said, "> "+eyebrow)
	}
	for _, line := range []string{s.Header, s.Title, s.Subtitle, s.Caption} {
		line = strings.TrimSpace(convert.Clean(line))
		if runes := []rune(line); len(runes) > longestLine {
			line = string(runes[:longestLine]) + "…"
		}
		said = append(said, line)
	}
	said = append(said, webLink(s.TargetURL))
	for _, button := range s.Buttons[:min(len(s.Buttons), mostButtons)] {
		said = append(said, strings.TrimSuffix(fmt.Sprintf("%s: %s", shortened(button.Title), webLink(button.URL)), ": "))
	}
	return lines(said...)
}

// mostButtons is more than one message has.
const mostButtons = 20

// shareKind says what was shared, where the words of the share itself need not. Whether a story was answered or mentions
// somebody shows only in words of the account's language, which follow (protocol notes, section 12.3).
func shareKind(m wire.Message, s wire.Share) string {
	switch s.Kind {
	case wire.ShareStory:
		switch {
		case s.Text != "":
			return "Reply to a story"
		case m.ContentType == "MONTAGE_SHARE_XMA":
			return "Shared story"
		default:
			return "Story"
		}
	case wire.ShareUnavailable:
		return "Something was shared on Instagram that is not available any more."
	default:
		return ""
	}
}

// webLink is where something leads, empty if that is nowhere on the web.
func webLink(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return u.String()
}

// linkParts is a text with a link, and what the link leads to as its preview.
func (c *Client) linkParts(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m wire.Message, s wire.Share) ([]*bridgev2.ConvertedMessagePart, error) {
	text := m
	text.Text = s.Text
	parts, err := c.quoted(ctx, text)
	if err != nil {
		return nil, err
	}
	if preview := c.linkPreview(ctx, portal, intent, s); preview != nil {
		parts[0].Content.BeeperLinkPreviews = []*event.BeeperLinkPreview{preview}
	}
	return parts, nil
}

// linkPreview is what a link in a text leads to, nil if it is nowhere on the web. Its picture is an ornament.
func (c *Client) linkPreview(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, s wire.Share) *event.BeeperLinkPreview {
	target := webLink(s.TargetURL)
	if target == "" {
		return nil
	}
	title := s.Title
	if title == "" {
		title = s.Header
	}
	preview := &event.BeeperLinkPreview{MatchedURL: target, LinkPreview: event.LinkPreview{
		CanonicalURL: target, Title: convert.Clean(title), Description: convert.Clean(s.Subtitle),
	}}
	if s.Image.URL == "" {
		return preview
	}
	f := shareFile(s)
	f.source.Name = "preview"
	part, err := c.moveFile(ctx, portal, intent, f)
	if err != nil {
		return preview
	}
	info := part.Content.Info
	preview.ImageType, preview.ImageURL, preview.ImageEncryption = info.MimeType, part.Content.URL, part.Content.File
	preview.ImageSize, preview.ImageWidth, preview.ImageHeight = event.IntOrString(info.Size), event.IntOrString(info.Width), event.IntOrString(info.Height)
	if part.Content.File != nil {
		preview.ImageURL = part.Content.File.URL
	}
	return preview
}

// viewOnce shows a camera message as the config wants it.
func (c *Client) viewOnce(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m wire.Message, content wire.ViewOnceContent) ([]*bridgev2.ConvertedMessagePart, error) {
	f := viewOnceFile(content)
	marked := content.Mode != wire.ViewAlways
	switch {
	case content.File == nil:
		return notice(fmt.Sprintf("A view-once %s came. It can only be seen in Instagram's app.", f.word)), nil
	case marked && !c.network.Config.ViewOnceMedia:
		return notice(fmt.Sprintf("A view-once %s came. Look at Instagram to see it.", f.word)), nil
	}
	part, err := c.filePart(ctx, portal, intent, m, f, 0)
	if err != nil {
		return nil, err
	}
	if marked && part.Content.FileName != "" {
		part.Content.Body = "View-once " + f.word
	}
	return []*bridgev2.ConvertedMessagePart{part}, nil
}

func viewOnceFile(content wire.ViewOnceContent) file {
	var a wire.Attachment
	if content.File != nil {
		a = *content.File
	}
	if content.Video {
		return video(a)
	}
	return picture(a)
}

// music is a piece of a song: what it is, and its first half minute if there is one.
func (c *Client) music(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m wire.Message, content wire.MusicContent) ([]*bridgev2.ConvertedMessagePart, error) {
	text := lines(shortened(content.Title), shortened(content.Artist), webLink(content.Link))
	if content.PreviewURL == "" {
		if text == "" {
			return notice(unknownText(m)), nil
		}
		return c.plainParts("🎵 " + text), nil
	}
	f := musicFile(content)
	f.source.Caption = text
	part, err := c.filePart(ctx, portal, intent, m, f, 0)
	if err != nil {
		return nil, err
	}
	parts := []*bridgev2.ConvertedMessagePart{part}
	if part.Content.MsgType == event.MsgNotice && text != "" {
		parts = append(parts, c.plainParts("🎵 "+text)...)
	}
	return parts, nil
}

func musicFile(content wire.MusicContent) file {
	f := newFile(content.PreviewURL, event.MsgAudio, media.Audio, "song", "audio/mp4")
	f.source.Name = convert.FileName(shortened(content.Title), "song", "audio/mp4")
	return f
}
