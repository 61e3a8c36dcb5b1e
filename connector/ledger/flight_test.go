package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
)

var errNoAnswer = mautrix.HTTPError{Message: "request error", WrappedError: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}

func TestOurFault(t *testing.T) {
	download := func(err error) error { return fmt.Errorf("%w: %w", bridgev2.ErrMediaDownloadFailed, err) }
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"homeserver away", download(errNoAnswer), true},
		{"other server away", download(mautrix.HTTPError{Response: &http.Response{StatusCode: http.StatusBadGateway}}), false},
		{"no such file", download(mautrix.HTTPError{Response: &http.Response{StatusCode: http.StatusNotFound}}), false},
		{"disk full", download(&os.PathError{Op: "write", Path: "file", Err: syscall.ENOSPC}), true},
		{"network's upload", errNoAnswer, false},
		{"something else", errors.New("no"), false},
	} {
		if got := ourFault(test.err); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
}

func TestFilesWaitForTheHomeserver(t *testing.T) {
	wire := newWire()
	tries := 0
	wire.send = func(string) error {
		if tries++; tries < 3 {
			return fmt.Errorf("%w: %w", bridgev2.ErrMediaDownloadFailed, errNoAnswer)
		}
		return nil
	}
	s := mustSet(t, t.TempDir(), wire)
	s.start()
	s.hand("1", message("$1", "file"), message("$2", "text"))
	s.awaitTexts("file", "text")
	if failed := s.empty(); len(failed) != 0 || len(s.notices()) != 0 {
		t.Errorf("failed are %+v, notices %q; want none", failed, s.notices())
	}
}

// locked is encryption that at first can't read its keys.
type locked struct {
	matrix.Crypto
	errors int
	err    error
}

func (c *locked) Decrypt(_ context.Context, evt *event.Event) (*event.Event, error) {
	if c.errors > 0 {
		c.errors--
		return nil, c.err
	}
	plain := *evt
	plain.Type, plain.Content = event.EventMessage, event.Content{}
	return &plain, json.Unmarshal([]byte(`{"msgtype":"m.text","body":"locked"}`), &plain.Content)
}

// lockedSide is a Matrix side with such encryption.
type lockedSide struct {
	matrixSide
	crypto *locked
	l      *Ledger
}

func (s lockedSide) decrypts() bool { return true }

func (s lockedSide) dispatch(ctx context.Context, evt *event.Event) {
	if evt.Type != event.EventEncrypted {
		s.matrixSide.dispatch(ctx, evt)
		return
	}
	library := librarySide{l: s.l}
	plain, err := watched{s.crypto, library}.Decrypt(ctx, evt)
	if err != nil {
		return
	}
	s.l.parse(plain)
	s.matrixSide.dispatch(ctx, plain)
	s.l.flight(evt.ID).isDecrypted()
}

func TestErrorsOfDecryptionPass(t *testing.T) {
	const encrypted = `{"type":"m.room.encrypted","event_id":"$1","room_id":%q,"sender":%q,"content":{"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"AwgA"}}`
	reset, withheld := errors.New("read tcp: connection reset by peer"), &event.RoomKeyWithheldEventContent{Code: event.RoomKeyWithheldUnauthorized}
	for _, test := range []struct {
		name   string
		errors int
		err    error
		texts  []string
		failed int
		tries  int // that went wrong
	}{
		{"a while", 2, reset, []string{"locked", "text"}, 0, 2},
		{"for ever", 1000, reset, []string{"text"}, 1, maxTries},
		{"the key is withheld", 1000, fmt.Errorf("get session: %w", withheld), []string{"text"}, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := mustSet(t, t.TempDir(), newWire())
			crypto := &locked{errors: test.errors, err: test.err}
			s.ledger.matrix = lockedSide{s.ledger.matrix, crypto, s.ledger}
			s.start()
			s.hand("1", fmt.Sprintf(encrypted, chatRoom, alice), message("$2", "text"))
			s.awaitTexts(test.texts...)
			if failed := s.empty(); len(failed) != test.failed {
				t.Errorf("failed are %+v, want %d", failed, test.failed)
			}
			if got := test.errors - crypto.errors; got != test.tries {
				t.Errorf("%d tries went wrong, want %d", got, test.tries)
			}
		})
	}
}

// TestTheRowIsLookedForUnlessItIsKnown: an event whose row is missing is tried again.
// The row is deleted as soon as it is stored, so that who looks does not find it.
func TestTheRowIsLookedForUnlessItIsKnown(t *testing.T) {
	for _, test := range []struct {
		name  string
		tells bool
		tries int
	}{
		{"the network tells", true, 1},
		{"it does not", false, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			wire := newWire()
			s := mustSet(t, t.TempDir(), wire)
			deleted := false
			wire.saved = func(ctx context.Context, row *bridgedb.Message) {
				if test.tells {
					RowStored(s.user.GetDefaultLogin())(ctx, row)
				}
				if !deleted {
					deleted = true
					s.must(s.ledger.bridge.DB.Message.Delete(ctx, row.RowID))
				}
			}
			s.start()
			s.hand("1", message("$1", "a"))
			if failed := s.empty(); len(failed) != 0 {
				t.Errorf("failed are %+v", failed)
			}
			if got := len(wire.texts()); got != test.tries {
				t.Errorf("sent %d times, want %d", got, test.tries)
			}
		})
	}
}
