package setup

import (
	"context"
	"database/sql"
	"errors"

	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/id"
)

// checkSigning looks for the one fault of self_sign: the bot's account at the homeserver has signing
// keys, but their recovery key is in a database that isn't this one. mxmain refuses to start then. It
// returns nil if that is not so, or can't be found out.
func (x *examination) checkSigning(ctx context.Context) *result {
	if !x.cfg.Encryption.SelfSign {
		return nil
	}
	client, err := x.hs.as(x.bot(), x.cfg.AppService.ASToken)
	if err != nil {
		return nil
	}
	keys, err := client.QueryKeys(ctx, &mautrix.ReqQueryKeys{DeviceKeys: map[id.UserID]mautrix.DeviceIDList{x.bot(): {}}})
	if err != nil || len(keys.MasterKeys[x.bot()].Keys) == 0 {
		return nil
	}
	if known, err := x.hasRecoveryKey(ctx); known || err != nil {
		return nil
	}
	return &result{wrong, x.bot().String() + " signed its keys with another database than this one", "go back to that database; if it is lost, let the bridge make new keys: start it once, then in its database\n" +
		"INSERT INTO kv_store (bridge_id, key, value) VALUES ('', 'recovery_key', 'overwrite')"}
}

// hasRecoveryKey says whether the database has the key to the bot's signing keys.
func (x *examination) hasRecoveryKey(ctx context.Context) (bool, error) {
	if x.cfg.Database.Type != "postgres" {
		if exists, err := checkSQLiteFile(x.cfg.Database.URI); err != nil || !exists {
			return false, err
		}
	}
	db, err := dbutil.NewFromConfig("", x.cfg.Database, dbutil.NoopLogger)
	if err != nil {
		return false, err
	}
	defer db.Close()
	if exists, err := db.TableExists(ctx, "kv_store"); err != nil || !exists {
		return false, err
	}
	var key string
	err = db.QueryRow(ctx, "SELECT value FROM kv_store WHERE bridge_id='' AND key=$1", string(database.KeyRecoveryKey)).Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return key != "", err
}
