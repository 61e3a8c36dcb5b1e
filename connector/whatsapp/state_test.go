package whatsapp

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/fakematrix"
)

// awaitState waits until the bridge state of the test's login is as wanted.
func awaitState(t *testing.T, m *fakematrix.Matrix, state status.BridgeStateEvent, code status.BridgeStateErrorCode) {
	t.Helper()
	err := m.Await(awaitTimeout, string(state)+" "+string(code), func() bool {
		states := m.States()
		return len(states) > 0 && states[len(states)-1].StateEvent == state && states[len(states)-1].Error == code
	})
	if err != nil {
		t.Fatalf("%v; states are %+v", err, m.States())
	}
}

func TestStates(t *testing.T) {
	m := fakematrix.New()
	n := newTestNetwork(t)
	mustStart(t, m, n, t.TempDir())
	c := mustLogin(t, n)
	for _, test := range []struct {
		evt   any
		state status.BridgeStateEvent
		code  status.BridgeStateErrorCode
	}{
		{&events.Connected{}, status.StateConnected, ""},
		{&events.KeepAliveTimeout{}, status.StateTransientDisconnect, errorNoAnswer},
		{&events.KeepAliveRestored{}, status.StateConnected, ""},
		{&events.Disconnected{}, status.StateTransientDisconnect, errorDisconnected},
		{&events.TemporaryBan{Code: events.TempBanBlockedByUsers, Expire: time.Hour}, status.StateBadCredentials, errorLocked},
		{&events.ClientOutdated{}, status.StateUnknownError, errorOutdated},
		{&events.StreamReplaced{}, status.StateUnknownError, errorReplaced},
		{&events.ConnectFailure{Reason: 499}, status.StateUnknownError, errorConnectFailure},
	} {
		if !c.onEvent(test.evt) {
			t.Errorf("%T was not received", test.evt)
		}
		awaitState(t, m, test.state, test.code)
		if open := c.online.Open(); open != (test.state == status.StateConnected) {
			t.Errorf("after %T the login counts as online: %t", test.evt, open)
		}
	}
	for _, code := range []status.BridgeStateErrorCode{
		errorLoggedOut, errorPhoneLost, errorBanned, errorNotLinked, errorReplaced, errorOutdated, errorVersionTooOld,
		errorUnreachable, errorDisconnected, errorNoAnswer,
	} {
		if status.BridgeStateHumanErrors[code] == "" {
			t.Errorf("no text for users explains %s", code)
		}
	}
}

func TestLoggedOutIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	m := fakematrix.New()
	n := newTestNetwork(t)
	bridge := mustStart(t, m, n, dir)
	c := mustLogin(t, n)
	c.onEvent(&events.LoggedOut{Reason: events.ConnectFailureLoggedOut})
	awaitState(t, m, status.StateBadCredentials, errorLoggedOut)
	if c.IsLoggedIn() {
		t.Error("the login still counts as logged in")
	}
	if devices, err := n.db.WhatsAppStore().GetAllDevices(t.Context()); err != nil || len(devices) != 0 {
		t.Errorf("%d devices are left, error %v; want none", len(devices), err)
	}
	bridge.Stop()

	again := fakematrix.New()
	n = newTestNetwork(t)
	bridge = mustStart(t, again, n, dir)
	login := bridge.GetCachedUserLoginByID(c.login.ID)
	if login == nil {
		t.Fatal("the login is gone after a restart")
	}
	if got := login.BridgeState.GetPrev(); got.StateEvent != status.StateBadCredentials {
		t.Errorf("state after a restart is %q, want %q", got.StateEvent, status.StateBadCredentials)
	}
	if login.Client.IsLoggedIn() {
		t.Error("the login counts as logged in after a restart")
	}
	for _, state := range again.States() {
		if state.StateEvent == status.StateBadCredentials {
			t.Errorf("the user is told again after a restart: %+v", state)
		}
	}
}
