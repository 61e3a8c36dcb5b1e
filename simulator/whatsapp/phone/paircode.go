package phone

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crosschat/simulator/whatsapp/server"
)

const (
	codeAlphabet = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"
	codeRounds   = 131072
)

// parseCode reads what the owner typed: eight characters, with or without the dash.
func parseCode(text string) (string, error) {
	code := strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(text), "-", ""))
	if len(code) != 8 || strings.Trim(code, codeAlphabet) != "" {
		return "", fmt.Errorf("%w: it has 8 characters of %s", ErrNotCode, codeAlphabet)
	}
	return code, nil
}

// EnterCode links the companion that shows a pairing code (section 4.3). It waits until a companion has asked for one,
// and returns the companion's device number when the server has accepted it. A wrong code shows only at the end.
func (p *Phone) EnterCode(ctx context.Context, text string) (int, error) {
	if p.off.Load() {
		return 0, ErrOffline
	}
	code, err := parseCode(text)
	if err != nil {
		return 0, err
	}
	request, err := p.link.AwaitCodeRequest(ctx)
	if err != nil {
		return 0, fmt.Errorf("wait for a device that asks for a code: %w", err)
	}
	ephemeral, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return 0, fmt.Errorf("make key: %w", err)
	}
	companion, err := unwrapKey(code, request.WrappedEphemeral)
	if err != nil {
		return 0, err
	}
	wrapped, err := wrapKey(code, ephemeral.PublicKey().Bytes())
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	identity, private := p.signal.Identity(), p.signal.IdentityPrivate()
	p.mu.Unlock()
	if err := request.PrimaryHello(wrapped, identity); err != nil {
		return 0, fmt.Errorf("answer the device that asks: %w", err)
	}
	finish, err := request.AwaitFinish(ctx)
	if err != nil {
		return 0, fmt.Errorf("wait for the device's answer: %w", err)
	}
	secret, err := openBundle(ephemeral, companion, identity, private, finish)
	if err != nil {
		request.Pairing.Abort()
		return 0, err
	}
	if finish.CompanionIdentity != request.Pairing.Keys.Identity {
		request.Pairing.Abort()
		return 0, ErrWrongKeys
	}
	return p.linkCompanion(ctx, request.Pairing, secret)
}

// codeKey is the cipher of one wrapped key.
func codeKey(code string, salt, iv []byte) (cipher.Stream, error) {
	key, err := pbkdf2.Key(sha256.New, code, salt, codeRounds, 32)
	if err != nil {
		return nil, fmt.Errorf("derive key from code: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewCTR(block, iv), nil
}

// unwrapKey opens 80 bytes: salt 32, IV 16, encrypted public key 32. A wrong code gives a wrong key, not an error.
func unwrapKey(code string, wrapped []byte) ([]byte, error) {
	if len(wrapped) != 80 {
		return nil, fmt.Errorf("wrapped key has %d bytes, want 80", len(wrapped))
	}
	stream, err := codeKey(code, wrapped[:32], wrapped[32:48])
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	stream.XORKeyStream(key, wrapped[48:])
	return key, nil
}

func wrapKey(code string, public []byte) ([]byte, error) {
	wrapped := make([]byte, 80)
	rand.Read(wrapped[:48])
	stream, err := codeKey(code, wrapped[:32], wrapped[32:48])
	if err != nil {
		return nil, err
	}
	stream.XORKeyStream(wrapped[48:], public)
	return wrapped, nil
}

// openBundle opens the companion's last message and derives the secret that signs it in. Only here a wrong code shows.
func openBundle(ephemeral *ecdh.PrivateKey, companion []byte, identity, private [32]byte, finish *server.CodeFinish,
) ([]byte, error) {
	shared, err := agree(ephemeral, companion)
	if err != nil {
		return nil, ErrWrongCode
	}
	if len(finish.WrappedBundle) < 44 {
		return nil, fmt.Errorf("key bundle has %d bytes", len(finish.WrappedBundle))
	}
	salt, nonce, sealed := finish.WrappedBundle[:32], finish.WrappedBundle[32:44], finish.WrappedBundle[44:]
	key, err := hkdf.Key(sha256.New, shared, salt, "link_code_pairing_key_bundle_encryption_key", 32)
	if err != nil {
		return nil, fmt.Errorf("derive bundle key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	plain, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, ErrWrongCode
	}
	if len(plain) != 96 || !bytes.Equal(plain[:32], finish.CompanionIdentity[:]) || !bytes.Equal(plain[32:64], identity[:]) {
		return nil, errors.New("key bundle names other identities than those that were exchanged")
	}
	own, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		return nil, fmt.Errorf("read identity key: %w", err)
	}
	static, err := agree(own, finish.CompanionIdentity[:])
	if err != nil {
		return nil, fmt.Errorf("agree with the companion's identity: %w", err)
	}
	secret, err := hkdf.Key(sha256.New, slices.Concat(shared, static, plain[64:]), nil, "adv_secret", 32)
	if err != nil {
		return nil, fmt.Errorf("derive secret: %w", err)
	}
	return secret, nil
}

func agree(private *ecdh.PrivateKey, public []byte) ([]byte, error) {
	key, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	return private.ECDH(key)
}
