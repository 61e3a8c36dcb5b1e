package waglobals

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// failing is a buffer whose first tries fail.
type failing struct {
	store.EventBuffer
	errs  []error
	tries int
}

func (f *failing) next() error {
	f.tries++
	if len(f.errs) == 0 {
		return nil
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return err
}

func (f *failing) GetBufferedEvent(context.Context, [32]byte) (*store.BufferedEvent, error) {
	return nil, f.next()
}

func (f *failing) DoDecryptionTxn(ctx context.Context, decrypt func(context.Context) error) error {
	if err := f.next(); err != nil {
		return err
	}
	return decrypt(ctx)
}

var errNoSession = errors.New("no session")

func TestDecryptionWaitsForTheDatabase(t *testing.T) {
	full := fmt.Errorf("store session: %w", sqlite3.Error{Code: sqlite3.ErrFull})
	for _, test := range []struct {
		name  string
		errs  []error
		tries int
		want  error
	}{
		{"works", nil, 1, nil},
		{"disk full for a while", []error{full, full, full}, 4, nil},
		{"PostgreSQL shuts down", []error{&pq.Error{Code: "57P01"}}, 2, nil},
		{"PostgreSQL takes no connections", []error{&pq.Error{Code: "55000"}}, 2, nil},
		{"can't be decrypted", []error{errNoSession}, 1, errNoSession},
		{"disk full, then can't be decrypted", []error{full, errNoSession}, 2, errNoSession},
	} {
		synctest.Test(t, func(t *testing.T) {
			buffer := &failing{errs: test.errs}
			device := &store.Device{EventBuffer: buffer}
			Patient(device)
			err := device.EventBuffer.DoDecryptionTxn(t.Context(), func(context.Context) error { return nil })
			if !errors.Is(err, test.want) || buffer.tries != test.tries {
				t.Errorf("%s: %v after %d tries, want %v after %d", test.name, err, buffer.tries, test.want, test.tries)
			}
			buffer.errs, buffer.tries = test.errs, 0
			if _, err = device.EventBuffer.GetBufferedEvent(t.Context(), [32]byte{}); !errors.Is(err, test.want) || buffer.tries != test.tries {
				t.Errorf("%s: looking failed with %v after %d tries, want %v after %d", test.name, err, buffer.tries, test.want, test.tries)
			}
		})
	}
}

func TestDecryptionStopsWaitingWithItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		buffer := &failing{}
		for range 100 {
			buffer.errs = append(buffer.errs, sqlite3.Error{Code: sqlite3.ErrFull})
		}
		device := &store.Device{EventBuffer: buffer}
		Patient(device)
		done := make(chan error)
		go func() { done <- device.EventBuffer.DoDecryptionTxn(ctx, func(context.Context) error { return nil }) }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v, want %v", err, context.Canceled)
		}
	})
}

// stores fail as often as errs has errors.
type failingIdentities struct {
	store.IdentityStore
	failing
}

func (f *failingIdentities) PutIdentity(context.Context, string, [32]byte) error { return f.next() }
func (f *failingIdentities) IsTrustedIdentity(context.Context, string, [32]byte) (bool, error) {
	err := f.next()
	return err == nil, err
}

type failingSessions struct {
	store.SessionStore
	failing
}

func (f *failingSessions) GetSession(context.Context, string) ([]byte, error) {
	if err := f.next(); err != nil {
		return nil, err
	}
	return []byte("session"), nil
}

func (f *failingSessions) HasSession(context.Context, string) (bool, error) {
	err := f.next()
	return err == nil, err
}

func (f *failingSessions) PutSession(context.Context, string, []byte) error { return f.next() }

type failingSecrets struct {
	store.MsgSecretStore
	failing
}

func (f *failingSecrets) PutMessageSecrets(context.Context, []store.MessageSecretInsert) error {
	return f.next()
}

func (f *failingSecrets) PutMessageSecret(context.Context, types.JID, types.JID, types.MessageID, []byte) error {
	return f.next()
}

func (f *failingSecrets) GetMessageSecret(context.Context, types.JID, types.JID, types.MessageID) ([]byte, types.JID, error) {
	return []byte("secret"), types.EmptyJID, f.next()
}

type failingLIDs struct {
	store.LIDStore
	failing
}

func (f *failingLIDs) GetPNForLID(context.Context, types.JID) (types.JID, error) {
	return types.NewJID("1", types.DefaultUserServer), f.next()
}

func (f *failingLIDs) GetLIDForPN(context.Context, types.JID) (types.JID, error) {
	return types.NewJID("1", types.HiddenUserServer), f.next()
}

func (f *failingLIDs) GetManyLIDsForPNs(context.Context, []types.JID) (map[types.JID]types.JID, error) {
	return map[types.JID]types.JID{}, f.next()
}

func TestEncryptionWaitsForTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := &pq.Error{Code: "57P03"}
		identities, sessions, secrets, lids := &failingIdentities{}, &failingSessions{}, &failingSecrets{}, &failingLIDs{}
		device := &store.Device{EventBuffer: &failing{}, Identities: identities, Sessions: sessions, MsgSecrets: secrets, LIDs: lids}
		all := []*failing{&identities.failing, &sessions.failing, &secrets.failing, &lids.failing}
		fail := func() {
			for _, one := range all {
				one.errs, one.tries = []error{away, away}, 0
			}
		}
		tries := func() (sum int) {
			for _, one := range all {
				sum += one.tries
			}
			return sum
		}
		Patient(device)
		ask := map[string]func(context.Context) (bool, error){
			"PutIdentity": func(ctx context.Context) (bool, error) {
				return true, device.Identities.PutIdentity(ctx, "", [32]byte{})
			},
			"IsTrustedIdentity": func(ctx context.Context) (bool, error) {
				return device.Identities.IsTrustedIdentity(ctx, "", [32]byte{})
			},
			"GetSession": func(ctx context.Context) (bool, error) {
				session, err := device.Sessions.GetSession(ctx, "")
				return string(session) == "session", err
			},
			"HasSession": func(ctx context.Context) (bool, error) { return device.Sessions.HasSession(ctx, "") },
			"PutSession": func(ctx context.Context) (bool, error) { return true, device.Sessions.PutSession(ctx, "", nil) },
			"PutMessageSecrets": func(ctx context.Context) (bool, error) {
				return true, device.MsgSecrets.PutMessageSecrets(ctx, nil)
			},
			"PutMessageSecret": func(ctx context.Context) (bool, error) {
				return true, device.MsgSecrets.PutMessageSecret(ctx, types.EmptyJID, types.EmptyJID, "", nil)
			},
			"GetMessageSecret": func(ctx context.Context) (bool, error) {
				secret, _, err := device.MsgSecrets.GetMessageSecret(ctx, types.EmptyJID, types.EmptyJID, "")
				return string(secret) == "secret", err
			},
			"GetPNForLID": func(ctx context.Context) (bool, error) {
				pn, err := device.LIDs.GetPNForLID(ctx, types.EmptyJID)
				return pn.User == "1", err
			},
			"GetLIDForPN": func(ctx context.Context) (bool, error) {
				lid, err := device.LIDs.GetLIDForPN(ctx, types.EmptyJID)
				return lid.User == "1", err
			},
			"GetManyLIDsForPNs": func(ctx context.Context) (bool, error) {
				lids, err := device.LIDs.GetManyLIDsForPNs(ctx, nil)
				return lids != nil, err
			},
		}
		for name, ask := range ask {
			fail()
			if ok, err := ask(t.Context()); !ok || err != nil || tries() != 3 {
				t.Errorf("%s: %t, %v after %d tries, want true, none after 3", name, ok, err, tries())
			}
			// The transaction is repeated as a whole.
			fail()
			whole := 0
			err := device.EventBuffer.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
				whole++
				_, err := ask(ctx)
				return err
			})
			if err != nil || whole != 3 || tries() != 3 {
				t.Errorf("%s in a transaction: %v after %d of it with %d tries, want none after 3 with 3", name, err, whole, tries())
			}
		}
	})
}
