// Package ledger is the two edges at which a message changes sides, and what keeps it from being lost or doubled there.
// One idea: who hands us something is told "taken" only when it is on disk, or on the other side; and what is on disk
// stays until it has an outcome.
//
//   - Matrix to network: the homeserver's transactions are stored, then answered (Ledger.putTransaction). A lane for each
//     room hands its events to bridgev2 one after the other, waits while the network is away, and forgets an event when
//     it is sent, ignored, cancelled, or when it failed and the user was told. Seed turns a Matrix event into the seed of
//     its message id on the network, fixed before the first attempt, so that a repeat is recognised there.
//   - Network to Matrix: Deliver returns only when an event is in Matrix and its row in our database, so that the
//     network's acknowledgement means stored. Transport gives what it sends a Matrix transaction id made from the
//     network's message id, so that the homeserver drops a repeat after a crash between sending and storing. What Matrix
//     never takes is noted, and the user told.
//
// Where things are. Matrix to network: transaction.go stores; lane.go keeps the order, with early.go for what comes before its
// time; flight.go is one try, outbox.go, tell.go and outsider.go what the user hears of it. Network to Matrix: deliver.go, with
// attempt.go for one try, begun.go for what a crash may leave half done, overtaken.go and removed.go for what comes out of
// order, echo.go for what comes back. Around both: edge.go and transport.go stand between the homeserver and the library;
// watch.go, catchup.go, listen.go and fence.go get from a homeserver what it forgets, keeps to itself or does late; power.go
// answers for the disk.
//
// It knows no network; networks say with Pending that an error is no outcome, and with AwaitConnection that they are away.
// Deliver is called from the goroutine in which a network receives, one call at a time for each login where order
// matters; everything else runs in goroutines of the ledger, between Start and Stop.
package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/database"
)

// Seed is 32 bytes that are the same each time the same Matrix event is sent through the same login, and for no other.
// A network makes the id of the outgoing message from it.
func Seed(login networkid.UserLoginID, event id.EventID) [sha256.Size]byte {
	return sha256.Sum256([]byte("matrix to network\x00" + string(login) + "\x00" + string(event)))
}

// Connection is what a network's client implements whose messages wait while the network is away.
type Connection interface {
	// AwaitConnection blocks until messages can be sent, or waiting for that is pointless because the login has ended
	// (then it returns nil, too), or ctx ends.
	AwaitConnection(ctx context.Context) error
}

// Pending makes of an error of a HandleMatrix method one that is no outcome: the user sees the message as pending, and
// the ledger tries again, as often as the connection is lost, but at most five times over a connection that stands. After
// that the error counts. The network must recognise a repeat by the message's id.
func Pending(err error) error {
	return bridgev2.WrapErrorInStatus(err).WithStatus(event.MessageStatusPending).WithSendNotice(false)
}

// Ledger is the durable part. The zero value is not usable; Attach makes one.
type Ledger struct {
	bridge *bridgev2.Bridge
	store  *database.Ledger
	config *Config
	matrix matrixSide
	log    zerolog.Logger

	ctx     context.Context // ends with Stop
	cancel  context.CancelFunc
	closing atomic.Bool // bridgev2 is being stopped: only success is an outcome now
	running sync.WaitGroup

	reticent bool // the homeserver does not hand over everything; set before Start

	accepting sync.Mutex  // held while a transaction is stored; guards what follows
	open      atomic.Bool // transactions can be stored; may be read without the lock
	inherited int64       // the last number of earlier runs, once transactions can be stored
	started   bool        // what is stored is handed on
	arrivals  queue[arrival]

	lock    sync.Mutex // guards what follows
	seq     int64
	lanes   map[laneKey]*lane
	early   early
	flights map[id.EventID]*flight
	begun   map[begunStep]bool // true if it was begun by an earlier run
	outage  bool               // the homeserver was away and has not been looked at since

	finished  queue[int64]
	overtaken overtakenList
	removed   removedList
	counts    counters
	settling  settling
	asking    atomic.Bool  // whether the homeserver is there
	faulted   atomic.Int64 // when a query failed last for want of a database, in nanoseconds since 1970
	unkept    atomic.Int64 // when one of Olm sessions did, for whatever reason
}

const (
	// sweepPause is between two looks at what is still to be told or may be forgotten.
	sweepPause = 30 * time.Second
	// flushPause collects outcomes, so that many share a commit. A crash meanwhile only repeats what is recognised.
	flushPause = 50 * time.Millisecond
)

// Start takes up what an earlier run left and lets transactions in. The database is upgraded by then. It fails only if
// the database does.
func (l *Ledger) Start(ctx context.Context) error {
	if switchedOff() {
		return nil
	}
	l.accepting.Lock()
	defer l.accepting.Unlock()
	if err := l.opened(ctx); err != nil {
		return err
	}
	if err := l.rise(ctx); err != nil {
		return err
	}
	waiting, err := l.store.Waiting(ctx)
	if err != nil {
		return err
	}
	if err = l.loadBegun(ctx); err != nil {
		return err
	}
	l.matrix.adoptRooms(ctx, l)
	if len(waiting) > 0 {
		l.log.Info().Int("count", len(waiting)).Msg("Taking up what was on its way to the networks")
	}
	l.counts.resumed.Add(int64(len(waiting)))
	l.arrivals.push(arriving(waiting)...)
	l.started = true
	l.matrix.serve()
	l.goDo(l.pump)
	l.goDo(l.writeOutcomes)
	l.goDo(l.settleTaken)
	l.goDo(l.sweep)
	l.goDo(func() { l.matrix.askAgain(l.ctx) })
	l.goDo(l.watchHomeserver)
	if l.listens() {
		l.goDo(l.listen)
	}
	return nil
}

// opened makes the ledger able to store transactions. The homeserver may hand one over before bridgev2 has started its
// networks, and would lose keys if it were refused: Synapse repeats only a transaction's events. The lock accepting is
// held.
func (l *Ledger) opened(ctx context.Context) error {
	if l.open.Load() {
		return nil
	}
	if err := l.store.Upgrade(ctx); err != nil {
		return err
	}
	last, err := l.store.LastSeq(ctx)
	if err != nil {
		return err
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	l.seq, l.inherited = last, last
	l.open.Store(true)
	return nil
}

// Stop ends everything that Start began and returns when it has; what has no outcome stays in the database.
func (l *Ledger) Stop() {
	l.closing.Store(true)
	l.cancel()
	l.running.Wait()
	ctx := context.WithoutCancel(l.ctx)
	if err := errors.Join(l.flush(ctx), l.noteTries(ctx)); err != nil {
		l.log.Warn().Err(err).Msg("Outcomes could not be stored; what they are of is looked at again at the next start")
		return
	}
	if err := l.store.Rest(ctx); err != nil {
		l.log.Warn().Err(err).Msg("The orderly end could not be noted")
	}
}

// noteTries notes which of the events without an outcome the network may have, as far as the database does not know: a first
// try is counted only when there has to be a second one.
func (l *Ledger) noteTries(ctx context.Context) error {
	l.lock.Lock()
	defer l.lock.Unlock()
	var errs []error
	for _, ln := range l.lanes {
		for _, it := range ln.items {
			if it.perhapsSent && it.first {
				errs = append(errs, l.store.Tried(ctx, it.row.Seq))
			}
		}
	}
	return errors.Join(errs...)
}

func (l *Ledger) goDo(f func()) {
	l.running.Add(1)
	go func() {
		defer l.running.Done()
		f()
	}()
}

// nextSeq is a place in the order of arrival.
func (l *Ledger) nextSeq() int64 {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.seq++
	return l.seq
}

// finish forgets an event that has its outcome, soon. What was not stored has number 0.
func (l *Ledger) finish(seq int64) {
	if seq != 0 {
		l.finished.push(seq)
	}
}

func (l *Ledger) writeOutcomes() {
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.finished.some:
		}
		l.pause(flushPause)
		for pause := firstPause; l.ctx.Err() == nil; pause = min(2*pause, longestPause) {
			err := l.flush(l.ctx)
			if err == nil {
				break
			}
			l.log.Warn().Err(err).Stringer("pause", pause).Msg("Outcomes could not be stored yet")
			l.pause(pause)
		}
	}
}

func (l *Ledger) flush(ctx context.Context) error {
	seqs := l.finished.take()
	if err := l.store.Finish(ctx, seqs...); err != nil {
		l.finished.push(seqs...)
		return err
	}
	if len(seqs) > 0 {
		Passing("outcome.stored")
	}
	return nil
}

// sweep tells what could not be told at once, and forgets what is old. While it is still to be looked for what never came,
// no id of what came may be forgotten.
func (l *Ledger) sweep() {
	for {
		l.tellAll(l.ctx)
		if _, outage := l.lastOutage(); !outage {
			if err := l.store.Prune(l.ctx, time.Now().Add(-l.config.KeepFailed)); err != nil && l.ctx.Err() == nil {
				l.log.Warn().Err(err).Msg("Old entries could not be forgotten yet")
			}
		}
		l.pause(sweepPause)
		if l.ctx.Err() != nil {
			return
		}
	}
}

// pause is cut short when the ledger stops.
func (l *Ledger) pause(d time.Duration) {
	select {
	case <-l.ctx.Done():
	case <-time.After(d):
	}
}

// of finds the ledger of a bridge, nil if it has none.
func of(bridge *bridgev2.Bridge) *Ledger {
	if edge, ok := bridge.Matrix.(interface{ ledger() *Ledger }); ok {
		return edge.ledger()
	}
	return nil
}

// errStopped ends what waits when the ledger stops.
var errStopped = errors.New("the ledger is stopping")

// queue is a list that one goroutine fills and another empties.
type queue[T any] struct {
	some chan struct{} // has a token if there may be something

	lock  sync.Mutex
	items []T
}

func newQueue[T any]() queue[T] {
	return queue[T]{some: make(chan struct{}, 1)}
}

func (q *queue[T]) push(items ...T) {
	if len(items) == 0 {
		return
	}
	q.lock.Lock()
	defer q.lock.Unlock()
	q.items = append(q.items, items...)
	select {
	case q.some <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (q *queue[T]) take() []T {
	q.lock.Lock()
	defer q.lock.Unlock()
	items := q.items
	q.items = nil
	return items
}
