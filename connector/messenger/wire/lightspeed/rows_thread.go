package lightspeed

// FirstBlock is executeFirstBlockForSyncTransaction, of either layout: the cursors of a sync database.
type FirstBlock struct {
	Database       int64
	Epoch          int64
	CurrentCursor  string
	NextCursor     string
	SyncStatus     int64
	SendSyncParams bool
	SyncChannel    int64
}

func (b *FirstBlock) columns() []column {
	return []column{
		{0, &b.Database}, {1, &b.Epoch}, {2, &b.CurrentCursor}, {3, &b.NextCursor}, {4, &b.SyncStatus},
		{5, &b.SendSyncParams}, {8, &b.SyncChannel},
	}
}

// columnsV4 is the layout seen since September 2026, with a sequence number at 4.
func (b *FirstBlock) columnsV4() []column {
	return []column{
		{0, &b.Database}, {1, &b.Epoch}, {2, &b.CurrentCursor}, {3, &b.NextCursor}, {5, &b.SyncStatus},
		{6, &b.SendSyncParams}, {9, &b.SyncChannel},
	}
}

// FinallyBlock is executeFinallyBlockForSyncTransaction: the table is complete.
type FinallyBlock struct {
	Database int64
	Epoch    int64
}

func (b *FinallyBlock) columns() []column { return []column{{1, &b.Database}, {2, &b.Epoch}} }

// SyncFailure is handleSyncFailure.
type SyncFailure struct {
	Database int64
	Message  string
}

func (f *SyncFailure) columns() []column { return []column{{0, &f.Database}, {1, &f.Message}} }

// ThreadRange is upsertSyncGroupThreadsRange: how far down the list of threads is known.
type ThreadRange struct {
	SyncGroup       int64
	ParentThreadKey int64
	MinActivity     int64
	MoreBefore      bool
	MinThreadKey    int64
}

func (r *ThreadRange) columns() []column {
	return []column{
		{0, &r.SyncGroup}, {1, &r.ParentThreadKey}, {2, &r.MinActivity}, {3, &r.MoreBefore}, {5, &r.MinThreadKey},
	}
}

// RangeQuery is threadsRangesQuery: a parent whose threads the server wants to be asked for.
type RangeQuery struct {
	ParentThreadKey int64
}

func (q *RangeQuery) columns() []column { return []column{{0, &q.ParentThreadKey}} }

// Thread is deleteThenInsertThread or updateOrInsertThread.
type Thread struct {
	Key             int64
	Type            ThreadType
	Folder          string
	ParentKey       int64
	Name            string
	PictureURL      string
	PictureFallback string
	PictureExpires  int64
	LastActivity    int64
	LastRead        int64
	MuteExpires     int64 // negative: for ever, 0: not muted
	SyncGroup       int64
	CannotReply     int64
	ComposerOff     bool
	Capabilities    int64
	Description     string
	UnsendLimit     int64
	MemberCount     int64
	DisappearingTTL int64
	Unread          int64
	Snippet         string
}

func (t *Thread) head() []column {
	return []column{
		{0, &t.LastActivity}, {1, &t.LastRead}, {2, &t.Snippet}, {3, &t.Name}, {4, &t.PictureURL}, {7, &t.Key},
		{9, (*int64)(&t.Type)}, {10, &t.Folder}, {11, &t.PictureFallback}, {12, &t.PictureExpires}, {14, &t.MuteExpires},
	}
}

func (t *Thread) insertColumns() []column {
	return append(t.head(), []column{
		{25, &t.DisappearingTTL}, {30, &t.CannotReply}, {35, &t.ParentKey}, {44, &t.ComposerOff}, {49, &t.Capabilities},
		{64, &t.Description}, {65, &t.UnsendLimit}, {66, &t.SyncGroup}, {77, &t.MemberCount}, {89, &t.Unread},
	}...)
}

func (t *Thread) updateColumns() []column {
	return append(t.head(), []column{
		{28, &t.DisappearingTTL}, {33, &t.CannotReply}, {38, &t.ParentKey}, {47, &t.ComposerOff}, {52, &t.Capabilities},
		{69, &t.Description}, {70, &t.UnsendLimit}, {82, &t.SyncGroup},
	}...)
}

// KnownThread is verifyThreadExists: a thread without its details.
type KnownThread struct {
	Key       int64
	Type      ThreadType
	Folder    string
	ParentKey int64
	SyncGroup int64
}

func (t *KnownThread) columns() []column {
	return []column{{0, &t.Key}, {1, (*int64)(&t.Type)}, {2, &t.Folder}, {3, &t.ParentKey}, {5, &t.SyncGroup}}
}

// Participant is addParticipantIdToGroupThread, which one-to-one threads have too.
type Participant struct {
	ThreadKey     int64
	Contact       int64
	ReadWatermark int64
	Nickname      string
	Admin         bool
}

func (p *Participant) columns() []column {
	return []column{{0, &p.ThreadKey}, {1, &p.Contact}, {2, &p.ReadWatermark}, {5, &p.Nickname}, {6, &p.Admin}}
}

// Departure is removeParticipantFromThread.
type Departure struct {
	ThreadKey int64
	Contact   int64
}

func (d *Departure) columns() []column { return []column{{0, &d.ThreadKey}, {1, &d.Contact}} }

// AdminStatus is updateThreadParticipantAdminStatus.
type AdminStatus struct {
	ThreadKey int64
	Contact   int64
	Admin     bool
}

func (a *AdminStatus) columns() []column {
	return []column{{0, &a.ThreadKey}, {1, &a.Contact}, {2, &a.Admin}}
}

// LiveLocation is upsertLiveLocationSharer: where somebody is who shares their place for a time.
type LiveLocation struct {
	ThreadKey           int64
	Sender              int64
	Latitude, Longitude float64
	Start, End          int64
}

func (l *LiveLocation) columns() []column {
	return []column{
		{0, &l.ThreadKey}, {1, &l.Sender}, {2, &l.Latitude}, {3, &l.Longitude}, {4, &l.Start}, {5, &l.End},
	}
}

// ThreadName is syncUpdateThreadName.
type ThreadName struct {
	ThreadKey int64
	Name      string
}

func (n *ThreadName) columns() []column { return []column{{0, &n.Name}, {1, &n.ThreadKey}} }

// ThreadPicture is setThreadImageURL.
type ThreadPicture struct {
	ThreadKey int64
	URL       string
	Fallback  string
	Expires   int64
}

func (p *ThreadPicture) columns() []column {
	return []column{{0, &p.ThreadKey}, {1, &p.URL}, {2, &p.Fallback}, {3, &p.Expires}}
}

// Mute is updateThreadMuteSetting.
type Mute struct {
	ThreadKey int64
	Expires   int64 // as in Thread
}

func (m *Mute) columns() []column { return []column{{0, &m.ThreadKey}, {1, &m.Expires}} }

// Folder is upsertFolder: the parent of marketplace threads.
type Folder struct {
	Key          int64
	Name         string
	PictureURL   string
	LastActivity int64
	LastRead     int64
}

func (f *Folder) columns() []column {
	return []column{{0, &f.Key}, {1, &f.Name}, {2, &f.PictureURL}, {3, &f.LastActivity}, {4, &f.LastRead}}
}

// ThreadDelete is deleteThread, deletePartialThread, deleteMessageRequest or hybridThreadDelete. Use Table.Gone: most
// of these rows are followed by the same thread again.
type ThreadDelete struct {
	ThreadKey int64
}

func (d *ThreadDelete) columns() []column { return []column{{0, &d.ThreadKey}} }

// Destinations of a ThreadMove.
const (
	MovedToEncrypted = "e2ee_cutover"
	MovedToArchive   = "archived"
	MovedToInbox     = "inbox"
)

// ThreadMove is moveThreadToE2EECutoverFolder, moveThreadToArchivedFolder or moveThreadToInboxAndUpdateParent.
type ThreadMove struct {
	ThreadKey int64
	To        string
	ParentKey int64 // MovedToInbox only
}

func moveColumns(to string) func(*ThreadMove) []column {
	return func(m *ThreadMove) []column {
		m.To = to
		return []column{{0, &m.ThreadKey}, {1, &m.ParentKey}}
	}
}

// MessageRequest is deleteThenInsertMessageRequest.
type MessageRequest struct {
	ThreadKey int64
	Status    int64 // 1: pending
}

func (r *MessageRequest) columns() []column { return []column{{0, &r.ThreadKey}, {2, &r.Status}} }

// HybridThread is verifyHybridThreadExists or updateThreadAuthorityAndMappingWithOTIDFromJID: an encrypted chat whose
// thread key differs from its number on the encrypted socket.
type HybridThread struct {
	ThreadKey int64
	JID       int64 // the number there
	Type      ThreadType
}

func (h *HybridThread) verifyColumns() []column {
	return []column{{0, &h.ThreadKey}, {1, &h.JID}, {2, (*int64)(&h.Type)}}
}

func (h *HybridThread) mappingColumns() []column { return []column{{0, &h.JID}, {1, &h.ThreadKey}} }

// ReadOnly is changeViewerStatus: why the user can't write, empty if they can.
type ReadOnly struct {
	ThreadKey int64
	Reason    string
}

func (r *ReadOnly) columns() []column { return []column{{0, &r.ThreadKey}, {1, &r.Reason}} }
