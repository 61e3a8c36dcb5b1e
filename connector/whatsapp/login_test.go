package whatsapp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/fakematrix"
)

// TestCodesAreRefreshed shows the six codes one after the other, the first for a minute.
func TestCodesAreRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &qrLogin{log: zerolog.Nop(), ctx: t.Context(), events: make(chan any, 1)}
		begin := time.Now()
		l.events <- &events.QR{Codes: []string{"1", "2", "3", "4", "5", "6"}}
		for i := range 6 {
			step, err := l.await(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprint(i + 1); step.DisplayAndWaitParams.Data != want || step.StepID != stepQR {
				t.Errorf("step is %+v, want code %q", step, want)
			}
			want := time.Duration(0)
			if i > 0 {
				want = firstCodeShown + time.Duration(i-1)*laterCodeShown
			}
			if got := time.Since(begin); got != want {
				t.Errorf("code %d came after %s, want %s", i+1, got, want)
			}
		}
		if step, err := l.await(t.Context()); step != nil || err != nil {
			t.Errorf("after the last code got %+v, %v, want nothing yet", step, err)
		}
	})
}

func TestLoginEvents(t *testing.T) {
	for _, test := range []struct {
		evt       any
		codesLeft []string
		want      error
	}{
		{&events.QR{}, nil, errLoginRefused},
		{&events.QRScannedWithoutMultidevice{}, nil, errLoginOldApp},
		{&events.Disconnected{}, []string{"2"}, errLoginLost},
		{&events.Disconnected{}, nil, errLoginTimedOut},
		{&events.ClientOutdated{}, nil, errLoginOutdated},
		{&events.TemporaryBan{}, nil, errLoginBanned},
		{&events.ConnectFailure{Reason: 499}, nil, errLoginRefused},
		{&events.LoggedOut{}, nil, errLoginRefused},
		{&events.StreamError{}, nil, errLoginLost},
		{&events.PairError{Error: whatsmeow.ErrPairInvalidDeviceIdentityHMAC}, nil, errLoginTampered},
		{&events.PairError{Error: whatsmeow.ErrPairInvalidDeviceSignature}, nil, errLoginTampered},
		{&events.PairError{Error: &whatsmeow.PairDatabaseError{}}, nil, errLoginNotStored},
		{&events.PairError{Error: &whatsmeow.PairProtoError{}}, nil, errLoginRefused},
	} {
		network := New()
		network.version.pinned = true
		l := &qrLogin{log: zerolog.Nop(), ctx: t.Context(), codes: test.codesLeft, network: network}
		step, err := l.handle(t.Context(), test.evt)
		var want, got bridgev2.RespError // by the code: the words may say more
		errors.As(test.want, &want)
		if step != nil || !errors.As(err, &got) || got.ErrCode != want.ErrCode {
			t.Errorf("%T: got %+v, %v, want %v", test.evt, step, err, test.want)
		}
	}
}

// TestLoginRefusedWords: who can't log in learns why, and until when.
func TestLoginRefusedWords(t *testing.T) {
	for _, test := range []struct {
		evt   any
		words []string
	}{
		{&events.TemporaryBan{Code: events.TempBanBlockedByUsers, Expire: time.Hour}, []string{"UTC", "too many people blocked you"}},
		{&events.ConnectFailure{Reason: 409, Message: "go away"}, []string{"409", "user agent", "go away"}},
	} {
		for _, word := range test.words {
			if err := connectionError(test.evt, 0); !strings.Contains(err.Error(), word) {
				t.Errorf("%T: the user is told %q, want %q in it", test.evt, err, word)
			}
		}
	}
}

func TestUnknownFlow(t *testing.T) {
	n := newTestNetwork(t)
	mustStart(t, fakematrix.New(), n, t.TempDir())
	if _, err := n.CreateLogin(t.Context(), mustUser(t, n.bridge, aliceMXID), "cookies"); !errors.Is(err, bridgev2.ErrInvalidLoginFlowID) {
		t.Errorf("got error %v, want %v", err, bridgev2.ErrInvalidLoginFlowID)
	}
}

func TestLoginWithoutServer(t *testing.T) {
	n := newTestNetwork(t)
	mustStart(t, fakematrix.New(), n, t.TempDir())
	process, err := n.CreateLogin(t.Context(), mustUser(t, n.bridge, aliceMXID), flowQR)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := process.Start(t.Context()); !errors.Is(err, errLoginUnreachable) {
		t.Errorf("got error %v, want %v", err, errLoginUnreachable)
	}
	process.Cancel()
}

func TestCancelBeforeStart(t *testing.T) {
	(&qrLogin{}).Cancel()
}

// TestOrphansAreForgotten: a device without a login is what a crash in the middle of a login leaves.
func TestOrphansAreForgotten(t *testing.T) {
	dir := t.TempDir()
	n := newTestNetwork(t)
	bridge := mustStart(t, fakematrix.New(), n, dir)
	kept := mustLogin(t, n).wa.Store.ID.String()
	mustDevice(t, n, annaPN, annaLID, 1)
	mustDevice(t, n, alicePN, aliceLID, 2)
	bridge.Stop()

	n = newTestNetwork(t)
	mustStart(t, fakematrix.New(), n, dir)
	devices, err := n.db.WhatsAppStore().GetAllDevices(t.Context())
	if err != nil || len(devices) != 1 || devices[0].ID.String() != kept {
		t.Errorf("after a restart the devices are %v, error %v; want %s only", devices, err, kept)
	}
}
