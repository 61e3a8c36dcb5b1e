// Package uplink keeps what a network runs in the background from harming the rest of the process. It owns no
// connection; the networks call it from whatever goroutine starts the work.
package uplink

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/status"
)

// ErrorPanicked is the bridge state error of a login in whose goroutine something panicked.
const ErrorPanicked status.BridgeStateErrorCode = "crosschat-panic"

func init() {
	status.BridgeStateHumanErrors.Update(status.BridgeStateErrorMap{
		ErrorPanicked: "Something went wrong inside the bridge. Other accounts go on; restart the bridge to try again.",
	})
}

// Group is the goroutines of one login. The zero value is ready; it must not be copied.
type Group struct {
	wait sync.WaitGroup
}

// Go runs f in a goroutine of the login. A panic ends that goroutine only: it is logged with its stack and becomes the
// login's bridge state. name says in the log which of the login's goroutines it was.
func (g *Group) Go(login *bridgev2.UserLogin, name string, f func()) {
	g.wait.Go(func() {
		defer Recover(login, name)
		f()
	})
}

// Wait blocks until all goroutines of the group have returned.
func (g *Group) Wait() {
	g.wait.Wait()
}

// Recover is deferred by code that a library calls in a goroutine of its own.
func Recover(login *bridgev2.UserLogin, name string) {
	value := recover()
	if value == nil {
		return
	}
	login.Log.Error().
		Str("goroutine", name).
		Str("panic", fmt.Sprint(value)).
		Bytes("stack", debug.Stack()).
		Msg("Goroutine panicked")
	login.BridgeState.Send(status.BridgeState{StateEvent: status.StateUnknownError, Error: ErrorPanicked})
}

// Insist repeats take until it says that it took something, with growing pauses; it is false if ctx ends before. It is for
// networks that do not wait for one event to be taken before they tell the next: what is left for the next connection comes
// behind that.
func Insist(ctx context.Context, take func() bool) bool {
	for pause := firstInsistence; ; pause = min(2*pause, longestInsistence) {
		if take() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

const firstInsistence, longestInsistence = 200 * time.Millisecond, 10 * time.Second

// Bound is a context for one piece of work of a login: it ends with ctx, with life and after timeout.
func Bound(ctx, life context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	stop := context.AfterFunc(life, cancel)
	return ctx, func() { stop(); cancel() }
}
