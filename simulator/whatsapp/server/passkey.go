package server

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// Passkey is what a companion and the phone of an account with a passkey say to each other while they pair. The
// specification leaves it out; what follows is what whatsmeow's client does (pair-passkey.go). The server only carries it.
type Passkey struct {
	pairing *Pairing

	// What the companion has sent, empty before; guarded by Server.mu.
	ref      string
	prologue *Prologue
	nonce    []byte
	request  []byte // EncryptedPairingRequest
}

// Prologue is the companion's answer to the question for the passkey.
type Prologue struct {
	Ref          string // that the server gave for it
	CredentialID []byte
	Assertion    []byte // JSON of the authenticator's answer
	Payload      []byte // ProloguePayload
	Proof        []byte // that the companion is the one whose code the phone has scanned
}

// AskPasskey asks the companion for the account's passkey. Options is the JSON of a WebAuthn request. Its error is
// ErrPairingGone.
func (p *Pairing) AskPasskey(options []byte) (*Passkey, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.over {
		return nil, fmt.Errorf("ask for passkey: %w", ErrPairingGone)
	}
	k := &Passkey{pairing: p}
	p.passkey = k
	p.tell("passkey_prologue_request", stanza.New("passkey_request_options", nil, options))
	return k, nil
}

// Continue sends the companion the phone's half of the exchange, a PrimaryEphemeralIdentity. Its error is ErrPairingGone.
func (k *Passkey) Continue(identity []byte) error {
	k.pairing.s.mu.Lock()
	defer k.pairing.s.mu.Unlock()
	if k.pairing.over {
		return fmt.Errorf("continue with passkey: %w", ErrPairingGone)
	}
	k.pairing.tell("crsc_continuation", stanza.New("primary_ephemeral_identity", nil, identity))
	return nil
}

// tell sends an unpaired companion a notification. The caller holds the lock.
func (p *Pairing) tell(kind string, content stanza.Node) {
	p.c.push(item{node: stanza.New("notification", stanza.Attrs{
		"from": types.ServerJID, "type": kind, "id": p.s.newID(), "t": p.s.now(),
	}, content)})
}

// AwaitPrologue, AwaitNonce and AwaitRequest block until the companion has sent that. Their errors are those of ctx,
// ErrPairingGone and ErrClosed.
func (k *Passkey) AwaitPrologue(ctx context.Context) (*Prologue, error) {
	if err := k.await(ctx, func() bool { return k.prologue != nil }); err != nil {
		return nil, err
	}
	return k.prologue, nil
}

// AwaitNonce is described at AwaitPrologue.
func (k *Passkey) AwaitNonce(ctx context.Context) ([]byte, error) {
	err := k.await(ctx, func() bool { return k.nonce != nil })
	return k.nonce, err
}

// AwaitRequest is described at AwaitPrologue.
func (k *Passkey) AwaitRequest(ctx context.Context) ([]byte, error) {
	err := k.await(ctx, func() bool { return k.request != nil })
	return k.request, err
}

func (k *Passkey) await(ctx context.Context, done func() bool) error {
	gone := false
	err := k.pairing.s.await(ctx, func() bool {
		gone = k.pairing.over
		return gone || done()
	})
	if err == nil && gone {
		err = ErrPairingGone
	}
	if err != nil {
		return fmt.Errorf("await companion with passkey: %w", err)
	}
	return nil
}

// received handles the companion's requests; it is false for those that are not about passkeys. The caller holds the lock.
func (k *Passkey) received(n stanza.Node) bool {
	children := stanza.Children(n)
	if k == nil || len(children) == 0 {
		return false
	}
	reply := k.pairing.c.reply
	switch child := children[0]; child.Tag {
	case "ref":
		k.ref = newRef()
		reply(result(n, stanza.New("ref", nil, k.ref)))
		return true
	case "passkey_prologue":
		prologue := &Prologue{
			Ref:          k.ref,
			CredentialID: stanza.ChildBytes(child, "credential_id"),
			Assertion:    stanza.ChildBytes(child, "webauthn_assertion"),
			Payload:      stanza.ChildBytes(child, "prologue_payload"),
			Proof:        stanza.ChildBytes(child, "pairing_handoff_proof"),
		}
		if k.ref == "" || len(prologue.CredentialID) == 0 || len(prologue.Assertion) == 0 || len(prologue.Payload) == 0 {
			reply(failed(n, errBadRequest))
			return true
		}
		k.prologue = prologue
	case "companion_nonce":
		k.nonce = stanza.Bytes(child)
	case "encrypted_pairing_request":
		k.request = stanza.Bytes(child)
	default:
		return false
	}
	reply(result(n))
	k.pairing.s.wake()
	return true
}
