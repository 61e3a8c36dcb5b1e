package ledger

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
)

// TestTenMinutesWithoutHomeserver shows that what networks deliver while the homeserver is away for long arrives when it is
// back, in order, within the longest pause; that nothing of it is given up; and that the homeserver is not hammered.
func TestTenMinutesWithoutHomeserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		login := &bridgev2.UserLogin{
			UserLogin: &database.UserLogin{ID: "login"}, Bridge: &bridgev2.Bridge{Log: zerolog.Nop()}, Log: zerolog.Nop(),
		}
		back := time.Now().Add(10 * time.Minute)
		var arrived []int
		tries := 0
		for message := range 20 {
			err := persist(t.Context(), login, bridgev2.RemoteEventMessage, func() error {
				tries++
				if time.Now().Before(back) {
					return awayError{errors.New("connection refused")}
				}
				arrived = append(arrived, message)
				return nil
			}, func(cause error) error {
				t.Errorf("message %d was given up: %v", message, cause)
				return nil
			})
			if err != nil {
				t.Fatalf("deliver message %d: %v", message, err)
			}
		}
		if !slices.IsSorted(arrived) || len(arrived) != 20 {
			t.Errorf("what arrived is %v, want 20 messages in order", arrived)
		}
		if late := time.Since(back); late > longestPause {
			t.Errorf("everything was there %s after the homeserver was back, want at most %s", late, longestPause)
		}
		if most := 20 + int(10*time.Minute/longestPause) + 6; tries > most {
			t.Errorf("tried %d times, want at most %d", tries, most)
		}
	})
}

// TestOutageEndsWithTheLogin shows that who waits for the homeserver lets go when the login is stopped: the network
// delivers the message again.
func TestOutageEndsWithTheLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		login := &bridgev2.UserLogin{
			UserLogin: &database.UserLogin{ID: "login"}, Bridge: &bridgev2.Bridge{Log: zerolog.Nop()}, Log: zerolog.Nop(),
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		begun := time.Now()
		err := persist(ctx, login, bridgev2.RemoteEventMessage, func() error { return awayError{errors.New("connection refused")} },
			func(error) error { return nil })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 5*time.Minute {
			t.Errorf("after %s: %v, want the end of the login's context after 5m", time.Since(begun), err)
		}
	})
}
