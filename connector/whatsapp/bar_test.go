package whatsapp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.mau.fi/util/jsontime"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/fakematrix"
	crosschatdb "crosschat/database"
	"crosschat/simulator/control"
	simulated "crosschat/simulator/whatsapp"
)

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
	if until := c.bars.add(annaLID); !until.Equal(ends) {
		t.Errorf("a chat is barred until %s, want %s", until, ends)
	}
	c.onEvent(&events.NotifyAccountReachoutTimelock{IsActive: false})
	if err := c.mayWrite(annaLID); err != nil {
		t.Errorf("after the lock writing is refused: %v", err)
	}
	// A lock without an end: what it bars is tried again after a while.
	c.onEvent(&events.NotifyAccountReachoutTimelock{IsActive: true})
	if left := time.Until(c.bars.add(annaLID)); left > unknownBar || left < unknownBar-time.Minute {
		t.Errorf("a chat is barred for %s, want %s", left, unknownBar)
	}
}

// TestUnknownBarEnds: without word of a lock a refused chat is left alone for a while, not for ever.
func TestUnknownBarEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{}
		c.bars.add(annaLID)
		if c.mayWrite(annaLID) == nil || c.mayWrite(aliceLID) != nil {
			t.Error("want that chat barred, and no other")
		}
		time.Sleep(unknownBar + time.Second) // synctest: no real time passes
		if err := c.mayWrite(annaLID); err != nil {
			t.Errorf("after %s the chat is still barred: %v", unknownBar, err)
		}
	})
}

// TestBarsAreKept: bars come back from the database, whole, and go from it when somebody writes. A new login to the same
// account does not lift them.
func TestBarsAreKept(t *testing.T) {
	n := newTestNetwork(t)
	mustStart(t, fakematrix.New(), n, t.TempDir())
	c := mustLogin(t, n)
	stored := func() *crosschatdb.UserLoginMetadata {
		t.Helper()
		login, err := n.bridge.DB.UserLogin.GetByID(t.Context(), c.login.ID)
		if err != nil {
			t.Fatal(err)
		}
		return login.Metadata.(*crosschatdb.UserLoginMetadata)
	}
	ends := time.Now().Add(3 * time.Hour).Truncate(time.Second)
	c.onEvent(&events.NotifyAccountReachoutTimelock{IsActive: true, TimeEnforcementEnds: jsontime.UnixString{Time: ends}})
	if _, explained := c.refused(annaLID, refused(463), 0); explained == nil {
		t.Fatal("error 463 has no explanation")
	}
	again := stored()
	again.CopyFrom(&crosschatdb.UserLoginMetadata{WhatsApp: &crosschatdb.WhatsAppUserLogin{Device: "1:2@s.whatsapp.net"}})
	for _, meta := range []*crosschatdb.UserLoginMetadata{stored(), again} {
		var after bars
		after.load(meta.WhatsApp)
		if until := after.until(annaLID); !until.Equal(ends) {
			t.Errorf("after a restart the chat is barred until %s, want %s", until, ends)
		}
		if until := after.add(aliceLID); !until.Equal(ends) {
			t.Errorf("after a restart a new bar ends %s, want %s", until, ends)
		}
	}
	c.unbar(annaLID)
	if meta := stored(); len(meta.WhatsApp.Barred) != 0 {
		t.Errorf("stored bars are %v, want none", meta.WhatsApp.Barred)
	}
}

// TestBarsAreBounded: a program that writes to everybody it can think of does not fill the database.
func TestBarsAreBounded(t *testing.T) {
	var b bars
	for i := range 2 * mostBars {
		b.add(types.NewJID(fmt.Sprint(300000000000+i), types.HiddenUserServer))
	}
	meta := &crosschatdb.WhatsAppUserLogin{Barred: map[string]jsontime.Unix{"odd": {}}}
	b.store(meta)
	if len(meta.Barred) != mostBars {
		t.Errorf("%d bars are kept, want %d", len(meta.Barred), mostBars)
	}
}
