package database

import (
	"context"
	"fmt"

	"go.mau.fi/util/dbutil"
)

// WhatsAppHistory keeps what phones send of the past until it stands in rooms. A login's id is in each key, so nothing of
// one user gets to another.
type WhatsAppHistory struct{ db *dbutil.Database }

// WhatsAppHistoryMessage is a message that is in no room yet. Body is as the phone sent it.
type WhatsAppHistoryMessage struct {
	PortalID, MessageID string
	SentAt              int64 // Unix seconds
	Position            int64 // order within a second
	Body                []byte
}

// WhatsAppHistoryChat is a chat with messages that are in no room yet.
type WhatsAppHistoryChat struct {
	PortalID    string
	Count       int
	First, Last int64 // Unix seconds
}

// Announce stores an announcement of history, once.
func (h *WhatsAppHistory) Announce(ctx context.Context, login, id string, body []byte) error {
	_, err := h.db.Exec(ctx, `
		INSERT INTO crosschat_whatsapp_announced (login_id, id, seq, body)
		VALUES ($1, $2, (SELECT COALESCE(MAX(seq), 0) + 1 FROM crosschat_whatsapp_announced WHERE login_id = $1), $3)
		ON CONFLICT (login_id, id) DO NOTHING
	`, login, id, body)
	if err != nil {
		return fmt.Errorf("store announcement %q of history: %w", id, err)
	}
	return nil
}

// Announced is the oldest announcement that is not done; its id is empty if there is none.
func (h *WhatsAppHistory) Announced(ctx context.Context, login string) (id string, body []byte, err error) {
	rows, err := h.db.Query(ctx, `
		SELECT id, body FROM crosschat_whatsapp_announced WHERE login_id = $1 ORDER BY seq LIMIT 1
	`, login)
	if err != nil {
		return "", nil, fmt.Errorf("find announced history: %w", err)
	}
	defer rows.Close()
	if rows.Next() {
		if err = rows.Scan(&id, &body); err != nil {
			return "", nil, fmt.Errorf("read announced history: %w", err)
		}
	}
	return id, body, rows.Err()
}

// Done forgets an announcement.
func (h *WhatsAppHistory) Done(ctx context.Context, login, id string) error {
	return h.exec(ctx, "DELETE FROM crosschat_whatsapp_announced WHERE login_id = $1 AND id = $2", login, id)
}

// Keep stores messages of a chat, given from newest to oldest, and what the phone said of it. A message that is known
// already stays as it is.
func (h *WhatsAppHistory) Keep(ctx context.Context, login, portal string, unread, complete bool, messages []WhatsAppHistoryMessage) error {
	return h.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		_, err := h.db.Exec(ctx, `
			INSERT INTO crosschat_whatsapp_chat (login_id, portal_id, unread, complete) VALUES ($1, $2, $3, $4)
			ON CONFLICT (login_id, portal_id) DO UPDATE SET unread = excluded.unread, complete = excluded.complete
		`, login, portal, unread, complete)
		if err != nil {
			return fmt.Errorf("store what is said of chat %q: %w", portal, err)
		}
		var lowest int64
		err = h.db.QueryRow(ctx, `
			SELECT COALESCE(MIN(position), 0) FROM crosschat_whatsapp_history WHERE login_id = $1 AND portal_id = $2
		`, login, portal).Scan(&lowest)
		if err != nil {
			return fmt.Errorf("find order in chat %q: %w", portal, err)
		}
		for i, m := range messages {
			_, err = h.db.Exec(ctx, `
				INSERT INTO crosschat_whatsapp_history (login_id, portal_id, message_id, sent_at, position, body)
				VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (login_id, message_id) DO NOTHING
			`, login, portal, m.MessageID, m.SentAt, lowest-1-int64(i), m.Body)
			if err != nil {
				return fmt.Errorf("store message %q of history: %w", m.MessageID, err)
			}
		}
		return nil
	})
}

// Chat is what the phone said of a chat; complete is false for one it said nothing of.
func (h *WhatsAppHistory) Chat(ctx context.Context, login, portal string) (unread, complete bool, err error) {
	rows, err := h.db.Query(ctx, `
		SELECT unread, complete FROM crosschat_whatsapp_chat WHERE login_id = $1 AND portal_id = $2
	`, login, portal)
	if err != nil {
		return false, false, fmt.Errorf("find chat %q: %w", portal, err)
	}
	defer rows.Close()
	if rows.Next() {
		if err = rows.Scan(&unread, &complete); err != nil {
			return false, false, fmt.Errorf("read chat %q: %w", portal, err)
		}
	}
	return unread, complete, rows.Err()
}

// Chats are the chats that have messages in no room, the one with the newest message last.
func (h *WhatsAppHistory) Chats(ctx context.Context, login string) ([]WhatsAppHistoryChat, error) {
	rows, err := h.db.Query(ctx, `
		SELECT portal_id, COUNT(*), MIN(sent_at), MAX(sent_at) FROM crosschat_whatsapp_history
		WHERE login_id = $1 GROUP BY portal_id ORDER BY MAX(sent_at), portal_id
	`, login)
	chats, err := dbutil.ConvertRowFn[WhatsAppHistoryChat](func(row dbutil.Scannable) (c WhatsAppHistoryChat, err error) {
		return c, row.Scan(&c.PortalID, &c.Count, &c.First, &c.Last)
	}).NewRowIter(rows, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("list chats with history: %w", err)
	}
	return chats, nil
}

// Newest are at most limit messages of a chat that were sent at or after since, oldest first.
func (h *WhatsAppHistory) Newest(ctx context.Context, login, portal string, since int64, limit int) ([]WhatsAppHistoryMessage, error) {
	return h.list(ctx, `
		SELECT portal_id, message_id, sent_at, position, body FROM (
			SELECT * FROM crosschat_whatsapp_history WHERE login_id = $1 AND portal_id = $2 AND sent_at >= $3
			ORDER BY sent_at DESC, position DESC LIMIT $4
		) AS newest ORDER BY sent_at, position
	`, login, portal, since, limit)
}

// Oldest are at most limit messages of a chat, oldest first.
func (h *WhatsAppHistory) Oldest(ctx context.Context, login, portal string, limit int) ([]WhatsAppHistoryMessage, error) {
	return h.list(ctx, `
		SELECT portal_id, message_id, sent_at, position, body FROM crosschat_whatsapp_history
		WHERE login_id = $1 AND portal_id = $2 ORDER BY sent_at, position LIMIT $3
	`, login, portal, limit)
}

func (h *WhatsAppHistory) list(ctx context.Context, query string, args ...any) ([]WhatsAppHistoryMessage, error) {
	rows, err := h.db.Query(ctx, query, args...)
	messages, err := dbutil.ConvertRowFn[WhatsAppHistoryMessage](func(row dbutil.Scannable) (m WhatsAppHistoryMessage, err error) {
		return m, row.Scan(&m.PortalID, &m.MessageID, &m.SentAt, &m.Position, &m.Body)
	}).NewRowIter(rows, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return messages, nil
}

// Forget drops messages that are in a room, or never will be.
func (h *WhatsAppHistory) Forget(ctx context.Context, login string, ids ...string) error {
	for _, id := range ids {
		err := h.exec(ctx, "DELETE FROM crosschat_whatsapp_history WHERE login_id = $1 AND message_id = $2", login, id)
		if err != nil {
			return err
		}
	}
	return nil
}

// ForgetLogin drops all that is kept for a login.
func (h *WhatsAppHistory) ForgetLogin(ctx context.Context, login string) error {
	for _, table := range []string{"crosschat_whatsapp_announced", "crosschat_whatsapp_history", "crosschat_whatsapp_chat"} {
		if err := h.exec(ctx, "DELETE FROM "+table+" WHERE login_id = $1", login); err != nil {
			return err
		}
	}
	return nil
}

func (h *WhatsAppHistory) exec(ctx context.Context, query string, args ...any) error {
	if _, err := h.db.Exec(ctx, query, args...); err != nil {
		return fmt.Errorf("update history: %w", err)
	}
	return nil
}
