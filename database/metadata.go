// Package database holds what the bridge persists beside bridgev2's own columns: the metadata of its rows and our own
// tables, all in the one database of the process. It knows no network's code, only the shape of what they store.
package database

import (
	"encoding/json"

	"go.mau.fi/util/jsontime"

	"maunium.net/go/mautrix/bridgev2/database"
)

// bridgev2 creates metadata without saying for which network, so each table has one struct with one pointer a network.
// A nil pointer is the zero value of that network's part.

// PortalMetadata is stored with each portal.
type PortalMetadata struct {
	WhatsApp  *WhatsAppPortal  `json:"whatsapp,omitempty"`
	Messenger *MessengerPortal `json:"messenger,omitempty"`
	Instagram *InstagramPortal `json:"instagram,omitempty"`
}

// GhostMetadata is stored with each ghost.
type GhostMetadata struct {
	WhatsApp  *WhatsAppGhost  `json:"whatsapp,omitempty"`
	Messenger *MessengerGhost `json:"messenger,omitempty"`
	Instagram *InstagramGhost `json:"instagram,omitempty"`
}

// MessageMetadata is stored with each message part.
type MessageMetadata struct {
	WhatsApp  *WhatsAppMessage  `json:"whatsapp,omitempty"`
	Messenger *MessengerMessage `json:"messenger,omitempty"`
	Instagram *InstagramMessage `json:"instagram,omitempty"`
}

// ReactionMetadata is stored with each reaction.
type ReactionMetadata struct {
	WhatsApp  *WhatsAppReaction  `json:"whatsapp,omitempty"`
	Messenger *MessengerReaction `json:"messenger,omitempty"`
	Instagram *InstagramReaction `json:"instagram,omitempty"`
}

// UserLoginMetadata is stored with each login. It holds no secret: keys and cookies have tables of their own, which are
// emptied at logout.
type UserLoginMetadata struct {
	WhatsApp  *WhatsAppUserLogin  `json:"whatsapp,omitempty"`
	Messenger *MessengerUserLogin `json:"messenger,omitempty"`
	Instagram *InstagramUserLogin `json:"instagram,omitempty"`
}

// LoginPart is a network's part of a login's metadata, made if need be. part says where it stands.
func LoginPart[T any](login *database.UserLogin, part func(*UserLoginMetadata) **T) *T {
	meta, ok := login.Metadata.(*UserLoginMetadata)
	if !ok {
		meta = &UserLoginMetadata{}
		login.Metadata = meta
	}
	at := part(meta)
	if *at == nil {
		*at = new(T)
	}
	return *at
}

// WhatsAppPortal belongs to PortalMetadata.
type WhatsAppPortal struct{}

// WhatsAppGhost belongs to GhostMetadata.
type WhatsAppGhost struct {
	// AvatarCheckedAt is when WhatsApp was last asked for the profile picture.
	AvatarCheckedAt jsontime.Unix `json:"avatar_checked_at,omitzero"`
}

// WhatsAppMessage belongs to MessageMetadata.
type WhatsAppMessage struct {
	// Missing is the file that the part's placeholder stands for: a waE2E.Message with nothing else in it.
	Missing []byte `json:"missing,omitempty"`
	// Placeholder is set while the message could not be decrypted.
	Placeholder bool `json:"placeholder,omitempty"`
	// Edit is WhatsApp's id of the last edit, so that one that is delivered again is recognised.
	Edit string `json:"edit,omitempty"`
	// Live is set if the message is a live location.
	Live *WhatsAppLive `json:"live,omitempty"`
	// Options are the answers of a poll that was made in Matrix.
	Options []WhatsAppOption `json:"options,omitempty"`
	// Video is whether the message stands for a video call.
	Video bool `json:"video,omitempty"`
}

// WhatsAppLive belongs to WhatsAppMessage.
type WhatsAppLive struct {
	// Sequence counts the positions; a lower one is older.
	Sequence int64 `json:"sequence"`
}

// WhatsAppOption belongs to WhatsAppMessage: how Matrix and WhatsApp name an answer of a poll.
type WhatsAppOption struct {
	ID   string `json:"id"`
	Hash []byte `json:"hash"`
}

// WhatsAppReaction belongs to ReactionMetadata.
type WhatsAppReaction struct{}

// WhatsAppUserLogin belongs to UserLoginMetadata.
type WhatsAppUserLogin struct {
	// Device is the JID of the linked device, <phone number>:<device>@s.whatsapp.net: the key of its row in whatsmeow's
	// store.
	Device string `json:"device"`
	// ShowStatus is whether the user wants status updates in a room.
	ShowStatus bool `json:"show_status,omitempty"`
	// ShowPresence is whether the user wants to see who is online.
	ShowPresence bool `json:"show_presence,omitempty"`
	// Barred are the chats that WhatsApp does not let the account begin, and until when; NewChatsFrom is when it may begin
	// any again, if WhatsApp has named a time.
	Barred       map[string]jsontime.Unix `json:"barred,omitempty"`
	NewChatsFrom jsontime.Unix            `json:"new_chats_from,omitzero"`
	// LockedUntil is until when WhatsApp has locked the whole account, LockedFor why.
	LockedUntil jsontime.Unix `json:"locked_until,omitzero"`
	LockedFor   string        `json:"locked_for,omitempty"`
	// HoldRequests is whether the user wants chats of people who are not in their address book held as requests.
	HoldRequests bool `json:"hold_requests,omitempty"`
	// EndReported is set once the user was told that the device is gone.
	EndReported bool `json:"end_reported,omitempty"`
}

// MessengerPortal belongs to PortalMetadata.
type MessengerPortal struct {
	// Encrypted is set once the chat's messages travel on the encrypted plane, for good.
	Encrypted bool `json:"encrypted,omitempty"`
	// TimerSetAt is when the disappearing timer was set, in Unix seconds as the network tells it; TimerType is its kind, by
	// the network's number.
	TimerSetAt int64 `json:"timer_set_at,omitempty"`
	TimerType  int32 `json:"timer_type,omitempty"`
}

// MessengerGhost belongs to GhostMetadata.
type MessengerGhost struct{}

// MessengerMessage belongs to MessageMetadata.
type MessengerMessage struct {
	// File is whether the message has files: an edit is then of their caption.
	File bool `json:"file,omitempty"`
	// Place is where the sender is who shares that with this message.
	Place string `json:"place,omitempty"`
	// Missing is the file that the part's placeholder stands for.
	Missing *MessengerFile `json:"missing,omitempty"`
	// Placeholder is set while the message could not be decrypted.
	Placeholder bool `json:"placeholder,omitempty"`
	// EditedAt is the network's time of the last edit on the encrypted plane, in Unix milliseconds.
	EditedAt int64 `json:"edited_at,omitempty"`
	// Live is set if the message is a live location.
	Live *MessengerLive `json:"live,omitempty"`
}

// MessengerFile belongs to MessengerMessage: which of a message's files. Either the first two are set or the last.
type MessengerFile struct {
	FBID  string `json:"fbid,omitempty"`
	Index int64  `json:"index,omitempty"`
	// Sealed is the file itself, of the encrypted plane.
	Sealed *MessengerSealedFile `json:"sealed,omitempty"`
}

// MessengerSealedFile belongs to MessengerFile: what it takes to fetch and to show a file, its key included.
type MessengerSealedFile struct {
	// Kind is image, video, audio, voice, document or sticker.
	Kind string `json:"kind"`
	// Transport is the network's description of the file, a waMediaTransport message of its kind.
	Transport []byte `json:"transport"`
	// Name is a document's.
	Name string `json:"name,omitempty"`
	// Once is set if it may be looked at once.
	Once bool `json:"once,omitempty"`
}

// MessengerLive belongs to MessengerMessage.
type MessengerLive struct {
	// Sequence counts the positions; a lower one is older.
	Sequence int64 `json:"sequence"`
}

// MessengerReaction belongs to ReactionMetadata.
type MessengerReaction struct{}

// MessengerUserLogin belongs to UserLoginMetadata.
type MessengerUserLogin struct {
	// Stopped is why the session must not be used before its user did something, empty if it may. The user was told.
	Stopped string `json:"stopped,omitempty"`
	// HideReads is whether the user wants nobody told what they have read.
	HideReads bool `json:"hide_reads,omitempty"`
	// Since is when the account was logged in first, in Unix milliseconds: what was written before in a chat without a room
	// is old. 0 if that is not known.
	Since int64 `json:"since,omitempty"`
	// Listed is set once the list of all chats was read to its end.
	Listed bool `json:"listed,omitempty"`
	// Roomless is of how many chats without a room the user was told last.
	Roomless int `json:"roomless,omitempty"`
}

// InstagramPortal belongs to PortalMetadata.
type InstagramPortal struct{}

// InstagramGhost belongs to GhostMetadata.
type InstagramGhost struct{}

// InstagramMessage belongs to MessageMetadata.
type InstagramMessage struct {
	// File is whether the part shows a file.
	File bool `json:"file,omitempty"`
	// Caption is Instagram's id of the text that followed a file as its caption.
	Caption string `json:"caption,omitempty"`
	// Content is then the file's event as Matrix sent it, JSON, so that the caption can be changed.
	Content json.RawMessage `json:"content,omitempty"`
	// CaptionOf is set on such a text: the id, on Instagram, of the message that it belongs to. Its own row has no event.
	CaptionOf string `json:"caption_of,omitempty"`
	// EditedAt is the time of the last edit that is known, in Unix milliseconds.
	EditedAt int64 `json:"edited_at,omitempty"`
	// Missing is set on a placeholder of a file that could not be had: which file of the message it is, from 1.
	Missing int `json:"missing,omitempty"`
}

// InstagramReaction belongs to ReactionMetadata.
type InstagramReaction struct{}

// InstagramUserLogin belongs to UserLoginMetadata.
type InstagramUserLogin struct {
	// Stopped is why the session must not be used before its user did something, empty if it may. The user was told.
	Stopped string `json:"stopped,omitempty"`
	// Told are the alerts that the user was told of, so that a restart does not repeat them.
	Told []string `json:"told,omitempty"`
	// ChatsListed says that the whole inbox was listed once: what is not known since then is new.
	ChatsListed bool `json:"chats_listed,omitempty"`
}

// CopyFrom implements database.MetaMerger: parts of other that are set replace ours.
func (m *MessageMetadata) CopyFrom(other any) {
	o, ok := other.(*MessageMetadata)
	if !ok || o == nil {
		return
	}
	if o.WhatsApp != nil {
		m.WhatsApp = o.WhatsApp
	}
	if o.Messenger != nil {
		m.Messenger = o.Messenger
	}
	if o.Instagram != nil {
		m.Instagram = o.Instagram
	}
}

// CopyFrom implements database.MetaMerger: parts of other that are set replace ours.
func (m *UserLoginMetadata) CopyFrom(other any) {
	o, ok := other.(*UserLoginMetadata)
	if !ok || o == nil {
		return
	}
	if o.WhatsApp != nil {
		copied := *o.WhatsApp
		if old := m.WhatsApp; old != nil {
			// What the user chose, and what the account may not do, outlives a new login to the same account.
			copied.ShowStatus = copied.ShowStatus || old.ShowStatus
			copied.ShowPresence = copied.ShowPresence || old.ShowPresence
			copied.HoldRequests = copied.HoldRequests || old.HoldRequests
			if copied.Barred == nil {
				copied.Barred, copied.NewChatsFrom = old.Barred, old.NewChatsFrom
			}
		}
		m.WhatsApp = &copied
	}
	if o.Messenger != nil {
		copied := *o.Messenger
		if old := m.Messenger; old != nil {
			copied.HideReads = copied.HideReads || old.HideReads
			copied.Since, copied.Listed, copied.Roomless = old.Since, old.Listed, old.Roomless
		}
		m.Messenger = &copied
	}
	if o.Instagram != nil {
		m.Instagram = o.Instagram
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
