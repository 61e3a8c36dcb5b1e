package instagram

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"crosschat/connector/instagram/wire"
	crosschatdb "crosschat/database"
)

// person is what is known of an account.
type person struct {
	FBID     wire.FBID `json:"fbid,omitempty"`
	Username string    `json:"username,omitempty"`
	FullName string    `json:"full_name,omitempty"`
	Picture  string    `json:"picture,omitempty"` // a signed link, which expires
	Bot      bool      `json:"bot,omitempty"`
	// Met says that there is a chat with them.
	Met bool `json:"met,omitempty"`
}

// name is what to call somebody. It may be empty.
func (p person) name() string {
	if p.FullName != "" {
		return p.FullName
	}
	return p.Username
}

// thread is what is known of a chat.
type thread struct {
	Key   wire.ThreadKey `json:"key,omitempty"`
	Long  wire.LongID    `json:"long,omitempty"`
	Group bool           `json:"group,omitempty"`
	// Peer is the other one of a chat of two, the account itself in notes to self.
	Peer    wire.IGID `json:"peer,omitempty"`
	Title   string    `json:"title,omitempty"`
	Picture string    `json:"picture,omitempty"`
	// Members of a group, and whether they are administrators. The account itself is one as long as it is in the group.
	Members map[wire.IGID]bool `json:"members,omitempty"`
	Folder  wire.Folder        `json:"folder,omitempty"`
	Muted   bool               `json:"muted,omitempty"`
	Pinned  bool               `json:"pinned,omitempty"`
	Unread  bool               `json:"unread,omitempty"`
	// ReadOnly is set while the user can't write.
	ReadOnly bool `json:"read_only,omitempty"`
	// Last is when the newest message was sent that a listing told of, in Unix milliseconds.
	Last int64 `json:"last,omitempty"`
	// Owed says that the chat's room, if there is one, lacks messages of before the login: they come when the user wants
	// the chat, or somebody writes in it.
	Owed bool `json:"owed,omitempty"`
	// PastFrom is the message, and its time in Unix milliseconds, before which nothing of the chat is in its rooms of history.
	PastFrom     wire.MessageID `json:"past_from,omitempty"`
	PastFromTime int64          `json:"past_from_time,omitempty"`
	// PastAll says that there is nothing before it.
	PastAll bool `json:"past_all,omitempty"`
}

// pending says whether the chat is a message request.
func (t *thread) pending() bool { return t.Folder == wire.FolderPending }

// hidden says whether the chat makes no room: nobody wants what Instagram itself hides.
func (t *thread) hidden() bool { return t.Folder == wire.FolderSpam }

func (t *thread) ids(short wire.ShortID) wire.ThreadIDs {
	return wire.ThreadIDs{Key: t.Key, Short: short, Long: t.Long}
}

// memory is the people and threads of a login. It may be used from any goroutine.
type memory struct {
	store *crosschatdb.Instagram
	login string

	writing sync.Mutex // held by learn, before lock

	lock    sync.RWMutex // guards the rest
	people  map[wire.IGID]person
	threads map[wire.ShortID]thread
	byFBID  map[wire.FBID]wire.IGID
	byPeer  map[wire.IGID]wire.ShortID
	byLong  map[wire.LongID]wire.ShortID
}

func newMemory(store *crosschatdb.Instagram, login string) *memory {
	return &memory{
		store: store, login: login,
		people: make(map[wire.IGID]person), threads: make(map[wire.ShortID]thread),
		byFBID: make(map[wire.FBID]wire.IGID), byPeer: make(map[wire.IGID]wire.ShortID), byLong: make(map[wire.LongID]wire.ShortID),
	}
}

func loadMemory(ctx context.Context, store *crosschatdb.Instagram, login string) (*memory, error) {
	m := newMemory(store, login)
	people, err := store.Contacts(ctx, login)
	if err != nil {
		return nil, err
	}
	threads, err := store.Threads(ctx, login)
	if err != nil {
		return nil, err
	}
	c := &change{memory: m, people: make(map[wire.IGID]person), threads: make(map[wire.ShortID]thread)}
	if err = decodeInto(c.people, people); err != nil {
		return nil, err
	}
	if err = decodeInto(c.threads, threads); err != nil {
		return nil, err
	}
	m.take(c)
	return m, nil
}

func decodeInto[K ~int64, T any](into map[K]T, rows []crosschatdb.MetaRow) error {
	for _, row := range rows {
		var value T
		if err := json.Unmarshal(row.Body, &value); err != nil {
			return fmt.Errorf("read what is known of %d: %w", row.ID, err)
		}
		into[K(row.ID)] = value
	}
	return nil
}

// person answers what is known of somebody.
func (m *memory) person(id wire.IGID) (person, bool) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	p, ok := m.people[id]
	return p, ok
}

// personByFBID finds somebody by their messaging id.
func (m *memory) personByFBID(id wire.FBID) (wire.IGID, bool) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	p, ok := m.byFBID[id]
	return p, ok
}

// thread answers what is known of a chat.
func (m *memory) thread(id wire.ShortID) (thread, bool) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	t, ok := m.threads[id]
	return t, ok
}

// threadWith finds the chat of two with somebody.
func (m *memory) threadWith(peer wire.IGID) (wire.ShortID, bool) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	t, ok := m.byPeer[peer]
	return t, ok
}

// threadByLong finds a chat by its long id.
func (m *memory) threadByLong(long wire.LongID) (wire.ShortID, bool) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	t, ok := m.byLong[long]
	return t, ok
}

// met are the people whom there are chats with.
func (m *memory) met() map[wire.IGID]person {
	m.lock.RLock()
	defer m.lock.RUnlock()
	list := maps.Clone(m.people)
	maps.DeleteFunc(list, func(_ wire.IGID, p person) bool { return !p.Met })
	return list
}

// owed are the chats whose rooms lack what was before the login, the one with the newest message first.
func (m *memory) owed() (chats []wire.ShortID) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	for id, t := range m.threads {
		if t.Owed && (t.Group || t.Peer != 0) && !t.hidden() && !t.pending() {
			chats = append(chats, id)
		}
	}
	slices.SortFunc(chats, func(a, b wire.ShortID) int {
		return cmp.Or(cmp.Compare(m.threads[b].Last, m.threads[a].Last), cmp.Compare(b, a))
	})
	return chats
}

// change is what is being learnt.
type change struct {
	memory  *memory
	people  map[wire.IGID]person
	threads map[wire.ShortID]thread
	gone    []wire.ShortID
}

// person changes what is known of somebody.
func (c *change) person(id wire.IGID, edit func(*person)) {
	value, ok := c.people[id]
	if !ok {
		value, _ = c.memory.person(id)
	}
	edit(&value)
	c.people[id] = value
}

// thread changes what is known of a chat.
func (c *change) thread(id wire.ShortID, edit func(*thread)) {
	value, ok := c.threads[id]
	if !ok {
		value, _ = c.memory.thread(id)
		value.Members = maps.Clone(value.Members)
	}
	edit(&value)
	c.threads[id] = value
}

// forget drops a chat.
func (c *change) forget(id wire.ShortID) {
	delete(c.threads, id)
	c.gone = append(c.gone, id)
}

// learn makes changes and stores them. It answers the people and chats of whom something is new.
func (m *memory) learn(ctx context.Context, edit func(*change)) (people []wire.IGID, threads []wire.ShortID, err error) {
	m.writing.Lock()
	defer m.writing.Unlock()
	c := &change{memory: m, people: make(map[wire.IGID]person), threads: make(map[wire.ShortID]thread)}
	edit(c)
	maps.DeleteFunc(c.people, func(id wire.IGID, p person) bool {
		old, ok := m.person(id)
		return id == 0 || ok && samePerson(old, p)
	})
	maps.DeleteFunc(c.threads, func(id wire.ShortID, t thread) bool {
		old, ok := m.thread(id)
		return id == 0 || ok && sameThread(old, t)
	})
	people, threads = slices.Sorted(maps.Keys(c.people)), slices.Sorted(maps.Keys(c.threads))
	if len(people)+len(threads)+len(c.gone) == 0 {
		return nil, nil, nil
	}
	contactRows, err := encodeRows(c.people)
	if err != nil {
		return nil, nil, err
	}
	threadRows, err := encodeRows(c.threads)
	if err != nil {
		return nil, nil, err
	}
	var gone []int64
	for _, id := range c.gone {
		gone = append(gone, int64(id))
	}
	if m.store != nil { // tests of conversion have none
		if err = m.store.Put(ctx, m.login, contactRows, threadRows, gone); err != nil {
			return nil, nil, err
		}
	}
	m.take(c)
	return people, threads, nil
}

// take makes what was stored known.
func (m *memory) take(c *change) {
	m.lock.Lock()
	defer m.lock.Unlock()
	for id, p := range c.people {
		m.people[id] = p
		if p.FBID != 0 {
			m.byFBID[p.FBID] = id
		}
	}
	for id, t := range c.threads {
		m.threads[id] = t
		if t.Peer != 0 && !t.Group {
			m.byPeer[t.Peer] = id
		}
		if t.Long != "" {
			m.byLong[t.Long] = id
		}
	}
	for _, id := range c.gone {
		t := m.threads[id]
		delete(m.threads, id)
		if m.byPeer[t.Peer] == id {
			delete(m.byPeer, t.Peer)
		}
		delete(m.byLong, t.Long)
	}
}

// samePerson ignores what a link to a picture is signed with: it changes each time.
func samePerson(a, b person) bool {
	same := pictureID(a.Picture) == pictureID(b.Picture)
	a.Picture, b.Picture = "", ""
	return same && a == b
}

func sameThread(a, b thread) bool {
	return a.Key == b.Key && a.Long == b.Long && a.Group == b.Group && a.Peer == b.Peer && a.Title == b.Title &&
		pictureID(a.Picture) == pictureID(b.Picture) && a.Folder == b.Folder && a.Muted == b.Muted && a.Pinned == b.Pinned &&
		a.Unread == b.Unread && a.ReadOnly == b.ReadOnly && a.PastFrom == b.PastFrom && a.PastAll == b.PastAll && a.Last == b.Last && a.Owed == b.Owed && maps.Equal(a.Members, b.Members)
}

func encodeRows[K ~int64, T any](values map[K]T) ([]crosschatdb.MetaRow, error) {
	rows := make([]crosschatdb.MetaRow, 0, len(values))
	for _, id := range slices.Sorted(maps.Keys(values)) {
		body, err := json.Marshal(values[id])
		if err != nil {
			return nil, fmt.Errorf("encode what is known of %d: %w", id, err)
		}
		rows = append(rows, crosschatdb.MetaRow{ID: int64(id), Body: body})
	}
	return rows, nil
}
