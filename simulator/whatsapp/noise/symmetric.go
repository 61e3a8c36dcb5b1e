package noise

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// protocolName is exactly one hash long, so it is the initial hash and chaining key without hashing (section 2).
const protocolName = "Noise_XX_25519_AESGCM_SHA256\x00\x00\x00\x00"

// symmetric is the running state of a handshake: hash, chaining key and the cipher of the last mixed key.
type symmetric struct {
	hash    [32]byte
	salt    []byte
	cipher  cipher.AEAD
	counter uint32
}

func newSymmetric(prologue []byte) *symmetric {
	s := &symmetric{salt: []byte(protocolName)}
	copy(s.hash[:], protocolName)
	s.mixHash(prologue)
	return s
}

func (s *symmetric) mixHash(data []byte) {
	s.hash = sha256.Sum256(append(s.hash[:], data...))
}

// mixKey takes the shared secret of two keys into the chain and restarts the counter.
func (s *symmetric) mixKey(private *ecdh.PrivateKey, public []byte) error {
	peer, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return fmt.Errorf("read public key: %w", err)
	}
	secret, err := private.ECDH(peer)
	if err != nil {
		return fmt.Errorf("agree on key: %w", err)
	}
	salt, key, err := s.expand(secret)
	if err != nil {
		return err
	}
	s.salt, s.counter = salt, 0
	s.cipher, err = newCipher(key)
	return err
}

func (s *symmetric) expand(secret []byte) (first, second []byte, err error) {
	out, err := hkdf.Key(sha256.New, secret, s.salt, "", 64)
	if err != nil {
		return nil, nil, fmt.Errorf("derive handshake keys: %w", err)
	}
	return out[:32], out[32:], nil
}

func (s *symmetric) encrypt(plain []byte) []byte {
	sealed := s.cipher.Seal(nil, nonce(s.counter), plain, s.hash[:])
	s.counter++
	s.mixHash(sealed)
	return sealed
}

func (s *symmetric) decrypt(sealed []byte) ([]byte, error) {
	plain, err := s.cipher.Open(nil, nonce(s.counter), sealed, s.hash[:])
	if err != nil {
		return nil, err
	}
	s.counter++
	s.mixHash(sealed)
	return plain, nil
}

// split ends the handshake with one cipher for each direction.
func (s *symmetric) split() (fromClient, toClient cipher.AEAD, err error) {
	first, second, err := s.expand(nil)
	if err != nil {
		return nil, nil, err
	}
	if fromClient, err = newCipher(first); err != nil {
		return nil, nil, err
	}
	toClient, err = newCipher(second)
	return fromClient, toClient, err
}

func newCipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

// nonce is eight zero bytes and the counter.
func nonce(counter uint32) []byte {
	return binary.BigEndian.AppendUint32(make([]byte, 8, 12), counter)
}
