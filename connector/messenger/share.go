package messenger

import (
	"context"
	"strconv"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/metaweb/media"
)

// share is something shared: a link, a post, a place, a call.
type share struct {
	lightspeed.XMA
	cta lightspeed.CTA
}

// ctaOf is what a tap on something shared does.
func ctaOf(x lightspeed.XMA, all []lightspeed.CTA) (found lightspeed.CTA) {
	for _, cta := range all {
		if cta.Attachment == x.FBID && (found.ID == 0 || cta.ID == x.DefaultCTA) {
			found = cta
		}
	}
	return found
}

// link is where something shared leads, without Facebook's own redirection in front. It is empty if that is nowhere on the
// web.
func (s *share) link() string {
	target := s.cta.ActionURL
	if target == "" {
		target = s.ActionURL
	}
	return webAddress(target)
}

// isLinkPreview follows section 4.3 of the protocol notes.
func (s *share) isLinkPreview() bool {
	return s.cta.Type == "xma_web_url" && s.cta.TargetID == 0 && s.cta.NativeURL == "" && strings.Contains(s.cta.ActionURL, "/l.php?")
}

// shareParts shows something shared: title, picture and link.
func (c *Client) shareParts(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m lightspeed.Message, s share) ([]*bridgev2.ConvertedMessagePart, error) {
	text := s.text()
	switch {
	case s.cta.Type == "xma_live_location_sharing":
		return placeParts(s, text), nil
	case strings.HasPrefix(s.cta.Type, "xma_poll_"):
		return notice("A Messenger poll came: " + text + " Look at Messenger."), nil
	case strings.Contains(s.cta.Type, "call"):
		return notice("Messenger call: " + text), nil
	}
	f := file{word: "picture", remote: wire.Attachment{
		ThreadKey: m.ThreadKey, MessageID: m.ID, Timestamp: m.Timestamp, FBID: s.FBID, Index: s.Index, Link: s.Playable,
	}, source: convert.Source{Width: int(s.Width), Height: int(s.Height)}}
	if f.remote.Link.URL == "" {
		f.remote.Link = s.Preview
	}
	if mime := f.remote.Link.MimeType; strings.HasPrefix(mime, "video/") {
		f.become(event.MsgVideo, media.Video, "video", mime, "video/mp4")
	} else {
		f.become(event.MsgImage, media.Image, "picture", mime, "image/jpeg")
	}
	f.source.Name = convert.FileName(s.Filename, f.word, f.source.MIMEType)
	if f.remote.Link.URL == "" {
		if text == "" {
			return notice("Something was shared on Messenger that the bridge does not know. Look at Messenger."), nil
		}
		return c.textParts(ctx, portal, text, nil), nil
	}
	f.source.Caption, f.shared = text, true
	part, err := c.filePart(ctx, portal, intent, f)
	if err != nil {
		return nil, err
	}
	parts := []*bridgev2.ConvertedMessagePart{part}
	if part.Content.MsgType == event.MsgNotice && text != "" {
		parts = append(parts, c.textParts(ctx, portal, text, nil)...)
	}
	return parts, nil
}

// longestLine bounds each line of what is said of something shared.
const longestLine = 1000

// text is what is said of something shared, a line each.
func (s *share) text() string {
	var lines []string
	for _, line := range []string{s.HeaderTitle, s.Title, s.Subtitle, s.Body, s.Caption, s.link()} {
		line = strings.TrimSpace(convert.Clean(line))
		if runes := []rune(line); len(runes) > longestLine {
			line = string(runes[:longestLine]) + "…"
		}
		if line != "" && (len(lines) == 0 || lines[len(lines)-1] != line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// placeParts shows a place. A live one has no coordinates in its message.
func placeParts(s share, text string) []*bridgev2.ConvertedMessagePart {
	latText, longText, ok := strings.Cut(s.cta.NativeURL, ",")
	lat, err := strconv.ParseFloat(strings.TrimSpace(latText), 64)
	long, err2 := strconv.ParseFloat(strings.TrimSpace(longText), 64)
	if ok && err == nil && err2 == nil {
		content, err := convert.Location(convert.Place{Latitude: lat, Longitude: long, Name: s.Title, Address: s.Subtitle})
		if err == nil {
			return []*bridgev2.ConvertedMessagePart{{Type: event.EventMessage, Content: content}}
		}
	}
	return notice("Live location: " + text)
}

// linkPreview is what a link in the text leads to. Its picture is an ornament.
func (c *Client) linkPreview(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, m lightspeed.Message, s share) *event.BeeperLinkPreview {
	target := s.link()
	if target == "" {
		return nil
	}
	preview := &event.BeeperLinkPreview{MatchedURL: target, LinkPreview: event.LinkPreview{
		CanonicalURL: target, Title: convert.Clean(s.Title), Description: convert.Clean(s.Subtitle), SiteName: convert.Clean(s.Source),
	}}
	if s.Preview.URL == "" {
		return preview
	}
	f := file{remote: wire.Attachment{
		ThreadKey: m.ThreadKey, MessageID: m.ID, Timestamp: m.Timestamp, FBID: s.FBID, Index: s.Index, Link: s.Preview,
	}, source: convert.Source{Name: "preview"}}
	f.become(event.MsgImage, media.Image, "picture", s.Preview.MimeType, "image/jpeg")
	part, err := c.filePart(ctx, portal, intent, f)
	if err != nil || part.Content.MsgType != event.MsgImage {
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
