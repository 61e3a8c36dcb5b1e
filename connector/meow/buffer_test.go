package meow

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mattn/go-sqlite3"
	"go.mau.fi/libsignal/signalerror"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
)

// memoryBuffer remembers what was decrypted. It gives others the time to ask, too, before it answers that it knows nothing.
type memoryBuffer struct {
	store.EventBuffer

	lock  sync.Mutex
	known map[[32]byte][]byte
}

func (m *memoryBuffer) get(hash [32]byte) []byte {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.known[hash]
}

func (m *memoryBuffer) GetBufferedEvent(_ context.Context, hash [32]byte) (*store.BufferedEvent, error) {
	plain := m.get(hash)
	time.Sleep(time.Second) // synctest: no real time passes; it lets the other delivery come in between
	if plain == nil {
		return nil, nil
	}
	return &store.BufferedEvent{Plaintext: plain}, nil
}

func (m *memoryBuffer) PutBufferedEvent(_ context.Context, hash [32]byte, plain []byte, _ time.Time) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.known[hash] = plain
	return nil
}

func (m *memoryBuffer) DoDecryptionTxn(ctx context.Context, decrypt func(context.Context) error) error {
	return decrypt(ctx)
}

// TestTwoDeliveriesDecryptOnce: the library's own way through the buffer, twice at a time.
func TestTwoDeliveriesDecryptOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := &store.Device{Sessions: &store.NoopStore{}, EventBuffer: &memoryBuffer{known: make(map[[32]byte][]byte)}}
		GuardSessions(device, func(context.Context) error { return nil })
		client := whatsmeow.NewClient(device, nil)
		client.EnableDecryptedEventBuffer = true
		used := false
		type result struct {
			plain []byte
			err   error
		}
		results := make(chan result, 2)
		for range 2 {
			go func() {
				//lint:ignore SA1019 the library calls this by itself only with a message of a real session
				plain, _, err := client.DangerousInternals().BufferedDecrypt(t.Context(), []byte("sealed"), time.Now(), func(context.Context) ([]byte, error) {
					if used {
						return nil, signalerror.ErrOldCounter
					}
					used = true
					return []byte("plain"), nil
				})
				results <- result{plain, err}
			}()
		}
		for range 2 {
			if got := <-results; got.err != nil || string(got.plain) != "plain" {
				t.Errorf("decrypted %q (%v), want %q", got.plain, got.err, "plain")
			}
		}
	})
}

// fullBuffer is one whose disk is full for one try.
type fullBuffer struct {
	*memoryBuffer
	full bool
}

func (f *fullBuffer) DoDecryptionTxn(ctx context.Context, decrypt func(context.Context) error) error {
	if f.full {
		f.full = false
		return sqlite3.Error{Code: sqlite3.ErrFull}
	}
	return f.memoryBuffer.DoDecryptionTxn(ctx, decrypt)
}

// TestTriesAgainKeepTheLock: a decryption that had to wait for the disk gives the sessions' lock back, once.
func TestTriesAgainKeepTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		buffer := &fullBuffer{&memoryBuffer{known: make(map[[32]byte][]byte)}, true}
		device := &store.Device{Sessions: &store.NoopStore{Error: errors.New("not asked")}, EventBuffer: buffer}
		GuardSessions(device, func(context.Context) error { return nil })
		client := whatsmeow.NewClient(device, nil)
		client.EnableDecryptedEventBuffer = true
		for _, sealed := range []string{"first", "second"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			//lint:ignore SA1019 see TestTwoDeliveriesDecryptOnce
			plain, _, err := client.DangerousInternals().BufferedDecrypt(ctx, []byte(sealed), time.Now(), func(context.Context) ([]byte, error) {
				return []byte("plain"), nil
			})
			if err != nil || string(plain) != "plain" {
				t.Errorf("the %s message is decrypted to %q (%v), want %q", sealed, plain, err, "plain")
			}
			cancel()
		}
	})
}
