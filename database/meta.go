package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"go.mau.fi/util/dbutil"
)

// Meta keeps the sessions of one of Meta's networks, and the people and threads that it told of. A login's id is in each
// key, so nothing of one user gets to another. Bodies are JSON of the network's making. Its methods may be called from any
// goroutine.
type Meta struct {
	db     *dbutil.Database
	name   string   // the network's, in names of tables and errors
	tables []string // that hold what belongs to a session, without prefix
}

// MetaSession is a login's session: a secret.
type MetaSession struct {
	Credentials, State []byte
}

// table is the full name of a table.
func (m *Meta) table(name string) string { return "crosschat_" + m.name + "_" + name }

// Session is a login's session; ok is false if it has none.
func (m *Meta) Session(ctx context.Context, login string) (s MetaSession, ok bool, err error) {
	err = m.db.QueryRow(ctx, "SELECT credentials, state FROM "+m.table("session")+" WHERE login_id = $1", login).Scan(&s.Credentials, &s.State)
	if errors.Is(err, sql.ErrNoRows) {
		return s, false, nil
	} else if err != nil {
		return s, false, fmt.Errorf("read %s session of %q: %w", m.name, login, err)
	}
	return s, true, nil
}

// BeginSession stores a new session in the place of an old one, and forgets what that one had synced.
func (m *Meta) BeginSession(ctx context.Context, login string, credentials []byte) error {
	return m.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		if err := m.EndSession(ctx, login); err != nil {
			return err
		}
		_, err := m.db.Exec(ctx, "INSERT INTO "+m.table("session")+" (login_id, credentials, state) VALUES ($1, $2, '{}')",
			login, string(credentials))
		if err != nil {
			return fmt.Errorf("store %s session of %q: %w", m.name, login, err)
		}
		return nil
	})
}

// EndSession deletes a login's session and all that it had synced.
func (m *Meta) EndSession(ctx context.Context, login string) error {
	for _, table := range m.tables {
		if _, err := m.db.Exec(ctx, "DELETE FROM "+m.table(table)+" WHERE login_id = $1", login); err != nil {
			return fmt.Errorf("delete %s %s of %q: %w", m.name, table, login, err)
		}
	}
	return nil
}

// SetCredentials stores changed cookies of a session that there is.
func (m *Meta) SetCredentials(ctx context.Context, login string, credentials []byte) error {
	return m.update(ctx, "credentials", login, credentials)
}

// SetState stores how far a session's sync has got.
func (m *Meta) SetState(ctx context.Context, login string, state []byte) error {
	return m.update(ctx, "state", login, state)
}

func (m *Meta) update(ctx context.Context, column, login string, value []byte) error {
	_, err := m.db.Exec(ctx, "UPDATE "+m.table("session")+" SET "+column+" = $2 WHERE login_id = $1", login, string(value))
	if err != nil {
		return fmt.Errorf("store %s of %s session of %q: %w", column, m.name, login, err)
	}
	return nil
}

// MetaRow is a contact or a thread.
type MetaRow struct {
	ID   int64
	Body []byte
}

// Contacts are all people that a login knows.
func (m *Meta) Contacts(ctx context.Context, login string) ([]MetaRow, error) {
	return m.rows(ctx, "contact", login)
}

// Threads are all threads that a login knows.
func (m *Meta) Threads(ctx context.Context, login string) ([]MetaRow, error) {
	return m.rows(ctx, "thread", login)
}

func (m *Meta) rows(ctx context.Context, table, login string) (list []MetaRow, err error) {
	rows, err := m.db.Query(ctx, "SELECT id, body FROM "+m.table(table)+" WHERE login_id = $1", login)
	if err != nil {
		return nil, fmt.Errorf("list %s %ss of %q: %w", m.name, table, login, err)
	}
	defer rows.Close()
	for rows.Next() {
		var row MetaRow
		if err = rows.Scan(&row.ID, &row.Body); err != nil {
			return nil, fmt.Errorf("read %s %s of %q: %w", m.name, table, login, err)
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// Put stores people and threads, all or none, and deletes threads.
func (m *Meta) Put(ctx context.Context, login string, contacts, threads []MetaRow, gone []int64) error {
	return m.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		for _, set := range []struct {
			table string
			rows  []MetaRow
		}{{"contact", contacts}, {"thread", threads}} {
			for _, row := range set.rows {
				_, err := m.db.Exec(ctx, "INSERT INTO "+m.table(set.table)+` (login_id, id, body) VALUES ($1, $2, $3)
					ON CONFLICT (login_id, id) DO UPDATE SET body = excluded.body`, login, row.ID, string(row.Body))
				if err != nil {
					return fmt.Errorf("store %s %s %d of %q: %w", m.name, set.table, row.ID, login, err)
				}
			}
		}
		for _, id := range gone {
			_, err := m.db.Exec(ctx, "DELETE FROM "+m.table("thread")+" WHERE login_id = $1 AND id = $2", login, id)
			if err != nil {
				return fmt.Errorf("delete %s thread %d of %q: %w", m.name, id, login, err)
			}
		}
		return nil
	})
}
