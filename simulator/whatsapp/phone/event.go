package phone

import (
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// Observer is told what happens on a phone, in order. It is called by the goroutine that delivers stanzas, and by the one
// that sends; no lock is held, so it may make the phone send.
type Observer interface {
	Message(Message)
	Receipt(Receipt)
	Typing(Typing)
	Presence(Presence)
	// Settings is called when a companion changed the settings of a chat, Renamed when it changed the account's name.
	Settings(ChatSettings)
	Renamed(name string)
	// Problem is told what a phone should not have met: what can't be decrypted or parsed, broken signatures and the like.
	Problem(Problem)
}

// Message is one message that the phone received or sent, or a copy of one that another device of its owner sent. Users
// in it are named by LID wherever the phone knows it.
type Message struct {
	ID     string
	Chat   types.JID
	Sender types.JID // with device
	FromMe bool
	Own    bool // sent by this phone itself
	Time   time.Time
	// Encrypted is the kind of encryption it came with, empty for those this phone sent.
	Encrypted string
	PushName  string
	Content   *waE2E.Message
}

// Receipt says that messages were delivered, read or played.
type Receipt struct {
	Chat   types.JID
	Sender types.JID // who received or read them, with device where the network says so
	FromMe bool      // an own companion read them
	IDs    []string
	Type   string // delivered, read, played
	Time   time.Time
}

// Typing is somebody's chat state: composing, recording or paused.
type Typing struct {
	Chat   types.JID
	Sender types.JID
	State  string
}

// Presence is somebody's presence: available or unavailable.
type Presence struct {
	From      types.JID
	Available bool
}

// Problem is something that a phone should not have met.
type Problem struct {
	Chat   types.JID
	Sender types.JID
	ID     string
	What   string
}

// ChatSettings is what the owner chose for a chat.
type ChatSettings struct {
	Chat types.JID
	// MutedUntil is in milliseconds since 1970; 0 is not muted, -1 for ever.
	MutedUntil int64
	Pinned     bool
	Archived   bool
	Unread     bool
}
