package whatsapp

import (
	"context"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
)

const (
	// maxTextLength is what WhatsApp's own clients let one type, in characters.
	maxTextLength = 65536
	// maxImageSize is the most that WhatsApp's servers take as an image.
	maxImageSize = 16 << 20
)

// roomFeatures are what portal rooms can do. Only what is built is claimed.
var roomFeatures = &event.RoomFeatures{
	ID:            "crosschat.whatsapp.1",
	MaxTextLength: maxTextLength,
	File: event.FileFeatureMap{
		event.MsgImage: {
			MimeTypes: map[string]event.CapabilitySupportLevel{
				"image/jpeg": event.CapLevelFullySupported,
				"image/png":  event.CapLevelFullySupported,
			},
			Caption:          event.CapLevelFullySupported,
			MaxCaptionLength: maxTextLength,
			MaxSize:          maxImageSize,
		},
	},
	LocationMessage:     event.CapLevelRejected,
	Reply:               event.CapLevelDropped,
	Thread:              event.CapLevelDropped,
	Edit:                event.CapLevelRejected,
	Delete:              event.CapLevelRejected,
	Reaction:            event.CapLevelRejected,
	Poll:                event.CapLevelRejected,
	ReadReceipts:        true,
	TypingNotifications: true,
}

// GetCapabilities implements bridgev2.NetworkAPI.
func (c *Client) GetCapabilities(context.Context, *bridgev2.Portal) *event.RoomFeatures {
	return roomFeatures
}
