package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"strings"
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
	anna, portal := s.withAnna()
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

func mediaTooLarge(s *stage) {
	anna, portal := s.withAnna()
	// In: what the sender says is enough, or what the file's server says.
	log, err := s.stack.Simulator.Log(s.ctx, s.side.control(), 0)
	s.must(err)
	from, traits := portal.Mark(), s.side.traits()
	word := s.side.sendsHuge(s, anna)
	s.gets(portal, from, anna, "word that the file is too large", saying("larger than the homeserver allows (128 MiB)"))
	if _, ok := s.side.(measuring); ok {
		s.stopsFetching(portal, anna, len(log))
	} else {
		after, err := s.stack.Simulator.Log(s.ctx, s.side.control(), len(log))
		s.must(err)
		for _, entry := range after {
			if entry.Direction == "in" && strings.Contains(entry.Data, word) {
				s.Errorf("the file was asked for: %s", entry.Data)
			}
		}
	}
	s.announced = append(s.announced, "Failed to handle Matrix message")
	// Out: what the client says is enough, and so is the file itself where the client says nothing.
	for _, said := range []int{traits.imageLimit + 1<<20, 0} {
		from = portal.Mark()
		sent, err := portal.SendFile(s.ctx, lab.File{
			Type: event.MsgImage, Name: "huge.jpg", MIMEType: "image/jpeg", Data: make([]byte, traits.imageLimit+1<<20),
			Change: func(c *event.MessageEventContent) { c.Info.Size = said },
		})
		s.must(err)
		_, err = portal.AwaitEvent(s.ctx, from, "word of failure that names the limit", func(evt *event.Event) bool {
			raw := string(evt.Content.VeryRaw)
			return evt.Type.Type == "com.beeper.message_send_status" && strings.Contains(raw, sent.String()) &&
				strings.Contains(raw, "FAIL") && strings.Contains(raw, traits.imageLimitText)
		})
		s.must(err)
	}
	if n := len(anna.textsFrom(s.me)); n != 0 {
		s.Errorf("Anna's phone has %d messages, want none", n)
	}
}

// measuring is what a side implements on which only a file's server says how large it is.
type measuring interface {
	// served reads from an entry of the simulator's log how much of a file was sent; false for entries of other things.
	served(control.LogEntry) (bytes int64, ok bool)
	// unmeasured is the fault by which the server does not say it.
	unmeasured() control.Fault
}

// stopsFetching shows, after the word that a large file does not come, that it was not fetched; and that of one whose size
// nobody says the fetching ends at the limit, and never is in memory.
func (s *stage) stopsFetching(portal *roomOf, by *person, logFrom int) {
	s.Helper()
	side := s.side.(measuring)
	// What is in buffers on the way counts as sent.
	mustHaveSent := func(least, most int64) {
		s.Helper()
		var sent int64
		s.await("the server to be done with the file", func(ctx context.Context) error {
			log, err := s.stack.Simulator.Log(ctx, s.side.control(), logFrom)
			for _, entry := range log {
				if bytes, ok := side.served(entry); ok {
					sent, logFrom = max(sent, bytes), entry.Index+1
				}
			}
			if err == nil && sent == 0 {
				err = errors.New("nothing was sent")
			}
			return err
		})
		if sent < least || sent > most {
			s.Errorf("%d bytes of the file were sent, want %d to %d", sent, least, most)
		}
	}
	const limit, buffers = 128 << 20, 16 << 20
	mustHaveSent(1, buffers)
	s.breaks(side.unmeasured())
	from, growth := portal.Mark(), s.watchMemory()
	s.side.sendsHuge(s, by)
	s.gets(portal, from, by, "word that another file is too large", saying("larger than the homeserver allows (128 MiB)"))
	growth("which nobody said")
	mustHaveSent(limit, limit+buffers)
}
