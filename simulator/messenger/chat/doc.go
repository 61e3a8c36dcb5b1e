// Package chat is the encrypted plane of simulated Messenger (messenger.md section 5): registered devices with their keys,
// the Noise socket that clients keep open, routing of messages and receipts, and the encrypted files. It reads no plaintext
// and owns no Signal sessions: people's apps are attached from outside through a Link and speak the same stanzas without
// the Noise layer.
//
// Goroutines: each connection has the HTTP server's, which reads, and one that writes; one more, for all links together,
// calls what takes stanzas in people's apps. All state is behind Server.mu, stanzas are handled while it is held, and
// nothing blocks meanwhile. Exported methods may be called from any goroutine, from a link's Deliver too.
//
// Where it differs from the real network, and which bugs that could hide:
//   - Changes of device lists and identities are told to everybody's clients, not only to those who know the person.
//   - Queues, prekeys and files live until the process ends, unless a fault says otherwise.
//   - Which codes refuse what is plausible, not measured. A message that repeats an id is acked and not routed again.
//   - Group changes on this plane are told by the plain plane only.
package chat
