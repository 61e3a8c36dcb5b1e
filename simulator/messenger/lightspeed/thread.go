package lightspeed

// Thread types (section 3.4).
const (
	OneToOne        = 1
	Group           = 2
	Marketplace     = 5
	Folder          = 6
	EncryptedDirect = 15
	EncryptedGroup  = 16
	AIBot           = 201
)

// authority is the authority level of rows that the server vouches for.
const authority = int64(80)

// inboxParent is the parent key of threads in the inbox.
const inboxParent = int64(-1)

// Thread is what a thread row says.
type Thread struct {
	Key          int64
	Type         int64
	Name         string
	Picture      string
	PictureEnds  int64
	Folder       string
	Parent       int64 // 0 is the inbox
	SyncGroup    int64
	LastActivity int64
	LastRead     int64
	Snippet      string
	MutedUntil   int64
	ReadOnly     bool
	CannotReply  int64
	Ephemeral    int64
	EphemeralAt  int64
	EphemeralBy  int64
	Description  string
	Members      int64
	Unread       int64
}

func (t Thread) parent() int64 {
	if t.Parent == 0 {
		return inboxParent
	}
	return t.Parent
}

// DeleteThenInsert tells the whole thread.
func (t Thread) DeleteThenInsert() Call {
	defined := columns{
		0: t.LastActivity, 1: t.LastRead, 2: t.Snippet, 3: t.Name, 4: text(t.Picture), 6: authority, 7: t.Key, 8: int64(0),
		9: t.Type, 10: t.Folder, 12: number(t.PictureEnds), 13: int64(0), 14: t.MutedUntil, 25: number(t.Ephemeral),
		26: number(t.EphemeralAt), 27: number(t.EphemeralBy), 30: number(t.CannotReply), 35: t.parent(),
		64: text(t.Description), 65: int64(-1), 66: t.SyncGroup, 77: number(t.Members), 89: number(t.Unread),
	}
	if t.ReadOnly {
		defined[44] = true
	}
	return call("deleteThenInsertThread", 90, defined)
}

// UpdateOrInsert tells the whole thread in the other layout.
func (t Thread) UpdateOrInsert() Call {
	defined := columns{
		0: t.LastActivity, 1: t.LastRead, 2: t.Snippet, 3: t.Name, 4: text(t.Picture), 6: authority, 7: t.Key, 8: int64(0),
		9: t.Type, 10: t.Folder, 12: number(t.PictureEnds), 13: int64(0), 14: t.MutedUntil, 28: number(t.Ephemeral),
		29: number(t.EphemeralAt), 30: number(t.EphemeralBy), 33: number(t.CannotReply), 38: t.parent(),
		69: text(t.Description), 70: int64(-1), 82: t.SyncGroup,
	}
	if t.ReadOnly {
		defined[47] = true
	}
	return call("updateOrInsertThread", 112, defined)
}

// Verify names the thread without its details.
func (t Thread) Verify() Call {
	return Call{"verifyThreadExists", []any{t.Key, t.Type, t.Folder, t.parent(), int64(20), t.SyncGroup}}
}

// Participant is a member of a thread, of a direct one too.
type Participant struct {
	Thread, Contact int64
	Read            int64 // their read watermark
	Delivered       int64
	Nickname        string
	Admin           bool
}

// Add tells a member.
func (p Participant) Add() Call {
	return call("addParticipantIdToGroupThread", 15, columns{
		0: p.Thread, 1: p.Contact, 2: p.Read, 3: p.Read, 4: p.Delivered, 5: text(p.Nickname), 6: p.Admin, 9: authority,
	})
}

// RemoveParticipant says that a member is gone.
func RemoveParticipant(thread, contact int64) Call {
	return Call{"removeParticipantFromThread", []any{thread, contact}}
}

// AdminStatus says whether a member is an admin.
func AdminStatus(thread, contact int64, admin bool) Call {
	return Call{"updateThreadParticipantAdminStatus", []any{thread, contact, admin}}
}

// ThreadName says that a thread was renamed.
func ThreadName(thread int64, name string) Call {
	return Call{"syncUpdateThreadName", []any{name, thread, name}}
}

// ThreadImage says that a thread has a new picture.
func ThreadImage(thread int64, url string, ends int64) Call {
	return Call{"setThreadImageURL", []any{thread, url, nil, number(ends), true}}
}

// Mute says until when a thread is muted; below zero is for ever.
func Mute(thread, until int64) Call { return Call{"updateThreadMuteSetting", []any{thread, until}} }

// DeleteThread says that a thread is gone.
func DeleteThread(thread int64) Call { return Call{"deleteThread", []any{thread}} }

// MoveToArchive and the like move a thread to another folder.
func MoveToArchive(thread int64) Call { return Call{"moveThreadToArchivedFolder", []any{thread}} }

// MoveToInbox moves a thread back to the inbox.
func MoveToInbox(thread int64) Call {
	return Call{"moveThreadToInboxAndUpdateParent", []any{thread, inboxParent}}
}

// MoveToE2EE says that a thread continues on the encrypted plane.
func MoveToE2EE(thread int64) Call { return Call{"moveThreadToE2EECutoverFolder", []any{thread}} }

// MessageRequest says whether a thread is a pending message request.
func MessageRequest(thread int64, pending bool) Call {
	status := int64(0)
	if pending {
		status = 1
	}
	return Call{"deleteThenInsertMessageRequest", []any{thread, nil, status}}
}

// DeleteMessageRequest says that a request is gone.
func DeleteMessageRequest(thread int64) Call { return Call{"deleteMessageRequest", []any{thread}} }

// HybridThread maps the key of a thread to the number by which the encrypted plane knows it.
func HybridThread(key, jid, kind int64, group bool, activity, read int64) Call {
	return Call{"verifyHybridThreadExists", []any{
		key, jid, kind, nil, nil, group, activity, read, true, int64(0), false,
	}}
}

// HybridMapping is the same in the answer to a newly made encrypted thread. Mind the order.
func HybridMapping(jid, key int64) Call {
	return Call{"updateThreadAuthorityAndMappingWithOTIDFromJID", []any{jid, key}}
}

// UpsertFolder tells a thread that holds threads, such as Marketplace.
func UpsertFolder(key int64, name string, activity, read int64) Call {
	return Call{"upsertFolder", []any{key, name, nil, activity, read}}
}

// NewGroupThread maps the temporary key that a client chose to the real one.
func NewGroupThread(temporary, key int64) Call {
	return Call{"replaceOptimisticThread", []any{temporary, key}}
}

// Contact is what a contact row says.
type Contact struct {
	ID          int64
	Name        string
	FirstName   string
	Username    string
	Picture     string
	PictureEnds int64
	Self        bool
	Blocked     bool
	CanMessage  bool
	Kind        int64 // 1 is a person
	Page        int64
}

// Verify tells a contact beside a thread.
func (c Contact) Verify() Call {
	return call("verifyContactRowExists", 22, columns{
		0: c.ID, 1: int64(1), 2: c.Picture, 3: c.Name, 4: c.Kind, 6: number(c.PictureEnds), 9: false, 10: c.Blocked,
		12: c.CanMessage, 13: c.Self, 14: authority, 21: c.FirstName,
	})
}

// DeleteThenInsert tells the whole contact.
func (c Contact) DeleteThenInsert() Call {
	defined := columns{
		0: c.ID, 2: c.Picture, 4: number(c.PictureEnds), 9: c.Name, 18: c.FirstName, 19: c.Kind, 26: c.CanMessage,
		43: text(c.Username), 48: number(c.Page),
	}
	if c.Blocked {
		defined[14] = int64(1)
	}
	return call("deleteThenInsertContact", 49, defined)
}

// SearchResult is one row of an answer to a search.
func SearchResult(query string, at int64, c Contact, encrypted bool) Call {
	return call("insertSearchResult", 30, columns{
		0: query, 1: itoa(c.ID), 2: at, 3: int64(1), 4: int64(OneToOne), 5: c.Name, 6: c.Picture, 8: text(c.Username),
		12: false, 18: c.CanMessage, 23: c.ID, 28: encrypted, 29: encrypted,
	})
}
