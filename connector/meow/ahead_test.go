package meow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/util/optional"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// disk is a device's stores with a power cut: what was not synced may be gone.
type disk struct {
	store.NoopStore
	sessions, synced map[string][]byte
	fault            error // of the next sync
	read, written    int   // sessions
	syncs            int
	preKey           *keys.PreKey
}

func (d *disk) GetSession(_ context.Context, address string) ([]byte, error) {
	d.read++
	return d.sessions[address], nil
}

func (d *disk) HasSession(_ context.Context, address string) (bool, error) {
	return d.sessions[address] != nil, nil
}

func (d *disk) GetManySessions(_ context.Context, addresses []string) (map[string][]byte, error) {
	found := make(map[string][]byte)
	for _, address := range addresses {
		d.read++
		found[address] = d.sessions[address]
	}
	return found, nil
}

func (d *disk) PutSession(_ context.Context, address string, session []byte) error {
	d.written++
	d.sessions[address] = session
	return nil
}

func (d *disk) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	for address, session := range sessions {
		_ = d.PutSession(ctx, address, session)
	}
	return nil
}

func (d *disk) sync(context.Context) error {
	if d.fault != nil {
		defer func() { d.fault = nil }()
		return d.fault
	}
	d.syncs++
	d.synced = maps.Clone(d.sessions)
	return nil
}

func (d *disk) IsTrustedIdentity(context.Context, string, [32]byte) (bool, error) { return true, nil }

func (d *disk) GetPreKey(context.Context, uint32) (*keys.PreKey, error) { return d.preKey, nil }

// party is a device of one of two people.
type party struct {
	*testing.T
	disk   *disk
	device *store.Device
	name   *protocol.SignalAddress
}

func newParty(t *testing.T, name string) *party {
	own := keys.NewKeyPair()
	p := &party{T: t, name: protocol.NewSignalAddress(name, 1), disk: &disk{sessions: make(map[string][]byte), preKey: keys.NewPreKey(7)}}
	p.device = &store.Device{IdentityKey: own, SignedPreKey: own.CreateSignedPreKey(1), RegistrationID: 1, Identities: p.disk, PreKeys: p.disk}
	p.start()
	return p
}

// start is the start of the program, from what the disk holds.
func (p *party) start() {
	p.device.Sessions, p.device.SenderKeys, p.device.EventBuffer = p.disk, p.disk, openBuffer{}
	GuardSessions(p.device, p.disk.sync)
}

// cutPower loses what was not synced.
func (p *party) cutPower() {
	p.disk.sessions = maps.Clone(p.disk.synced)
	if p.disk.sessions == nil {
		p.disk.sessions = make(map[string][]byte)
	}
	p.start()
}

func (p *party) bundle() *prekey.Bundle {
	signed := p.device.SignedPreKey
	return prekey.NewBundle(p.device.RegistrationID, 1, optional.NewOptionalUint32(p.disk.preKey.KeyID), signed.KeyID,
		ecc.NewDjbECPublicKey(*p.disk.preKey.Pub), ecc.NewDjbECPublicKey(*signed.Pub), *signed.Signature,
		identity.NewKey(ecc.NewDjbECPublicKey(*p.device.IdentityKey.Pub)))
}

// encrypt does what whatsmeow does to send.
func (p *party) encrypt(to *party, text string) (protocol.CiphertextMessage, error) {
	p.Helper()
	ctx, release := WithEncryption(p.Context())
	defer release()
	existing, ctx, err := p.device.WithCachedSessions(ctx, []string{to.name.String()})
	if err != nil {
		return nil, err
	}
	builder := session.NewBuilderFromSignal(p.device, to.name, store.SignalProtobufSerializer)
	if !existing[to.name.String()] {
		if err = builder.ProcessBundle(ctx, to.bundle()); err != nil {
			return nil, err
		}
	}
	encrypted, err := session.NewCipher(builder, to.name).Encrypt(ctx, []byte(text))
	if err != nil {
		return nil, err
	}
	return encrypted, p.device.PutCachedSessions(ctx)
}

// mustDecrypt does what whatsmeow does with what comes. A key that was used before is an error.
func (p *party) mustDecrypt(from *party, encrypted protocol.CiphertextMessage, want string) {
	p.Helper()
	builder := session.NewBuilderFromSignal(p.device, from.name, store.SignalProtobufSerializer)
	cipher := session.NewCipher(builder, from.name)
	err := decrypt(p.Context(), p.device, func(ctx context.Context) error {
		var text []byte
		var err error
		switch message := encrypted.(type) {
		case *protocol.PreKeySignalMessage:
			text, err = cipher.DecryptMessage(ctx, message)
		case *protocol.SignalMessage:
			text, err = cipher.Decrypt(ctx, message)
		}
		if err == nil && string(text) != want {
			err = fmt.Errorf("text is %q", text)
		}
		return err
	})
	if err != nil {
		p.Fatalf("%s could not decrypt %q: %v", p.name, want, err)
	}
}

func (p *party) mustSend(to *party, text string) {
	p.Helper()
	encrypted, err := p.encrypt(to, text)
	if err != nil {
		p.Fatalf("%s could not encrypt %q: %v", p.name, text, err)
	}
	to.mustDecrypt(p, encrypted, text)
}

// TestNoKeyIsUsedTwice: whatever happens to the program, the disk or the power, everything that leaves can be decrypted.
func TestNoKeyIsUsedTwice(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			bridge, person := newParty(t, "bridge"), newParty(t, "person")
			for i := range 120 {
				text := fmt.Sprint(i)
				switch n := random.IntN(20); {
				case n < 15:
					bridge.mustSend(person, text)
				case n == 15 && i > 0: // a person's message that is lost is not what is looked at here
					if len(person.disk.sessions) > 0 && len(bridge.disk.sessions) > 0 {
						person.mustSend(bridge, text)
					}
				case n == 16:
					bridge.cutPower()
				case n == 17:
					bridge.start()
				case n == 18: // then nothing leaves
					bridge.disk.fault = errors.New("disk full")
					if encrypted, err := bridge.encrypt(person, text); err == nil {
						person.mustDecrypt(bridge, encrypted, text)
					}
					bridge.disk.fault = nil
				case n == 19: // lost on the way
					if _, err := bridge.encrypt(person, text); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// TestMostMessagesNeedNoDisk counts what is read, stored and synced for a hundred messages to one device.
func TestMostMessagesNeedNoDisk(t *testing.T) {
	bridge, person := newParty(t, "bridge"), newParty(t, "person")
	for i := range 3*keysAhead + 1 {
		bridge.mustSend(person, fmt.Sprint(i))
	}
	if d := bridge.disk; d.read != 1 || d.written != 3 || d.syncs != 3 {
		t.Errorf("%d sessions read, %d stored, %d times synced; want 1, 3, 3", d.read, d.written, d.syncs)
	}
	// What came from the other side is stored as it is, and its own chain begins.
	person.mustSend(bridge, "answer")
	bridge.mustSend(person, "thanks")
	if d := bridge.disk; d.written != 5 || d.syncs != 4 {
		t.Errorf("after an answer %d sessions stored, %d times synced; want 5, 4", d.written, d.syncs)
	}
}

// TestKeysOfGroupsAreAlwaysSettled: they are not set aside.
func TestKeysOfGroupsAreAlwaysSettled(t *testing.T) {
	bridge, person := newParty(t, "bridge"), newParty(t, "person")
	bridge.mustSend(person, "first")
	for i := range 3 {
		ctx, release := WithEncryption(t.Context())
		if err := bridge.device.SenderKeys.PutSenderKey(ctx, "group", "me", nil); err != nil {
			t.Fatal(err)
		}
		if err := bridge.device.Sessions.PutManySessions(ctx, nil); err != nil {
			t.Fatal(err)
		}
		release()
		if want := 2 + i; bridge.disk.syncs != want {
			t.Errorf("synced %d times, want %d", bridge.disk.syncs, want)
		}
	}
}

// TestChangedSessionsAreReadAgain: what the library does to sessions beside encrypting is seen.
func TestChangedSessionsAreReadAgain(t *testing.T) {
	number, lid := types.NewJID("person", types.DefaultUserServer), types.NewJID("1", types.HiddenUserServer)
	for _, test := range []struct {
		name string
		do   func(store.SessionStore) error
		want bool // that it is read
	}{
		{"deleted", func(s store.SessionStore) error { return s.DeleteSession(t.Context(), "person:1") }, true},
		{"all deleted", func(s store.SessionStore) error { return s.DeleteAllSessions(t.Context(), "person") }, true},
		{"of somebody else deleted", func(s store.SessionStore) error { return s.DeleteAllSessions(t.Context(), "perso") }, false},
		{"handed to the LID", func(s store.SessionStore) error { return s.MigratePNToLID(t.Context(), number, lid) }, true},
		{"replaced", func(s store.SessionStore) error { return s.PutSession(t.Context(), "person:1", []byte("x")) }, true},
	} {
		bridge, person := newParty(t, "bridge"), newParty(t, "person")
		bridge.mustSend(person, "first")
		before := bridge.disk.read
		if err := test.do(bridge.device.Sessions); err != nil {
			t.Fatal(err)
		}
		if _, err := bridge.device.Sessions.GetSession(t.Context(), "person:1"); err != nil {
			t.Fatal(err)
		}
		if got := bridge.disk.read > before; got != test.want {
			t.Errorf("%s: read again %t, want %t", test.name, got, test.want)
		}
	}
}

// TestSessionsInMemoryAreBounded, and what the library can't read is stored as it is.
func TestSessionsInMemoryAreBounded(t *testing.T) {
	a := newAheads()
	if changed := a.encrypted(map[string][]byte{"a:1": []byte("odd")}); string(changed["a:1"]) != "odd" || a.get("a:1") != nil {
		t.Errorf("stored is %q, in use %q; want the session itself and none", changed["a:1"], a.get("a:1"))
	}
	bridge, person := newParty(t, "bridge"), newParty(t, "person")
	bridge.mustSend(person, "first")
	some := bridge.disk.sessions["person:1"]
	for i := range 2 * mostAhead {
		a.encrypted(map[string][]byte{fmt.Sprint(i, ":1"): some})
		if len(a.sessions) > mostAhead {
			t.Fatalf("%d sessions are kept", len(a.sessions))
		}
	}
}
