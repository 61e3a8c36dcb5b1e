package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"
)

// Ledger is the tables of what is on its way between Matrix and the networks; package ledger says what they mean. Its
// methods may be called from any goroutine.
type Ledger struct {
	db *dbutil.Database

	upgrading sync.Mutex
	wal       walFile
}

// Upgrade brings the tables to the version of this program. It may be called again.
func (l *Ledger) Upgrade(ctx context.Context) error {
	l.upgrading.Lock()
	defer l.upgrading.Unlock()
	if err := l.db.Upgrade(ctx); err != nil {
		return fmt.Errorf("upgrade our own tables: %w", err)
	}
	return nil
}

// Outgoing is an event that the homeserver has handed over, or keys, without an EventID.
type Outgoing struct {
	Seq        int64 // its place in the order of arrival
	EventID    string
	RoomID     string
	Body       []byte
	ReceivedAt time.Time
	Tries      int
	// FailedAt is zero while it waits. Notice is what the user is still to be told of the failure.
	FailedAt       time.Time
	Reason, Notice string
}

// Undelivered is a network's message that Matrix did not take.
type Undelivered struct {
	Seq                               int64
	LoginID, PortalID, PortalReceiver string
	MessageID, SenderID               string
	SentAt, FailedAt                  time.Time
	Reason                            string
	Notice                            string // what the user is still to be told
}

// keptTransactions bounds how many transactions, and events in them, are known again. A homeserver repeats only its last
// transaction, but the events of the last minutes are looked through when it was away.
const keptTransactions = 2000

// Accept stores what came in one transaction of the homeserver, durably: all or nothing. It returns the rows that were
// not there before. None are, if the transaction was accepted before. seq is the transaction's own place in the order. Rows
// beside an error are stored, but may not survive a power cut.
func (l *Ledger) Accept(ctx context.Context, fingerprint string, seq int64, rows []Outgoing) ([]Outgoing, error) {
	var stored []Outgoing
	err := l.durably(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `
			INSERT INTO crosschat_transaction (fingerprint, seq) VALUES ($1, $2) ON CONFLICT (fingerprint) DO NOTHING
		`, fingerprint, seq)
		if err != nil {
			return fmt.Errorf("store transaction: %w", err)
		}
		if count, err := result.RowsAffected(); err != nil || count == 0 {
			return err
		}
		for _, row := range rows {
			if known, err := acceptedBefore(ctx, tx, row); err != nil {
				return err
			} else if known {
				continue
			}
			result, err = tx.ExecContext(ctx, `
				INSERT INTO crosschat_outgoing (seq, event_id, room_id, body, received_at, tries, failed_at, reason, notice)
				VALUES ($1, $2, $3, $4, $5, 0, 0, '', '') ON CONFLICT DO NOTHING
			`, row.Seq, row.EventID, row.RoomID, row.Body, row.ReceivedAt.UnixMilli())
			if err != nil {
				return fmt.Errorf("store event %q: %w", row.EventID, err)
			}
			if count, err := result.RowsAffected(); err != nil {
				return fmt.Errorf("store event %q: %w", row.EventID, err)
			} else if count > 0 {
				stored = append(stored, row)
			}
		}
		return nil
	})
	switch {
	case errors.As(err, new(unsyncedError)):
		return stored, fmt.Errorf("accept a transaction: %w", err)
	case err != nil:
		return nil, fmt.Errorf("accept a transaction: %w", err)
	}
	return stored, nil
}

// acceptedBefore notes an event among the transactions, by its own id, and says whether it was there.
func acceptedBefore(ctx context.Context, tx *sql.Tx, row Outgoing) (bool, error) {
	if row.EventID == "" {
		return false, nil
	}
	result, err := tx.ExecContext(ctx, `
		INSERT INTO crosschat_transaction (fingerprint, seq) VALUES ($1, $2) ON CONFLICT (fingerprint) DO NOTHING
	`, row.EventID, row.Seq)
	if err != nil {
		return false, fmt.Errorf("note event %q: %w", row.EventID, err)
	}
	count, err := result.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("note event %q: %w", row.EventID, err)
	}
	return count == 0, nil
}

// Accepted is whether an event is among those that were handed over of late.
func (l *Ledger) Accepted(ctx context.Context, eventID string) (known bool, err error) {
	err = l.db.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM crosschat_transaction WHERE fingerprint = $1)", eventID).Scan(&known)
	if err != nil {
		return false, fmt.Errorf("look for event %q: %w", eventID, err)
	}
	return known, nil
}

// LastSeq is the highest number in use.
func (l *Ledger) LastSeq(ctx context.Context) (int64, error) {
	var last int64
	err := l.db.QueryRow(ctx, `
		SELECT COALESCE(MAX(seq), 0) FROM (
			SELECT MAX(seq) AS seq FROM crosschat_outgoing
			UNION ALL SELECT MAX(seq) FROM crosschat_transaction
			UNION ALL SELECT MAX(seq) FROM crosschat_undelivered
		) AS used
	`).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("find the last number in the ledger: %w", err)
	}
	return last, nil
}

const selectOutgoing = `
	SELECT seq, event_id, room_id, body, received_at, tries, failed_at, reason, notice FROM crosschat_outgoing
`

func scanOutgoing(row dbutil.Scannable) (Outgoing, error) {
	var o Outgoing
	var receivedAt, failedAt int64
	err := row.Scan(&o.Seq, &o.EventID, &o.RoomID, &o.Body, &receivedAt, &o.Tries, &failedAt, &o.Reason, &o.Notice)
	o.ReceivedAt, o.FailedAt = fromMillis(receivedAt), fromMillis(failedAt)
	return o, err
}

func fromMillis(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}

// Waiting are the events and keys without an outcome, in order of arrival.
func (l *Ledger) Waiting(ctx context.Context) ([]Outgoing, error) {
	rows, err := dbutil.ConvertRowFn[Outgoing](scanOutgoing).
		NewRowIter(l.db.Query(ctx, selectOutgoing+" WHERE failed_at = 0 ORDER BY seq")).AsList()
	if err != nil {
		return nil, fmt.Errorf("read what waits: %w", err)
	}
	return rows, nil
}

// Failed are the events that could not be sent, in order of arrival.
func (l *Ledger) Failed(ctx context.Context) ([]Outgoing, error) {
	rows, err := dbutil.ConvertRowFn[Outgoing](scanOutgoing).
		NewRowIter(l.db.Query(ctx, selectOutgoing+" WHERE failed_at <> 0 ORDER BY seq")).AsList()
	if err != nil {
		return nil, fmt.Errorf("read what failed: %w", err)
	}
	return rows, nil
}

// Unsettled are the events of a room that are not known to be sent, waiting or failed, in order of arrival.
func (l *Ledger) Unsettled(ctx context.Context, room string) ([]Outgoing, error) {
	rows, err := dbutil.ConvertRowFn[Outgoing](scanOutgoing).
		NewRowIter(l.db.Query(ctx, selectOutgoing+" WHERE room_id = $1 AND event_id <> '' ORDER BY seq", room)).AsList()
	if err != nil {
		return nil, fmt.Errorf("read what is unsettled in a room: %w", err)
	}
	return rows, nil
}

// finishedAtOnce is how many events are forgotten by one statement. It has room for that many always, so that it is the same
// text each time, which SQLite's driver keeps prepared.
const finishedAtOnce = 32

var finishQuery = func() string {
	places := make([]string, finishedAtOnce)
	for i := range places {
		places[i] = "$" + strconv.Itoa(i+1)
	}
	return "DELETE FROM crosschat_outgoing WHERE seq IN (" + strings.Join(places, ",") + ")"
}()

// Finish forgets events that have their outcome.
func (l *Ledger) Finish(ctx context.Context, seqs ...int64) error {
	for some := range slices.Chunk(seqs, finishedAtOnce) {
		args := make([]any, finishedAtOnce)
		for i := range args {
			args[i] = some[min(i, len(some)-1)]
		}
		if _, err := l.db.Exec(ctx, finishQuery, args...); err != nil {
			return fmt.Errorf("forget %d finished events: %w", len(seqs), err)
		}
	}
	return nil
}

// Tried counts a try of an event.
func (l *Ledger) Tried(ctx context.Context, seq int64) error {
	return l.update(ctx, "UPDATE crosschat_outgoing SET tries = tries + 1 WHERE seq = $1", seq)
}

// Suspect counts a try of all that waits, and came with a number up to last, of which none is counted: nobody knows.
func (l *Ledger) Suspect(ctx context.Context, last int64) error {
	return l.update(ctx, "UPDATE crosschat_outgoing SET tries = 1 WHERE failed_at = 0 AND tries = 0 AND seq <= $1", last)
}

// Fail keeps an event as failed. notice is what the user is to be told, empty if nothing; reason is for lists.
func (l *Ledger) Fail(ctx context.Context, seq int64, reason, notice string) error {
	return l.update(ctx, "UPDATE crosschat_outgoing SET failed_at = $2, reason = $3, notice = $4 WHERE seq = $1",
		seq, time.Now().UnixMilli(), clean(reason), clean(notice))
}

// Told notes that the user knows of a failed event.
func (l *Ledger) Told(ctx context.Context, seq int64) error {
	return l.update(ctx, "UPDATE crosschat_outgoing SET notice = '' WHERE seq = $1", seq)
}

// Revive lets a failed event wait again, as if it had just come, but tried: it may have reached the network all the same.
func (l *Ledger) Revive(ctx context.Context, seq int64) error {
	return l.update(ctx, `
		UPDATE crosschat_outgoing SET failed_at = 0, tries = 1, reason = '', notice = '', received_at = $2 WHERE seq = $1
	`, seq, time.Now().UnixMilli())
}

// clean makes a text that every database takes.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

func (l *Ledger) update(ctx context.Context, query string, args ...any) error {
	if _, err := l.db.Exec(ctx, query, args...); err != nil {
		return fmt.Errorf("update the ledger: %w", err)
	}
	return nil
}

// AddUndelivered notes a network's message that Matrix did not take, durably and once.
func (l *Ledger) AddUndelivered(ctx context.Context, u Undelivered) error {
	return l.durably(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO crosschat_undelivered
				(seq, login_id, portal_id, portal_receiver, message_id, sender_id, sent_at, failed_at, reason, notice)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING
		`, u.Seq, u.LoginID, u.PortalID, u.PortalReceiver, u.MessageID, u.SenderID, u.SentAt.UnixMilli(),
			time.Now().UnixMilli(), clean(u.Reason), clean(u.Notice))
		if err != nil {
			return fmt.Errorf("note undelivered message %q: %w", u.MessageID, err)
		}
		return nil
	})
}

func scanUndelivered(row dbutil.Scannable) (Undelivered, error) {
	var u Undelivered
	var sentAt, failedAt int64
	err := row.Scan(&u.Seq, &u.LoginID, &u.PortalID, &u.PortalReceiver, &u.MessageID, &u.SenderID, &sentAt, &failedAt,
		&u.Reason, &u.Notice)
	u.SentAt, u.FailedAt = fromMillis(sentAt), fromMillis(failedAt)
	return u, err
}

// Undelivered are the messages of networks that Matrix did not take, in order.
func (l *Ledger) Undelivered(ctx context.Context) ([]Undelivered, error) {
	rows, err := dbutil.ConvertRowFn[Undelivered](scanUndelivered).NewRowIter(l.db.Query(ctx, `
		SELECT seq, login_id, portal_id, portal_receiver, message_id, sender_id, sent_at, failed_at, reason, notice
		FROM crosschat_undelivered ORDER BY seq
	`)).AsList()
	if err != nil {
		return nil, fmt.Errorf("read undelivered messages: %w", err)
	}
	return rows, nil
}

// ToldUndelivered notes that the user knows of an undelivered message.
func (l *Ledger) ToldUndelivered(ctx context.Context, seq int64) error {
	return l.update(ctx, "UPDATE crosschat_undelivered SET notice = '' WHERE seq = $1", seq)
}

// DropUndelivered forgets an undelivered message.
func (l *Ledger) DropUndelivered(ctx context.Context, seq int64) error {
	return l.update(ctx, "DELETE FROM crosschat_undelivered WHERE seq = $1", seq)
}

// Prune forgets what failed before a time and was told, and all but the last transactions.
func (l *Ledger) Prune(ctx context.Context, before time.Time) error {
	millis := before.UnixMilli()
	for _, query := range []string{
		"DELETE FROM crosschat_outgoing WHERE failed_at <> 0 AND failed_at < $1",
		"DELETE FROM crosschat_undelivered WHERE failed_at < $1",
	} {
		if err := l.update(ctx, query, millis); err != nil {
			return err
		}
	}
	return l.update(ctx, `
		DELETE FROM crosschat_transaction WHERE fingerprint NOT IN (
			SELECT fingerprint FROM crosschat_transaction ORDER BY seq DESC LIMIT $1
		)
	`, keptTransactions)
}

// Begin notes, durably, that a step was begun that leaves half a thing behind if it is not ended.
func (l *Ledger) Begin(ctx context.Context, kind, key string) error {
	return l.durably(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO crosschat_begun (kind, key) VALUES ($1, $2) ON CONFLICT DO NOTHING", kind, key)
		if err != nil {
			return fmt.Errorf("note the begin of %s %q: %w", kind, key, err)
		}
		return nil
	})
}

// End takes Begin back.
func (l *Ledger) End(ctx context.Context, kind, key string) error {
	return l.update(ctx, "DELETE FROM crosschat_begun WHERE kind = $1 AND key = $2", kind, key)
}

// Begun are the keys of the steps of a kind that were not ended.
func (l *Ledger) Begun(ctx context.Context, kind string) ([]string, error) {
	keys, err := dbutil.ConvertRowFn[string](dbutil.ScanSingleColumn[string]).
		NewRowIter(l.db.Query(ctx, "SELECT key FROM crosschat_begun WHERE kind = $1 ORDER BY key", kind)).AsList()
	if err != nil {
		return nil, fmt.Errorf("read what was begun of %s: %w", kind, err)
	}
	return keys, nil
}

// noteRunning is a kind in the table of steps that were begun which is a note about the program itself: that it runs.
const noteRunning = "running"

// Rise notes, durably, that the program runs; fell is whether the note of an earlier run was still there.
func (l *Ledger) Rise(ctx context.Context) (fell bool, err error) {
	err = l.durably(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "INSERT INTO crosschat_begun (kind, key) VALUES ($1, '') ON CONFLICT DO NOTHING", noteRunning)
		if err != nil {
			return fmt.Errorf("note that the program runs: %w", err)
		}
		count, err := result.RowsAffected()
		fell = count == 0
		return err
	})
	return fell, err
}

// Rest takes the note of Rise away.
func (l *Ledger) Rest(ctx context.Context) error {
	return l.update(ctx, "DELETE FROM crosschat_begun WHERE kind = $1", noteRunning)
}

// Reachable is nil if the database answers.
func (l *Ledger) Reachable(ctx context.Context) error {
	var one int
	return l.db.QueryRow(ctx, "SELECT 1").Scan(&one)
}

// LedgerSize is how much the ledger holds.
type LedgerSize struct {
	Waiting, Failed, Undelivered, Transactions, Begun int
	Oldest                                            time.Time // of what waits; zero if nothing does
}

// Size counts what the ledger holds.
func (l *Ledger) Size(ctx context.Context) (LedgerSize, error) {
	var size LedgerSize
	var oldest int64
	err := l.db.QueryRow(ctx, `
		SELECT
			(SELECT COUNT(*) FROM crosschat_outgoing WHERE failed_at = 0),
			(SELECT COUNT(*) FROM crosschat_outgoing WHERE failed_at <> 0),
			(SELECT COUNT(*) FROM crosschat_undelivered),
			(SELECT COUNT(*) FROM crosschat_transaction),
			(SELECT COUNT(*) FROM crosschat_begun WHERE kind <> 'running'),
			(SELECT COALESCE(MIN(received_at), 0) FROM crosschat_outgoing WHERE failed_at = 0)
	`).Scan(&size.Waiting, &size.Failed, &size.Undelivered, &size.Transactions, &size.Begun, &oldest)
	if err != nil {
		return size, fmt.Errorf("measure the ledger: %w", err)
	}
	size.Oldest = fromMillis(oldest)
	return size, nil
}
