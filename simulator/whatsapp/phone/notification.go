package phone

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// onNotification does what a notification asks of a phone. Those about other people's devices, names and pictures need
// nothing: the phone asks for them when it needs them.
func (p *Phone) onNotification(n waBinary.Node) {
	switch attr(n, "type") {
	case "server_sync":
		p.onServerSync(n)
	case "w:gp2":
		if _, ok := child(n, "remove"); ok {
			p.dropGroupKey(attrJID(n, "from"))
		}
	case "encrypt":
		if _, ok := child(n, "count"); ok {
			p.refillPreKeys()
		}
	}
}

// dropGroupKey makes the next message to a group use a new sender key: who left must not read on.
func (p *Phone) dropGroupKey(group types.JID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signal.ForgetGroupKey(group.String(), p.ownAddress())
}

// refillPreKeys registers more one-time prekeys when the server runs low.
func (p *Phone) refillPreKeys() {
	p.mu.Lock()
	defer p.mu.Unlock()
	keys, err := p.signal.NewPreKeys(preKeyRefill)
	if err == nil {
		err = p.link.AddPreKeys(serverPreKeys(keys))
	}
	if err != nil {
		p.log.Warn().Err(err).Msg("Prekeys were not refilled")
	}
}
