package setup

import (
	"context"
	"database/sql"
	"errors"

	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/id"
)

// checkKeys looks for the two ways in which encryption keys are lost that the bridge does not repair by itself, since a wrong
// config or a wrong database looks the same. The second needs a homeserver to ask. It returns nil if neither is the case, or
// if that can't be found out.
func (x *examination) checkKeys(ctx context.Context) *result {
	if !x.cfg.Encryption.Allow {
		return nil
	}
	found, err := readKeys(ctx, x.cfg)
	if err != nil {
		return nil
	}
	const renew = "\ncrosschat new-keys -c config.yaml"
	switch {
	case found.locked:
		return &result{wrong, "the encryption keys in the database are locked with another encryption.pickle_key than the config's",
			"put the old one back into the config; if it is lost, stop the bridge and have it make new keys:" + renew}
	case x.hs != nil && x.cfg.Encryption.SelfSign && !found.recovery && x.isSigned(ctx):
		return &result{wrong, x.bot().String() + " signed its keys with another database than this one",
			"go back to that database; if it is lost, stop the bridge and have it make new keys:" + renew}
	}
	return nil
}

// refuseKeys is checkKeys for the start of the bridge.
func (p *Program) refuseKeys(ctx context.Context, cfg *bridgeconfig.Config, hs *homeserver) (what, remedy string) {
	x := &examination{program: p, cfg: cfg, hs: hs}
	if found := x.checkKeys(ctx); found != nil {
		return found.text, found.remedy
	}
	return "", ""
}

// isSigned says whether the bot's account at the homeserver has signing keys.
func (x *examination) isSigned(ctx context.Context) bool {
	client, err := x.hs.as(x.bot(), x.cfg.AppService.ASToken)
	if err != nil {
		return false
	}
	keys, err := client.QueryKeys(ctx, &mautrix.ReqQueryKeys{DeviceKeys: map[id.UserID]mautrix.DeviceIDList{x.bot(): {}}})
	return err == nil && len(keys.MasterKeys[x.bot()].Keys) > 0
}

// storedKeys is what a database says of the bridge's encryption keys.
type storedKeys struct {
	locked   bool // there are some which the config's key does not unlock
	recovery bool // the key to the bot's signing keys is there
}

func readKeys(ctx context.Context, cfg *bridgeconfig.Config) (found storedKeys, err error) {
	if cfg.Database.Type != "postgres" {
		if exists, err := checkSQLiteFile(cfg.Database.URI); err != nil || !exists {
			return found, err
		}
	}
	db, err := dbutil.NewFromConfig("", cfg.Database, dbutil.NoopLogger)
	if err != nil {
		return found, err
	}
	defer db.Close()
	if found.locked, err = keysLocked(ctx, db, cfg); err != nil {
		return found, err
	}
	if exists, err := db.TableExists(ctx, "kv_store"); err != nil || !exists {
		return found, err
	}
	var key string
	err = db.QueryRow(ctx, "SELECT value FROM kv_store WHERE bridge_id='' AND key=$1", string(database.KeyRecoveryKey)).Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		return found, nil
	}
	found.recovery = key != ""
	return found, err
}
