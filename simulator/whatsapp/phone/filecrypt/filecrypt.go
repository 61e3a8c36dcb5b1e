// Package filecrypt is the encryption of files on WhatsApp (whatsapp-server.md section 10.2), as a simulated phone does it.
// It moves no bytes over any wire and keeps nothing.
package filecrypt

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Kind is a class of files with its own key derivation and its own path on the media hosts.
type Kind struct {
	Info string // what keys are derived for
	Path string // element of the upload path
}

// The kinds that phones send. Stickers use images' keys.
var (
	Image    = Kind{"WhatsApp Image Keys", "image"}
	Video    = Kind{"WhatsApp Video Keys", "video"}
	Audio    = Kind{"WhatsApp Audio Keys", "audio"}
	Document = Kind{"WhatsApp Document Keys", "document"}
	History  = Kind{"WhatsApp History Keys", "md-msg-hist"}
	AppState = Kind{"WhatsApp App State Keys", "md-app-state"}
)

const (
	keySize = 32
	macSize = 10
)

// Errors of Decrypt.
var (
	ErrFileHash  = errors.New("hash of the encrypted file does not match")
	ErrMAC       = errors.New("message authentication code does not match")
	ErrPlainHash = errors.New("hash of the decrypted file does not match")
	ErrLength    = errors.New("length of the decrypted file does not match")
)

// Sealed is an encrypted file with what a message must say of it.
type Sealed struct {
	Key           []byte
	File          []byte // ciphertext and code
	SHA256        []byte // of the plaintext
	FileEncSHA256 []byte // of File
	Length        uint64 // of the plaintext
}

// keys are the parts that a media key expands to.
type keys struct{ iv, cipher, mac []byte }

func expand(key []byte, kind Kind) (keys, error) {
	if len(key) != keySize {
		return keys{}, fmt.Errorf("media key has %d bytes, want %d", len(key), keySize)
	}
	expanded, err := hkdf.Key(sha256.New, key, nil, kind.Info, 112)
	if err != nil {
		return keys{}, fmt.Errorf("expand media key: %w", err)
	}
	return keys{expanded[:16], expanded[16:48], expanded[48:80]}, nil
}

// Encrypt seals a file with a new key.
func Encrypt(kind Kind, plaintext []byte) (Sealed, error) {
	key := make([]byte, keySize)
	rand.Read(key)
	return EncryptWith(kind, key, plaintext)
}

// EncryptWith seals a file with a given key, as for an upload that replaces one that has expired.
func EncryptWith(kind Kind, key, plaintext []byte) (Sealed, error) {
	k, err := expand(key, kind)
	if err != nil {
		return Sealed{}, err
	}
	block, err := aes.NewCipher(k.cipher)
	if err != nil {
		return Sealed{}, fmt.Errorf("make cipher: %w", err)
	}
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	file := append(bytes.Clone(plaintext), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, k.iv).CryptBlocks(file, file)
	file = append(file, code(k, file)...)
	plainHash, fileHash := sha256.Sum256(plaintext), sha256.Sum256(file)
	return Sealed{
		Key:           key,
		File:          file,
		SHA256:        plainHash[:],
		FileEncSHA256: fileHash[:],
		Length:        uint64(len(plaintext)),
	}, nil
}

// Decrypt checks and opens a sealed file. Empty hashes are not checked, the code always is.
func Decrypt(kind Kind, s Sealed) ([]byte, error) {
	k, err := expand(s.Key, kind)
	if err != nil {
		return nil, err
	}
	if hash := sha256.Sum256(s.File); len(s.FileEncSHA256) > 0 && !hmac.Equal(hash[:], s.FileEncSHA256) {
		return nil, ErrFileHash
	}
	if len(s.File) < aes.BlockSize+macSize || (len(s.File)-macSize)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("encrypted file has %d bytes, which can't be", len(s.File))
	}
	body, mac := s.File[:len(s.File)-macSize], s.File[len(s.File)-macSize:]
	if !hmac.Equal(code(k, body), mac) {
		return nil, ErrMAC
	}
	block, err := aes.NewCipher(k.cipher)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	plain := make([]byte, len(body))
	cipher.NewCBCDecrypter(block, k.iv).CryptBlocks(plain, body)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > aes.BlockSize {
		return nil, fmt.Errorf("padding of %d bytes can't be", pad)
	}
	plain = plain[:len(plain)-pad]
	if s.Length != 0 && s.Length != uint64(len(plain)) {
		return nil, ErrLength
	}
	if hash := sha256.Sum256(plain); len(s.SHA256) > 0 && !hmac.Equal(hash[:], s.SHA256) {
		return nil, ErrPlainHash
	}
	return plain, nil
}

func code(k keys, body []byte) []byte {
	mac := hmac.New(sha256.New, k.mac)
	mac.Write(k.iv)
	mac.Write(body)
	return mac.Sum(nil)[:macSize]
}
