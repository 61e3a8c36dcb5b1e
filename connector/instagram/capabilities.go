package instagram

import (
	"context"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
)

// The most that Instagram's servers take (protocol notes, section 8.1).
const (
	maxImageSize = 8_000_000
	maxFileSize  = 25_000_000
)

// roomFeatures are what portal rooms can do, but for the length of a text, which config says. Ages and counts of edits are
// left out: bridgev2 would refuse without a notice what we explain.
var roomFeatures = event.RoomFeatures{
	ID: "crosschat.instagram.1",
	Formatting: event.FormattingFeatureMap{
		event.FmtBold: event.CapLevelFullySupported, event.FmtItalic: event.CapLevelFullySupported,
		event.FmtStrikethrough: event.CapLevelFullySupported, event.FmtInlineCode: event.CapLevelFullySupported,
		event.FmtCodeBlock: event.CapLevelFullySupported, event.FmtBlockquote: event.CapLevelFullySupported,
		event.FmtUserLink: event.CapLevelFullySupported,
	},
	File: event.FileFeatureMap{
		event.MsgImage: files(maxImageSize, "image/jpeg", "image/png", "image/gif", "image/webp"),
		event.MsgVideo: files(maxFileSize, "video/*"),
		event.MsgAudio: files(maxFileSize, "audio/*"),
		// Files are refused with a reason of our own.
		event.MsgFile:       files(maxFileSize, "*/*"),
		event.CapMsgVoice:   files(maxFileSize, "audio/*"),
		event.CapMsgGIF:     files(maxImageSize, "image/gif"),
		event.CapMsgSticker: files(maxImageSize, "image/png", "image/jpeg", "image/gif", "image/webp"),
	},
	LocationMessage:     event.CapLevelRejected,
	Poll:                event.CapLevelRejected,
	Thread:              event.CapLevelDropped,
	Reply:               event.CapLevelFullySupported,
	Edit:                event.CapLevelFullySupported,
	DeleteChat:          true,
	Delete:              event.CapLevelFullySupported,
	Reaction:            event.CapLevelFullySupported,
	ReactionCount:       1,
	ReadReceipts:        true,
	TypingNotifications: true,
	MarkAsUnread:        true,
}

func files(size int64, types ...string) *event.FileFeatures {
	features := &event.FileFeatures{
		MimeTypes: make(map[string]event.CapabilitySupportLevel), Caption: event.CapLevelPartialSupport,
		MaxCaptionLength: longestText, MaxSize: size,
	}
	for _, t := range types {
		features.MimeTypes[t] = event.CapLevelFullySupported
	}
	return features
}

// GetCapabilities implements bridgev2.NetworkAPI.
func (c *Client) GetCapabilities(context.Context, *bridgev2.Portal) *event.RoomFeatures {
	features := roomFeatures
	features.MaxTextLength = c.network.Config.MaxTextLength
	return &features
}
