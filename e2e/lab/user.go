package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "go.mau.fi/util/dbutil/litestream" // the SQLite driver of the crypto store

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto/cryptohelper"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// User is a person with a Matrix client: logged in by password, able to encrypt, joining whatever they are invited to,
// and remembering everything that the client is shown. It syncs in a goroutine of its own until Close.
type User struct {
	ID       id.UserID
	Password string
	Client   *mautrix.Client
	// Patience is how long the Await methods wait.
	Patience time.Duration

	crypto *cryptohelper.CryptoHelper
	cancel context.CancelFunc
	synced chan struct{} // closed when the sync loop has ended

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change
	rooms   map[id.RoomID]*roomLog
	account []*event.Event
	// withheld is what others said of keys that they do not give.
	withheld []event.RoomKeyWithheldEventContent
	failure  error // why the sync loop ended, or a join failed
	refused  int   // how many syncs in a row the homeserver has failed with an error of its own
}

// Login logs a registered user in and returns after their first sync. The client's keys are kept in dir.
func (h *Homeserver) Login(ctx context.Context, localpart, password, dir string) (*User, error) {
	return Login(ctx, h.URL, localpart, password, dir)
}

// Login is Homeserver.Login for a homeserver that the lab did not start.
func Login(ctx context.Context, homeserver, localpart, password, dir string) (*User, error) {
	client, err := mautrix.NewClient(homeserver, "", "")
	if err != nil {
		return nil, fmt.Errorf("make client for %s: %w", homeserver, err)
	}
	u := &User{
		Password: password, Client: client, Patience: 30 * time.Second,
		synced: make(chan struct{}), changed: make(chan struct{}), rooms: make(map[id.RoomID]*roomLog),
	}
	syncer := &eagerSyncer{mautrix.NewDefaultSyncer(), u}
	syncer.FilterJSON = &mautrix.Filter{Room: &mautrix.RoomFilter{Timeline: &mautrix.FilterPart{Limit: 5000}}}
	client.Syncer = syncer
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of user %q: %w", localpart, err)
	}
	u.crypto, err = cryptohelper.NewCryptoHelper(client, []byte("lab"), filepath.Join(dir, localpart+"-keys.db"))
	if err != nil {
		return nil, fmt.Errorf("make key store of user %q: %w", localpart, err)
	}
	u.crypto.LoginAs = &mautrix.ReqLogin{
		Type: mautrix.AuthTypePassword, Password: password, InitialDeviceDisplayName: "lab",
		Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: localpart},
	}
	u.crypto.DecryptErrorCallback = u.onDecryptError
	if err = u.crypto.Init(ctx); err != nil {
		_ = u.crypto.Close()
		return nil, fmt.Errorf("log in user %q: %w", localpart, err)
	}
	client.Crypto = u.crypto
	u.ID = client.UserID
	first := make(chan struct{})
	var once sync.Once
	// Last of the sync listeners: keys that came with this sync are stored when its events are looked at.
	syncer.OnSync(func(context.Context, *mautrix.RespSync, string) bool {
		once.Do(func() { close(first) })
		u.mu.Lock()
		defer u.mu.Unlock()
		u.refused = 0
		return true
	})
	syncer.OnEvent(u.onEvent)
	syncer.OnEventType(event.ToDeviceRoomKeyWithheld, u.onWithheld)
	return u, u.startSync(ctx, first)
}

func (u *User) startSync(ctx context.Context, first <-chan struct{}) error {
	// The sync outlives the login's context; Close ends it.
	syncCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	u.cancel = cancel
	go func() {
		defer close(u.synced)
		if err := u.Client.SyncWithContext(syncCtx); err != nil && syncCtx.Err() == nil {
			u.fail(fmt.Errorf("sync of %s ended: %w", u.ID, err))
		}
	}()
	select {
	case <-first:
		return nil
	case <-u.synced:
		return u.Failure()
	case <-ctx.Done():
		u.Close()
		return fmt.Errorf("wait for the first sync of %s: %w", u.ID, ctx.Err())
	}
}

// Close ends the sync and waits for it. The user stays logged in on the server.
func (u *User) Close() {
	if u == nil {
		return
	}
	u.cancel()
	<-u.synced
	_ = u.crypto.Close()
}

// Failure is what the client met that no scenario wants: a sync that ended, an invitation that could not be accepted.
func (u *User) Failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.failure
}

func (u *User) fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.failure = errors.Join(u.failure, err)
	u.announce()
}

// announce wakes everyone who waits. The caller holds u.mu.
func (u *User) announce() {
	close(u.changed)
	u.changed = make(chan struct{})
}

// Changes returns a channel that is closed when the client is shown something new.
func (u *User) Changes() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.changed
}

// KnownRooms lists the rooms that the client was shown anything of.
func (u *User) KnownRooms() []*Room {
	u.mu.Lock()
	defer u.mu.Unlock()
	var rooms []*Room
	for roomID := range u.rooms {
		if roomID != "" {
			rooms = append(rooms, &Room{ID: roomID, User: u})
		}
	}
	return rooms
}

// eagerSyncer tries again at once when a sync fails: the lab restarts homeservers.
type eagerSyncer struct {
	*mautrix.DefaultSyncer
	user *User
}

func (s *eagerSyncer) OnFailedSync(_ *mautrix.RespSync, err error) (time.Duration, error) {
	if errors.Is(err, mautrix.MUnknownToken) {
		return 0, err
	}
	if failed, ok := errors.AsType[mautrix.HTTPError](err); ok && failed.IsStatus(http.StatusInternalServerError) {
		s.user.mu.Lock()
		defer s.user.mu.Unlock()
		s.user.refused++
	}
	return 200 * time.Millisecond, nil
}

// mostRefused is how many syncs in a row a homeserver may fail with an error of its own that is still to do with being started.
const mostRefused = 25

// Refused is whether the homeserver runs, but has failed this user's syncs for long, and will until it is restarted: a SQLite
// database of Synapse's 1.160 may come to that when it is restarted under load ("no such table: instance_map"). It counts anew
// then.
func (u *User) Refused() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.refused < mostRefused {
		return false
	}
	u.refused = 0
	return true
}

// Await waits until check returns nil, looking again at each thing that the client is shown and a few times a second
// (for what only a request can tell). The error of the last try is part of the result: let it say what is there instead.
func (u *User) Await(ctx context.Context, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, u.Patience)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	last := errors.New("never looked")
	for {
		u.mu.Lock()
		changed, failure := u.changed, u.failure
		u.mu.Unlock()
		if failure != nil {
			return fmt.Errorf("wait for %s: %w", what, failure)
		}
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err // once the time is over, errors only say that the time is over
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; after %s: %w", what, ctx.Err(), u.Patience, last)
		}
	}
}
