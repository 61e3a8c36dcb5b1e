package waglobals

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"time"

	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"
	"go.mau.fi/whatsmeow/store"
)

// Patient makes decryption wait while the database is away or its disk is full. whatsmeow takes an error of its store for a
// message that can't be decrypted: it acknowledges the message, and if the sender does not send it again, it is lost.
// It is called before a client is made for a device; a second time does nothing.
func Patient(device *store.Device) {
	if _, already := device.EventBuffer.(patientBuffer); !already {
		device.EventBuffer = patientBuffer{device.EventBuffer}
	}
}

type patientBuffer struct{ store.EventBuffer }

// GetBufferedEvent implements store.EventBuffer: decryption begins with it.
func (p patientBuffer) GetBufferedEvent(ctx context.Context, hash [32]byte) (event *store.BufferedEvent, err error) {
	err = patiently(ctx, func() error {
		event, err = p.EventBuffer.GetBufferedEvent(ctx, hash)
		return err
	})
	return event, err
}

// DoDecryptionTxn implements store.EventBuffer. What a try has changed is rolled back when it fails.
func (p patientBuffer) DoDecryptionTxn(ctx context.Context, decrypt func(context.Context) error) error {
	return patiently(ctx, func() error { return p.EventBuffer.DoDecryptionTxn(ctx, decrypt) })
}

const firstPause, longestPause = 200 * time.Millisecond, 10 * time.Second

// patiently repeats do as long as the database is at fault, until ctx ends; then the error is that of ctx, which whatsmeow
// takes for the end of the connection.
func patiently(ctx context.Context, do func() error) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := do()
		if err == nil || !databaseAway(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// databaseAway is whether an error lies with the database and not with what it was asked: trying again may help.
func databaseAway(err error) bool {
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
