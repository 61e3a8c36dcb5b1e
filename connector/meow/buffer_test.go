package meow

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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
