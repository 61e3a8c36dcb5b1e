package upgrades_test

import (
	"path/filepath"
	"testing"

	"go.mau.fi/util/dbutil"
	_ "go.mau.fi/util/dbutil/litestream" // the SQLite driver that the bridge uses

	"crosschat/database/upgrades"
)

// TestEachVersion opens a database of every version that there was: version n has had the first n files.
func TestEachVersion(t *testing.T) {
	for version := range len(upgrades.Table) + 1 {
		db := mustOpen(t)
		db.UpgradeTable = upgrades.Table[:version]
		if version > 0 {
			if err := db.Upgrade(t.Context()); err != nil {
				t.Fatalf("make a database of version %d: %v", version, err)
			}
		}
		db.UpgradeTable = upgrades.Table
		for range 2 {
			if err := db.Upgrade(t.Context()); err != nil {
				t.Fatalf("upgrade from version %d: %v", version, err)
			}
		}
		var got int
		if err := db.QueryRow(t.Context(), "SELECT version FROM "+upgrades.VersionTable).Scan(&got); err != nil || got != len(upgrades.Table) {
			t.Errorf("from version %d: version is %d (%v), want %d", version, got, err, len(upgrades.Table))
		}
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	db := mustOpen(t)
	if err := db.Upgrade(t.Context()); err != nil {
		t.Fatalf("upgrade: %v", err)
	}
	if _, err := db.Exec(t.Context(), "UPDATE "+upgrades.VersionTable+" SET version = 999, compat = 999"); err != nil {
		t.Fatalf("pretend to be newer: %v", err)
	}
	if err := db.Upgrade(t.Context()); err == nil {
		t.Error("a database of a newer program was opened")
	}
}

func mustOpen(t *testing.T) *dbutil.Database {
	t.Helper()
	db, err := dbutil.NewFromConfig("", dbutil.Config{PoolConfig: dbutil.PoolConfig{
		Type: "sqlite3-fk-wal", URI: "file:" + filepath.Join(t.TempDir(), "test.db") + "?_txlock=immediate", MaxOpenConns: 2,
	}}, dbutil.NoopLogger)
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db.Child(upgrades.VersionTable, upgrades.Table, dbutil.NoopLogger)
}
