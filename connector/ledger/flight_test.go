package ledger

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
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
