package wire

import "time"

// Folder is the system folder of a thread.
type Folder string

// Folders.
const (
	FolderInbox   Folder = "INBOX"
	FolderPending Folder = "PENDING" // message requests
	FolderSpam    Folder = "SPAM"    // hidden requests
)

// Request says whether threads in the folder are message requests.
func (f Folder) Request() bool { return f == FolderPending || f == FolderSpam }

// Thread is a thread as a query shows it.
type Thread struct {
	IDs     ThreadIDs
	Group   bool
	Subtype string // the server's, such as IG_BUSINESS_ACCOUNT_ONE_TO_ONE
	Title   string // of a group, as set; of a chat of two the other's name
	// ImageURL is a group's picture, if it has one.
	ImageURL string
	Viewer   User
	Users    []User // without the viewer; none in notes to self
	// Nicknames are names in this thread only.
	Nicknames map[FBID]string
	// Admins of a group. Listings don't say them: AdminsKnown is false then.
	Admins      []IGID
	AdminsKnown bool

	Folder       Folder
	Category     string // "PRIMARY", "GENERAL": the tab of a professional account's inbox; empty if not said
	LastActivity time.Time
	MarkedUnread bool
	// Muted and Pinned are nil where the query doesn't say.
	Muted, Pinned *bool
	// InputMode other than 0 means that the viewer can't write here.
	InputMode int64
	Receipts  []ReadReceipt // the viewer's too
	// Pinnings are the pinned messages; only Client.Thread says them.
	Pinnings []MessageID

	// Messages are the newest, the oldest first. In a listing they are Stubs: without content, not fit to be shown.
	Messages []Message
	Stubs    bool
	// Older is the cursor of Client.History for what came before Messages; More says whether there is any.
	Older string
	More  bool
}

// Peer is the other one of a chat of two; of notes to self it is the viewer. It is false for a group.
func (t *Thread) Peer() (User, bool) {
	switch {
	case t.Group:
		return User{}, false
	case len(t.Users) == 1:
		return t.Users[0], true
	case len(t.Users) == 0 && int64(t.IDs.Key) == int64(t.Viewer.FBID):
		return t.Viewer, true
	}
	return User{}, false
}

// ReadReceipt says up to when somebody has read.
type ReadReceipt struct {
	Reader FBID
	UpTo   time.Time
}

// Inbox is a page of the list of threads, those with the latest activity first.
type Inbox struct {
	Threads []Thread
	Cursor  string // for InboxPage
	More    bool
	// Professional says that the account has a professional inbox, of which this list may show only a part.
	Professional bool

	mailbox string
}

// Page is a part of a thread's history, the oldest message first.
type Page struct {
	Messages []Message
	Cursor   string // for the page before this one
	More     bool   // whether there is one
}
