package setup

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mau.fi/util/dbutil"
)

func liteConfig(uri string) dbutil.Config {
	return dbutil.Config{PoolConfig: dbutil.PoolConfig{Type: "sqlite3-fk-wal", URI: uri, MaxOpenConns: 2}}
}

// mustExec makes a database of statements and returns its address.
func mustExec(t *testing.T, statements ...string) string {
	t.Helper()
	uri := "file:" + filepath.Join(t.TempDir(), "crosschat.db") + "?_txlock=immediate"
	db, err := sql.Open("sqlite3-fk-wal", uri)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err = db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return uri
}

func TestCheckDatabase(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("no database ", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	const (
		version = "CREATE TABLE version (version INTEGER, compat INTEGER)"
		owner   = "CREATE TABLE database_owner (key INTEGER PRIMARY KEY, owner TEXT)"
	)
	for _, test := range []struct {
		name   string
		config dbutil.Config
		allow  databaseFlags
		text   string // what is said when it is good
		what   string // or what is wrong
		remedy string
	}{
		{name: "not there yet", config: liteConfig("file:" + folder + "/new.db?_txlock=immediate"), text: "will be made"},
		{name: "empty", config: liteConfig(mustExec(t, "CREATE TABLE x (y)")), text: "no tables yet"},
		{name: "ours", config: liteConfig(mustExec(t, version, "INSERT INTO version VALUES (3, 1)", owner, "INSERT INTO database_owner VALUES (0, 'megabridge/crosschat')")), text: "SQLite, writable"},
		{name: "newer", config: liteConfig(mustExec(t, version, "INSERT INTO version VALUES (9001, 9000)")),
			what: "newer than this program: table version says 9001", remedy: "go back to a backup"},
		{name: "newer without compat", config: liteConfig(mustExec(t, "CREATE TABLE version (version INTEGER)", "INSERT INTO version VALUES (9001)")),
			what: "table version says 9001", remedy: "a newer program wrote it"},
		{name: "newer but understood", config: liteConfig(mustExec(t, version, "INSERT INTO version VALUES (9001, 1)")), text: "writable"},
		{name: "newer and let through", config: liteConfig(mustExec(t, version, "INSERT INTO version VALUES (9001, 9000)")), allow: databaseFlags{newer: true}, text: "writable"},
		{name: "whatsmeow's newer", config: liteConfig(mustExec(t, strings.Replace(version, " version", " whatsmeow_version", 1), "INSERT INTO whatsmeow_version VALUES (9001, 9000)")),
			what: "table whatsmeow_version says 9001", remedy: "a newer program wrote it"},
		{name: "crypto's newer", config: liteConfig(mustExec(t, strings.Replace(version, " version", " crypto_version", 1), "INSERT INTO crypto_version VALUES (9001, 9000)")),
			what: "table crypto_version says 9001", remedy: "a newer program wrote it"},
		{name: "version table of another kind", config: liteConfig(mustExec(t, "CREATE TABLE version (name TEXT)", "INSERT INTO version VALUES ('x')")), what: "no such column", remedy: "correct database.uri"},
		{name: "another bridge's", config: liteConfig(mustExec(t, owner, "INSERT INTO database_owner VALUES (0, 'megabridge/other')")),
			what: `another program, "megabridge/other"`, remedy: "a database of its own"},
		{name: "Synapse's", config: liteConfig(mustExec(t, "CREATE TABLE state_groups_state (x)")), what: "tables of Synapse", remedy: "a database of its own"},
		{name: "Synapse's, let through", config: liteConfig(mustExec(t, "CREATE TABLE state_groups_state (x)")), allow: databaseFlags{foreign: true}, text: "writable"},
		{name: "no folder", config: liteConfig(folder + "/nowhere/crosschat.db"), what: "there is no folder", remedy: "make it, or change database.uri"},
		{name: "a folder", config: liteConfig(folder), what: "is a folder", remedy: "write the path of a file"},
		{name: "below a file", config: liteConfig(file + "/crosschat.db"), what: "a part of the path is a file", remedy: "change database.uri"},
		{name: "no database", config: liteConfig("file:" + file), what: "is damaged, or no SQLite database", remedy: "backup"},
		{name: "in memory", config: liteConfig("file::memory:?cache=shared"), what: "only in memory", remedy: "write a path"},
		{name: "read-only", config: liteConfig("file:" + strings.TrimPrefix(strings.TrimSuffix(mustExec(t, "CREATE TABLE x (y)"), "?_txlock=immediate"), "file:") + "?mode=ro"),
			what: "can't be written", remedy: "the right to write"},
		{name: "no PostgreSQL there", config: dbutil.Config{PoolConfig: dbutil.PoolConfig{Type: "postgres", URI: "postgres://u:hunter2@127.0.0.1:1/d?sslmode=disable", MaxOpenConns: 1}},
			what: "no PostgreSQL server answers", remedy: "start it, or correct database.uri"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := newSession().checkDatabase(t.Context(), test.config, test.allow)
			if test.what == "" {
				if err != nil || !strings.Contains(text, test.text) {
					t.Errorf("%q, error %v, want %q", text, err, test.text)
				}
				return
			}
			var problem *databaseProblem
			if !errors.As(err, &problem) {
				t.Fatalf("%q, error %v, want a problem with %q", text, err, test.what)
			}
			wantIn(t, problem.what, test.what)
			wantIn(t, problem.remedy, test.remedy)
			if strings.Contains(problem.what+problem.remedy, "hunter2") {
				t.Errorf("the password is shown: %q", problem.what)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(folder, "new.db")); err == nil {
		t.Error("the check made a database")
	}
}

// The check may not leave anything behind: the bridge takes tables that it doesn't know for another's.
func TestCheckDatabaseLeavesNothing(t *testing.T) {
	uri := mustExec(t, "CREATE TABLE x (y)")
	if _, err := newSession().checkDatabase(t.Context(), liteConfig(uri), databaseFlags{}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3-fk-wal", uri)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var tables int
	if err = db.QueryRowContext(context.Background(), "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		t.Fatal(err)
	}
	if tables != 1 {
		t.Errorf("%d tables, want the 1 that was there", tables)
	}
}

func TestSQLitePath(t *testing.T) {
	for _, test := range []struct{ uri, want string }{
		{"crosschat.db", "crosschat.db"},
		{"/data/crosschat.db", "/data/crosschat.db"},
		{"file:/data/a%3fb.db?_txlock=immediate", "/data/a?b.db"},
		{"file:///data/crosschat.db", "/data/crosschat.db"},
		{"file://localhost/data/crosschat.db", "/data/crosschat.db"},
		{"file:crosschat.db?cache=shared", "crosschat.db"},
		{":memory:", ""},
		{"file:x?mode=memory", ""},
	} {
		if got := sqlitePath(test.uri); got != test.want {
			t.Errorf("sqlitePath(%q) = %q, want %q", test.uri, got, test.want)
		}
	}
}
