package database

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"
	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/store/sqlstore"
	whatsappupgrades "go.mau.fi/whatsmeow/store/sqlstore/upgrades"
	waLog "go.mau.fi/whatsmeow/util/log"

	"crosschat/database/upgrades"
)

// Database is what we keep beside bridgev2's tables: tables of our own and whatsmeow's store, each as a child of the
// bridge's database with a version table of its own.
type Database struct {
	own           *dbutil.Database
	ledger        *Ledger
	whatsApp      *dbutil.Database
	whatsAppStore *sqlstore.Container
}

// Schema is one set of tables with a version of its own in the bridge's database.
type Schema struct {
	VersionTable string // table that holds the version
	Upgrades     dbutil.UpgradeTable
}

// Schemas are the sets of tables that New adds to bridgev2's own, for whoever checks a database before it is opened.
func Schemas() []Schema {
	return []Schema{
		{VersionTable: upgrades.VersionTable, Upgrades: upgrades.Table},
		{VersionTable: "whatsmeow_version", Upgrades: whatsappupgrades.Table},
	}
}

// New puts our tables beside bridgev2's in db. Nothing is read or written before Upgrade.
func New(db *dbutil.Database, log zerolog.Logger) *Database {
	storeLog := log.With().Str("db_section", "whatsmeow").Logger()
	own := db.Child(upgrades.VersionTable, upgrades.Table, dbutil.ZeroLogger(log.With().Str("db_section", "crosschat").Logger()))
	whatsApp := db.Child("whatsmeow_version", whatsappupgrades.Table, dbutil.ZeroLogger(storeLog))
	return &Database{
		own:           own,
		ledger:        &Ledger{db: own},
		whatsApp:      whatsApp,
		whatsAppStore: sqlstore.NewWithWrappedDB(whatsApp, waLog.Zerolog(storeLog)),
	}
}

// WatchQueries has wrap stand between our tables and the log that is told how long each query took.
func (d *Database) WatchQueries(wrap func(dbutil.DatabaseLogger) dbutil.DatabaseLogger) {
	d.own.Log, d.whatsApp.Log = wrap(d.own.Log), wrap(d.whatsApp.Log)
}

// Upgrade brings our tables to the version of this program. It fails if they are newer.
func (d *Database) Upgrade(ctx context.Context) error {
	if err := d.ledger.Upgrade(ctx); err != nil {
		return err
	}
	if err := d.whatsAppStore.Upgrade(ctx); err != nil {
		return fmt.Errorf("upgrade whatsmeow's tables: %w", err)
	}
	return nil
}

// Ledger holds what is on its way.
func (d *Database) Ledger() *Ledger {
	return d.ledger
}

// WhatsAppHistory holds the past of WhatsApp chats that is in no room yet.
func (d *Database) WhatsAppHistory() *WhatsAppHistory {
	return &WhatsAppHistory{d.own}
}

// Messenger holds Messenger's sessions and what their sync told.
func (d *Database) Messenger() *Meta {
	return &Meta{d.own, "messenger", []string{"session", "contact", "thread"}}
}

// Instagram holds Instagram's sessions and what they told.
func (d *Database) Instagram() *Instagram {
	return &Instagram{Meta{d.own, "instagram", []string{"session", "contact", "thread", "reaction"}}}
}

// WhatsAppStore holds the devices of all WhatsApp logins: their keys, sessions and app state.
func (d *Database) WhatsAppStore() *sqlstore.Container {
	return d.whatsAppStore
}
