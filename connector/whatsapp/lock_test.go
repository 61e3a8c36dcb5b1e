package whatsapp

import (
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/fakematrix"
	"crosschat/simulator/control"
)

// TestLocked: a locked account is told until when and why, and WhatsApp is not asked again before, a restart included.
func TestLocked(t *testing.T) {
	w := newWorld(t)
	c, _ := w.logIn()
	locked := w.faults(control.Fault{Kind: "failure", Person: w.alice.ID, Times: -1, Args: map[string]string{
		"reason": "402", "code": "101", "expire": "3600",
	}})
	w.faults(control.Fault{Kind: "close", Person: w.alice.ID})
	awaitState(t, w.matrix, status.StateBadCredentials, errorLocked)
	if c.online.Open() {
		t.Error("a locked account counts as online")
	}
	w.mustSayLock()

	c.Disconnect()
	if err := w.network.LoadUserLogin(t.Context(), c.login); err != nil {
		t.Fatal(err)
	}
	again := c.login.Client.(*Client)
	t.Cleanup(again.Disconnect)
	before := len(w.matrix.States())
	again.report(status.BridgeState{StateEvent: status.StateConnecting}) // so that the next state is no repetition
	again.Connect(t.Context())
	waitFor(t, "a new state", func() bool {
		states := w.matrix.States()
		return len(states) > before && states[len(states)-1].Error == errorLocked
	})
	w.mustSayLock()
	if got := w.hits(locked.ID); got != 1 {
		t.Errorf("WhatsApp was asked %d times, want once", got)
	}
}

func (w *world) mustSayLock() {
	w.Helper()
	states := w.matrix.States()
	if got := states[len(states)-1].Message; !strings.Contains(got, "UTC") || !strings.Contains(got, "address books") {
		w.Errorf("the state says %q, want until when and why", got)
	}
}

// TestRefusedConnections: each way in which WhatsApp refuses a connection for good has a state and words for the user,
// with what it said.
func TestRefusedConnections(t *testing.T) {
	for _, test := range []struct {
		evt   any
		state status.BridgeStateEvent
		code  status.BridgeStateErrorCode
		words []string
	}{
		{&events.ConnectFailure{Reason: 400}, status.StateUnknownError, errorConnectFailure, []string{"refuses the connection", "400"}},
		{&events.ConnectFailure{Reason: 409, Message: "go away"}, status.StateUnknownError, errorConnectFailure, []string{"user agent was rejected", "go away"}},
		{&events.ConnectFailure{Reason: 415}, status.StateUnknownError, errorConnectFailure, []string{"415"}},
		{&events.ConnectFailure{Reason: 418}, status.StateUnknownError, errorConnectFailure, []string{"418"}},
		{&events.ConnectFailure{Reason: 501}, status.StateUnknownError, errorConnectFailure, []string{"501"}},
		{&events.TemporaryBan{Code: events.TempBanBlockedByUsers}, status.StateBadCredentials, errorTempBanned, []string{"too many people blocked you"}},
		{&events.TemporaryBan{Code: 199, Expire: time.Hour}, status.StateBadCredentials, errorLocked, []string{"UTC", "199"}},
		{&events.StreamReplaced{}, status.StateUnknownError, errorReplaced, []string{"Another program"}},
		{&events.LoggedOut{Reason: events.ConnectFailureMainDeviceGone}, status.StateBadCredentials, errorPhoneLost, []string{"no longer set up", "locked"}},
		{&events.LoggedOut{Reason: events.ConnectFailureUnknownLogout}, status.StateBadCredentials, errorBanned, []string{"does not let this account in"}},
		{&events.LoggedOut{Reason: events.ConnectFailureLoggedOut}, status.StateBadCredentials, errorLoggedOut, []string{"logged out"}},
	} {
		m := fakematrix.New()
		n := newTestNetwork(t)
		mustStart(t, m, n, t.TempDir())
		c := mustLogin(t, n)
		c.onEvent(test.evt)
		awaitState(t, m, test.state, test.code)
		states := m.States()
		for _, word := range test.words {
			if got := states[len(states)-1].Message; !strings.Contains(got, word) {
				t.Errorf("%T %+v: the state says %q, want %q in it", test.evt, test.evt, got, word)
			}
		}
	}
}
