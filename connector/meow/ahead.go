package meow

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// A session that has encrypted something must be on disk before that leaves, or else a power cut would make it an earlier
// one, which uses keys twice. To sync the disk for each message costs as much as half of all else that is done for it. So
// what is stored of a session is ahead of the one in use: its sending chain has moved on by some keys, which are set aside
// for what is encrypted next. Until those are used up nothing is stored, and nothing needs to be synced: whatever happens,
// the session that is found afterwards has never used the keys that it will use.
//
// Keys that are left out then do no harm: recipients keep up to 2,000 of messages that have not come
// (libsignal's session.Cipher). Nothing else of a session may change without its being stored as it is: see guardedSessions.

const (
	// keysAhead is how many keys of a session are set aside at a time.
	keysAhead = 32
	// mostAhead bounds how many sessions are kept in memory, at some kilobytes each.
	mostAhead = 256
)

// aheads are the sessions in use of which the stored ones are ahead, by address. To forget one is always safe, and skips the
// keys that were set aside for it.
type aheads struct {
	lock     sync.Mutex
	sessions map[string]aheadSession
	migrated map[string]bool // phone numbers
}

// aheadSession is a session in use.
type aheadSession struct {
	session []byte
	chain   string // the public key of its sending chain
	next    uint32 // the key of the chain that is used next
	end     uint32 // the first one that is not set aside
}

func newAheads() *aheads {
	return &aheads{sessions: make(map[string]aheadSession), migrated: make(map[string]bool)}
}

// get is a session in use, nil if the stored one is.
func (a *aheads) get(address string) []byte {
	a.lock.Lock()
	defer a.lock.Unlock()
	return a.sessions[address].session
}

// encrypted notes sessions that have encrypted something, and returns what is to be stored before that leaves: sessions
// that are ahead of them. It is empty if the stored ones are ahead already.
func (a *aheads) encrypted(sessions map[string][]byte) map[string][]byte {
	a.lock.Lock()
	defer a.lock.Unlock()
	store := make(map[string][]byte)
	for address, session := range sessions {
		parsed, now := parse(session)
		if parsed == nil {
			delete(a.sessions, address)
			store[address] = session
			continue
		}
		before, known := a.sessions[address]
		if known && now.chain == before.chain && now.next > before.next && now.next <= before.end {
			now.end = before.end
		} else {
			now.end = now.next + keysAhead
			store[address] = moveOn(parsed)
		}
		if !known && len(a.sessions) >= mostAhead {
			clear(a.sessions)
		}
		a.sessions[address] = now
	}
	return store
}

// parse is nil if the session has no sending chain, or is in a form that the library does not know.
func parse(session []byte) (*record.Session, aheadSession) {
	serializer := store.SignalProtobufSerializer
	parsed, err := record.NewSessionFromBytes(session, serializer.Session, serializer.State)
	if err != nil || !parsed.SessionState().HasSenderChain() {
		return nil, aheadSession{}
	}
	state := parsed.SessionState()
	return parsed, aheadSession{
		session: session, chain: string(state.SenderRatchetKey().Serialize()), next: state.SenderChainKey().Index(),
	}
}

// moveOn is the session as it will be when the keys that are set aside are used.
func moveOn(session *record.Session) []byte {
	state := session.SessionState()
	key := state.SenderChainKey()
	for range keysAhead {
		key = key.NextKey()
	}
	state.SetSenderChainKey(key)
	return session.Serialize()
}

// forget lets the stored sessions be those in use.
func (a *aheads) forget(addresses ...string) {
	a.lock.Lock()
	defer a.lock.Unlock()
	for _, address := range addresses {
		delete(a.sessions, address)
	}
}

// forgetUser is forget for all devices of a user, who is named as in addresses.
func (a *aheads) forgetUser(user string) {
	a.lock.Lock()
	defer a.lock.Unlock()
	maps.DeleteFunc(a.sessions, func(address string, _ aheadSession) bool { return strings.HasPrefix(address, user+":") })
}

// migrates is whether the library's store has not been asked yet to hand a phone number's sessions to its LID. It does so
// only once, and is asked for each message.
func (a *aheads) migrates(number string) bool {
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.migrated[number] {
		return false
	}
	a.migrated[number] = true
	return true
}

// GetSession implements store.SessionStore.
func (g guardedSessions) GetSession(ctx context.Context, address string) ([]byte, error) {
	if session := g.aheads.get(address); session != nil {
		return session, nil
	}
	return g.SessionStore.GetSession(ctx, address)
}

// getMany is GetManySessions without the lock. It asks the database only for what is not at hand.
func (g guardedSessions) getMany(ctx context.Context, addresses []string) (map[string][]byte, error) {
	known := make(map[string][]byte)
	unknown := slices.DeleteFunc(slices.Clone(addresses), func(address string) bool {
		session := g.aheads.get(address)
		if session != nil {
			known[address] = session
		}
		return session != nil
	})
	if len(unknown) == 0 {
		return known, nil
	}
	found, err := g.SessionStore.GetManySessions(ctx, unknown)
	if err != nil {
		return nil, err
	}
	maps.Copy(known, found)
	return known, nil
}

// DeleteSession implements store.SessionStore.
func (g guardedSessions) DeleteSession(ctx context.Context, address string) error {
	g.aheads.forget(address)
	return g.SessionStore.DeleteSession(ctx, address)
}

// DeleteAllSessions implements store.SessionStore.
func (g guardedSessions) DeleteAllSessions(ctx context.Context, user string) error {
	g.aheads.forgetUser(user)
	return g.SessionStore.DeleteAllSessions(ctx, user)
}

// MigratePNToLID implements store.SessionStore.
func (g guardedSessions) MigratePNToLID(ctx context.Context, number, lid types.JID) error {
	if g.aheads.migrates(number.SignalAddressUser()) {
		g.aheads.forgetUser(number.SignalAddressUser())
		g.aheads.forgetUser(lid.SignalAddressUser())
	}
	return g.SessionStore.MigratePNToLID(ctx, number, lid)
}
