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
	// maxVideoSize and maxAudioSize are the most that WhatsApp's own clients send as what plays in the chat, and
	// maxDocumentSize as a file (docs/decisions.md, "Sizes of WhatsApp's media").
	maxVideoSize    = 100 << 20
	maxAudioSize    = 100 << 20
	maxDocumentSize = 2 << 30
)

// roomFeatures are what portal rooms can do. Only what is built is claimed.
var roomFeatures = &event.RoomFeatures{
	ID:              "crosschat.whatsapp.3",
	MaxTextLength:   maxTextLength,
	File:            fileFeatures,
	LocationMessage: event.CapLevelFullySupported,
	Reply:           event.CapLevelFullySupported,
	Thread:          event.CapLevelDropped,
	// No greatest age of what is edited or deleted: the library would refuse it without telling the user why.
	Edit:                event.CapLevelFullySupported,
	Delete:              event.CapLevelFullySupported,
	Reaction:            event.CapLevelFullySupported,
	ReactionCount:       1,
	Poll:                event.CapLevelFullySupported,
	PollMaxOptions:      maxPollOptions,
	PollOptionMaxLength: maxPollOption,
	Formatting:          formatting,
	DisappearingTimer:   timers,
	ReadReceipts:        true,
	// bridgev2 has the client accept before a message goes out unless the network does that by itself.
	MessageRequest: &event.MessageRequestFeatures{
		AcceptWithMessage: event.CapLevelPartialSupport, AcceptWithButton: event.CapLevelFullySupported,
	},
	TypingNotifications: true,
}

// formatting is the part of HTML that has a mark on WhatsApp; of the rest the text stays.
var formatting = event.FormattingFeatureMap{
	event.FmtBold:          event.CapLevelFullySupported,
	event.FmtItalic:        event.CapLevelFullySupported,
	event.FmtStrikethrough: event.CapLevelFullySupported,
	event.FmtInlineCode:    event.CapLevelFullySupported,
	event.FmtCodeBlock:     event.CapLevelFullySupported,
	event.FmtBlockquote:    event.CapLevelFullySupported,
	event.FmtUnorderedList: event.CapLevelFullySupported,
	event.FmtOrderedList:   event.CapLevelFullySupported,
	event.FmtUserLink:      event.CapLevelFullySupported,
	event.FmtInlineLink:    event.CapLevelPartialSupport,
}

// groupFeatures are roomFeatures for groups, whose looks and members can be changed, too.
var groupFeatures = func() *event.RoomFeatures {
	features := roomFeatures.Clone()
	features.ID = "crosschat.whatsapp.group.1"
	features.State = event.StateFeatureMap{}
	for _, kind := range []event.Type{event.StateRoomName, event.StateTopic, event.StateRoomAvatar} {
		features.State[kind.Type] = &event.StateFeatures{Level: event.CapLevelFullySupported}
	}
	features.MemberActions = event.MemberFeatureMap{
		event.MemberActionInvite:       event.CapLevelFullySupported,
		event.MemberActionRevokeInvite: event.CapLevelFullySupported,
		event.MemberActionKick:         event.CapLevelFullySupported,
		event.MemberActionBan:          event.CapLevelUnsupported,
	}
	return features
}()

// GetCapabilities implements bridgev2.NetworkAPI.
func (c *Client) GetCapabilities(_ context.Context, portal *bridgev2.Portal) *event.RoomFeatures {
	if portal != nil && isGroupPortal(portal) {
		return groupFeatures
	}
	return roomFeatures
}
