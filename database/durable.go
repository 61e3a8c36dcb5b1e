package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"go.mau.fi/util/dbutil"
)

// The bridge's connections to SQLite write ahead without looking to the disk: such a commit survives a crash of the program,
// not of the machine. What must survive that, too, is synced by hand, which is what SQLite does with synchronous=FULL
// (sqlite.org/wal.html): all commits are in the write-ahead log, in order, so that one sync of that file is enough for all
// of them. PostgreSQL's commits survive, unless an admin has switched that off.

// walFile is SQLite's write-ahead log. Only that file may be opened: to close one of the other two would drop SQLite's locks.
type walFile struct {
	lock sync.Mutex
	path string // empty if it is not known yet
}

// durably runs f in a transaction whose commit survives a power cut. If the error is an unsyncedError, it may not, but
// otherwise the commit stands.
func (l *Ledger) durably(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := l.db.RawDB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	if l.db.Dialect == dbutil.Postgres {
		if _, err = tx.ExecContext(ctx, "SET LOCAL synchronous_commit = on"); err != nil {
			_ = tx.Rollback()
			return fmt.Errorf("ask for durable commits: %w", err)
		}
	}
	if err = f(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	if err = tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err = l.Settle(ctx); err != nil {
		return unsyncedError{err}
	}
	return nil
}

type unsyncedError struct{ error }

func (e unsyncedError) Unwrap() error { return e.error }

// Settle returns when every commit so far survives a power cut.
func (l *Ledger) Settle(ctx context.Context) error {
	if l.db.Dialect != dbutil.SQLite {
		return nil
	}
	path, err := l.logPath(ctx)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // all was written to the database and synced, or an admin has chosen another journal, whose commits are
	} else if err != nil {
		return fmt.Errorf("open the write-ahead log: %w", err)
	}
	synced := syncing(path)
	if err = errors.Join(syncData(file), file.Close()); err != nil {
		return fmt.Errorf("sync the write-ahead log: %w", err)
	}
	synced()
	return nil
}

func (l *Ledger) logPath(ctx context.Context) (string, error) {
	l.wal.lock.Lock()
	defer l.wal.lock.Unlock()
	if l.wal.path != "" {
		return l.wal.path, nil
	}
	var path string
	if err := l.db.QueryRow(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		return "", fmt.Errorf("find the database's file: %w", err)
	}
	l.wal.path = path + "-wal"
	return l.wal.path, nil
}
