package e2e_test

import (
	"fmt"
	"testing"

	"go.mau.fi/util/dbutil"

	"crosschat/database/upgrades"
	"crosschat/e2e/lab"
)

// TestMigrationsOnPostgres upgrades a PostgreSQL database of every version that there was of our tables, and keeps what was in
// it. The upgrades' own test does so with SQLite.
func TestMigrationsOnPostgres(t *testing.T) {
	t.Parallel()
	if _, err := lab.EnsurePostgres(t.Context(), say); err != nil {
		lab.Notice("upgrades of older PostgreSQL databases: %v", err)
		t.SkipNow() // the notice has said so loudly
	}
	server, err := lab.StartPostgres(t.Context(), say)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	for version := range len(upgrades.Table) + 1 {
		db := mustMake(t, server, version)
		const row = "SELECT COUNT(*) FROM crosschat_transaction WHERE fingerprint = 'kept' AND seq = 7"
		if version > 0 {
			if _, err = db.Exec(t.Context(), "INSERT INTO crosschat_transaction (fingerprint, seq) VALUES ('kept', 7)"); err != nil {
				t.Fatalf("fill a database of version %d: %v", version, err)
			}
		}
		db.UpgradeTable = upgrades.Table
		for range 2 {
			if err = db.Upgrade(t.Context()); err != nil {
				t.Fatalf("upgrade from version %d: %v", version, err)
			}
		}
		var got, kept int
		if err = db.QueryRow(t.Context(), "SELECT version FROM "+upgrades.VersionTable).Scan(&got); err != nil || got != len(upgrades.Table) {
			t.Errorf("from version %d: version is %d (%v), want %d", version, got, err, len(upgrades.Table))
		}
		if err = db.QueryRow(t.Context(), row).Scan(&kept); err != nil || kept != min(version, 1) {
			t.Errorf("from version %d: %d rows are kept (%v), want %d", version, kept, err, min(version, 1))
		}
	}
}

// mustMake makes a database of a version.
func mustMake(t *testing.T, server *lab.Postgres, version int) *dbutil.Database {
	t.Helper()
	uri, err := server.CreateDatabase(t.Context(), fmt.Sprintf("version%d", version))
	if err != nil {
		t.Fatal(err)
	}
	db, err := dbutil.NewFromConfig("", dbutil.Config{PoolConfig: dbutil.PoolConfig{Type: "postgres", URI: uri, MaxOpenConns: 2}}, dbutil.NoopLogger)
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	own := db.Child(upgrades.VersionTable, upgrades.Table[:version], dbutil.NoopLogger)
	if version > 0 {
		if err = own.Upgrade(t.Context()); err != nil {
			t.Fatalf("make a database of version %d: %v", version, err)
		}
	}
	return own
}
