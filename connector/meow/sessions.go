package meow

import (
	"context"
	"maps"
	"slices"
	"sync"

	"go.mau.fi/whatsmeow/store"

	"crosschat/connector/waglobals"
)

// A Signal session changes with each message, in either direction. whatsmeow reads a session, encrypts or decrypts, and
// writes it back; if it does both at once, one change is lost, and what was sent with the lost state can't be decrypted
// and comes late and out of order, by way of a retry. sessionLock keeps the two apart. It does not cover what whatsmeow
// encrypts of its own accord (answers to retries, requests to the phone), which is rare.
type sessionLock struct {
	held chan struct{} // holds one element while locked, so that waiting can end with a context
}

// GuardSessions makes a device's stores patient (see waglobals.Patient), and puts the lock around that: what is tried again
// while the database is away is one encryption or decryption, and keeps the lock. Before anything leaves that was encrypted,
// what is stored of its session is ahead of it (see aheads), and if that was not so yet, settle is called, which returns when
// all that was stored survives a power cut: a session that is an earlier one after it would use keys twice, and recipients
// take what comes under a key that they have used for a message that they have. They drop it, and tell the sender that it
// was delivered. The keys of groups are not set aside, so what goes to a group is always settled. GuardSessions is called
// once, before a client is made for the device.
func GuardSessions(device *store.Device, settle func(context.Context) error) {
	waglobals.Patient(device)
	lock := sessionLock{held: make(chan struct{}, 1)}
	device.Sessions = guardedSessions{device.Sessions, lock, settle, newAheads()}
	device.SenderKeys = guardedSenderKeys{device.SenderKeys}
	device.EventBuffer = guardedBuffer{device.EventBuffer, lock}
}

func (l sessionLock) lock(ctx context.Context) error {
	select {
	case l.held <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l sessionLock) unlock() {
	<-l.held
}

// encryption is one call of SendMessage, which locks the sessions for the part in which it encrypts. It travels in the
// call's context: the library has no other way to tell its stores which call they serve.
type encryption struct {
	lock   sync.Mutex
	unlock func() // nil while the sessions are not locked
	settle bool   // something else than sessions was stored that must survive a power cut
}

type encryptionKey struct{}

// WithEncryption marks a context for one call of SendMessage; after the call release must be called.
func WithEncryption(ctx context.Context) (marked context.Context, release func()) {
	e := &encryption{}
	return context.WithValue(ctx, encryptionKey{}, e), e.release
}

func encryptionIn(ctx context.Context) *encryption {
	e, _ := ctx.Value(encryptionKey{}).(*encryption)
	return e
}

func (e *encryption) acquire(ctx context.Context, l sessionLock) error {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.unlock != nil {
		return nil
	}
	if err := l.lock(ctx); err != nil {
		return err
	}
	e.unlock = l.unlock
	return nil
}

// mustSettle says that the encryption has used a key of a group.
func (e *encryption) mustSettle() {
	e.lock.Lock()
	defer e.lock.Unlock()
	e.settle = true
}

// end is release; it says whether the encryption has used a key of a group.
func (e *encryption) end() bool {
	e.release()
	e.lock.Lock()
	defer e.lock.Unlock()
	return e.settle
}

// release may be called any number of times.
func (e *encryption) release() {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.unlock != nil {
		e.unlock()
		e.unlock = nil
	}
}

type guardedSessions struct {
	store.SessionStore
	lock   sessionLock
	settle func(context.Context) error
	aheads *aheads
}

// GetManySessions implements store.SessionStore: encryption begins with it.
func (g guardedSessions) GetManySessions(ctx context.Context, addresses []string) (map[string][]byte, error) {
	if e := encryptionIn(ctx); e != nil {
		if err := e.acquire(ctx, g.lock); err != nil {
			return nil, err
		}
	}
	return g.getMany(ctx, addresses)
}

// PutManySessions implements store.SessionStore: encryption ends with it.
func (g guardedSessions) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	changed := g.aheads.encrypted(sessions)
	settle := len(changed) > 0
	var err error
	if settle {
		err = g.SessionStore.PutManySessions(ctx, changed)
	}
	if e := encryptionIn(ctx); e != nil {
		settle = e.end() || settle // others need not wait for the disk
	}
	if err == nil && settle {
		err = g.settle(ctx)
	}
	if err != nil { // nothing leaves, but what is stored may not be ahead
		g.aheads.forget(slices.Collect(maps.Keys(sessions))...)
	}
	return err
}

// PutSession implements store.SessionStore: with it ends decryption, and the encryption of what goes to one device only
// (answers to retries, requests to the phone). That is stored as it is.
func (g guardedSessions) PutSession(ctx context.Context, address string, session []byte) error {
	g.aheads.forget(address)
	if err := g.SessionStore.PutSession(ctx, address, session); err != nil {
		return err
	}
	if ctx.Value(decryptionKey{}) != nil {
		return nil
	}
	return g.settle(ctx)
}

type guardedSenderKeys struct {
	store.SenderKeyStore
}

// PutSenderKey implements store.SenderKeyStore.
func (g guardedSenderKeys) PutSenderKey(ctx context.Context, group, user string, key []byte) error {
	if e := encryptionIn(ctx); e != nil {
		e.mustSettle()
	}
	return g.SenderKeyStore.PutSenderKey(ctx, group, user, key)
}

// decryptionKey marks the context of decryption.
type decryptionKey struct{}

type guardedBuffer struct {
	store.EventBuffer
	lock sessionLock
}

// GetBufferedEvent implements store.EventBuffer. The library asks it whether a message was decrypted before, and at once
// decrypts the message if not: the lock is kept until then. Otherwise two deliveries of a message, over a connection that has
// ended and over the next, may both find that it was not; the second would meet a used key, and the library would
// acknowledge the message, whatever becomes of the first.
func (g guardedBuffer) GetBufferedEvent(ctx context.Context, hash [32]byte) (*store.BufferedEvent, error) {
	if err := g.lock.lock(ctx); err != nil {
		return nil, err
	}
	found, err := g.EventBuffer.GetBufferedEvent(ctx, hash)
	if found != nil || err != nil {
		g.lock.unlock()
	}
	return found, err
}

// DoDecryptionTxn implements store.EventBuffer: all decryption happens in it, behind GetBufferedEvent.
func (g guardedBuffer) DoDecryptionTxn(ctx context.Context, decrypt func(context.Context) error) error {
	defer g.lock.unlock()
	return g.EventBuffer.DoDecryptionTxn(context.WithValue(ctx, decryptionKey{}, true), decrypt)
}
