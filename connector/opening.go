package connector

import (
	"net/http"
	"net/url"
	"sync/atomic"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2/matrix"
)

// opening keeps a door shut until the networks have started: the library serves its provisioning API as soon as the
// homeserver answers, but a login that is loaded or made before its network has started panics. Transactions need no such
// door, the ledger keeps them. What the bridge says of its readiness asks Started.
type opening struct{ done atomic.Bool }

// Started is whether all networks have. Any goroutine may ask.
func (c *Connector) Started() bool { return c.opening.done.Load() }

// Guard puts the door in front of the library's provisioning API. It is called before the bridge starts and behind all who
// replace the router: the library adds its routes to the one that is there then, under a pattern that the door's goes before.
func (c *Connector) Guard(mx *matrix.Connector) {
	router := mx.AS.Router
	router.HandleFunc("/_matrix/provision/v3/", func(w http.ResponseWriter, r *http.Request) {
		if !c.Started() {
			w.Header().Set("Retry-After", "1")
			mautrix.RespError{
				ErrCode: "M_UNAVAILABLE", Err: "The bridge is starting. Try again in a moment.", StatusCode: http.StatusServiceUnavailable,
			}.Write(w)
			return
		}
		library, _ := router.Handler(&http.Request{Method: r.Method, URL: &url.URL{Path: "/_matrix/provision/"}})
		library.ServeHTTP(w, r)
	})
}
