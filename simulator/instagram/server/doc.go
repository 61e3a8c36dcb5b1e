// Package server is the wire side of simulated Instagram: every host that a web client talks to (instagram.md section 1).
// It owns the listener, cookie sessions and tokens, the ids of persisted operations, the gateway's connections, uploads
// and the CDN. What an action does is package direct's, JSON forms are package shape's.
//
// Goroutines: each HTTP request has the HTTP server's; a gateway connection reads on it and has one more that writes.
// Shared state, that of sessions and documents included, is behind direct's lock, which is never held over anything that
// blocks. Exported methods may be called from any goroutine, but not from Config.OnEntry.
//
// Where it differs from the real network, and which bugs that could hide:
//   - The replay window is endless unless a fault ends it, and resnapshots come only when they must.
//   - What the service says to refused edits, retired documents and the like is invented (section 18.1, 22.4); so are the
//     wire forms of anything the specification marks unknown.
//   - Nothing counts as automated behaviour: besides Config.RateLimit nobody is slowed down or challenged, TLS
//     fingerprints are not looked at, and the address a client comes from means nothing.
//   - Requests that no browser would make so (headers missing, another browser than before, cookies to the CDN, read marks
//     in message requests) are answered, and recorded as unexpected.
//   - Sessions have the same ids for a thread on both sides of it; there is one language.
package server
