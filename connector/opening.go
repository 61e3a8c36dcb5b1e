package connector

import (
	"net/http"
	"sync/atomic"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix"
)

// opening keeps a door shut until the networks have started: the library serves its provisioning API as soon as the
// homeserver answers, but a login that is loaded or made before its network has started panics. Transactions need no such
// door, the ledger keeps them. What the bridge says of its readiness asks Started.
type opening struct{ done atomic.Bool }

// Started is whether all networks have. Any goroutine may ask.
func (c *Connector) Started() bool { return c.opening.done.Load() }

// guard puts the door in front of the library's.
func (o *opening) guard(bridge *bridgev2.Bridge) {
	mx, ok := bridge.Matrix.(*matrix.Connector)
	if !ok {
		return // a test's
	}
	router := http.NewServeMux()
	router.Handle("/", mx.AS.Router)
	router.Handle("/_matrix/provision/", o.door(mx.AS.Router))
	mx.AS.Router = router
}

func (o *opening) door(behind http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !o.done.Load() {
			w.Header().Set("Retry-After", "1")
			mautrix.RespError{
				ErrCode: "M_UNAVAILABLE", Err: "The bridge is starting. Try again in a moment.", StatusCode: http.StatusServiceUnavailable,
			}.Write(w)
			return
		}
		behind.ServeHTTP(w, r)
	})
}
