// Package database holds what the bridge persists beside bridgev2's own columns: the metadata of its rows and our own
// tables, all in the one database of the process. It knows no network's code, only the shape of what they store.
package database

import (
	"go.mau.fi/util/jsontime"

	"maunium.net/go/mautrix/bridgev2/database"
)

// bridgev2 creates metadata without saying for which network, so each table has one struct with one pointer a network.
// A nil pointer is the zero value of that network's part.

// PortalMetadata is stored with each portal.
type PortalMetadata struct {
	WhatsApp *WhatsAppPortal `json:"whatsapp,omitempty"`
}

// GhostMetadata is stored with each ghost.
type GhostMetadata struct {
	WhatsApp *WhatsAppGhost `json:"whatsapp,omitempty"`
}

// MessageMetadata is stored with each message part.
type MessageMetadata struct {
	WhatsApp *WhatsAppMessage `json:"whatsapp,omitempty"`
}

// ReactionMetadata is stored with each reaction.
type ReactionMetadata struct {
	WhatsApp *WhatsAppReaction `json:"whatsapp,omitempty"`
}

// UserLoginMetadata is stored with each login. It holds no secret: keys and cookies have tables of their own, which are
// emptied at logout.
type UserLoginMetadata struct {
	WhatsApp *WhatsAppUserLogin `json:"whatsapp,omitempty"`
}

// WhatsAppPortal belongs to PortalMetadata.
type WhatsAppPortal struct{}

// WhatsAppGhost belongs to GhostMetadata.
type WhatsAppGhost struct {
	// AvatarCheckedAt is when WhatsApp was last asked for the profile picture.
	AvatarCheckedAt jsontime.Unix `json:"avatar_checked_at,omitzero"`
}

// WhatsAppMessage belongs to MessageMetadata.
type WhatsAppMessage struct{}

// WhatsAppReaction belongs to ReactionMetadata.
type WhatsAppReaction struct{}

// WhatsAppUserLogin belongs to UserLoginMetadata.
type WhatsAppUserLogin struct {
	// Device is the JID of the linked device, <phone number>:<device>@s.whatsapp.net: the key of its row in whatsmeow's
	// store.
	Device string `json:"device"`
	// EndReported is set once the user was told that the device is gone.
	EndReported bool `json:"end_reported,omitempty"`
}

// CopyFrom implements database.MetaMerger: parts of other that are set replace ours.
func (m *MessageMetadata) CopyFrom(other any) {
	if o, ok := other.(*MessageMetadata); ok && o != nil && o.WhatsApp != nil {
		m.WhatsApp = o.WhatsApp
	}
}

// CopyFrom implements database.MetaMerger: parts of other that are set replace ours.
func (m *UserLoginMetadata) CopyFrom(other any) {
	if o, ok := other.(*UserLoginMetadata); ok && o != nil && o.WhatsApp != nil {
		m.WhatsApp = o.WhatsApp
	}
}

// MetaTypes are the metadata creators that bridgev2 is given.
func MetaTypes() database.MetaTypes {
	return database.MetaTypes{
		Portal:    func() any { return &PortalMetadata{} },
		Ghost:     func() any { return &GhostMetadata{} },
		Message:   func() any { return &MessageMetadata{} },
		Reaction:  func() any { return &ReactionMetadata{} },
		UserLogin: func() any { return &UserLoginMetadata{} },
	}
}
