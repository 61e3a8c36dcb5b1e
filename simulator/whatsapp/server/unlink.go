package server

import (
	"fmt"

	"crosschat/simulator/whatsapp/stanza"
)

// Unlink removes one of the account's companions, as the phone's user does in "linked devices".
func (l *Link) Unlink(number int) error { return l.s.Unlink(l.user.Phone, number) }

// Unlink removes a companion from the server's side. Errors are ErrUnknownUser and ErrUnknownDevice.
func (s *Server) Unlink(phone string, number int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.named(phone)
	if err != nil {
		return err
	}
	d := u.devices[number]
	if d == nil || number == 0 {
		return fmt.Errorf("unlink device %d of %s: %w", number, phone, ErrUnknownDevice)
	}
	s.remove(d)
	if d.endpoint != nil {
		s.endStream(d, stanza.New("stream:error", stanza.Attrs{"code": "401"},
			stanza.New("conflict", stanza.Attrs{"type": "device_removed"})))
	}
	return nil
}

// remove takes a companion away and tells everybody, in that order (section 14). The caller holds the lock.
func (s *Server) remove(d *device) {
	delete(d.user.devices, d.number)
	d.queue = nil
	s.announce(d, false)
	s.wake()
}

// Push delivers a stanza made by the caller to one device, as if the server had made it (calls, ib, mex and the like). An id
// and t are added to kinds that queue if missing. Errors are ErrUnknownUser and ErrUnknownDevice.
func (s *Server) Push(phone string, number int, n stanza.Node) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.named(phone)
	if err != nil {
		return err
	}
	d := u.devices[number]
	if d == nil {
		return fmt.Errorf("push %s to device %d of %s: %w", n.Tag, number, phone, ErrUnknownDevice)
	}
	if n, err = overTheWire(n); err != nil {
		return fmt.Errorf("push %s: %w", n.Tag, err)
	}
	if queues(n.Tag) {
		if stanza.Str(n, "id") == "" {
			n = stanza.With(n, "id", s.newID())
		}
		if stanza.Str(n, "t") == "" {
			n = stanza.With(n, "t", s.now())
		}
	}
	s.deliver(d, n)
	return nil
}
