package world

import (
	"slices"
)

// Folders (system_folder) and inbox folders (folder, ig_inbox_folder).
const (
	FolderInbox   = "INBOX"
	FolderPending = "PENDING"
	FolderSpam    = "SPAM"

	InboxPrimary = "PRIMARY"
	InboxGeneral = "GENERAL"
)

// Thread is a chat. Direct ones have two members for ever, or one: notes to oneself.
type Thread struct {
	Short    int64  // the id that deltas and most calls name
	Long     string // the id that read marks, unsending and typing name
	Group    bool
	Title    string
	Image    *File
	Creator  *Person
	Members  []*Person
	Admins   map[*Person]bool
	Messages []*Message // by time
	Pinned   []*Message
	Activity int64 // ms

	byID map[string]*Message
}

// View is a thread as one member sees it.
type View struct {
	Thread      *Thread
	Owner       *Person
	Folder      string
	InboxFolder string
	MutedUntil  int64 // ms; 0 not, -1 for ever
	Pinned      bool
	Unread      bool  // marked as unread
	Read        int64 // ms of the last message read
	Hidden      bool
	Since       int64 // messages up to this time were deleted by the owner
}

// Request says whether the thread is a message request to its owner.
func (v *View) Request() bool { return v.Folder == FolderPending || v.Folder == FolderSpam }

// Key is the thread key: a DM's peer (oneself, in notes to oneself), or the group's short id.
func (v *View) Key() int64 {
	if v.Thread.Group {
		return v.Thread.Short
	}
	if peer := v.Peer(); peer != nil {
		return peer.FBID
	}
	return v.Owner.FBID
}

// Peer is the other one in a DM; nil in groups and notes to oneself.
func (v *View) Peer() *Person {
	if others := v.Others(); !v.Thread.Group && len(others) == 1 {
		return others[0]
	}
	return nil
}

// Others are the members but the owner.
func (v *View) Others() []*Person {
	return slices.DeleteFunc(slices.Clone(v.Thread.Members), func(p *Person) bool { return p == v.Owner })
}

// Messages are the thread's messages that the owner can see, by time.
func (v *View) Messages() []*Message {
	all := v.Thread.Messages
	at := slices.IndexFunc(all, func(m *Message) bool { return m.At > v.Since })
	if at < 0 {
		return nil
	}
	return all[at:]
}

// Has says whether p is a member.
func (t *Thread) Has(p *Person) bool { return slices.Contains(t.Members, p) }

// Message finds a message; nil if there is none or it was unsent.
func (t *Thread) Message(id string) *Message { return t.byID[id] }

// BySender finds a message by its sender and nonce; nil if there is none.
func (t *Thread) BySender(p *Person, otid int64) *Message {
	for _, m := range slices.Backward(t.Messages) {
		if m.Sender == p && m.OTID == otid {
			return m
		}
	}
	return nil
}

// Add puts a message where its time belongs and gives it its id.
func (t *Thread) Add(m *Message) {
	m.Thread = t
	letter, chat := byte('c'), int64(0)
	if t.Group {
		letter, chat = 'g', t.Short
	} else if len(t.Members) == 2 {
		chat = t.Members[0].FBID ^ t.Members[1].FBID
	}
	m.ID = MessageID(letter, chat, m.At, m.OTID)
	at := len(t.Messages)
	for at > 0 && t.Messages[at-1].At > m.At {
		at--
	}
	t.Messages = slices.Insert(t.Messages, at, m)
	t.byID[m.ID] = m
	if !m.SkipBump {
		t.Activity = max(t.Activity, m.At)
	}
}

// Remove takes a message out.
func (t *Thread) Remove(m *Message) {
	is := func(other *Message) bool { return other == m }
	t.Messages = slices.DeleteFunc(t.Messages, is)
	t.Pinned = slices.DeleteFunc(t.Pinned, is)
	delete(t.byID, m.ID)
}
