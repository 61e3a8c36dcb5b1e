package messenger

import (
	"slices"
	"testing"

	"crosschat/simulator/control"
	simulated "crosschat/simulator/messenger"
)

// A server that does not answer the encrypted socket's handshake does not hold up the end of a login.
func TestDisconnectWithinTheHandshake(t *testing.T) {
	w := newWorld(t, "all")
	silent, err := w.api.AddFault(t.Context(), simulated.EncryptedName, control.Fault{Kind: "ignore", Stanza: "handshake", Times: -1})
	w.must(err)
	c := w.logIn()
	w.await("the handshake", func() bool {
		faults, err := w.api.Faults(t.Context(), simulated.EncryptedName)
		w.must(err)
		return slices.ContainsFunc(faults, func(f control.Fault) bool { return f.ID == silent.ID && f.Hits > 0 })
	})
	c.Disconnect()
	if !c.encrypted.dialling.Load() {
		t.Error("the end of the login waited for the handshake")
	}
}
