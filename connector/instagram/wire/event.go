package wire

import "time"

// Event is something that happened to the account's threads: one of the types below, which all embed Place. The same event
// may come more than once, and long after it happened.
type Event interface{ At() Place }

// Place is where an event is.
type Place struct {
	Seq    int64   // its number in the account's log
	Thread ShortID // 0 if the server doesn't say
}

// At answers the place itself.
func (p Place) At() Place { return p }

type (
	// NewMessage is a message, the account's own from this or other devices too.
	NewMessage struct {
		Place
		Message Message
	}
	// MessageEdited is a new text of a message. Time is when it was edited: an earlier one than is known is to be ignored.
	MessageEdited struct {
		Place
		Message MessageID
		Text    string
		Time    time.Time
	}
	// MessageUnsent is a message that is gone for everybody.
	MessageUnsent struct {
		Place
		Message MessageID
	}
	// ReactionAdded is a reaction, in the place of an earlier one of the same sender.
	ReactionAdded struct {
		Place
		Message  MessageID
		Reaction Reaction
	}
	// ReactionRemoved takes one away. If Reaction.Sender is 0, Message is not what was reacted to either: both are those that
	// came with the same Reaction.LogID.
	ReactionRemoved struct {
		Place
		Message  MessageID
		Reaction Reaction
	}
	// PeerRead says up to when somebody else has read.
	PeerRead struct {
		Place
		Receipt ReadReceipt
	}
	// SelfRead says that the account has read up to a time, on another device.
	SelfRead struct {
		Place
		UpTo time.Time
	}
	// MarkedUnread says that the account marked the thread as unread, or no longer.
	MarkedUnread struct {
		Place
		Unread bool
	}
	// FolderChanged is a request that was accepted, or a thread that was moved.
	FolderChanged struct {
		Place
		Folder   Folder // empty if not said
		Category string
	}
	// MuteChanged is a thread that was muted or no longer is. Until when is not said.
	MuteChanged struct {
		Place
		Muted bool
	}
	// ThreadPinned is a thread that was pinned or no longer is.
	ThreadPinned struct {
		Place
		Pinned bool
	}
	// MessagesPinned are messages pinned in the thread, or no longer.
	MessagesPinned struct {
		Place
		Pinned, Unpinned []MessageID
	}
	// ThreadHidden is a thread that the account deleted for itself.
	ThreadHidden struct{ Place }
	// ThreadRenamed is a group's new name. Notice is the system's message about it, nil if there is none; so below.
	ThreadRenamed struct {
		Place
		Name   string
		Notice *Message
	}
	// ThreadPictured is a group's new picture, none if ImageURL is empty.
	ThreadPictured struct {
		Place
		ImageURL string
		Notice   *Message
	}
	// MembersAdded has all members of a group after some were added.
	MembersAdded struct {
		Place
		Users  []User
		Notice *Message
	}
	// MemberLeft is somebody who left a group, or was removed if Actor is somebody else.
	MemberLeft struct {
		Place
		Actor, Left FBID
		Notice      *Message
	}
	// AdminsChanged has all admins of a group.
	AdminsChanged struct {
		Place
		Admins []IGID
	}
)
