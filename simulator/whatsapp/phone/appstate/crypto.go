package appstate

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"go.mau.fi/whatsmeow/proto/waServerSync"
)

const (
	macSize  = 32
	hashSize = 128
)

// Key is an app-state key as it travels in the key share.
type Key struct {
	ID       []byte
	Data     []byte // 32 bytes
	expanded subkeys
}

// subkeys is what a key expands to.
type subkeys struct{ index, value, valueMAC, snapshotMAC, patchMAC []byte }

// NewKey makes a key with the given id.
func NewKey(id []byte) (Key, error) {
	data := make([]byte, 32)
	rand.Read(data)
	return keyFrom(id, data)
}

func keyFrom(id, data []byte) (Key, error) {
	all, err := hkdf.Key(sha256.New, data, nil, "WhatsApp Mutation Keys", 160)
	if err != nil {
		return Key{}, fmt.Errorf("expand app-state key: %w", err)
	}
	return Key{id, data, subkeys{all[:32], all[32:64], all[64:96], all[96:128], all[128:160]}}, nil
}

func sum(algorithm func() hash.Hash, key []byte, parts ...[]byte) []byte {
	mac := hmac.New(algorithm, key)
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}

func uint64Bytes(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// valueMAC authenticates an encrypted value with the operation that it is for.
func (k Key) valueMAC(operation waServerSync.SyncdMutation_SyncdOperation, sealed []byte) []byte {
	return sum(sha512.New, k.expanded.valueMAC, []byte{byte(operation) + 1}, k.ID, sealed,
		uint64Bytes(uint64(len(k.ID)+1)))[:macSize]
}

func (k Key) indexMAC(index []byte) []byte { return sum(sha256.New, k.expanded.index, index) }

func (k Key) snapshotMAC(sumHash [hashSize]byte, version uint64, name string) []byte {
	return sum(sha256.New, k.expanded.snapshotMAC, sumHash[:], uint64Bytes(version), []byte(name))
}

// patchMAC covers the snapshot MAC, the value MACs in order, the version and the collection's name.
func (k Key) patchMAC(patch *waServerSync.SyncdPatch, version uint64, name string) ([]byte, error) {
	parts := [][]byte{patch.GetSnapshotMAC()}
	for _, m := range patch.GetMutations() {
		mac, _, err := splitValue(m.GetRecord())
		if err != nil {
			return nil, err
		}
		parts = append(parts, mac)
	}
	parts = append(parts, uint64Bytes(version), []byte(name))
	return sum(sha256.New, k.expanded.patchMAC, parts...), nil
}

// splitValue takes the MAC off the end of a record's value.
func splitValue(record *waServerSync.SyncdRecord) (mac, sealed []byte, err error) {
	blob := record.GetValue().GetBlob()
	if len(blob) < 2*aes.BlockSize+macSize {
		return nil, nil, fmt.Errorf("value has %d bytes", len(blob))
	}
	cut := len(blob) - macSize
	return blob[cut:], blob[:cut], nil
}

// seal encrypts a value: IV, then AES-256-CBC with padding.
func (k Key) seal(plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(k.expanded.value)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	out := make([]byte, aes.BlockSize+len(padded))
	rand.Read(out[:aes.BlockSize])
	cipher.NewCBCEncrypter(block, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], padded)
	return out, nil
}

// unseal is the reverse of seal; the value's MAC was checked before.
func (k Key) unseal(sealed []byte) ([]byte, error) {
	block, err := aes.NewCipher(k.expanded.value)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	if len(sealed) < 2*aes.BlockSize || len(sealed)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("ciphertext has %d bytes", len(sealed))
	}
	plain := make([]byte, len(sealed)-aes.BlockSize)
	cipher.NewCBCDecrypter(block, sealed[:aes.BlockSize]).CryptBlocks(plain, sealed[aes.BlockSize:])
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > aes.BlockSize {
		return nil, errors.New("padding is wrong")
	}
	return plain[:len(plain)-pad], nil
}

// mix adds or subtracts one value MAC from the collection's running hash: 64 little-endian words with wrap-around.
func mix(sumHash *[hashSize]byte, mac []byte, subtract bool) error {
	expanded, err := hkdf.Key(sha256.New, mac, nil, "WhatsApp Patch Integrity", hashSize)
	if err != nil {
		return fmt.Errorf("expand value code: %w", err)
	}
	for i := 0; i < hashSize; i += 2 {
		a, b := binary.LittleEndian.Uint16(sumHash[i:]), binary.LittleEndian.Uint16(expanded[i:])
		if subtract {
			b = -b
		}
		binary.LittleEndian.PutUint16(sumHash[i:], a+b)
	}
	return nil
}
