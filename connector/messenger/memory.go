package messenger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"crosschat/connector/messenger/wire/lightspeed"
	crosschatdb "crosschat/database"
)

// contact is what is known of a person or page.
type contact struct {
	Name     string `json:"name,omitempty"`
	Username string `json:"username,omitempty"`
	// Picture is a signed link, good until PictureExpires (Unix milliseconds; 0 is not known).
	Picture        string `json:"picture,omitempty"`
	PictureExpires int64  `json:"picture_expires,omitempty"`
	Page           bool   `json:"page,omitempty"`
	// Listed says that the account's list of contacts has them, not only a chat.
	Listed bool `json:"listed,omitempty"`
}

// thread is what is known of a chat.
type thread struct {
	Type    lightspeed.ThreadType `json:"type,omitempty"`
	Folder  string                `json:"folder,omitempty"`
	Parent  int64                 `json:"parent,omitempty"`
	Name    string                `json:"name,omitempty"`
	Picture string                `json:"picture,omitempty"`
	About   string                `json:"about,omitempty"`
	// MuteExpires is in Unix milliseconds; negative: for ever, 0: not muted.
	MuteExpires int64 `json:"mute_expires,omitempty"`
	// Members are people and whether they are administrators.
	Members map[int64]bool `json:"members,omitempty"`
	// Pending is set while the chat is a message request.
	Pending bool `json:"pending,omitempty"`
	// Encrypted is set once the chat's messages travel on the encrypted plane, PlainAgain if they have come back since.
	Encrypted  bool `json:"encrypted,omitempty"`
	PlainAgain bool `json:"plain_again,omitempty"`
	// EncryptedAt is when the first message of the encrypted plane came, in Unix milliseconds.
	EncryptedAt int64 `json:"encrypted_at,omitempty"`
	// Hybrid is the chat's key on the plain plane where that is not its number on the encrypted one, else 0.
	Hybrid int64 `json:"hybrid,omitempty"`
	// Latest is the newest message, and LatestAt its time, of a chat that has no room because nobody wrote in it since the
	// login.
	Latest   string `json:"latest,omitempty"`
	LatestAt int64  `json:"latest_at,omitempty"`
	// ReadOnly is set while the user can't write.
	ReadOnly bool `json:"read_only,omitempty"`
	// PastFrom is the message, and its time, before which nothing of the chat is in its rooms of history.
	PastFrom     string `json:"past_from,omitempty"`
	PastFromTime int64  `json:"past_from_time,omitempty"`
}

// group says whether the chat has more than one other person.
func (t *thread) group() bool { return t.Type != 0 && !t.Type.OneToOne() }

// hidden says whether the chat makes no room: nobody wants spam, and folders are no chats.
func (t *thread) hidden() bool {
	return t.Folder == lightspeed.FolderSpam || t.Type == lightspeed.ThreadFolder
}

// archived says whether the user has put the chat away.
func (t *thread) archived() bool { return t.Folder == lightspeed.FolderArchived }

// memory is the people and threads of a login, which the server tells once. It may be used from any goroutine; changes are
// made by one at a time, between begin and commit.
type memory struct {
	store *crosschatdb.Meta
	login string

	changing sync.Mutex // held between begin and commit
	lock     sync.RWMutex
	contacts map[int64]contact
	threads  map[int64]thread
	hybrids  map[int64]int64 // numbers on the encrypted plane by keys on the plain one, where these differ
}

func loadMemory(ctx context.Context, store *crosschatdb.Meta, login string) (*memory, error) {
	m := &memory{store: store, login: login, contacts: make(map[int64]contact), threads: make(map[int64]thread)}
	contacts, err := store.Contacts(ctx, login)
	if err != nil {
		return nil, err
	}
	if err = decodeInto(m.contacts, contacts); err != nil {
		return nil, err
	}
	threads, err := store.Threads(ctx, login)
	if err != nil {
		return nil, err
	}
	if err = decodeInto(m.threads, threads); err != nil {
		return nil, err
	}
	for key, known := range m.threads {
		m.index(key, known)
	}
	return m, nil
}

// index notes by what other key a chat goes. The caller holds lock.
func (m *memory) index(key int64, known thread) {
	if known.Hybrid == 0 {
		return
	}
	if m.hybrids == nil {
		m.hybrids = make(map[int64]int64)
	}
	m.hybrids[known.Hybrid] = key
}

func decodeInto[T any](into map[int64]T, rows []crosschatdb.MetaRow) error {
	for _, row := range rows {
		var value T
		if err := json.Unmarshal(row.Body, &value); err != nil {
			return fmt.Errorf("read what is known of %d: %w", row.ID, err)
		}
		into[row.ID] = value
	}
	return nil
}

// contact answers what is known of a person.
func (m *memory) contact(id int64) (contact, bool) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	c, ok := m.contacts[id]
	return c, ok
}

// thread answers what is known of a chat.
func (m *memory) thread(id int64) (thread, bool) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	t, ok := m.threads[id]
	return t, ok
}

// unopened are the chats that were passed over for want of news in them, the newest first.
func (m *memory) unopened() []int64 {
	m.lock.RLock()
	defer m.lock.RUnlock()
	var keys []int64
	for key, known := range m.threads {
		if known.Latest != "" && !known.hidden() {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b int64) int {
		return cmp.Or(cmp.Compare(m.threads[b].LatestAt, m.threads[a].LatestAt), cmp.Compare(b, a))
	})
	return keys
}

// named finds who has a username.
func (m *memory) named(username string) (int64, bool) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	for id, c := range m.contacts {
		if strings.EqualFold(c.Username, username) {
			return id, true
		}
	}
	return 0, false
}

// listed answers the account's list of contacts.
func (m *memory) listed() map[int64]contact {
	m.lock.RLock()
	defer m.lock.RUnlock()
	list := maps.Clone(m.contacts)
	maps.DeleteFunc(list, func(_ int64, c contact) bool { return !c.Listed })
	return list
}

// change is what one table changes in the memory.
type change struct {
	memory   *memory
	contacts map[int64]contact
	threads  map[int64]thread
	gone     []int64
}

// begin must be followed by commit, in the same goroutine.
func (m *memory) begin() *change {
	m.changing.Lock()
	return &change{memory: m, contacts: make(map[int64]contact), threads: make(map[int64]thread)}
}

// contact changes what is known of a person.
func (c *change) contact(id int64, edit func(*contact)) {
	value, ok := c.contacts[id]
	if !ok {
		value, _ = c.memory.contact(id)
	}
	edit(&value)
	if old, had := c.memory.contact(id); !had || old != value {
		c.contacts[id] = value
	} else {
		delete(c.contacts, id)
	}
}

// thread changes what is known of a chat.
func (c *change) thread(id int64, edit func(*thread)) {
	value, ok := c.threads[id]
	if !ok {
		value, _ = c.memory.thread(id)
		value.Members = maps.Clone(value.Members)
	}
	edit(&value)
	c.threads[id] = value
}

// before is what is known of the chats that the change is about.
func (c *change) before() map[int64]thread {
	old := make(map[int64]thread, len(c.threads))
	for id := range c.threads {
		old[id], _ = c.memory.thread(id)
	}
	return old
}

// forget drops a chat.
func (c *change) forget(id int64) {
	delete(c.threads, id)
	c.gone = append(c.gone, id)
}

// commit stores the changes and answers the people and chats that really changed.
func (c *change) commit(ctx context.Context) (contacts, threads []int64, err error) {
	m := c.memory
	defer m.changing.Unlock()
	for id, value := range c.threads {
		if old, ok := m.thread(id); ok && sameThread(old, value) {
			delete(c.threads, id)
		}
	}
	contacts = slices.Sorted(maps.Keys(c.contacts))
	threads = slices.Sorted(maps.Keys(c.threads))
	if len(contacts)+len(threads)+len(c.gone) == 0 {
		return nil, nil, nil
	}
	contactRows, err := encodeRows(c.contacts)
	if err != nil {
		return nil, nil, err
	}
	threadRows, err := encodeRows(c.threads)
	if err != nil {
		return nil, nil, err
	}
	if err = m.store.Put(ctx, m.login, contactRows, threadRows, c.gone); err != nil {
		return nil, nil, err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	maps.Copy(m.contacts, c.contacts)
	for id, value := range c.threads {
		m.threads[id] = value
		m.index(id, value)
	}
	for _, id := range c.gone {
		delete(m.hybrids, m.threads[id].Hybrid)
		delete(m.threads, id)
	}
	return contacts, threads, nil
}

func sameThread(a, b thread) bool {
	return a.Type == b.Type && a.Folder == b.Folder && a.Parent == b.Parent && a.Name == b.Name &&
		a.About == b.About &&
		pictureID(a.Picture) == pictureID(b.Picture) && a.MuteExpires == b.MuteExpires && a.Pending == b.Pending &&
		a.ReadOnly == b.ReadOnly && a.PastFrom == b.PastFrom && a.Encrypted == b.Encrypted && a.PlainAgain == b.PlainAgain && a.Hybrid == b.Hybrid &&
		a.Latest == b.Latest &&
		maps.Equal(a.Members, b.Members)
}

func encodeRows[T any](values map[int64]T) ([]crosschatdb.MetaRow, error) {
	rows := make([]crosschatdb.MetaRow, 0, len(values))
	for _, id := range slices.Sorted(maps.Keys(values)) {
		body, err := json.Marshal(values[id])
		if err != nil {
			return nil, fmt.Errorf("encode what is known of %d: %w", id, err)
		}
		rows = append(rows, crosschatdb.MetaRow{ID: id, Body: body})
	}
	return rows, nil
}
