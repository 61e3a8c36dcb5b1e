package phone

import (
	waBinary "go.mau.fi/whatsmeow/binary"
)

// onNotification does what a notification asks of a phone. Those about other people's devices, names and pictures need
// nothing: the phone asks for them when it needs them.
func (p *Phone) onNotification(n waBinary.Node) {
	switch attr(n, "type") {
	case "server_sync":
		p.onServerSync(n)
	case "encrypt":
		if _, ok := child(n, "count"); ok {
			p.refillPreKeys()
		}
	}
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
