package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/util/dbutil"

	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"
)

// Settings are single values by name, in bridgev2's own table for such. bridgev2's accessors for it swallow errors, which
// would make a value look unset while the database is away.
type Settings struct {
	db     *dbutil.Database
	bridge networkid.BridgeID
}

// NewSettings is the settings of a bridge.
func NewSettings(db *dbutil.Database, bridge networkid.BridgeID) *Settings {
	return &Settings{db, bridge}
}

// Get answers a value, empty if it is not set.
func (s *Settings) Get(ctx context.Context, name string) (value string, err error) {
	err = s.db.QueryRow(ctx, "SELECT value FROM kv_store WHERE bridge_id=$1 AND key=$2", s.bridge, name).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read setting %q: %w", name, err)
	}
	return value, nil
}

// Set stores a value; an empty one unsets it.
func (s *Settings) Set(ctx context.Context, name, value string) (err error) {
	if value == "" {
		_, err = s.db.Exec(ctx, "DELETE FROM kv_store WHERE bridge_id=$1 AND key=$2", s.bridge, name)
	} else {
		_, err = s.db.Exec(ctx, `INSERT INTO kv_store (bridge_id, key, value) VALUES ($1, $2, $3)
			ON CONFLICT (bridge_id, key) DO UPDATE SET value=excluded.value`, s.bridge, name, value)
	}
	if err != nil {
		return fmt.Errorf("store setting %q: %w", name, err)
	}
	return nil
}

// WithPrefix answers all settings whose names begin with prefix, by the rest of their names.
func (s *Settings) WithPrefix(ctx context.Context, prefix string) (map[string]string, error) {
	type setting struct{ name, value string }
	// Compared by length and not by LIKE, in which names could hold wildcards.
	rows, err := s.db.Query(ctx, "SELECT key, value FROM kv_store WHERE bridge_id=$1 AND substr(key, 1, $2)=$3", s.bridge, len(prefix), prefix)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (one setting, err error) {
		return one, row.Scan(&one.name, &one.value)
	}, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("list settings %q: %w", prefix, err)
	}
	found := make(map[string]string, len(list))
	for _, one := range list {
		found[strings.TrimPrefix(one.name, prefix)] = one.value
	}
	return found, nil
}

// CountRooms is how many of a login's chats have a room.
func (s *Settings) CountRooms(ctx context.Context, user id.UserID, login networkid.UserLoginID) (count int, err error) {
	err = s.db.QueryRow(ctx, `
		SELECT COUNT(*) FROM user_portal JOIN portal
			ON portal.bridge_id=user_portal.bridge_id AND portal.id=user_portal.portal_id AND portal.receiver=user_portal.portal_receiver
		WHERE user_portal.bridge_id=$1 AND user_portal.user_mxid=$2 AND user_portal.login_id=$3 AND portal.mxid IS NOT NULL
	`, s.bridge, user, login).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("count rooms of login %q: %w", login, err)
	}
	return count, nil
}
