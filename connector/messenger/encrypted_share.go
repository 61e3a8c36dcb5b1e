package messenger

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/proto/waArmadilloXMA"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waMsgApplication"

	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
)

// linked is a text with a link in it that its sender's app has looked at.
func (m *inbound) linked(ctx context.Context, msg *waConsumerApplication.ConsumerApplication_ExtendedTextMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	parts := m.textPart(ctx, msg.GetText())
	target := webAddress(msg.GetCanonicalURL())
	if target == "" {
		target = webAddress(msg.GetMatchedText())
	}
	if len(parts) == 0 || target == "" {
		return parts, nil
	}
	preview := &event.BeeperLinkPreview{MatchedURL: msg.GetMatchedText(), LinkPreview: event.LinkPreview{
		CanonicalURL: target, Title: convert.Clean(msg.GetTitle()), Description: convert.Clean(msg.GetDescription()),
	}}
	if preview.MatchedURL == "" {
		preview.MatchedURL = target
	}
	if err := m.addPicture(ctx, msg, preview); err != nil {
		return nil, err
	}
	parts[0].Content.BeeperLinkPreviews = []*event.BeeperLinkPreview{preview}
	return parts, nil
}

// addPicture puts the picture of a linked page into its preview. It is an ornament: without it the preview goes all the
// same.
func (m *inbound) addPicture(ctx context.Context, msg *waConsumerApplication.ConsumerApplication_ExtendedTextMessage, preview *event.BeeperLinkPreview) error {
	if msg.GetThumbnail() == nil {
		return nil
	}
	t, malformed := msg.DecodeThumbnail()
	parts, err := m.captioned(ctx, imageFile(t), malformed, nil)
	if err != nil || parts[0].Content.MsgType != event.MsgImage {
		return err
	}
	content := parts[0].Content
	preview.ImageType, preview.ImageURL, preview.ImageEncryption = content.Info.MimeType, content.URL, content.File
	preview.ImageSize = event.IntOrString(content.Info.Size)
	preview.ImageWidth, preview.ImageHeight = event.IntOrString(content.Info.Width), event.IntOrString(content.Info.Height)
	if content.File != nil {
		preview.ImageURL = content.File.URL
	}
	return nil
}

// webAddress is an address of the web without Facebook's own redirection in front, empty if it is none.
func webAddress(text string) string {
	u, err := url.Parse(text)
	if err == nil && u.Path == "/l.php" && u.Query().Get("u") != "" {
		u, err = url.Parse(u.Query().Get("u"))
	}
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return u.String()
}

// callNotices are what is said of calls (protocol notes, section 5.7).
var callNotices = map[waArmadilloXMA.ExtendedContentMessage_ExtendedContentType]string{
	waArmadilloXMA.ExtendedContentMessage_RTC_AUDIO_CALL:              "Messenger call",
	waArmadilloXMA.ExtendedContentMessage_RTC_VIDEO_CALL:              "Messenger video call",
	waArmadilloXMA.ExtendedContentMessage_RTC_MISSED_AUDIO_CALL:       "Missed Messenger call",
	waArmadilloXMA.ExtendedContentMessage_RTC_MISSED_VIDEO_CALL:       "Missed Messenger video call",
	waArmadilloXMA.ExtendedContentMessage_RTC_GROUP_AUDIO_CALL:        "Messenger group call",
	waArmadilloXMA.ExtendedContentMessage_RTC_GROUP_VIDEO_CALL:        "Messenger group video call",
	waArmadilloXMA.ExtendedContentMessage_RTC_MISSED_GROUP_AUDIO_CALL: "Missed Messenger group call",
	waArmadilloXMA.ExtendedContentMessage_RTC_MISSED_GROUP_VIDEO_CALL: "Missed Messenger group video call",
	waArmadilloXMA.ExtendedContentMessage_RTC_ONGOING_AUDIO_CALL:      "Ongoing Messenger call",
	waArmadilloXMA.ExtendedContentMessage_RTC_ONGOING_VIDEO_CALL:      "Ongoing Messenger video call",
}

// storyReplies are answers to what is no message.
var storyReplies = map[waArmadilloXMA.ExtendedContentMessage_ExtendedContentType]string{
	waArmadilloXMA.ExtendedContentMessage_FB_STORY_REPLY:          "Reply to a story",
	waArmadilloXMA.ExtendedContentMessage_FB_PRODUCER_STORY_REPLY: "Reply to a story",
	waArmadilloXMA.ExtendedContentMessage_FB_STORY_MENTION:        "Mentioned you in a story",
	waArmadilloXMA.ExtendedContentMessage_MSG_NOTE_REPLY:          "Reply to a note",
}

const (
	// mostActions bounds what is looked at of what a share's buttons do, mostPreviews how many of its pictures are shown.
	mostActions  = 20
	mostPreviews = 10
)

// extended shows something shared: a link, a post, a place, a call.
func (m *inbound) extended(ctx context.Context, x *waArmadilloXMA.ExtendedContentMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	if what, ok := callNotices[x.GetTargetType()]; ok {
		text := oneLine(x.GetMessageText())
		if text == "" {
			text = oneLine(x.GetTitleText())
		}
		if text == "" {
			return notice(what + "."), nil
		}
		return notice(what + ": " + text), nil
	}
	if place, ok := placeOf(x); ok {
		return locationParts(place), nil
	}
	text := shareText(x)
	if x.GetTargetType() == waArmadilloXMA.ExtendedContentMessage_MSG_EXTERNAL_LINK_SHARE && x.GetMessageText() != "" {
		if parts := m.linkShare(ctx, x); parts != nil {
			return parts, nil
		}
	}
	parts, err := m.previews(ctx, x)
	if err != nil {
		return nil, err
	}
	answered, err := m.associated(ctx, x)
	if err != nil {
		return nil, err
	}
	switch {
	case text == "":
	case len(parts) == 1 && takesCaption(parts[0]) && len(convert.Split(text)) == 1:
		putCaption(parts[0].Content, m.e.c.textParts(ctx, m.portal, text, nil)[0].Content)
	default:
		parts = append(parts, m.e.c.textParts(ctx, m.portal, text, nil)...)
	}
	if parts = append(parts, answered...); len(parts) == 0 {
		return notice("Something was shared on Messenger that the bridge does not know. Look at Messenger."), nil
	}
	return parts, nil
}

// linkShare is a text with a link that it previews; nil if there is no link.
func (m *inbound) linkShare(ctx context.Context, x *waArmadilloXMA.ExtendedContentMessage) []*bridgev2.ConvertedMessagePart {
	links := shareLinks(x)
	if len(links) == 0 {
		return nil
	}
	parts := m.e.c.textParts(ctx, m.portal, x.GetMessageText(), nil)
	parts[0].Content.BeeperLinkPreviews = []*event.BeeperLinkPreview{{MatchedURL: links[0], LinkPreview: event.LinkPreview{
		CanonicalURL: links[0], Title: convert.Clean(x.GetTitleText()), Description: convert.Clean(x.GetSubtitleText()),
	}}}
	return parts
}

// shareLinks are where the buttons of something shared lead.
func shareLinks(x *waArmadilloXMA.ExtendedContentMessage) (links []string) {
	for _, cta := range x.GetCtas()[:min(len(x.GetCtas()), mostActions)] {
		for _, text := range []string{cta.GetNativeURL(), cta.GetActionURL()} {
			if address := webAddress(text); address != "" {
				links = append(links, address)
				break
			}
		}
	}
	return links
}

// shareText is what is said of something shared, a line each.
func shareText(x *waArmadilloXMA.ExtendedContentMessage) string {
	var lines []string
	add := func(line string) {
		line = strings.TrimSpace(convert.Clean(line))
		if runes := []rune(line); len(runes) > longestLine {
			line = string(runes[:longestLine]) + "…"
		}
		if line != "" && (len(lines) == 0 || lines[len(lines)-1] != line) {
			lines = append(lines, line)
		}
	}
	if what, ok := storyReplies[x.GetTargetType()]; ok {
		add(what)
	}
	for _, line := range []string{x.GetHeaderTitle(), x.GetHeaderSubtitle(), x.GetTitleText(), x.GetSubtitleText(), x.GetOverlayTitle(), x.GetMessageText()} {
		add(line)
	}
	for _, link := range shareLinks(x) {
		if !strings.Contains(x.GetMessageText(), link) {
			add(link)
		}
	}
	return strings.Join(lines, "\n")
}

// placeOf reads a shared place, which is an address of the app's own.
func placeOf(x *waArmadilloXMA.ExtendedContentMessage) (convert.Place, bool) {
	for _, cta := range x.GetCtas()[:min(len(x.GetCtas()), mostActions)] {
		u, err := url.Parse(cta.GetNativeURL())
		if err != nil || u.Scheme != "messenger" || u.Host != "location_share" {
			continue
		}
		lat, err := strconv.ParseFloat(u.Query().Get("lat"), 64)
		long, err2 := strconv.ParseFloat(u.Query().Get("long"), 64)
		if err == nil && err2 == nil {
			return convert.Place{Latitude: lat, Longitude: long, Name: x.GetTitleText(), Address: x.GetSubtitleText()}, true
		}
	}
	return convert.Place{}, false
}

// previews are the pictures of something shared.
func (m *inbound) previews(ctx context.Context, x *waArmadilloXMA.ExtendedContentMessage) (parts []*bridgev2.ConvertedMessagePart, err error) {
	for _, wrapped := range x.GetPreviews()[:min(len(x.GetPreviews()), mostPreviews)] {
		image := &waConsumerApplication.ConsumerApplication_ImageMessage{Image: wrapped}
		t, malformed := image.Decode()
		if malformed != nil || t.GetIntegral().GetTransport().GetIntegral() == nil {
			continue // an ornament
		}
		more, err := m.captioned(ctx, imageFile(t), nil, nil)
		if err != nil {
			return nil, err
		}
		if more[0].Content.MsgType != event.MsgNotice {
			parts = append(parts, more...)
		}
	}
	return parts, nil
}

// associated is what somebody says about something shared, as an answer to a story.
func (m *inbound) associated(ctx context.Context, x *waArmadilloXMA.ExtendedContentMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	sub := x.GetAssociatedMessage()
	if sub == nil {
		return nil, nil
	}
	text := associatedText(sub.GetPayload())
	if text == "" {
		return nil, nil
	}
	return m.e.c.textParts(ctx, m.portal, text, nil), nil
}

// associatedText reads the text of a message inside of another one, empty if it has none.
func associatedText(payload []byte) string {
	msg, err := decodeApplication(payload)
	if err != nil {
		return ""
	}
	wrapped := msg.GetPayload().GetSubProtocol().GetConsumerMessage()
	if wrapped == nil {
		return ""
	}
	consumer, err := (&waMsgApplication.MessageApplication_SubProtocolPayload_ConsumerMessage{ConsumerMessage: wrapped}).Decode()
	if err != nil {
		return ""
	}
	content := consumer.GetPayload().GetContent()
	if text := content.GetMessageText().GetText(); text != "" {
		return text
	}
	return content.GetExtendedTextMessage().GetText().GetText()
}

func decodeApplication(payload []byte) (*waMsgApplication.MessageApplication, error) {
	msg := &waMsgApplication.MessageApplication{}
	return msg, proto.Unmarshal(payload, msg)
}
