package setup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"
	"go.mau.fi/util/dbutil"
	bridgeupgrades "maunium.net/go/mautrix/bridgev2/database/upgrades"
	"maunium.net/go/mautrix/crypto/sql_store_upgrade"
	"maunium.net/go/mautrix/sqlstatestore"

	"crosschat/database"
)

// schemas are the sets of tables in the bridge's database, each with a version of its own.
func schemas() []database.Schema {
	return append([]database.Schema{
		{VersionTable: "version", Upgrades: bridgeupgrades.Table},
		{VersionTable: sqlstatestore.VersionTableName, Upgrades: sqlstatestore.UpgradeTable},
		{VersionTable: sql_store_upgrade.VersionTableName, Upgrades: sql_store_upgrade.Table},
	}, database.Schemas()...)
}

// databaseProblem says what is wrong with the database and what to do.
type databaseProblem struct{ what, remedy string }

func (d *databaseProblem) Error() string { return d.what }

// databaseFlags are the mxmain flags that let the bridge start all the same.
type databaseFlags struct{ newer, foreign bool }

// checkDatabase opens the database as the bridge will, and looks whether it can be written and holds
// nothing that this program doesn't understand. It changes nothing; a database that does not exist
// yet is not made. The text says what is there; the error is a *databaseProblem.
func (p *Program) checkDatabase(ctx context.Context, cfg dbutil.Config, allow databaseFlags) (string, error) {
	if cfg.Type != "postgres" {
		exists, err := checkSQLiteFile(cfg.URI)
		if err != nil {
			return "", err
		} else if !exists {
			return "SQLite, will be made at the first start", nil
		}
	}
	db, err := dbutil.NewFromConfig("", cfg, dbutil.NoopLogger)
	if err != nil {
		return "", databaseError(cfg, err)
	}
	defer db.Close()
	if err = tryWriting(ctx, db); err != nil {
		return "", databaseError(cfg, err)
	}
	owner := p.Bridge.GetDBOwner()
	if err = checkOwner(ctx, db, owner); err != nil && !allow.foreign {
		return "", databaseError(cfg, err)
	}
	found := 0
	for _, schema := range schemas() {
		version, compatible, err := versionOf(ctx, db, schema.VersionTable)
		if err != nil {
			return "", databaseError(cfg, err)
		}
		found = max(found, version)
		if latest := len(schema.Upgrades); compatible > latest && !allow.newer {
			return "", &databaseProblem{
				fmt.Sprintf("its schema is newer than this program: table %s says %d, known is up to %d", schema.VersionTable, version, latest),
				"a newer program wrote it: run that one or a later one, or go back to a backup",
			}
		}
	}
	kind := "SQLite"
	if cfg.Type == "postgres" {
		kind = "PostgreSQL"
	}
	if found == 0 {
		return kind + ", writable, no tables yet", nil
	}
	return kind + ", writable", nil
}

// sqlitePath returns the file of an SQLite address, "" for one in memory.
func sqlitePath(uri string) string {
	path, query, _ := strings.Cut(uri, "?")
	if rest, found := strings.CutPrefix(path, "file:"); found {
		if unescaped, err := url.PathUnescape(rest); err == nil {
			rest = unescaped
		}
		path = rest
		if strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///") {
			path = strings.TrimPrefix(path, "//localhost")
		} else {
			path = strings.TrimPrefix(path, "//")
		}
	}
	if path == ":memory:" || strings.Contains(query, "mode=memory") {
		return ""
	}
	return path
}

// checkSQLiteFile looks at the file before SQLite does, since SQLite's own errors name no reason.
func checkSQLiteFile(uri string) (exists bool, err error) {
	path := sqlitePath(uri)
	if path == "" {
		return false, &databaseProblem{"it is only in memory: logins would be lost at each restart", "write a path into database.uri"}
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return false, &databaseProblem{path + " is a folder", "write the path of a file into database.uri"}
	case err == nil:
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return true, notWritable(path, err)
		}
		file.Close()
	case !errors.Is(err, os.ErrNotExist):
		return false, notWritable(path, err)
	}
	// SQLite keeps its log beside the file.
	probe, probeError := os.CreateTemp(filepath.Dir(path), ".crosschat-write-check-*")
	if probeError != nil {
		return false, notWritable(filepath.Dir(path), probeError)
	}
	probe.Close()
	os.Remove(probe.Name())
	return err == nil, nil
}

func notWritable(path string, err error) error {
	problem := &databaseProblem{remedy: "give the bridge's user the right to write there, or change database.uri"}
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		problem.what = fmt.Sprintf("%s can't be: a part of the path is a file", path)
	case errors.Is(err, os.ErrNotExist):
		problem.what, problem.remedy = fmt.Sprintf("there is no folder %s", path), "make it, or change database.uri"
	case errors.Is(err, os.ErrPermission):
		problem.what = path + " can't be written: permission denied"
	case errors.Is(err, syscall.EROFS):
		problem.what = path + " can't be written: the file system is read-only"
	case errors.Is(err, syscall.ENOSPC):
		problem.what, problem.remedy = path+" can't be written: the disk is full", "make room"
	default:
		problem.what = fmt.Sprintf("%s can't be written: %v", path, err)
	}
	return problem
}

// errRollback ends a transaction that was only a trial.
var errRollback = errors.New("only a trial")

// tryWriting writes a table in a transaction and takes it back.
func tryWriting(ctx context.Context, db *dbutil.Database) error {
	err := db.DoTxn(ctx, nil, func(ctx context.Context) error {
		if _, err := db.Exec(ctx, "CREATE TABLE crosschat_write_check (n INTEGER)"); err != nil {
			return err
		}
		return errRollback
	})
	if errors.Is(err, errRollback) {
		return nil
	}
	return err
}

// checkOwner refuses a database in which another program has its tables.
func checkOwner(ctx context.Context, db *dbutil.Database, want string) error {
	for table, program := range map[string]string{"state_groups_state": "Synapse", "roomserver_rooms": "Dendrite"} {
		if exists, err := db.TableExists(ctx, table); err != nil {
			return err
		} else if exists {
			return &databaseProblem{"it holds the tables of " + program, "give the bridge a database of its own"}
		}
	}
	exists, err := db.TableExists(ctx, "database_owner")
	if err != nil || !exists {
		return err
	}
	var owner string
	err = db.QueryRow(ctx, "SELECT owner FROM database_owner WHERE key=0").Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) || owner == want {
		return nil
	} else if err != nil {
		return err
	}
	return &databaseProblem{fmt.Sprintf("it belongs to another program, %q", owner), "give the bridge a database of its own"}
}

// versionOf reads a version table, as dbutil does when it upgrades: a newer schema may still be
// understood by programs down to `compat`. Both are 0 if there is no such table.
func versionOf(ctx context.Context, db *dbutil.Database, table string) (version, compatible int, err error) {
	if exists, err := db.TableExists(ctx, table); err != nil || !exists {
		return 0, 0, err
	}
	hasCompat, err := db.ColumnExists(ctx, table, "compat")
	if err != nil {
		return 0, 0, err
	}
	columns := "version, NULL"
	if hasCompat {
		columns = "version, compat"
	}
	var compat sql.NullInt64
	err = db.QueryRow(ctx, "SELECT "+columns+" FROM "+table+" LIMIT 1").Scan(&version, &compat)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, nil
	} else if err != nil {
		return 0, 0, fmt.Errorf("read table %s: %w", table, err)
	}
	if compat.Int64 != 0 {
		return version, int(compat.Int64), nil
	}
	return version, version, nil
}

// databaseError puts a driver's error into an admin's words. Addresses hold passwords and are not
// repeated.
func databaseError(cfg dbutil.Config, err error) error {
	var known *databaseProblem
	var lite sqlite3.Error
	var postgres *pq.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &lite):
		return sqliteProblem(sqlitePath(cfg.URI), lite)
	case errors.As(err, &postgres):
		remedy := "correct database.uri, or the rights of its user"
		if postgres.Code == "42501" {
			remedy = "let the user make tables: GRANT CREATE ON SCHEMA public TO …, or make it the database's owner"
		}
		return &databaseProblem{"PostgreSQL refuses: " + postgres.Message, remedy}
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return &databaseProblem{"no PostgreSQL server answers at the address in database.uri", "start it, or correct database.uri"}
	case errors.Is(err, pq.ErrSSLNotSupported):
		return &databaseProblem{"the PostgreSQL server offers no encryption", "add ?sslmode=disable to database.uri, if the way to it is safe"}
	case cfg.Type == "postgres":
		return &databaseProblem{"PostgreSQL can't be used: " + networkError(err).Error(), "correct database.uri"}
	default:
		return &databaseProblem{"it can't be used: " + err.Error(), "correct database.uri"}
	}
}

func sqliteProblem(path string, err sqlite3.Error) error {
	switch err.Code {
	case sqlite3.ErrNotADB, sqlite3.ErrCorrupt:
		return &databaseProblem{path + " is damaged, or no SQLite database", "go back to a backup, or move the file away to start anew"}
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return &databaseProblem{path + " is locked by another program", "stop that one"}
	case sqlite3.ErrReadonly, sqlite3.ErrPerm, sqlite3.ErrCantOpen:
		return &databaseProblem{path + " can't be written", "give the bridge's user the right to write it and its folder"}
	default:
		return &databaseProblem{path + ": " + err.Error(), "correct database.uri"}
	}
}
