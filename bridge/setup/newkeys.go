package setup

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/crypto/olm"
	"maunium.net/go/mautrix/crypto/sql_store_upgrade"
)

// NewKeys has the bridge make new encryption keys at its next start, where the old ones are lost: those that sign the bot's
// device, and all others too if the config no longer has what they are locked with. It returns the exit code.
func (p *Program) NewKeys(args []string) int {
	config := "config.yaml"
	flags := flag.NewFlagSet("new-keys", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&config, "c", config, "")
	flags.StringVar(&config, "config", config, "")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return p.Help([]string{"new-keys"})
	} else if err != nil {
		return p.usage(err.Error(), "new-keys")
	} else if flags.NArg() > 0 {
		return p.usage(fmt.Sprintf("unexpected argument %q", flags.Arg(0)), "new-keys")
	}
	cfg, problems := p.loadConfig(config)
	if len(problems) > 0 {
		return p.wrongConfig(config, problems)
	} else if !cfg.Encryption.Allow {
		return p.wrong("encryption is off in "+config+", so the bridge has no keys", "If you want it on, see encryption there.")
	} else if err := checkPort(cfg); err != nil {
		return p.wrong(err.Error(), "Stop the bridge first: it would go on with the keys that it has in memory.")
	}
	ctx := context.Background()
	if _, err := p.checkDatabase(ctx, cfg.Database, databaseFlags{}); err != nil {
		var problem *databaseProblem
		errors.As(err, &problem)
		return p.wrong("the database: "+problem.what, problem.remedy)
	}
	if err := p.orderKeys(ctx, cfg); err != nil {
		return p.wrong("the keys could not be renewed: "+databaseError(cfg.Database, err).Error(), "Nothing was changed; try again.")
	}
	fmt.Fprint(p.stdout(), "The bridge makes new keys at its next start.\n"+
		"Clients will say then that the bot has a new identity; who had verified it has to do so again.\n")
	return exitOK
}

// orderKeys notes that new signing keys are wanted, in the form in which the library understands it, and drops what can't be
// unlocked. It makes the tables that this needs.
func (p *Program) orderKeys(ctx context.Context, cfg *bridgeconfig.Config) error {
	db, err := dbutil.NewFromConfig(p.Bridge.GetDBOwner(), cfg.Database, dbutil.NoopLogger)
	if err != nil {
		return err
	}
	defer db.Close()
	bridge := database.New("", p.Bridge.Connector.GetDBMetaTypes(), db)
	if err = bridge.Upgrade(ctx); err != nil {
		return err
	}
	return db.DoTxn(ctx, nil, func(ctx context.Context) error {
		locked, err := keysLocked(ctx, db, cfg)
		if err != nil {
			return err
		}
		if locked {
			for _, table := range []string{
				"crypto_account", "crypto_olm_session", "crypto_megolm_inbound_session", "crypto_megolm_outbound_session",
			} {
				if _, err = db.Exec(ctx, "DELETE FROM "+table); err != nil {
					return err
				}
			}
		}
		_, err = db.Exec(ctx, `INSERT INTO kv_store (bridge_id, key, value) VALUES ('', $1, 'overwrite')
			ON CONFLICT (bridge_id, key) DO UPDATE SET value=excluded.value`, string(database.KeyRecoveryKey))
		return err
	})
}

// keysLocked says whether the database holds encryption keys that encryption.pickle_key does not unlock.
func keysLocked(ctx context.Context, db *dbutil.Database, cfg *bridgeconfig.Config) (bool, error) {
	if exists, err := db.TableExists(ctx, sql_store_upgrade.VersionTableName); err != nil || !exists {
		return false, err
	}
	rows, err := db.Query(ctx, "SELECT account FROM crypto_account")
	accounts, err := dbutil.NewRowIterWithError(rows, dbutil.ScanSingleColumn[[]byte], err).AsList()
	if err != nil {
		return false, err
	}
	for _, account := range accounts {
		if _, err = olm.AccountFromPickled(account, []byte(cfg.Encryption.PickleKey)); err != nil {
			return true, nil
		}
	}
	return false, nil
}
