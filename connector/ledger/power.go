package ledger

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/id"
)

// With SQLite most commits survive the end of the program, but not a power cut: what was written last may be missing
// then. For messages that is little harm: most networks deliver again what came behind a cursor in the same database, and of
// those that deliver each thing once the last tenth of a second may lack its rows (see settleTaken). Encryption needs more:
// keys that were given away and whose other half is gone, or a place in a key's sequence that is used twice, make messages
// that nobody can read. The same holds for the sessions of an encrypted network.

// Durable returns when everything that the bridge's database holds survives a power cut. Those who ask while it is busy
// share the next time that it looks to the disk. A network asks before something leaves that was encrypted with a state of
// its own, which must not become an earlier one. Without a ledger there is nothing to wait for.
func Durable(ctx context.Context, bridge *bridgev2.Bridge) error {
	if l := of(bridge); l != nil {
		return l.settle(ctx)
	}
	return nil
}

// olmSessions is the library's table of what keys of Olm sessions were used. That it could not store one it only logs, and
// gives away what it encrypted with it. After a restart it would use the key again, and whoever gets the second message can't
// read it, nor what the room key in it was for.
const olmSessions = "crypto_olm_session"

// unkeptLimit is how long after that no keys are given away: more than passes between the query and the request.
const unkeptLimit = 5 * time.Second

// keepKeys is called before keys are given away.
func (l *Ledger) keepKeys(ctx context.Context) error {
	if ago := time.Since(time.Unix(0, l.unkept.Load())); ago < unkeptLimit {
		return fmt.Errorf("which keys were used could not be stored %s ago", ago.Round(time.Millisecond))
	}
	return l.settle(ctx)
}

// settle is Durable.
func (l *Ledger) settle(ctx context.Context) error {
	if switchedOff() {
		return nil
	}
	if err := l.sync(ctx); err != nil {
		return err
	}
	Passing("keys.settled")
	return nil
}

func (l *Ledger) sync(ctx context.Context) error {
	place := l.settling.asked.Add(1)
	l.settling.Lock()
	defer l.settling.Unlock()
	if l.settling.served >= place {
		return nil
	}
	if err := l.ready(ctx); err != nil {
		return err
	}
	served := l.settling.asked.Load() // what they have stored they have stored by now
	if err := l.store.Settle(ctx); err != nil {
		return err
	}
	l.settling.served = served
	return nil
}

// settlePause collects what was taken from the networks, so that much shares a look to the disk.
const settlePause = 100 * time.Millisecond

// settleTaken makes the rows of what was taken from the networks survive a power cut. Nobody waits for it: a network that has
// heard that a message is taken will not deliver it again, but it is in Matrix, and without its row only what is about it is
// missed.
func (l *Ledger) settleTaken() {
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.settling.taken:
		}
		l.pause(settlePause)
		if err := l.sync(l.ctx); err != nil && l.ctx.Err() == nil {
			l.log.Warn().Err(err).Msg("What was taken from the networks may not survive a power cut yet")
		}
	}
}

// settling is the queue of those who wait for the disk.
type settling struct {
	taken signal // something was stored for which nobody waits
	asked atomic.Int64
	sync.Mutex
	served int64 // how many of them are through; guarded by the lock
}

// ready makes the tables be there. A transaction that is being stored holds nobody up.
func (l *Ledger) ready(ctx context.Context) error {
	if l.open.Load() {
		return nil
	}
	l.accepting.Lock()
	defer l.accepting.Unlock()
	return l.opened(ctx)
}

// rise notes that the program runs. If the note of an earlier run is still there, that run did not end in order, and may have
// tried whatever it left.
func (l *Ledger) rise(ctx context.Context) error {
	fell, err := l.store.Rise(ctx)
	if err != nil || !fell {
		return err
	}
	l.log.Info().Msg("The bridge did not end in order the last time")
	l.matrix.discardKeys(ctx)
	return l.store.Suspect(ctx, l.inherited)
}

// discardKeys drops the outgoing Megolm sessions: after a power cut their place may be an earlier one than that of the
// last event that was encrypted with them, and clients take a place that is used twice for an attack.
func (s librarySide) discardKeys(ctx context.Context) {
	if s.mx.Crypto == nil {
		return
	}
	bridge := s.l.bridge
	portals, err := bridge.DB.Portal.GetAllWithMXID(ctx)
	if err != nil {
		s.l.log.Error().Err(err).Msg("Could not list the rooms whose keys are to be renewed")
	}
	var rooms []id.RoomID
	for _, portal := range portals {
		rooms = append(rooms, portal.MXID)
	}
	users, err := bridge.DB.UserLogin.GetAllUserIDsWithLogins(ctx)
	if err != nil {
		s.l.log.Error().Err(err).Msg("Could not list the users whose rooms' keys are to be renewed")
	}
	for _, mxid := range users {
		if user, err := bridge.GetExistingUserByMXID(ctx, mxid); err == nil && user != nil && user.ManagementRoom != "" {
			rooms = append(rooms, user.ManagementRoom)
		}
	}
	for _, room := range rooms {
		s.mx.Crypto.ResetSession(ctx, room)
	}
}
