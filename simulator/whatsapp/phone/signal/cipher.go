package signal

import (
	"context"
	"fmt"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/groups"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/util/optional"
)

// Kinds of ciphertext, as the wire names them.
const (
	KindMessage   = "msg"   // within a session
	KindPreKey    = "pkmsg" // starts a session
	KindSenderKey = "skmsg" // to a group
)

// Address names a device by the user part of its LID. Sessions are always keyed by LID (whatsapp-server.md section 13).
type Address struct {
	LID    string
	Device uint16
}

// signal is the address in libsignal's form; "_1" marks the LID domain.
func (a Address) signal() *protocol.SignalAddress {
	return protocol.NewSignalAddress(a.LID+"_1", uint32(a.Device))
}

// String is the LID with its device, for logs.
func (a Address) String() string { return fmt.Sprintf("%s:%d@lid", a.LID, a.Device) }

// Bundle is what the server hands out of a device, so that a session with it can be started.
type Bundle struct {
	RegistrationID uint32
	Identity       [32]byte
	Signed         PreKey
	OneTime        *PreKey // nil when the device has none left
}

// Ciphertext is one encrypted message.
type Ciphertext struct {
	Kind string
	Data []byte
}

// Start makes a session with address from its bundle, in place of any other. It fails when the signature of the signed
// prekey is wrong.
func (d *Device) Start(ctx context.Context, address Address, b Bundle) error {
	preKeyID := optional.NewEmptyUint32()
	var preKeyPublic ecc.ECPublicKeyable
	if b.OneTime != nil {
		preKeyID = optional.NewOptionalUint32(b.OneTime.ID)
		preKeyPublic = ecc.NewDjbECPublicKey(b.OneTime.Key)
	}
	bundle := prekey.NewBundle(b.RegistrationID, uint32(address.Device), preKeyID, b.Signed.ID, preKeyPublic,
		ecc.NewDjbECPublicKey(b.Signed.Key), b.Signed.Signature, identity.NewKey(ecc.NewDjbECPublicKey(b.Identity)))
	builder := session.NewBuilderFromSignal(d.store, address.signal(), serializer)
	if err := builder.ProcessBundle(ctx, bundle); err != nil {
		return fmt.Errorf("start session with %s: %w", address, err)
	}
	return nil
}

// Encrypt encrypts for one device, with which there must be a session.
func (d *Device) Encrypt(ctx context.Context, address Address, plaintext []byte) (Ciphertext, error) {
	if !d.HasSession(address) {
		return Ciphertext{}, fmt.Errorf("encrypt for %s: no session", address)
	}
	builder := session.NewBuilderFromSignal(d.store, address.signal(), serializer)
	message, err := session.NewCipher(builder, address.signal()).Encrypt(ctx, plaintext)
	if err != nil {
		return Ciphertext{}, fmt.Errorf("encrypt for %s: %w", address, err)
	}
	kind := KindMessage
	if message.Type() == protocol.PREKEY_TYPE {
		kind = KindPreKey
	}
	return Ciphertext{kind, message.Serialize()}, nil
}

// GroupKey returns the distribution message of this device's own sender key for group, which it makes at the first call.
func (d *Device) GroupKey(ctx context.Context, group string, self Address) ([]byte, error) {
	builder := groups.NewGroupSessionBuilder(d.store, serializer)
	message, err := builder.Create(ctx, protocol.NewSenderKeyName(group, self.signal()))
	if err != nil {
		return nil, fmt.Errorf("make sender key for %s: %w", group, err)
	}
	return message.Serialize(), nil
}

// ForgetGroupKey drops this device's own sender key for group, so that the next GroupKey is a new one.
func (d *Device) ForgetGroupKey(group string, self Address) {
	delete(d.store.senderKeys, senderKeyID(protocol.NewSenderKeyName(group, self.signal())))
}

// AcceptGroupKey takes in the sender key of another device for group.
func (d *Device) AcceptGroupKey(ctx context.Context, group string, sender Address, data []byte) (err error) {
	defer recoverInto(&err, "accept sender key of %s for %s", sender, group)
	message, err := protocol.NewSenderKeyDistributionMessageFromBytes(data, serializer.SenderKeyDistributionMessage)
	if err != nil {
		return fmt.Errorf("parse sender key of %s for %s: %w", sender, group, err)
	}
	builder := groups.NewGroupSessionBuilder(d.store, serializer)
	if err := builder.Process(ctx, protocol.NewSenderKeyName(group, sender.signal()), message); err != nil {
		return fmt.Errorf("accept sender key of %s for %s: %w", sender, group, err)
	}
	return nil
}

// EncryptGroup encrypts for a group with this device's own sender key.
func (d *Device) EncryptGroup(ctx context.Context, group string, self Address, plaintext []byte) (Ciphertext, error) {
	message, err := d.groupCipher(group, self).Encrypt(ctx, plaintext)
	if err != nil {
		return Ciphertext{}, fmt.Errorf("encrypt for %s: %w", group, err)
	}
	return Ciphertext{KindSenderKey, message.SignedSerialize()}, nil
}

// DecryptGroup opens a group message of sender, whose sender key must be known.
func (d *Device) DecryptGroup(ctx context.Context, group string, sender Address, data []byte) (plain []byte, err error) {
	defer recoverInto(&err, "decrypt skmsg of %s for %s", sender, group)
	message, err := protocol.NewSenderKeyMessageFromBytes(data, serializer.SenderKeyMessage)
	if err != nil {
		return nil, fmt.Errorf("parse skmsg of %s for %s: %w", sender, group, err)
	}
	plain, err = d.groupCipher(group, sender).Decrypt(ctx, message)
	if err != nil {
		return nil, fmt.Errorf("decrypt skmsg of %s for %s: %w", sender, group, err)
	}
	return plain, nil
}

func (d *Device) groupCipher(group string, sender Address) *groups.GroupCipher {
	builder := groups.NewGroupSessionBuilder(d.store, serializer)
	return groups.NewGroupCipher(builder, protocol.NewSenderKeyName(group, sender.signal()), d.store)
}

// recoverInto turns a panic of libsignal over malformed input into an error.
func recoverInto(err *error, format string, args ...any) {
	if r := recover(); r != nil {
		*err = fmt.Errorf(format+": malformed: %v", append(args, r)...)
	}
}
