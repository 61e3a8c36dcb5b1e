// Package blob is what both planes of simulated Messenger do alike with the files that the control API names: it makes
// those that are asked for by size, and leaves large ones out of events. Its functions keep nothing and may be called from
// anywhere.
package blob

import (
	"crypto/sha256"
	"math/rand/v2"

	"crosschat/simulator/control"
)

// mostTold is the largest file whose bytes an event holds.
const mostTold = 8 << 20

// Made returns a file with its bytes: those that it has, or the noise that it asks for.
func Made(m control.Media) control.Media {
	if m.Noise > 0 {
		m.Data = make([]byte, m.Noise)
		rand.NewChaCha8([32]byte{}).Read(m.Data) //nolint:errcheck // never fails
		m.Noise = 0
	}
	return m
}

// Tell puts a file's bytes into the media of an event, with size and hash.
func Tell(m *control.Media, data []byte) {
	sum := sha256.Sum256(data)
	m.Size, m.SHA256 = len(data), sum[:]
	m.Data = data
	if len(data) > mostTold {
		m.Data = nil
	}
}
