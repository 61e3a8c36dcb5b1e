package signal

import (
	"context"
	"fmt"

	grouprecord "go.mau.fi/libsignal/groups/state/record"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/state/record"
	signalstore "go.mau.fi/libsignal/state/store"
)

// store is libsignal's storage in memory. Sessions and sender keys are kept serialised, so that an operation that fails
// half-way leaves what was there before.
type store struct {
	device     *Device
	identities map[string][32]byte
	preKeys    map[uint32]*record.PreKey
	sessions   map[string][]byte
	senderKeys map[string][]byte
}

var _ signalstore.SignalProtocol = (*store)(nil)

func newStore(d *Device) *store {
	return &store{
		device:     d,
		identities: make(map[string][32]byte),
		preKeys:    make(map[uint32]*record.PreKey),
		sessions:   make(map[string][]byte),
		senderKeys: make(map[string][]byte),
	}
}

func (s *store) GetIdentityKeyPair() *identity.KeyPair { return s.device.identity }
func (s *store) GetLocalRegistrationID() uint32        { return s.device.registrationID }
func senderKeyID(name *protocol.SenderKeyName) string {
	return name.GroupID() + "|" + name.Sender().String()
}
func (s *store) DeleteAllSessions(context.Context) error { clear(s.sessions); return nil }

func (s *store) SaveIdentity(_ context.Context, address *protocol.SignalAddress, key *identity.Key) error {
	s.identities[address.String()] = key.PublicKey().PublicKey()
	return nil
}

// IsTrustedIdentity accepts every key: people reinstall, and a phone goes on (whatsapp-server.md section 17).
func (s *store) IsTrustedIdentity(context.Context, *protocol.SignalAddress, *identity.Key) (bool, error) {
	return true, nil
}

func (s *store) LoadPreKey(_ context.Context, id uint32) (*record.PreKey, error) {
	return s.preKeys[id], nil
}

func (s *store) StorePreKey(_ context.Context, id uint32, key *record.PreKey) error {
	s.preKeys[id] = key
	return nil
}

func (s *store) ContainsPreKey(_ context.Context, id uint32) (bool, error) {
	_, ok := s.preKeys[id]
	return ok, nil
}

func (s *store) RemovePreKey(_ context.Context, id uint32) error {
	delete(s.preKeys, id)
	return nil
}

func (s *store) LoadSession(_ context.Context, address *protocol.SignalAddress) (*record.Session, error) {
	data, ok := s.sessions[address.String()]
	if !ok {
		return record.NewSession(serializer.Session, serializer.State), nil
	}
	session, err := record.NewSessionFromBytes(data, serializer.Session, serializer.State)
	if err != nil {
		return nil, fmt.Errorf("load session with %s: %w", address, err)
	}
	return session, nil
}

func (s *store) GetSubDeviceSessions(_ context.Context, name string) ([]uint32, error) {
	return nil, fmt.Errorf("list sessions of %q: this store does not index them", name)
}

func (s *store) StoreSession(_ context.Context, address *protocol.SignalAddress, session *record.Session) error {
	s.sessions[address.String()] = session.Serialize()
	return nil
}

func (s *store) ContainsSession(_ context.Context, address *protocol.SignalAddress) (bool, error) {
	_, ok := s.sessions[address.String()]
	return ok, nil
}

func (s *store) DeleteSession(_ context.Context, address *protocol.SignalAddress) error {
	delete(s.sessions, address.String())
	return nil
}

func (s *store) LoadSignedPreKey(_ context.Context, id uint32) (*record.SignedPreKey, error) {
	if id != signedPreKeyID {
		return nil, fmt.Errorf("load signed prekey %d: there is only %d", id, signedPreKeyID)
	}
	return s.device.signed, nil
}

func (s *store) LoadSignedPreKeys(context.Context) ([]*record.SignedPreKey, error) {
	return []*record.SignedPreKey{s.device.signed}, nil
}

func (s *store) StoreSignedPreKey(_ context.Context, id uint32, _ *record.SignedPreKey) error {
	return fmt.Errorf("store signed prekey %d: a simulated phone never rotates it", id)
}

func (s *store) ContainsSignedPreKey(_ context.Context, id uint32) (bool, error) {
	return id == signedPreKeyID, nil
}

func (s *store) RemoveSignedPreKey(_ context.Context, id uint32) error {
	return fmt.Errorf("remove signed prekey %d: a simulated phone keeps it", id)
}

func (s *store) StoreSenderKey(_ context.Context, name *protocol.SenderKeyName, key *grouprecord.SenderKey) error {
	s.senderKeys[senderKeyID(name)] = key.Serialize()
	return nil
}

func (s *store) LoadSenderKey(_ context.Context, name *protocol.SenderKeyName) (*grouprecord.SenderKey, error) {
	data, ok := s.senderKeys[senderKeyID(name)]
	if !ok {
		return grouprecord.NewSenderKey(serializer.SenderKeyRecord, serializer.SenderKeyState), nil
	}
	key, err := grouprecord.NewSenderKeyFromBytes(data, serializer.SenderKeyRecord, serializer.SenderKeyState)
	if err != nil {
		return nil, fmt.Errorf("load sender key of %s: %w", senderKeyID(name), err)
	}
	return key, nil
}
