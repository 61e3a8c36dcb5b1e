package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Instagram is Meta with what only Instagram needs to remember: which message somebody's reaction is on. Some removals name
// a reaction only by the line that the network's own log has of it.
type Instagram struct{ Meta }

// ReactionLog is what a line in the log of reactions was about.
type ReactionLog struct {
	Message string // the network's id
	Sender  int64
}

// SetReactionLog remembers what a line is about.
func (i *Instagram) SetReactionLog(ctx context.Context, login, line string, about ReactionLog) error {
	_, err := i.db.Exec(ctx, `
		INSERT INTO crosschat_instagram_reaction (login_id, log_id, message_id, sender) VALUES ($1, $2, $3, $4)
		ON CONFLICT (login_id, log_id) DO UPDATE SET message_id = excluded.message_id, sender = excluded.sender
	`, login, line, about.Message, about.Sender)
	if err != nil {
		return fmt.Errorf("store what reaction %q of %q is about: %w", line, login, err)
	}
	return nil
}

// ReactionLog answers what a line is about; ok is false if that was never told.
func (i *Instagram) ReactionLog(ctx context.Context, login, line string) (about ReactionLog, ok bool, err error) {
	err = i.db.QueryRow(ctx, `
		SELECT message_id, sender FROM crosschat_instagram_reaction WHERE login_id = $1 AND log_id = $2
	`, login, line).Scan(&about.Message, &about.Sender)
	if errors.Is(err, sql.ErrNoRows) {
		return about, false, nil
	} else if err != nil {
		return about, false, fmt.Errorf("read what reaction %q of %q is about: %w", line, login, err)
	}
	return about, true, nil
}
