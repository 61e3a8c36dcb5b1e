package database

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"go.mau.fi/util/dbutil"
	_ "go.mau.fi/util/dbutil/litestream" // the SQLite driver that the bridge uses
)

func mustOpenSQLite(t *testing.T, kind, path string) *Ledger {
	t.Helper()
	db, err := dbutil.NewFromConfig("", dbutil.Config{PoolConfig: dbutil.PoolConfig{Type: kind, URI: "file:" + path, MaxOpenConns: 2, MaxIdleConns: 2}}, dbutil.NoopLogger)
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ledger := New(db, zerolog.Nop()).Ledger()
	if err = ledger.Upgrade(t.Context()); err != nil {
		t.Fatalf("upgrade: %v", err)
	}
	return ledger
}

func TestTheLogIsSynced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	l := mustOpenSQLite(t, "sqlite3-fk-wal", path)
	got, err := l.logPath(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(got); err != nil || info.Size() == 0 {
		t.Errorf("the log %q of %q holds nothing (%v)", got, path, err)
	}
	if err := l.Settle(t.Context()); err != nil {
		t.Errorf("settle: %v", err)
	}

	// What could not be synced is there all the same, and has to be handed on: its repeat is recognised.
	l.wal.path = t.TempDir()
	rows := []Outgoing{{Seq: 1, EventID: "$1", RoomID: "!room", Body: []byte("{}")}}
	stored, err := l.Accept(t.Context(), "a", 2, rows)
	if err == nil || len(stored) != 1 {
		t.Errorf("stored are %+v, error %v; want the row and an error", stored, err)
	}
	if stored, err = l.Accept(t.Context(), "a", 2, rows); err == nil || len(stored) != 0 {
		t.Errorf("of the repeat are stored %+v, error %v; want none and an error", stored, err)
	}
	l.wal.path = got
	if stored, err = l.Accept(t.Context(), "a", 2, rows); err != nil || len(stored) != 0 {
		t.Errorf("of the last repeat are stored %+v, error %v; want none", stored, err)
	}
}

// TestAnotherJournal: without a write-ahead log SQLite syncs by itself.
func TestAnotherJournal(t *testing.T) {
	l := mustOpenSQLite(t, "sqlite3", filepath.Join(t.TempDir(), "test.db"))
	if _, err := l.Accept(t.Context(), "a", 2, []Outgoing{{Seq: 1, EventID: "$1", RoomID: "!room", Body: []byte("{}")}}); err != nil {
		t.Errorf("accept: %v", err)
	}
	if err := l.Settle(t.Context()); err != nil {
		t.Errorf("settle: %v", err)
	}
}
