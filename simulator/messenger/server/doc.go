// Package server is a simulated Messenger: every host that a web client of a personal account talks to for the plain plane
// (messenger.md sections 1 to 4), and the registration of encrypted devices (section 5.2). It owns accounts, cookie
// sessions, tokens, the logs of the sync databases, gateway connections, uploads and the CDN, over a world. The encrypted
// socket is package chat, which it hands connections to.
//
// Goroutines: each HTTP request and each gateway connection has the goroutine of the HTTP server's; a gateway connection
// has one more that writes. All state is behind Server.mu, requests are handled while it is held, and nothing blocks
// meanwhile. Exported methods may be called from any goroutine, but not from the hook of Config.Log.
//
// Where it differs from the real network, and which bugs that could hide:
//   - Cursors never age and logs are never cut, unless a fault says so.
//   - Nothing is rate-limited, and no behaviour counts as automated: a client that polls too much is not stopped.
//   - Which tokens each endpoint checks, the batches in which rows come, texts of errors and the rows of encrypted threads
//     are plausible, not measured (sections 10 and appendix D).
//   - TLS fingerprints are not looked at, and there is one region and one language.
package server
