package whatsapp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.mau.fi/util/jsontime"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/simulator/control"
	simulated "crosschat/simulator/whatsapp"
)

func (w *world) faults(f control.Fault) control.Fault {
	w.Helper()
	added, err := w.phones.AddFault(w.Context(), simulated.Name, f)
	if err != nil {
		w.Fatalf("add fault: %v", err)
	}
	return added
}

func (w *world) hits(id string) int {
	w.Helper()
	faults, err := w.phones.Faults(w.Context(), simulated.Name)
	if err != nil {
		w.Fatalf("list faults: %v", err)
	}
	for _, f := range faults {
		if f.ID == id {
			return f.Hits
		}
	}
	w.Fatalf("no fault %s", id)
	return 0
}

func plainText(body string) *event.MessageEventContent {
	return &event.MessageEventContent{MsgType: event.MsgText, Body: body}
}

// TestNewChatBarred: error 463 is told with its end, the chat is left alone until then, and an answer opens it.
func TestNewChatBarred(t *testing.T) {
	w := newWorld(t)
	c, _ := w.logIn()
	ends := time.Now().Add(3 * time.Hour)
	c.onEvent(&events.NotifyAccountReachoutTimelock{IsActive: true, TimeEnforcementEnds: jsontime.UnixString{Time: ends}})
	refusing := w.faults(control.Fault{Kind: "ack_error", Person: w.alice.ID, Args: map[string]string{"error": "463"}, Times: -1})
	for range 3 {
		err := w.fromMatrix(c, "$one", plainText("hello stranger"))
		var told bridgev2.MessageStatus
		if !errors.As(err, &told) {
			t.Fatalf("sending gives %v, want a status", err)
		}
		if !told.IsCertain || told.Status != event.MessageStatusRetriable || !strings.Contains(told.Message, moment(ends)) {
			t.Errorf("status is %+v, want a certain one that can be tried again and names %s", told, moment(ends))
		}
	}
	if got := w.hits(refusing.ID); got != 1 {
		t.Errorf("WhatsApp was asked %d times, want once", got)
	}
	if err := w.phones.RemoveFault(t.Context(), simulated.Name, refusing.ID); err != nil {
		t.Fatal(err)
	}
	w.send(w.anna, w.alice, "do write")
	w.awaitText("do write")
	if err := w.fromMatrix(c, "$two", plainText("gladly")); err != nil {
		t.Errorf("an answer fails: %v", err)
	}
	w.awaitAnna(control.Match{Kind: control.KindMessage, Text: "gladly"})
}

// TestTimelockTold: the user is told of the lock, and it ends.
func TestTimelockTold(t *testing.T) {
	w := newWorld(t)
	c, _ := w.logIn()
	ends := time.Now().Add(time.Hour)
	c.onEvent(&events.NotifyAccountReachoutTimelock{IsActive: true, TimeEnforcementEnds: jsontime.UnixString{Time: ends}})
	waitFor(t, "word of the lock in the management room", func() bool {
		for _, call := range w.matrix.Calls("SendMessage") {
			if content, ok := call.Content.(*event.MessageEventContent); ok && strings.Contains(content.Body, moment(ends)) {
				return true
			}
		}
		return false
	})
	c.barred.Store(jid(t, w.anna.LID+"@lid"), ends)
	c.onEvent(&events.NotifyAccountReachoutTimelock{IsActive: false})
	if err := c.mayWrite(jid(t, w.anna.LID+"@lid")); err != nil || c.newChatsFrom.Load() != nil {
		t.Errorf("after the lock writing is refused: %v", err)
	}
}

// TestTooMuchIsHeld: a message that WhatsApp does not take just now is tried again after a pause, and arrives once.
func TestTooMuchIsHeld(t *testing.T) {
	w := newWorld(t)
	c, _ := w.logIn()
	refusing := w.faults(control.Fault{Kind: "ack_error", Person: w.alice.ID, Args: map[string]string{"error": "429"}, Times: 1})
	start := time.Now()
	if err := w.fromMatrix(c, "$one", plainText("patience")); err != nil {
		t.Fatalf("sending fails: %v", err)
	}
	if took := time.Since(start); took < firstHold {
		t.Errorf("the message was tried again after %s, want at least %s", took, firstHold)
	}
	if got := w.hits(refusing.ID); got != 1 {
		t.Errorf("the refusal struck %d times, want once", got)
	}
	w.awaitAnna(control.Match{Kind: control.KindMessage, Text: "patience"})
}

func TestHoldGrows(t *testing.T) {
	c := &Client{}
	err := refused(429)
	var last time.Duration
	for tries := range 12 {
		pause, explained := c.refused(annaLID, err, tries)
		if explained != nil || pause < last || pause > longHold {
			t.Errorf("after %d refusals the pause is %s (%v), was %s", tries, pause, explained, last)
		}
		last = pause
	}
	for _, number := range []int{403, 404, 479, 500} {
		if pause, explained := c.refused(annaLID, refused(number), 0); pause != 0 || explained != nil {
			t.Errorf("error %d is held for %s (%v), want it to fail", number, pause, explained)
		}
	}
}

// TestUnknownBarEnds: without word of a lock a refused chat is left alone for a while, not for ever.
func TestUnknownBarEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{}
		if _, explained := c.refused(annaLID, refused(463), 0); explained == nil {
			t.Fatal("error 463 has no explanation")
		}
		if c.mayWrite(annaLID) == nil || c.mayWrite(aliceLID) != nil {
			t.Error("want that chat barred, and no other")
		}
		time.Sleep(unknownBar + time.Second) // synctest: no real time passes
		if err := c.mayWrite(annaLID); err != nil {
			t.Errorf("after %s the chat is still barred: %v", unknownBar, err)
		}
	})
}

// TestBanEnds: a locked account is told until when, and the connection is not tried before.
func TestBanEnds(t *testing.T) {
	w := newWorld(t)
	c, _ := w.logIn()
	c.onEvent(&events.TemporaryBan{Code: events.TempBanSentToTooManyPeople, Expire: time.Hour})
	if c.online.Open() {
		t.Error("a locked account counts as online")
	}
	awaitState(t, w.matrix, status.StateBadCredentials, errorLocked)
	if states := w.matrix.States(); !strings.Contains(states[len(states)-1].Message, "UTC") {
		t.Errorf("the state says %q, want until when", states[len(states)-1].Message)
	}
}

// refused is what whatsmeow makes of a server's error number.
func refused(number int) error {
	return fmt.Errorf("%w %d", whatsmeow.ErrServerReturnedError, number)
}
