package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"time"

	"maunium.net/go/mautrix/event"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// largeFile is 100 MB of what the simulator calls noise.
const largeFile = 100 << 20

// mostGrowth is how much more memory the bridge may take for it.
const mostGrowth = 32 << 20

func mediaLarge(s *stage) {
	anna := s.newPerson(control.NewPerson{Name: "Anna"})
	s.logIn()
	portal := s.greeted(anna)
	s.patient(4 * time.Minute)
	data := make([]byte, largeFile)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	growth := s.watchMemory()
	anna.sends(control.SendRequest{To: s.me.ID, Media: &control.Media{
		Kind: "video", Noise: largeFile, MIMEType: "video/mp4", Width: 1920, Height: 1080, Seconds: 60, Thumbnail: photo(64, 36, 1),
	}})
	content := s.gets(portal, 0, anna, "a large video from Anna", isKind(event.MsgVideo)).Content.AsMessage()
	growth("in")
	s.mustHold(content, data)

	from := len(anna.timeline())
	growth = s.watchMemory()
	_, err := portal.SendFile(s.ctx, lab.File{Type: event.MsgFile, Name: "large.bin", MIMEType: "application/octet-stream", Data: data})
	s.must(err)
	got := anna.seesFile(from, "document")
	growth("out")
	if sum := sha256.Sum256(data); got.Size != largeFile || !bytes.Equal(got.SHA256, sum[:]) {
		s.Errorf("Anna's phone got %d bytes with hash %x, want %d with %x", got.Size, got.SHA256, largeFile, sum)
	}
}

// watchMemory returns what checks how much the bridge's memory has grown since, at its peak.
func (s *stage) watchMemory() func(way string) {
	s.Helper()
	pid := s.stack.Bridge.PID()
	s.must(lab.ResetPeak(pid))
	before, err := lab.ReadMemory(pid)
	s.must(err)
	return func(way string) {
		s.Helper()
		after, err := lab.ReadMemory(pid)
		s.must(err)
		s.Logf("a large file %s: the bridge's memory grew from %d to at most %d MiB", way, before.Now>>20, after.Peak>>20)
		if grown := after.Peak - before.Now; grown >= mostGrowth {
			s.Errorf("a large file %s: memory grew by %d MiB, want less than %d", way, grown>>20, mostGrowth>>20)
		}
	}
}
