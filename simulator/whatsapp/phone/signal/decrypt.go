package signal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/signalerror"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/libsignal/util/optional"
)

// maxStates is how many states of a session are kept.
const maxStates = 40

// Decrypt opens a message of kind msg or pkmsg from address. What is malformed is an error, never a panic, and leaves the
// session as it was.
//
// The library's own decryption tries the states of a session in place: an attempt that fails on one state changes it all
// the same, and when another state succeeds the damaged one is kept. Two devices that write to one another for the first
// time at once then lose messages that real phones don't. So each state is tried on a copy here.
func (d *Device) Decrypt(ctx context.Context, address Address, c Ciphertext) (plaintext []byte, err error) {
	defer recoverInto(&err, "decrypt %s from %s", c.Kind, address)
	switch c.Kind {
	case KindPreKey:
		plaintext, err = d.decryptPreKey(ctx, address, c.Data)
	case KindMessage:
		plaintext, err = d.decryptMessage(ctx, address, c.Data)
	default:
		err = errors.New("kind is unknown")
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt %s from %s: %w", c.Kind, address, err)
	}
	return plaintext, nil
}

func (d *Device) decryptMessage(ctx context.Context, address Address, data []byte) ([]byte, error) {
	message, err := protocol.NewSignalMessageFromBytes(data, serializer.SignalMessage)
	if err != nil {
		return nil, err
	}
	stored, ok := d.store.sessions[address.signal().String()]
	if !ok {
		return nil, signalerror.ErrNoSessionForUser
	}
	return d.tryStates(ctx, address, stored, message)
}

// decryptPreKey opens a message that may start a session; the one-time prekey is used up only when that worked.
func (d *Device) decryptPreKey(ctx context.Context, address Address, data []byte) ([]byte, error) {
	message, err := protocol.NewPreKeySignalMessageFromBytes(data, serializer.PreKeySignalMessage, serializer.SignalMessage)
	if err != nil {
		return nil, err
	}
	present, err := d.store.LoadSession(ctx, address.signal())
	if err != nil {
		return nil, err
	}
	used, err := session.NewBuilderFromSignal(d.store, address.signal(), serializer).Process(ctx, present, message)
	if err != nil {
		return nil, err
	}
	plaintext, err := d.tryStates(ctx, address, present.Serialize(), message.WhisperMessage())
	if err != nil {
		return nil, err
	}
	return plaintext, d.removePreKey(ctx, used)
}

func (d *Device) removePreKey(ctx context.Context, used *optional.Uint32) error {
	if used == nil || used.IsEmpty {
		return nil
	}
	return d.store.RemovePreKey(ctx, used.Value)
}

// tryStates opens a message with the first state of a serialised session that fits, makes that the current one and stores
// the session.
func (d *Device) tryStates(ctx context.Context, address Address, stored []byte, message *protocol.SignalMessage,
) ([]byte, error) {
	untouched, err := serializer.Session.Deserialize(stored)
	if err != nil {
		return nil, fmt.Errorf("load session: %w", err)
	}
	cipher := session.NewCipher(session.NewBuilderFromSignal(d.store, address.signal(), serializer), address.signal())
	states := append([]*record.StateStructure{untouched.SessionState}, untouched.PreviousStates...)
	for i := range states {
		state, err := copyOfState(stored, i)
		if err != nil {
			return nil, err
		}
		plaintext, _, err := cipher.DecryptWithState(ctx, state, message)
		if errors.Is(err, signalerror.ErrOldCounter) {
			return nil, err // the state fits: it has seen this message
		}
		if err != nil {
			if len(states) == 1 {
				return nil, err
			}
			continue
		}
		changed := record.NewSessionFromState(state, serializer.Session).Structure().SessionState
		others := slices.Delete(states, i, i+1)
		d.store.sessions[address.signal().String()] = serializer.Session.Serialize(&record.SessionStructure{
			SessionState:   changed,
			PreviousStates: others[:min(len(others), maxStates)],
		})
		return plaintext, nil
	}
	return nil, signalerror.ErrNoValidSessions
}

// copyOfState reads state number i of a serialised session, 0 being the current one.
func copyOfState(stored []byte, i int) (*record.State, error) {
	structure, err := serializer.Session.Deserialize(stored)
	if err != nil {
		return nil, fmt.Errorf("load session: %w", err)
	}
	chosen := structure.SessionState
	if i > 0 {
		chosen = structure.PreviousStates[i-1]
	}
	state, err := record.NewStateFromStructure(chosen, serializer.State)
	if err != nil {
		return nil, fmt.Errorf("load state %d of session: %w", i, err)
	}
	return state, nil
}
