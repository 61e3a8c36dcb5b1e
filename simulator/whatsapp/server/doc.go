// Package server is a simulated WhatsApp: the wire side that an unmodified multi-device client talks to (whatsapp-server.md).
// It owns users, devices, queues, groups, app-state collections and the stanza log, and routes what devices send. It owns no
// Signal keys and reads no plaintext: phones are attached from outside through a Link and speak the same stanzas as clients,
// without the Noise layer.
//
// Goroutines: each connection has one that reads (the HTTP server's) and one that writes; each Link has one that calls its
// Deliver. All state is behind Server.mu, stanzas are handled while it is held, and nothing blocks meanwhile: what is to be
// sent goes to an outbox. Exported methods may be called from any goroutine, from Deliver too, but not from Config.OnEntry.
//
// Where it differs from the real network, and which bugs that could hide:
//   - Everybody is everybody's contact: device changes, identities, pictures and abouts are told to all users. A client that
//     wrongly relies on hearing of strangers is not caught.
//   - Nothing is rate-limited and nothing ages: queues, prekeys and media live until the process ends, unless a fault says
//     otherwise.
//   - Texts of errors, numbers in success and properties, the limit of companions and the order of announcements are
//     plausible, not measured (section 22).
//   - Status broadcasts go only to the devices the sender listed; channels, calls, communities and bots are refused or empty.
package server
