// Package media keeps encrypted files and serves them over HTTP (whatsapp-server.md section 10). It never decrypts: a blob
// is bytes under a path. A Store is safe for use from any goroutine; a Handler is called by the HTTP server's.
package media

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
)

// Blob is one uploaded file. Data must not be changed.
type Blob struct {
	Path string // direct path, begins with / and contains a ?
	URL  string
	Kind string // image, video, audio, document, md-app-state, md-msg-hist, ...
	Data []byte
}

var (
	// ErrNotFound is a path that never was or that was deleted.
	ErrNotFound = errors.New("no such media")
	// ErrExpired is a path whose blob was expired.
	ErrExpired = errors.New("media expired")
)

// Store holds blobs in memory.
type Store struct {
	host string // that URLs name

	mu    sync.Mutex
	blobs map[string]*entry // by the path before its ?
}

type entry struct {
	Blob
	expired bool
}

// NewStore makes an empty store whose URLs name host.
func NewStore(host string) *Store {
	return &Store{host: host, blobs: map[string]*entry{}}
}

// Put stores data as an upload of this kind would, each time under a new path, and returns its blob.
func (s *Store) Put(kind string, data []byte) Blob {
	name := make([]byte, 12)
	rand.Read(name) //nolint:errcheck // never fails
	key := fmt.Sprintf("/v/%s/%s.enc", url.PathEscape(kind), hex.EncodeToString(name))
	blob := Blob{Path: key + "?ccb=1", Kind: kind, Data: append([]byte(nil), data...)}
	blob.URL = "https://" + s.host + blob.Path
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[key] = &entry{Blob: blob}
	return blob
}

// Get finds a blob by direct path or URL; what follows the question mark doesn't matter. Errors are ErrNotFound and
// ErrExpired.
func (s *Store) Get(path string) (Blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.blobs[keyOf(path)]
	switch {
	case e == nil:
		return Blob{}, fmt.Errorf("get %q: %w", path, ErrNotFound)
	case e.expired:
		return Blob{}, fmt.Errorf("get %q: %w", path, ErrExpired)
	}
	return e.Blob, nil
}

// Expire makes downloads of the path answer 410.
func (s *Store) Expire(path string) error {
	return s.change(path, func(e *entry) { e.expired = true })
}

// Delete makes downloads of the path answer 404.
func (s *Store) Delete(path string) error {
	return s.change(path, func(*entry) { delete(s.blobs, keyOf(path)) })
}

// Corrupt flips a bit in the middle of the blob, for good.
func (s *Store) Corrupt(path string) error {
	return s.change(path, func(e *entry) { e.Data = corrupted(e.Data) })
}

func (s *Store) change(path string, change func(*entry)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.blobs[keyOf(path)]
	if e == nil {
		return fmt.Errorf("change %q: %w", path, ErrNotFound)
	}
	change(e)
	return nil
}

func corrupted(data []byte) []byte {
	data = append([]byte(nil), data...)
	if len(data) > 0 {
		data[len(data)/2] ^= 1
	}
	return data
}

// keyOf cuts host and query off.
func keyOf(path string) string {
	if _, rest, ok := strings.Cut(path, "://"); ok {
		_, rest, _ = strings.Cut(rest, "/")
		path = "/" + rest
	}
	path, _, _ = strings.Cut(path, "?")
	return path
}
