package instagram

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/metaweb/web"
)

func TestSendError(t *testing.T) {
	for _, test := range []struct {
		err     error
		pending bool
		want    string
	}{
		{&wire.RejectedError{Message: "You blocked this person."}, false, "You blocked this person."},
		{fmt.Errorf("x: %w", &wire.RejectedError{}), false, "no reason"},
		{&wire.BlockedError{Message: "Too fast", Wait: time.Hour}, false, "for 1h"},
		{&wire.StaleDocumentError{Operation: "send_text"}, false, "brought up to date"},
		{wire.ErrNotFound, false, "not on Instagram any more"},
		{&web.StopError{Kind: web.Checkpoint}, false, "checkpoint"},
		{wire.ErrNotConnected, true, "no connection"},
		{&wire.UncertainError{Err: errors.New("lost")}, true, "did not confirm"},
		{context.DeadlineExceeded, true, "did not confirm"},
		{&wire.RateLimitError{Wait: time.Minute}, true, "right now"},
		{&wire.TemporaryError{}, true, "right now"},
		{&wire.ReloadError{}, true, "right now"},
	} {
		var status bridgev2.MessageStatus
		if err := sendError(test.err); !errors.As(err, &status) {
			t.Errorf("%v is no message status", err)
			continue
		}
		if pending := status.Status == "PENDING"; pending != test.pending || !strings.Contains(status.Message, test.want) {
			t.Errorf("%v: pending %t, %q; want pending %t, %q in it", test.err, pending, status.Message, test.pending, test.want)
		}
	}
}

// The id must be the same at each try, and another one for each message, account and half.
func TestOutgoingID(t *testing.T) {
	const at = 1785585600123
	seen := make(map[wire.OTID]string)
	for _, login := range []string{"instagram-1", "instagram-2"} {
		for _, evt := range []string{"$a", "$b"} {
			for _, part := range []half{whole, fileOfTwo, captionOfTwo} {
				got := outgoingID("", "", 0, part)
				if got <= 0 {
					t.Errorf("an id without time is %d", got)
				}
				name := fmt.Sprint(login, evt, part)
				got = outgoingID("instagram-"+"1", "$x", at, part)
				if again := outgoingID("instagram-"+"1", "$x", at, part); again != got || int64(got)>>idTimeBits != at {
					t.Errorf("%s: %d and %d, want the same twice, of time %d", name, got, again, at)
				}
				seen[got] = name
			}
		}
	}
	if len(seen) != 3 {
		t.Errorf("the halves of one message have %d ids, want 3", len(seen))
	}
}

func TestUsernameOf(t *testing.T) {
	for identifier, want := range map[string]string{
		"@Anna.aal_1": "Anna.aal_1", "instagram:anna": "anna", "https://www.instagram.com/anna/": "anna", "https://instagram.com/anna?x=1": "anna",
		"anna": "", "@": "", "@a b": "", "@ä": "", "https://www.instagram.com/p/Cabc/": "", "https://example.org/anna": "",
		"http://www.instagram.com/anna": "", "@" + strings.Repeat("a", 31): "", "": "", "+1555": "", "instagram-34000000002": "",
	} {
		if got, ok := usernameOf(identifier); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %t; want %q", identifier, got, ok, want)
		}
	}
}
