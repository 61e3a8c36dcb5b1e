package whatsapp

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/fakematrix"
)

func TestBackoff(t *testing.T) {
	for failures, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second} {
		if got := backoff(failures, 10*time.Second); got > want || got < want*4/5-1 {
			t.Errorf("pause after %d failures is %s, want %s less up to a fifth", failures, got, want)
		}
	}
	if got := backoff(1_000_000, time.Minute); got > time.Minute || got <= 0 {
		t.Errorf("pause after a million failures is %s", got)
	}
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		waited := make(chan error, 2)
		go func() { waited <- g.wait(ctx) }()
		synctest.Wait()
		if g.open() {
			t.Error("a new gate is open")
		}
		g.set(true)
		g.set(true)
		if err := <-waited; err != nil {
			t.Errorf("open gate: %v", err)
		}
		g.set(false)
		g.set(false)
		go func() { waited <- g.wait(ctx) }()
		if err := <-waited; err == nil {
			t.Error("waiting at a shut gate ended without an error")
		}
	})
}

func TestWorkEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w work
		if !w.begin() {
			t.Fatal("new work can't begin")
		}
		ended := make(chan struct{})
		go func() { w.end(); close(ended) }()
		synctest.Wait()
		select {
		case <-ended:
			t.Error("end did not wait")
		default:
		}
		if w.begin() {
			t.Error("work began after end")
		}
		w.done()
		<-ended
	})
}

// await waits until the bridge state of the test's login is as wanted.
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
		if open := c.online.open(); open != (test.state == status.StateConnected) {
			t.Errorf("after %T the login counts as online: %t", test.evt, open)
		}
	}
	for _, code := range []status.BridgeStateErrorCode{
		errorLoggedOut, errorPhoneLost, errorBanned, errorNotLinked, errorReplaced, errorTempBanned, errorOutdated,
		errorConnectFailure, errorUnreachable, errorDisconnected, errorNoAnswer,
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
