package ledger

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"
)

// TestEarly shows that what comes before the event that it is about is done when that comes, over a restart, too, and that
// its room goes on meanwhile.
func TestEarly(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %t", restart), func(t *testing.T) {
			dir, wire := t.TempDir(), newWire()
			s := mustSet(t, dir, wire)
			s.start()
			s.hand("1", redaction("$r", "$late"))
			s.hand("2", message("$2", "goes on"))
			s.awaitTexts("goes on")
			if restart {
				s.ledger.Stop()
				s.ledger.bridge.Stop()
				s = mustSet(t, dir, wire)
				s.start()
				s.hand("3", message("$3", "still"))
				s.awaitTexts("goes on", "still")
			}
			// It was sent, and then deleted: while it waits it is taken back.
			before := wire.texts()
			wire.setOnline(false)
			s.hand("4", message("$late", "late"))
			s.await("the message to be cancelled", func() bool { return s.ledger.counts.cancelled.Load() == 1 })
			wire.setOnline(true)
			if failed := s.empty(); len(failed) != 0 {
				t.Errorf("failed are %+v", failed)
			}
			if got := wire.texts(); !slices.Equal(got, before) {
				t.Errorf("sent is %q, want %q", got, before)
			}
		})
	}
}

// TestEarlyIsTakenBack shows that a reaction that was put off and is then taken away is not given.
func TestEarlyIsTakenBack(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.start()
	s.hand("1", reaction("$reaction", "$late"))
	s.await("the reaction to be put off", func() bool { return s.early() == 1 })
	s.hand("2", redaction("$r", "$reaction"))
	s.await("it to be taken back", func() bool { return s.early() == 0 && s.ledger.counts.cancelled.Load() == 1 })
	s.empty()
}

// TestEarlyForever shows that what is about an event that never comes is handled in the end.
func TestEarlyForever(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.start()
	s.hand("1", reaction("$reaction", "$never"))
	s.await("the reaction to be put off", func() bool { return s.early() == 1 })
	s.ledger.lock.Lock()
	it := s.ledger.early["$never"][0]
	s.ledger.lock.Unlock()
	s.ledger.early.drop(s.ledger, it)
	it.row.ReceivedAt = time.Now().Add(-earlyLimit)
	s.ledger.enqueue(it)
	s.empty()
}

// early counts what is put off.
func (s *scene) early() (count int) {
	s.ledger.lock.Lock()
	defer s.ledger.lock.Unlock()
	for _, items := range s.ledger.early {
		count += len(items)
	}
	return count
}

// talkative is a homeserver that has an event of the bot's.
type talkative struct {
	matrixSide
	own id.EventID
}

func (h talkative) sentByUs(_ context.Context, room id.RoomID, target id.EventID) bool {
	return room == chatRoom && target == h.own
}

// TestAboutOurOwn shows that what is about something that the bridge has sent is not put off: such events are not handed over.
func TestAboutOurOwn(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.ledger.matrix = talkative{s.ledger.matrix, "$question"}
	s.start()
	s.hand("1", reaction("$click", "$question"))
	s.empty()
	s.hand("2", reaction("$reaction", "$late"))
	s.await("the reaction to something else to be put off", func() bool { return s.early() == 1 })
}
