// Package signal is the Signal device inside a simulated phone: its keys, its sessions with other devices and its group
// sender keys, all in memory, over libsignal. It knows nothing of stanzas, chats or people. A Device is not safe for
// concurrent use: the phone that owns it holds its lock around every call.
package signal

import (
	"fmt"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/serialize"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/libsignal/util/keyhelper"
)

// signedPreKeyID is the id of the only signed prekey that a simulated phone ever has.
const signedPreKeyID = 1

var serializer = serialize.NewProtoBufSerializer()

// PreKey is the public half of a prekey as it is registered with the server. A one-time prekey has no signature.
type PreKey struct {
	ID        uint32
	Key       [32]byte
	Signature [64]byte
}

// Device is one Signal device.
type Device struct {
	identity       *identity.KeyPair
	registrationID uint32
	signed         *record.SignedPreKey
	nextPreKey     uint32
	store          *store
}

// New makes a device with fresh keys and no one-time prekeys.
func New() (*Device, error) {
	pair, err := keyhelper.GenerateIdentityKeyPair()
	if err != nil {
		return nil, fmt.Errorf("generate identity key: %w", err)
	}
	signedPair, err := ecc.GenerateKeyPair()
	if err != nil {
		return nil, fmt.Errorf("generate signed prekey: %w", err)
	}
	signature := ecc.CalculateSignature(pair.PrivateKey(), signedPair.PublicKey().Serialize())
	d := &Device{
		identity:       pair,
		registrationID: keyhelper.GenerateRegistrationID(),
		signed: record.NewSignedPreKey(signedPreKeyID, time.Now().Unix(), signedPair, signature,
			serializer.SignedPreKeyRecord),
		nextPreKey: 1,
	}
	d.store = newStore(d)
	return d, nil
}

// RegistrationID is the number that marks this installation.
func (d *Device) RegistrationID() uint32 { return d.registrationID }

// Identity is the public identity key, without the type byte.
func (d *Device) Identity() [32]byte { return d.identity.PublicKey().PublicKey().PublicKey() }

// IdentityPrivate is the private identity key, which the pairing code's key agreement needs.
func (d *Device) IdentityPrivate() [32]byte { return d.identity.PrivateKey().Serialize() }

// Sign signs with the identity key.
func (d *Device) Sign(message []byte) [64]byte {
	return ecc.CalculateSignature(d.identity.PrivateKey(), message)
}

// SignedPreKey is the public half of the signed prekey.
func (d *Device) SignedPreKey() PreKey {
	return PreKey{
		ID:        signedPreKeyID,
		Key:       d.signed.KeyPair().PublicKey().PublicKey(),
		Signature: d.signed.Signature(),
	}
}

// NewPreKeys makes count one-time prekeys, keeps their private halves and returns the public ones.
func (d *Device) NewPreKeys(count int) ([]PreKey, error) {
	keys := make([]PreKey, 0, count)
	for range count {
		pair, err := ecc.GenerateKeyPair()
		if err != nil {
			return nil, fmt.Errorf("generate prekey: %w", err)
		}
		id := d.nextPreKey
		d.nextPreKey++
		d.store.preKeys[id] = record.NewPreKey(id, pair, serializer.PreKeyRecord)
		keys = append(keys, PreKey{ID: id, Key: pair.PublicKey().PublicKey()})
	}
	return keys, nil
}

// PreKeysLeft is how many one-time prekeys nobody has used yet.
func (d *Device) PreKeysLeft() int { return len(d.store.preKeys) }

// HasSession says whether messages to address can be encrypted without a bundle.
func (d *Device) HasSession(address Address) bool {
	_, ok := d.store.sessions[address.signal().String()]
	return ok
}

// ForgetSession makes the next message to address start a session from a bundle.
func (d *Device) ForgetSession(address Address) {
	delete(d.store.sessions, address.signal().String())
}
