package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2/networkid"
)

func TestWhatOvertakesItsMessageWaitsForIt(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.start()
	login := s.user.GetDefaultLogin()
	var done []string
	var fails error
	about := func(id networkid.MessageID, what string) {
		t.Helper()
		s.must(WhenThere(t.Context(), login, id, func(context.Context) error {
			if fails != nil {
				return fails
			}
			done = append(done, what)
			return nil
		}))
	}
	expect := func(want ...string) {
		t.Helper()
		if !slices.Equal(done, want) {
			t.Errorf("done was %q, want %q", done, want)
		}
	}
	about("1", "edit")
	about("2", "of another")
	about("1", "deletion")
	expect()
	fails = errors.New("the homeserver is away")
	if err := DeliverMessage(t.Context(), login, fromAnna, inParts("1")); !errors.Is(err, fails) {
		t.Errorf("the message was delivered although what is about it failed: %v", err)
	}
	fails = nil
	s.must(DeliverMessage(t.Context(), login, fromAnna, inParts("1"))) // comes again for want of an acknowledgement
	expect("edit", "deletion")
	s.must(DeliverMessage(t.Context(), login, fromAnna, inParts("1")))
	expect("edit", "deletion")
	about("1", "reaction")
	expect("edit", "deletion", "reaction")
}

func TestWhatOvertakesIsBounded(t *testing.T) {
	var list overtakenList
	start := time.Unix(1_000, 0)
	list.add(overtaken{id: "old", at: start})
	for i := range mostOvertaken + 1 {
		list.add(overtaken{id: networkid.MessageID(fmt.Sprint(i)), at: start.Add(time.Minute)})
	}
	if got := len(list.list); got != mostOvertaken {
		t.Errorf("%d are kept, want %d", got, mostOvertaken)
	}
	if len(list.take("", "old"))+len(list.take("", "0")) > 0 {
		t.Error("the oldest are still there")
	}
	list.add(overtaken{id: "new", at: start.Add(2*time.Minute + overtakenFor)})
	if got := len(list.list); got != 1 {
		t.Errorf("%d are kept, want only the newest", got)
	}
	if taken := list.take("other login", "new"); len(taken) != 0 {
		t.Errorf("another login was given %+v", taken)
	}
}
