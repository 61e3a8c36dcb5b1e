package messenger

import (
	"context"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
)

// The most that Messenger's servers take (protocol notes, section 3.8).
const (
	maxImageSize = 8 << 20
	maxFileSize  = 25 << 20
)

// roomFeatures are what portal rooms can do. Only what is built is claimed. Ages and counts of edits are left out: bridgev2
// would refuse without a notice what we explain.
var roomFeatures = &event.RoomFeatures{
	ID:            "crosschat.messenger.1",
	MaxTextLength: maxTextLength,
	Formatting: event.FormattingFeatureMap{
		event.FmtBold: event.CapLevelFullySupported, event.FmtItalic: event.CapLevelFullySupported,
		event.FmtStrikethrough: event.CapLevelFullySupported, event.FmtInlineCode: event.CapLevelFullySupported,
		event.FmtCodeBlock: event.CapLevelFullySupported, event.FmtBlockquote: event.CapLevelFullySupported,
		event.FmtUserLink: event.CapLevelFullySupported,
	},
	File: event.FileFeatureMap{
		event.MsgImage:      files(maxImageSize, "image/jpeg", "image/png", "image/gif", "image/webp"),
		event.MsgVideo:      files(maxFileSize, "video/mp4", "video/quicktime", "video/webm"),
		event.MsgAudio:      files(maxFileSize, "audio/*"),
		event.MsgFile:       files(maxFileSize, "*/*"),
		event.CapMsgVoice:   files(maxFileSize, "audio/*"),
		event.CapMsgGIF:     files(maxImageSize, "image/gif"),
		event.CapMsgSticker: files(maxImageSize, "image/png", "image/jpeg", "image/gif", "image/webp"),
	},
	LocationMessage: event.CapLevelRejected,
	Poll:            event.CapLevelRejected,
	Thread:          event.CapLevelDropped,
	Reply:           event.CapLevelFullySupported,
	Edit:            event.CapLevelFullySupported,
	DeleteChat:      true,
	Delete:          event.CapLevelFullySupported,
	Reaction:        event.CapLevelFullySupported,
	ReactionCount:   1,
	ReadReceipts:    true,
	// Sending accepts, see HandleMatrixMessage.
	MessageRequest: &event.MessageRequestFeatures{
		AcceptWithMessage: event.CapLevelFullySupported, AcceptWithButton: event.CapLevelFullySupported,
	},
	TypingNotifications: true,
}

func files(size int64, types ...string) *event.FileFeatures {
	features := &event.FileFeatures{
		MimeTypes: make(map[string]event.CapabilitySupportLevel), Caption: event.CapLevelFullySupported,
		MaxCaptionLength: maxTextLength, MaxSize: size,
	}
	for _, t := range types {
		features.MimeTypes[t] = event.CapLevelFullySupported
	}
	return features
}

// encryptedFeatures are what portal rooms of encrypted chats can do.
var encryptedFeatures = func() *event.RoomFeatures {
	features := *roomFeatures
	features.ID = "crosschat.messenger.encrypted.1"
	features.File = event.FileFeatureMap{
		event.MsgImage:      files(maxEncryptedSize, "image/jpeg", "image/png", "image/gif", "image/webp"),
		event.MsgVideo:      files(maxEncryptedSize, "video/*"),
		event.MsgAudio:      files(maxEncryptedSize, "audio/*"),
		event.MsgFile:       files(maxEncryptedSize, "*/*"),
		event.CapMsgVoice:   files(maxEncryptedSize, "audio/*"),
		event.CapMsgGIF:     files(maxEncryptedSize, "image/gif", "video/mp4"),
		event.CapMsgSticker: files(maxEncryptedSize, "image/png", "image/jpeg", "image/gif", "image/webp"),
	}
	features.LocationMessage = event.CapLevelFullySupported
	features.DisappearingTimer = timers
	return &features
}()

// GetCapabilities implements bridgev2.NetworkAPI.
func (c *Client) GetCapabilities(_ context.Context, portal *bridgev2.Portal) *event.RoomFeatures {
	if c.onEncrypted(portal) {
		return encryptedFeatures
	}
	return roomFeatures
}
