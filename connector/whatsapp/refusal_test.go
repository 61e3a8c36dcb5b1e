package whatsapp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"

	"maunium.net/go/mautrix/event"

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
	for _, busy := range []error{refused(503), whatsmeow.ErrIQRateOverLimit, fmt.Errorf("fetch keys: %w", whatsmeow.ErrIQPartialServerError)} {
		if pause, explained := c.refused(annaLID, busy, 0); explained != nil || pause != firstHold {
			t.Errorf("after %v the pause is %s (%v), want %s", busy, pause, explained, firstHold)
		}
	}
	var last time.Duration
	for tries := range 12 {
		pause, explained := c.refused(annaLID, err, tries)
		if explained != nil || pause < last || pause > longHold {
			t.Errorf("after %d refusals the pause is %s (%v), was %s", tries, pause, explained, last)
		}
		last = pause
	}
	for _, number := range []int{400, 401, 403, 404, 405, 406, 410, 423, 479, 499} {
		if pause, explained := c.refused(annaLID, refused(number), 0); pause != 0 || explained != nil {
			t.Errorf("error %d is held for %s (%v), want it to fail", number, pause, explained)
		}
	}
}

// TestLookupErrors: a question about a number that WhatsApp does not answer is told in plain words.
func TestLookupErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("usync: %w", whatsmeow.ErrIQRateOverLimit), "wait a while"},
		{whatsmeow.ErrIQForbidden, "error 403"},
		{whatsmeow.ErrNotConnected, "can't be reached"},
		{errors.New("odd"), "odd"},
	} {
		if got := lookupError(t.Context(), test.err); !strings.Contains(got.Error(), test.want) {
			t.Errorf("%v: the user is told %q, want %q in it", test.err, got, test.want)
		}
	}
}

// refused is what whatsmeow makes of a server's error number.
func refused(number int) error {
	return fmt.Errorf("%w %d", whatsmeow.ErrServerReturnedError, number)
}
