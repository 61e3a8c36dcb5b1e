package filecrypt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	for _, size := range []int{0, 1, 15, 16, 17, 4096, 100_000} {
		plain := bytes.Repeat([]byte{7}, size)
		sealed, err := Encrypt(Image, plain)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decrypt(Image, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		if _, err := Decrypt(Video, sealed); !errors.Is(err, ErrMAC) {
			t.Errorf("%d bytes as another kind: %v, want %v", size, err, ErrMAC)
		}
	}
}

func TestDamage(t *testing.T) {
	sealed, err := Encrypt(Document, []byte("a document"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		damage func(*Sealed)
		want   error
	}{
		{"file", func(s *Sealed) { s.File[3] ^= 1 }, ErrFileHash},
		{"file, hash unknown", func(s *Sealed) { s.File[3] ^= 1; s.FileEncSHA256 = nil }, ErrMAC},
		{"code", func(s *Sealed) { s.File[len(s.File)-1] ^= 1; s.FileEncSHA256 = nil }, ErrMAC},
		{"hash of the plaintext", func(s *Sealed) { s.SHA256[0] ^= 1 }, ErrPlainHash},
		{"length", func(s *Sealed) { s.Length++ }, ErrLength},
		{"key", func(s *Sealed) { s.Key = s.Key[1:] }, nil},
		{"empty file", func(s *Sealed) { s.File, s.FileEncSHA256 = nil, nil }, nil},
		{"truncated file", func(s *Sealed) { s.File, s.FileEncSHA256 = s.File[:11], nil }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Sealed{
				Key: bytes.Clone(sealed.Key), File: bytes.Clone(sealed.File), SHA256: bytes.Clone(sealed.SHA256),
				FileEncSHA256: bytes.Clone(sealed.FileEncSHA256), Length: sealed.Length,
			}
			test.damage(&s)
			_, err := Decrypt(Document, s)
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// TestVector compares with a file made by OpenSSL from the words of the specification.
func TestVector(t *testing.T) {
	key := make([]byte, keySize)
	for i := range key {
		key[i] = byte(i)
	}
	const want = "5367d1a0005ae8ec0fc66f544222b40521d9ed19f0ee1a59c975cc6eea5ad7ec661a1f6dab12f4a75a22"
	sealed, err := EncryptWith(Image, key, []byte("a picture, so to say"))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(sealed.File); got != want {
		t.Errorf("file is %s, want %s", got, want)
	}
}
