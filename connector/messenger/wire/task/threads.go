package task

import "strconv"

// ThreadsPage asks for the threads below a reference. A first page has reference 0 at time FirstPage.
type ThreadsPage struct {
	Parent            int64 // InboxKey
	ReferenceKey      int64
	ReferenceActivity int64
	Cursor            *string // of database 1
	SyncGroup         int
}

// FirstPage is the activity time above all threads.
const FirstPage int64 = 9999999999999

// FetchThreads asks for a page of threads.
func FetchThreads(p ThreadsPage) Task {
	return Task{"145", "trq", encode(struct {
		After     int     `json:"is_after"`
		Parent    int64   `json:"parent_thread_key"`
		Key       int64   `json:"reference_thread_key"`
		Activity  int64   `json:"reference_activity_timestamp"`
		Pages     int     `json:"additional_pages_to_fetch"`
		Cursor    *string `json:"cursor"`
		Tag       *string `json:"messaging_tag"`
		SyncGroup int     `json:"sync_group"`
	}{0, p.Parent, p.ReferenceKey, p.ReferenceActivity, 0, p.Cursor, nil, p.SyncGroup})}
}

// FetchMessages asks for the messages before a message. They come as a push on database 1.
func FetchMessages(thread int64, referenceID string, referenceTime int64, cursor *string) Task {
	return Task{"228", "mrq." + decimal(thread), encode(struct {
		ThreadKey int64   `json:"thread_key"`
		Direction int     `json:"direction"`
		Time      int64   `json:"reference_timestamp_ms"`
		MessageID string  `json:"reference_message_id"`
		SyncGroup int     `json:"sync_group"`
		Cursor    *string `json:"cursor"`
	}{thread, 0, referenceTime, referenceID, GroupMailbox, cursor})}
}

// CreateThread makes the thread with a person or page, or fetches the one there is.
func CreateThread(peer int64) Task {
	return Task{"209", decimal(peer), encode(struct {
		Thread        int64 `json:"thread_fbid"`
		ForceUpsert   int   `json:"force_upsert"`
		OpenTransport int   `json:"use_open_messenger_transport"`
		SyncGroup     int   `json:"sync_group"`
		MetadataOnly  int   `json:"metadata_only"`
		PreviewOnly   int   `json:"preview_only"`
	}{peer, 0, 0, GroupMailbox, 0, 0})}
}

// CreateEncrypted makes the encrypted thread with a person. offlineKey is an id of our own making, as for messages.
func CreateEncrypted(peer, offlineKey, now int64) Task {
	return Task{"388", decimal(offlineKey), encode(struct {
		JID        int64 `json:"wa_jid"`
		OfflineKey int64 `json:"offline_thread_key"`
		ThreadType int   `json:"thread_type"`
		FolderType int   `json:"folder_type"`
		Bump       int64 `json:"bump_timestamp_ms"`
		Subtype    int   `json:"tam_thread_subtype"`
	}{peer, offlineKey, 15, 0, now, 0})}
}

// AcceptRequest accepts a message request. Encrypted threads are named by their key on Facebook.
func AcceptRequest(thread int64) Task {
	return Task{"66", "message_request", encode(struct {
		ThreadKey int64 `json:"thread_key"`
		SyncGroup int   `json:"sync_group"`
		Folder    *int  `json:"ig_folder"`
	}{thread, GroupRequests, nil})}
}

// DeleteThread deletes a thread for the user. group is GroupRequests for encrypted threads, which are named by their
// key on Facebook.
func DeleteThread(thread int64, group int) Task {
	return Task{"146", decimal(thread), encode(struct {
		ThreadKey  int64 `json:"thread_key"`
		RemoveType int   `json:"remove_type"`
		SyncGroup  int   `json:"sync_group"`
	}{thread, 0, group})}
}

// Mute mutes a thread until a time, Forever, or no more (0).
func Mute(thread, until int64) Task {
	return Task{"144", decimal(thread), encode(struct {
		ThreadKey   int64 `json:"thread_key"`
		MailboxType int   `json:"mailbox_type"`
		Expires     int64 `json:"mute_expire_time_ms"`
		SyncGroup   int   `json:"sync_group"`
	}{thread, 0, until, GroupMailbox})}
}

// Contact asks for all of one person's row.
func Contact(id int64) Task {
	return Task{"207", "cpq_v2", encode(struct {
		ID int64 `json:"contact_id"`
	}{id})}
}

// searchTypes are the kinds of results that the web client asks for.
var searchTypes = []int{1, 3, 4, 2, 6, 7, 8, 9, 13}

// Search looks for people and threads by name.
func Search(query string, now int64) Task {
	return Task{"30", encode([]any{"search_primary", now}), searchPayload(query)}
}

func searchPayload(query string) string {
	return encode(struct {
		Query        string  `json:"query"`
		Types        []int   `json:"supported_types"`
		Session      *string `json:"session_id"`
		Surface      int     `json:"surface_type"`
		Participants *string `json:"selected_participants"`
		Group        *int64  `json:"group_id"`
		Community    *int64  `json:"community_id"`
		QueryID      *string `json:"query_id"`
	}{query, searchTypes, nil, 15, nil, nil, nil, nil})
}

// Rename names a group.
func Rename(thread int64, name string) Task {
	return Task{"32", decimal(thread), encode(struct {
		ThreadKey int64  `json:"thread_key"`
		Name      string `json:"thread_name"`
		SyncGroup int    `json:"sync_group"`
	}{thread, name, GroupMailbox})}
}

// Issued is a task that the server wants run, unchanged.
func Issued(label int64, queue, payload string) Task {
	return Task{strconv.FormatInt(label, 10), queue, payload}
}
