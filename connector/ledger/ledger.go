// Package ledger is the two edges at which a message changes sides, and what keeps it from being lost or doubled there.
//
//   - Network to Matrix: Deliver returns only when an event is in Matrix and its row in our database, so that the
//     network's acknowledgement means stored. Transport gives what it sends a Matrix transaction id made from the
//     network's message id, so that the homeserver drops a repeat after a crash between sending and storing.
//   - Matrix to network: Seed turns a Matrix event into the seed of its message id on the network, fixed before the
//     first attempt, so that the network or the recipient recognises a repeat.
//
// It knows no network. Deliver is called from the goroutine in which a network receives, one call at a time for each
// login where order matters.
package ledger

import (
	"crypto/sha256"

	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"
)

// Seed is 32 bytes that are the same each time the same Matrix event is sent through the same login, and for no other.
// A network makes the id of the outgoing message from it.
func Seed(login networkid.UserLoginID, event id.EventID) [sha256.Size]byte {
	return sha256.Sum256([]byte("matrix to network\x00" + string(login) + "\x00" + string(event)))
}
