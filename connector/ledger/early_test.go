package ledger

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
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
	it := s.putOff("$never")
	it.row.ReceivedAt = time.Now().Add(-earlyLimit)
	s.ledger.release(it)
	s.empty()
}

// TestEarlyIsTakenBackBetween shows the same in the moment in which the reaction is being put off.
func TestEarlyIsTakenBackBetween(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	var once sync.Once
	s.ledger.matrix = talkative{s.ledger.matrix, func(id.EventID) bool {
		once.Do(func() { s.hand("2", redaction("$r", "$reaction")) })
		return false
	}}
	s.start()
	s.hand("1", reaction("$reaction", "$late"))
	s.await("it to be taken back", func() bool { return s.ledger.counts.cancelled.Load() == 1 })
	s.hand("3", message("$late", "late"))
	s.awaitTexts("late")
	s.empty()
	if got := s.ledger.counts.ignored.Load(); got != 0 || s.early() != 0 {
		t.Errorf("%d events were handled and %d are put off, want neither", got, s.early())
	}
}

// TestEarlyAndPerhapsSent shows that a reaction that an earlier run may have given is not forgotten with its removal: it is
// given once more when its message comes, to be known, and then removed.
func TestEarlyAndPerhapsSent(t *testing.T) {
	dir, wire := t.TempDir(), newWire()
	first := mustSet(t, dir, wire)
	first.start()
	first.hand("1", reaction("$reaction", "$late"))
	first.await("the reaction to be put off", func() bool { return first.early() == 1 })
	first.ledger.Stop()
	first.unrest()
	first.ledger.bridge.Stop()

	s := mustSet(t, dir, wire)
	s.start()
	s.await("it to be put off again", func() bool { return s.early() == 1 })
	s.hand("2", redaction("$r", "$reaction"))
	s.await("its removal to be put off, too", func() bool { return s.early() == 2 })
	s.hand("3", message("$late", "late"))
	s.awaitTexts("late", "react $late", "unreact $late")
	s.empty()
}

// PreHandleMatrixReaction implements bridgev2.ReactionHandlingNetworkAPI.
func (client) PreHandleMatrixReaction(context.Context, *bridgev2.MatrixReaction) (bridgev2.MatrixReactionPreResponse, error) {
	return bridgev2.MatrixReactionPreResponse{SenderID: "me", EmojiID: "👍"}, nil
}

// HandleMatrixReaction implements bridgev2.ReactionHandlingNetworkAPI.
func (c client) HandleMatrixReaction(_ context.Context, msg *bridgev2.MatrixReaction) (*bridgedb.Reaction, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.sent = append(c.sent, "react "+string(msg.TargetMessage.ID))
	return &bridgedb.Reaction{}, nil
}

// HandleMatrixReactionRemove implements bridgev2.ReactionHandlingNetworkAPI.
func (c client) HandleMatrixReactionRemove(_ context.Context, msg *bridgev2.MatrixReactionRemove) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.sent = append(c.sent, "unreact "+string(msg.TargetReaction.MessageID))
	return nil
}

// TestEarlyComesMeanwhile shows that a reaction is given whose message comes in the moment in which the reaction is being put off.
func TestEarlyComesMeanwhile(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	var once sync.Once
	s.ledger.matrix = talkative{s.ledger.matrix, func(id.EventID) bool {
		once.Do(func() { s.hand("2", message("$late", "late")) })
		return false
	}}
	s.start()
	s.hand("1", reaction("$reaction", "$late"))
	s.awaitTexts("late", "react $late")
	s.empty()
}

// putOff is the one item that is put off for an event.
func (s *scene) putOff(target id.EventID) *item {
	s.ledger.lock.Lock()
	defer s.ledger.lock.Unlock()
	return s.ledger.early[target][0]
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

// talkative is a homeserver that is asked for events of the bot's.
type talkative struct {
	matrixSide
	sent func(id.EventID) bool
}

func (h talkative) sentByUs(_ context.Context, room id.RoomID, target id.EventID) bool {
	return room == chatRoom && h.sent(target)
}

// TestAboutOurOwn shows that what is about something that the bridge has sent is not put off: such events are not handed over.
func TestAboutOurOwn(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.ledger.matrix = talkative{s.ledger.matrix, func(target id.EventID) bool { return target == "$question" }}
	s.start()
	s.hand("1", reaction("$click", "$question"))
	s.empty()
	s.hand("2", reaction("$reaction", "$late"))
	s.await("the reaction to something else to be put off", func() bool { return s.early() == 1 })
}
