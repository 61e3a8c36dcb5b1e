package whatsapp

import "time"

// claim makes what is left the caller's; it is false if the login has ended.
func (l *qrLogin) claim() bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.ended {
		return false
	}
	l.ended = true
	return true
}

// end stops everything and undoes a pairing that may have happened. It may be called any number of times.
func (l *qrLogin) end() {
	if !l.claim() || l.cancel == nil {
		return
	}
	l.lock.Lock()
	pairing := l.pairing
	l.lock.Unlock()
	if pairing {
		select {
		case <-l.paired:
		case <-time.After(pairingEndTimeout):
		}
	}
	l.wa.Disconnect()
	l.cancel()
	if device := l.wa.Store; pairing && device.ID != nil && !device.Deleted {
		l.network.unlinkDevice(l.log, device)
	}
}
