package messenger

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rs/zerolog"
	"go.mau.fi/util/dbutil"
	_ "go.mau.fi/util/dbutil/litestream" // the SQLite driver that the bridge uses

	"crosschat/connector/messenger/wire/lightspeed"
	crosschatdb "crosschat/database"
)

func mustOpenStore(t *testing.T) *crosschatdb.Meta {
	t.Helper()
	db, err := dbutil.NewFromConfig("", dbutil.Config{PoolConfig: dbutil.PoolConfig{
		Type: "sqlite3-fk-wal", URI: "file:" + filepath.Join(t.TempDir(), "test.db") + "?_txlock=immediate", MaxOpenConns: 2,
	}}, dbutil.NoopLogger)
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ours := crosschatdb.New(db, zerolog.Nop())
	if err = ours.Upgrade(t.Context()); err != nil {
		t.Fatalf("upgrade: %v", err)
	}
	return ours.Messenger()
}

func mustLoad(t *testing.T, store *crosschatdb.Meta, login string) *memory {
	t.Helper()
	m, err := loadMemory(t.Context(), store, login)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMemory(t *testing.T) {
	store := mustOpenStore(t)
	m := mustLoad(t, store, "messenger-1")
	commit := func(edit func(*change)) (contacts, threads []int64) {
		t.Helper()
		change := m.begin()
		edit(change)
		contacts, threads, err := change.commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return contacts, threads
	}
	tell := func(c *change) {
		c.contact(7, func(known *contact) { learnContact(known, lightspeed.Contact{ID: 7, Name: "Anna", CanMessage: true}) })
		c.thread(9, func(known *thread) {
			learnThread(known, lightspeed.Thread{Key: 9, Type: lightspeed.ThreadGroup, Name: "Choir", Folder: "inbox", PictureURL: "https://a/p.jpg?sign=1"})
			known.Members = map[int64]bool{7: true, 1: false}
		})
	}
	if contacts, threads := commit(tell); !slices.Equal(contacts, []int64{7}) || !slices.Equal(threads, []int64{9}) {
		t.Errorf("the first telling changed %v and %v, want 7 and 9", contacts, threads)
	}
	if contacts, threads := commit(tell); len(contacts)+len(threads) > 0 {
		t.Errorf("telling the same changed %v and %v", contacts, threads)
	}
	// A link that is only signed anew is no change; a new member is.
	_, threads := commit(func(c *change) { c.thread(9, func(known *thread) { known.Picture = "https://b/p.jpg?sign=2" }) })
	if len(threads) > 0 {
		t.Error("a picture signed anew is taken for a new one")
	}
	_, threads = commit(func(c *change) { c.thread(9, func(known *thread) { known.Members[8] = false }) })
	if !slices.Equal(threads, []int64{9}) {
		t.Error("a new member is no change")
	}
	// What is stored is there after a restart, for this login only.
	again := mustLoad(t, store, "messenger-1")
	known, ok := again.thread(9)
	if !ok || known.Name != "Choir" || !known.group() || !maps.Equal(known.Members, map[int64]bool{7: true, 1: false, 8: false}) {
		t.Errorf("after a restart the thread is %+v", known)
	}
	if anna, ok := again.contact(7); !ok || anna.Name != "Anna" || len(again.listed()) != 1 {
		t.Errorf("after a restart the contact is %+v", anna)
	}
	if other := mustLoad(t, store, "messenger-2"); len(other.contacts)+len(other.threads) > 0 {
		t.Error("another login knows what the first was told")
	}
	commit(func(c *change) { c.forget(9) })
	if _, ok = m.thread(9); ok {
		t.Error("a deleted thread is still known")
	}
	if _, ok = mustLoad(t, store, "messenger-1").thread(9); ok {
		t.Error("a deleted thread is still stored")
	}
}

func TestThreadFolders(t *testing.T) {
	for folder, want := range map[string]struct{ pending, hidden bool }{
		"inbox": {}, "pending": {pending: true}, "spam": {hidden: true}, "": {}, "unheard_of": {},
	} {
		var known thread
		known.setFolder(folder)
		if known.Pending != want.pending || known.hidden() != want.hidden {
			t.Errorf("%q: pending %t, hidden %t; want %t, %t", folder, known.Pending, known.hidden(), want.pending, want.hidden)
		}
	}
}

func TestSessionStore(t *testing.T) {
	store, ctx := mustOpenStore(t), t.Context()
	if _, ok, err := store.Session(ctx, "messenger-1"); ok || err != nil {
		t.Fatalf("there is a session before there was one (%v)", err)
	}
	for _, credentials := range []string{`{"a":1}`, `{"a":2}`} { // the second replaces the first, with all it had synced
		if err := store.BeginSession(ctx, "messenger-1", []byte(credentials)); err != nil {
			t.Fatal(err)
		}
		s, ok, err := store.Session(ctx, "messenger-1")
		if err != nil || !ok || string(s.Credentials) != credentials || string(s.State) != "{}" {
			t.Fatalf("the session is %s, %s (%t, %v), want %s and no state", s.Credentials, s.State, ok, err, credentials)
		}
		if err = store.SetState(ctx, "messenger-1", []byte(`{"cursor":"x"}`)); err != nil {
			t.Fatal(err)
		}
		if err = store.Put(ctx, "messenger-1", []crosschatdb.MetaRow{{ID: 1, Body: []byte("{}")}}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.EndSession(ctx, "messenger-1"); err != nil {
		t.Fatal(err)
	}
	if err := store.SetCredentials(ctx, "messenger-1", []byte("late")); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := store.Session(ctx, "messenger-1"); ok || err != nil {
		t.Errorf("late cookies brought an ended session back (%v)", err)
	}
	if rows, err := store.Contacts(ctx, "messenger-1"); err != nil || len(rows) > 0 {
		t.Errorf("after its end a session leaves %d contacts (%v)", len(rows), err)
	}
}
