// Package outage tells errors of a database that is away, or has no room, from others. It owns nothing, and may be called
// from anywhere.
package outage

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"
)

// Is is whether an error lies with the database and not with what it was asked: trying again may help.
func Is(err error) bool {
	var lite sqlite3.Error
	if errors.As(err, &lite) {
		switch lite.Code {
		case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrCantOpen, sqlite3.ErrReadonly, sqlite3.ErrNomem:
			return true
		}
		return false
	}
	var postgres *pq.Error
	if errors.As(err, &postgres) {
		switch postgres.Code.Class() { // connection, resources, state of the database, operator, system
		case "08", "53", "55", "57", "58":
			return true
		}
		return false
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.As(err, new(net.Error)) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
