package meow

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"go.mau.fi/whatsmeow/store"
)

// openBuffer decrypts without a database.
type openBuffer struct {
	store.EventBuffer
}

func (openBuffer) GetBufferedEvent(context.Context, [32]byte) (*store.BufferedEvent, error) {
	return nil, nil
}

func (openBuffer) DoDecryptionTxn(ctx context.Context, decrypt func(context.Context) error) error {
	return decrypt(ctx)
}

func guardedDevice() *store.Device {
	device := &store.Device{Sessions: &store.NoopStore{}, EventBuffer: openBuffer{}}
	GuardSessions(device, func(context.Context) error { return nil })
	return device
}

// TestSettledBeforeItLeaves: what was encrypted leaves when the library's store has returned, and by then the session must
// survive a power cut. Decryption need not wait, and could not: its transaction is open.
func TestSettledBeforeItLeaves(t *testing.T) {
	fault := errors.New("disk full")
	settled := 0
	device := &store.Device{Sessions: &store.NoopStore{}, EventBuffer: openBuffer{}}
	GuardSessions(device, func(context.Context) error { settled++; return fault })
	ctx, release := WithEncryption(t.Context())
	defer release()
	for _, test := range []struct {
		name string
		do   func() error
		want bool
	}{
		{"a message", func() error {
			return device.Sessions.PutManySessions(ctx, map[string][]byte{"person:1": []byte("odd")})
		}, true},
		{"a request to the phone", func() error { return device.Sessions.PutSession(ctx, "", nil) }, true},
		{"an answer to a retry", func() error { return device.Sessions.PutSession(t.Context(), "", nil) }, true},
		{"decryption", func() error {
			return decrypt(t.Context(), device, func(ctx context.Context) error { return device.Sessions.PutSession(ctx, "", nil) })
		}, false},
	} {
		before := settled
		err := test.do()
		if (settled > before) != test.want || errors.Is(err, fault) != test.want {
			t.Errorf("%s: settled %d times, error %v; want it: %t", test.name, settled-before, err, test.want)
		}
	}
}

// decrypt does what the library does with a message that it has not seen.
func decrypt(ctx context.Context, device *store.Device, do func(context.Context) error) error {
	if _, err := device.EventBuffer.GetBufferedEvent(ctx, [32]byte{}); err != nil {
		return err
	}
	return device.EventBuffer.DoDecryptionTxn(ctx, do)
}

// TestDecryptionWaitsForEncryption: between the reading of sessions and their writing nothing else changes them.
func TestDecryptionWaitsForEncryption(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(ctx context.Context, device *store.Device, release func()) error
	}{
		{"that stores", func(ctx context.Context, device *store.Device, _ func()) error {
			return device.Sessions.PutManySessions(ctx, nil)
		}},
		{"that fails", func(_ context.Context, _ *store.Device, release func()) error {
			release()
			return nil
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				device := guardedDevice()
				ctx, release := WithEncryption(t.Context())
				defer release()
				if _, err := device.Sessions.GetManySessions(ctx, nil); err != nil {
					t.Fatal(err)
				}
				decrypted := make(chan error, 1)
				go func() {
					decrypted <- decrypt(t.Context(), device, func(context.Context) error { return nil })
				}()
				synctest.Wait()
				if len(decrypted) > 0 {
					t.Fatal("decryption did not wait")
				}
				if err := test.end(ctx, device, release); err != nil {
					t.Fatal(err)
				}
				if err := <-decrypted; err != nil {
					t.Errorf("decryption: %v", err)
				}
			})
		})
	}
}

func TestEncryptionWaitsForDecryption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := guardedDevice()
		going, finish := make(chan struct{}), make(chan struct{})
		go func() {
			_ = decrypt(t.Context(), device, func(context.Context) error {
				close(going)
				<-finish
				return nil
			})
		}()
		<-going
		impatient, cancel := context.WithCancel(t.Context())
		cancel()
		marked, release := WithEncryption(impatient)
		if _, err := device.Sessions.GetManySessions(marked, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled encryption got error %v", err)
		}
		release()

		ctx, release := WithEncryption(t.Context())
		defer release()
		read := make(chan error, 1)
		go func() {
			_, err := device.Sessions.GetManySessions(ctx, nil)
			read <- err
		}()
		synctest.Wait()
		if len(read) > 0 {
			t.Error("encryption did not wait")
		}
		close(finish)
		if err := <-read; err != nil {
			t.Errorf("encryption: %v", err)
		}
	})
}

// TestUnmarkedCallsPass: what the library does of its own accord must not hang.
func TestUnmarkedCallsPass(t *testing.T) {
	device := guardedDevice()
	for range 2 {
		if _, err := device.Sessions.GetManySessions(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := device.Sessions.PutManySessions(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}
