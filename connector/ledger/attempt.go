package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/database/outage"
)

// attempt is one try at handing an event to Matrix. It travels in the context of bridgev2's handling, the only way from
// there to the HTTP requests that the handling makes (see Transport).
type attempt struct {
	key string // names the event, the same in each try

	lock sync.Mutex
	// slots name what the coming requests send, in order: the parts of a converted message, say. Only they get
	// transaction ids of ours: anything else that the handling sends (a notice of the library, an invitation) may be sent
	// in one try and not in the next, and a number alone would then stand for two different things.
	slots []string
	// numbered gives ids to everything that the handling sends, by its kind and number: for events of which one thing is
	// sent, or nothing.
	numbered bool
	numbers  map[string]int

	txnIDs  map[string]string // library's transaction id to ours: the library repeats failed requests
	parts   int               // how many parts the message was converted to, if it was
	ignored bool              // the converter wants nothing shown
	refused error             // why it could not convert
	failed  error             // last request or query that found no homeserver or database, or one in trouble
	after   []func()          // what is to be done when it is stored
}

// ownTxnID begins the transaction ids that are ours.
const ownTxnID = "crosschat-"

type contextKey struct{}

func newAttempt(key ...string) *attempt {
	return &attempt{key: strings.Join(key, "\x00"), txnIDs: make(map[string]string), numbers: make(map[string]int)}
}

func (a *attempt) into(ctx context.Context) context.Context {
	return context.WithValue(ctx, contextKey{}, a)
}

func attemptIn(ctx context.Context) *attempt {
	a, _ := ctx.Value(contextKey{}).(*attempt)
	return a
}

// expect says that the next requests send the parts of this message.
func (a *attempt) expect(message *bridgev2.ConvertedMessage) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.parts = len(message.Parts)
	for _, part := range message.Parts {
		if !part.DontBridge {
			a.slots = append(a.slots, string(part.ID))
		}
	}
}

// txnID is the transaction id of ours that stands for one that the library made up for an event of a kind, if there is
// one. It is a hash, since transaction ids appear in logs of servers.
func (a *attempt) txnID(kind, made string) (string, bool) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if known, ok := a.txnIDs[made]; ok {
		return known, true
	}
	var slot string
	switch {
	case a.numbered:
		slot = fmt.Sprintf("%s\x00%d", kind, a.numbers[kind])
		a.numbers[kind]++
	case len(a.slots) > 0 && !strings.HasPrefix(kind, kindRedact):
		slot, a.slots = a.slots[0], a.slots[1:]
	default:
		return "", false
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "network to matrix\x00%s\x00%s", a.key, slot))
	id := ownTxnID + base64.RawURLEncoding.EncodeToString(sum[:18])
	a.txnIDs[made] = id
	return id, true
}

// Queried tells of what became of a query. The library logs errors while it handles an event, and goes on; if one lies with
// the database, the event is handled again.
func (l *Ledger) Queried(ctx context.Context, query string, err error) {
	if err == nil {
		return
	}
	if strings.Contains(query, olmSessions) && ctx.Err() == nil { // what has ended sends nothing any more
		l.unkept.Store(time.Now().UnixNano())
	}
	l.databaseFailed(ctx, err)
}

func (l *Ledger) databaseFailed(ctx context.Context, err error) {
	if !outage.Is(err) {
		return
	}
	l.faulted.Store(time.Now().UnixNano())
	if try := attemptIn(ctx); try != nil {
		try.fail(err)
	}
}

func (a *attempt) fail(err error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.failed = err
}

// whenStored has something done when what the handling sent is stored.
func (a *attempt) whenStored(do func()) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.after = append(a.after, do)
}

// stored is called when what the handling sent is.
func (a *attempt) stored() {
	a.lock.Lock()
	defer a.lock.Unlock()
	for _, do := range a.after {
		do()
	}
	a.after = nil
}

func (a *attempt) ignore() {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.ignored = true
}

// Unconverted is what a function that converts an edit returns if it fails, so that the event is tried again. The library
// would say so in the room at each try, and take the edit for handled. An error that is none, or bridgev2's for what is not
// to be shown, stays what it is.
func Unconverted(ctx context.Context, err error) error {
	try := attemptIn(ctx)
	if err == nil || try == nil || errors.Is(err, bridgev2.ErrIgnoringRemoteEvent) {
		return err
	}
	return try.refuse(err)
}

// refuse notes why the event could not be converted, and makes of it an error about which the library says nothing.
func (a *attempt) refuse(err error) error {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.refused = err
	return fmt.Errorf("%w: %w", bridgev2.ErrIgnoringRemoteEvent, err)
}

// trouble is why the try came to nothing, as far as that is known: nil, or an awayError if the homeserver or the database did
// not answer.
func (a *attempt) trouble() error {
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.failed != nil {
		return awayError{errors.Join(a.failed, a.refused)}
	}
	return a.refused
}

// outcome is what Deliver needs to know when the handling is over.
func (a *attempt) outcome() (parts int, ignored bool) {
	a.lock.Lock()
	defer a.lock.Unlock()
	return a.parts, a.ignored
}
