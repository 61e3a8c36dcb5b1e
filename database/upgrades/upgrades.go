// Package upgrades holds the versions of our own tables, NN-name.sql. A file is frozen once it is released: a change is a
// new file. It is read once, when the program starts.
package upgrades

import (
	"embed"

	"go.mau.fi/util/dbutil"
)

//go:embed *.sql
var files embed.FS

// VersionTable is the table that holds the version of our tables.
const VersionTable = "crosschat_version"

// Table are the steps from an empty database to the newest version.
var Table = dbutil.BuildUpgradeTable().WithFS(files).Finish()
