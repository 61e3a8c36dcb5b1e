package whatsapp

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
)

// otherToMatrix converts what is neither text nor a file. It returns no parts for a kind that it does not know.
func (c *Client) otherToMatrix(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, evt *events.Message) (parts []*bridgev2.ConvertedMessagePart, info *waE2E.ContextInfo, err error) {
	msg := evt.Message
	switch {
	case msg.LocationMessage != nil:
		parts, err = c.locationToMatrix(ctx, portal, intent, msg.LocationMessage)
		return parts, msg.LocationMessage.GetContextInfo(), err
	case msg.LiveLocationMessage != nil:
		parts, err = c.liveLocationToMatrix(ctx, portal, intent, msg.LiveLocationMessage)
		return parts, msg.LiveLocationMessage.GetContextInfo(), err
	case msg.ContactMessage != nil:
		parts, err = c.contactsToMatrix(ctx, portal, intent, []*waE2E.ContactMessage{msg.ContactMessage})
		return parts, msg.ContactMessage.GetContextInfo(), err
	case msg.ContactsArrayMessage != nil:
		parts, err = c.contactsToMatrix(ctx, portal, intent, msg.ContactsArrayMessage.GetContacts())
		return parts, msg.ContactsArrayMessage.GetContextInfo(), err
	case poll(msg) != nil:
		return pollToMatrix(poll(msg)), poll(msg).GetContextInfo(), nil
	case msg.PollUpdateMessage != nil:
		parts, err = c.voteToMatrix(ctx, portal, evt)
		return parts, nil, err
	case pollResult(msg) != nil:
		return c.pollEndToMatrix(ctx, portal, evt), nil, nil
	case msg.CallLogMesssage != nil:
		return callLogToMatrix(msg.CallLogMesssage), nil, nil
	}
	return nil, nil, nil
}

func callLogToMatrix(log *waE2E.CallLogMessage) []*bridgev2.ConvertedMessagePart {
	call := callName(log.GetIsVideo())
	switch log.GetCallOutcome() {
	case waE2E.CallLogMessage_MISSED, waE2E.CallLogMessage_SILENCED_BY_DND, waE2E.CallLogMessage_SILENCED_UNKNOWN_CALLER:
		return notice("Missed " + call + ".")
	case waE2E.CallLogMessage_REJECTED:
		return notice("Declined " + call + ".")
	case waE2E.CallLogMessage_FAILED:
		return notice("Failed " + call + ".")
	case waE2E.CallLogMessage_ONGOING:
		return notice("A " + call + " is going on. Join it on your phone.")
	}
	if seconds := log.GetDurationSecs(); seconds > 0 && seconds < int64((30*24*time.Hour).Seconds()) {
		return notice(fmt.Sprintf("A %s of %s.", call, time.Duration(seconds)*time.Second))
	}
	return notice("A " + call + ".")
}

func callName(video bool) string {
	if video {
		return "WhatsApp video call"
	}
	return "WhatsApp voice call"
}

// linkedText converts a text that may have the preview of a link.
func (c *Client) linkedText(ctx context.Context, portal *bridgev2.Portal, intent convert.Uploader, text *waE2E.ExtendedTextMessage) ([]*bridgev2.ConvertedMessagePart, error) {
	parts := c.markedParts(ctx, text.GetText(), text.GetContextInfo())
	preview := linkPreview(text)
	if preview == nil {
		return parts, nil
	}
	info := &event.FileInfo{}
	if err := convert.AddThumbnail(ctx, intent, portal.MXID, text.GetJPEGThumbnail(), info); err != nil {
		return nil, err
	}
	if info.ThumbnailInfo != nil {
		preview.ImageURL, preview.ImageEncryption = info.ThumbnailURL, info.ThumbnailFile
		if info.ThumbnailFile != nil {
			preview.ImageURL = info.ThumbnailFile.URL
		}
		preview.ImageType, preview.ImageSize = info.ThumbnailInfo.MimeType, event.IntOrString(info.ThumbnailInfo.Size)
		preview.ImageWidth, preview.ImageHeight = event.IntOrString(info.ThumbnailInfo.Width), event.IntOrString(info.ThumbnailInfo.Height)
	}
	parts[0].Content.BeeperLinkPreviews = []*event.BeeperLinkPreview{preview}
	return parts, nil
}

// longestPreview is how many characters of a preview's title or description are shown.
const longestPreview = 1000

// linkPreview is nil if the text has none, or one that does not belong to a link in it.
func linkPreview(text *waE2E.ExtendedTextMessage) *event.BeeperLinkPreview {
	matched := convert.Clean(text.GetMatchedText())
	if matched == "" || !strings.Contains(text.GetText(), matched) || text.GetTitle() == "" && text.GetDescription() == "" {
		return nil
	}
	address := matched
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	parsed, err := url.Parse(address)
	if err != nil || len(address) > 2048 || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil
	}
	preview := &event.BeeperLinkPreview{MatchedURL: matched}
	preview.CanonicalURL = parsed.String()
	preview.Title = shorten(convert.Clean(text.GetTitle()), longestPreview)
	preview.Description = shorten(convert.Clean(text.GetDescription()), longestPreview)
	return preview
}
