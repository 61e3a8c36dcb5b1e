package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"go.mau.fi/util/dbutil"
)

// Messenger keeps Messenger's sessions, and the people and threads that its sync told of. A login's id is in each key, so
// nothing of one user gets to another. Bodies are JSON of the network's making. Its methods may be called from any
// goroutine.
type Messenger struct{ db *dbutil.Database }

// MessengerSession is a login's session: a secret.
type MessengerSession struct {
	Credentials, State []byte
}

// Session is a login's session; ok is false if it has none.
func (m *Messenger) Session(ctx context.Context, login string) (s MessengerSession, ok bool, err error) {
	err = m.db.QueryRow(ctx, `
		SELECT credentials, state FROM crosschat_messenger_session WHERE login_id = $1
	`, login).Scan(&s.Credentials, &s.State)
	if errors.Is(err, sql.ErrNoRows) {
		return s, false, nil
	} else if err != nil {
		return s, false, fmt.Errorf("read messenger session of %q: %w", login, err)
	}
	return s, true, nil
}

// BeginSession stores a new session in the place of an old one, and forgets what that one had synced.
func (m *Messenger) BeginSession(ctx context.Context, login string, credentials []byte) error {
	return m.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		if err := m.EndSession(ctx, login); err != nil {
			return err
		}
		_, err := m.db.Exec(ctx, `
			INSERT INTO crosschat_messenger_session (login_id, credentials, state) VALUES ($1, $2, '{}')
		`, login, string(credentials))
		if err != nil {
			return fmt.Errorf("store messenger session of %q: %w", login, err)
		}
		return nil
	})
}

// EndSession deletes a login's session and all that it had synced.
func (m *Messenger) EndSession(ctx context.Context, login string) error {
	for _, table := range []string{"session", "contact", "thread"} {
		if _, err := m.db.Exec(ctx, "DELETE FROM crosschat_messenger_"+table+" WHERE login_id = $1", login); err != nil {
			return fmt.Errorf("delete messenger %s of %q: %w", table, login, err)
		}
	}
	return nil
}

// SetCredentials stores changed cookies of a session that there is.
func (m *Messenger) SetCredentials(ctx context.Context, login string, credentials []byte) error {
	return m.update(ctx, "credentials", login, credentials)
}

// SetState stores how far a session's sync has got.
func (m *Messenger) SetState(ctx context.Context, login string, state []byte) error {
	return m.update(ctx, "state", login, state)
}

func (m *Messenger) update(ctx context.Context, column, login string, value []byte) error {
	_, err := m.db.Exec(ctx, "UPDATE crosschat_messenger_session SET "+column+" = $2 WHERE login_id = $1", login, string(value))
	if err != nil {
		return fmt.Errorf("store %s of messenger session of %q: %w", column, login, err)
	}
	return nil
}

// MessengerRow is a contact or a thread.
type MessengerRow struct {
	ID   int64
	Body []byte
}

// Contacts are all people that a login knows.
func (m *Messenger) Contacts(ctx context.Context, login string) ([]MessengerRow, error) {
	return m.rows(ctx, "contact", login)
}

// Threads are all threads that a login knows.
func (m *Messenger) Threads(ctx context.Context, login string) ([]MessengerRow, error) {
	return m.rows(ctx, "thread", login)
}

func (m *Messenger) rows(ctx context.Context, table, login string) (list []MessengerRow, err error) {
	rows, err := m.db.Query(ctx, "SELECT id, body FROM crosschat_messenger_"+table+" WHERE login_id = $1", login)
	if err != nil {
		return nil, fmt.Errorf("list messenger %ss of %q: %w", table, login, err)
	}
	defer rows.Close()
	for rows.Next() {
		var row MessengerRow
		if err = rows.Scan(&row.ID, &row.Body); err != nil {
			return nil, fmt.Errorf("read messenger %s of %q: %w", table, login, err)
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// Put stores people and threads, all or none, and deletes threads.
func (m *Messenger) Put(ctx context.Context, login string, contacts, threads []MessengerRow, gone []int64) error {
	return m.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		for _, set := range []struct {
			table string
			rows  []MessengerRow
		}{{"contact", contacts}, {"thread", threads}} {
			for _, row := range set.rows {
				_, err := m.db.Exec(ctx, "INSERT INTO crosschat_messenger_"+set.table+` (login_id, id, body) VALUES ($1, $2, $3)
					ON CONFLICT (login_id, id) DO UPDATE SET body = excluded.body`, login, row.ID, string(row.Body))
				if err != nil {
					return fmt.Errorf("store messenger %s %d of %q: %w", set.table, row.ID, login, err)
				}
			}
		}
		for _, id := range gone {
			_, err := m.db.Exec(ctx, `DELETE FROM crosschat_messenger_thread WHERE login_id = $1 AND id = $2`, login, id)
			if err != nil {
				return fmt.Errorf("delete messenger thread %d of %q: %w", id, login, err)
			}
		}
		return nil
	})
}
