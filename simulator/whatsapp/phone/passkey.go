package phone

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/server"
)

// ErrPasskey is the error of linking a companion that has shown the wrong passkey, or is not the one that was scanned.
var ErrPasskey = errors.New("passkey was not accepted")

// linkByPasskey links a companion whose code was scanned, after it has shown the account's passkey. The companion makes a
// new secret for it and hands it over, locked with a key that both sides agree on.
func (p *Phone) linkByPasskey(ctx context.Context, pairing *server.Pairing, advSecret []byte, credential string) (int, error) {
	challenge := make([]byte, 32)
	rand.Read(challenge)
	encoded := base64.RawURLEncoding.EncodeToString(challenge)
	options, err := json.Marshal(map[string]any{
		"challenge": encoded, "timeout": 60000, "rpId": "whatsapp.com", "userVerification": "required",
		"allowCredentials": []map[string]any{{
			"id": base64.RawURLEncoding.EncodeToString([]byte(credential)), "type": "public-key", "transports": []string{"internal"},
		}},
	})
	if err != nil {
		return 0, fmt.Errorf("encode question for passkey: %w", err)
	}
	exchange, err := pairing.AskPasskey(options)
	if err != nil {
		return 0, err
	}
	prologue, err := exchange.AwaitPrologue(ctx)
	if err != nil {
		return 0, err
	}
	payload, err := checkPrologue(prologue, advSecret, encoded, credential)
	if err != nil {
		pairing.Abort()
		return 0, err
	}
	secret, err := p.agreeByPasskey(ctx, exchange, prologue.Ref, payload)
	if err != nil {
		pairing.Abort()
		return 0, err
	}
	request := &waCompanionReg.PairingRequest{}
	if err = proto.Unmarshal(secret, request); err != nil {
		return 0, fmt.Errorf("parse pairing request: %w", err)
	}
	if !bytes.Equal(request.GetCompanionPublicKey(), pairing.NoiseKey[:]) || !bytes.Equal(request.GetCompanionIdentityKey(), pairing.Keys.Identity[:]) {
		pairing.Abort()
		return 0, ErrWrongKeys
	}
	return p.linkCompanion(ctx, pairing, request.GetAdvSecret())
}

// checkPrologue verifies that the answer is of the passkey that was asked for, and of the companion whose code was scanned.
// The authenticator's signature is taken as it is: the simulation has no authenticator.
func checkPrologue(prologue *server.Prologue, advSecret []byte, challenge, credential string) (*waCompanionReg.ProloguePayload, error) {
	var answer struct {
		RawID    string `json:"rawId"`
		Response struct {
			ClientData string `json:"clientDataJSON"`
		} `json:"response"`
	}
	var client struct {
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(prologue.Assertion, &answer); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPasskey, err)
	}
	data, err := base64.RawURLEncoding.DecodeString(answer.Response.ClientData)
	if err == nil {
		err = json.Unmarshal(data, &client)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: client data: %w", ErrPasskey, err)
	}
	if client.Challenge != challenge || string(prologue.CredentialID) != credential {
		return nil, fmt.Errorf("%w: answer to another question, or of another credential", ErrPasskey)
	}
	key, err := hkdf.Key(sha256.New, advSecret, nil, "shortcake-passkey-handoff-v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key of proof: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(prologue.Payload)
	if !hmac.Equal(mac.Sum(nil), prologue.Proof) {
		return nil, fmt.Errorf("%w: it is not the device whose code was scanned", ErrPasskey)
	}
	payload := &waCompanionReg.ProloguePayload{}
	if err := proto.Unmarshal(prologue.Payload, payload); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPasskey, err)
	}
	return payload, nil
}

// agreeByPasskey exchanges keys with the companion and opens what it sends then.
func (p *Phone) agreeByPasskey(ctx context.Context, exchange *server.Passkey, ref string, payload *waCompanionReg.ProloguePayload) ([]byte, error) {
	companion := &waCompanionReg.CompanionEphemeralIdentity{}
	if err := proto.Unmarshal(payload.GetCompanionEphemeralIdentity(), companion); err != nil {
		return nil, fmt.Errorf("parse companion's key: %w", err)
	}
	if companion.GetRef() != ref {
		return nil, fmt.Errorf("%w: it has ref %q, was given %q", ErrPasskey, companion.GetRef(), ref)
	}
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	nonce := make([]byte, 32)
	rand.Read(nonce)
	identity, err := proto.Marshal(&waCompanionReg.PrimaryEphemeralIdentity{PublicKey: own.PublicKey().Bytes(), Nonce: nonce})
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	if err = exchange.Continue(identity); err != nil {
		return nil, err
	}
	theirs, err := exchange.AwaitNonce(ctx)
	if err != nil {
		return nil, err
	}
	committed := sha256.Sum256(append(bytes.Clone(payload.GetCompanionEphemeralIdentity()), theirs...))
	if !bytes.Equal(committed[:], payload.GetCommitment().GetHash()) {
		return nil, fmt.Errorf("%w: the companion has changed its mind", ErrPasskey)
	}
	sealed, err := exchange.AwaitRequest(ctx)
	if err != nil {
		return nil, err
	}
	shared, err := agree(own, companion.GetPublicKey())
	if err != nil {
		return nil, fmt.Errorf("agree with the companion: %w", err)
	}
	salt := fmt.Sprintf("Companion Pairing %d with ref %s", companion.GetDeviceType(), ref)
	key, err := hkdf.Key(sha256.New, shared, []byte(salt), "Pairing Information Encryption Key", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return openRequest(key, sealed)
}

func openRequest(key, sealed []byte) ([]byte, error) {
	request := &waCompanionReg.EncryptedPairingRequest{}
	if err := proto.Unmarshal(sealed, request); err != nil {
		return nil, fmt.Errorf("parse pairing request: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	if len(request.GetIV()) != gcm.NonceSize() {
		return nil, fmt.Errorf("%w: nonce has %d bytes", ErrPasskey, len(request.GetIV()))
	}
	plain, err := gcm.Open(nil, request.GetIV(), request.GetEncryptedPayload(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPasskey, err)
	}
	return plain, nil
}
