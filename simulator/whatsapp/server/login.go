package server

import (
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/stanza"
)

// admit decides what a connection is after its handshake: a login, a registration, or nothing and to be closed. The caller
// holds the lock.
func (c *conn) admit(peer *noise.Peer) {
	switch {
	case c.s.closed:
		c.abort()
	case c.s.closeAt("close_before", "client_finish", nil):
		c.abort()
	case c.s.faults.outdated(versionOf(peer.Payload)):
		c.refuse(stanza.New("failure", stanza.Attrs{"reason": "405"}))
	case peer.Payload.Username != nil:
		c.login(peer)
	case peer.Payload.GetDevicePairingData() == nil:
		c.abort()
	default:
		c.register(peer)
	}
}

// versionOf is the version of the app that a client says it is.
func versionOf(payload *waWa6.ClientPayload) []uint32 {
	v := payload.GetUserAgent().GetAppVersion()
	return []uint32{v.GetPrimary(), v.GetSecondary(), v.GetTertiary()}
}

// login authenticates by the static key that the handshake proved, and by nothing else (section 5.1).
func (c *conn) login(peer *noise.Peer) {
	d := c.s.claimed(peer.Payload)
	if d == nil || d.isPhone() || d.noiseKey != peer.Static {
		c.refuse(stanza.New("failure", stanza.Attrs{"reason": "401"}))
		return
	}
	if args, hit := c.s.faults.strike("failure", subject{dev: d}); hit {
		c.refuse(stanza.New("failure", stanza.Attrs{
			"reason": argText(args, "reason", "401"), "code": args["code"], "expire": args["expire"],
			"message": args["message"],
		}))
		return
	}
	if old := d.endpoint; old != nil {
		c.s.endStream(d, stanza.New("stream:error", nil, stanza.New("conflict", stanza.Attrs{"type": "replaced"})))
	}
	c.dev, d.endpoint = d, c
	c.s.wake()
	if c.s.closeAt("close_before", "success", d) {
		return
	}
	c.push(item{node: stanza.New("success", stanza.Attrs{
		"t": c.s.now(), "lid": d.jid(types.HiddenUserServer), "props": "27", "abprops": "0",
		"creation": strconv.FormatInt(d.user.created.Unix(), 10), "display_name": d.user.PushName,
	})})
	if !c.s.closeAt("close_after", "client_finish", d) {
		c.s.closeAt("close_after", "success", d)
	}
}

// claimed is the device that the payload names, which is only a claim.
func (s *Server) claimed(payload *waWa6.ClientPayload) *device {
	u := s.byPhone[strconv.FormatUint(payload.GetUsername(), 10)]
	if u == nil {
		return nil
	}
	return u.devices[int(payload.GetDevice())]
}

// refuse sends a last stanza; the connection belongs to nobody.
func (c *conn) refuse(last stanza.Node) {
	c.push(item{node: last})
	c.push(item{closing: true, wait: c.s.cfg.CloseDelay})
}

// left cleans up after a connection whose reader ended. The caller holds the lock.
func (c *conn) left() {
	if c.dev != nil {
		c.s.detach(c.dev, c)
	}
	if c.pairing != nil {
		c.pairing.left()
	}
}

// detach parts a device from its connection, if that is still the one it has.
func (s *Server) detach(d *device, from endpoint) {
	if d.endpoint != from {
		return
	}
	d.endpoint, d.active = nil, false
	for _, entry := range d.queue {
		entry.sent = false
	}
	for _, u := range s.byPhone {
		delete(u.subscribers, d)
	}
	if d.available {
		d.available = false
		d.user.lastSeen = time.Now()
		s.tellPresence(d.user)
	}
	s.wake()
}

// activate ends the passive stage: what queued up is delivered now and not before (section 5.2).
func (s *Server) activate(d *device) {
	if d.endpoint == nil || d.active {
		return
	}
	d.active = true
	s.faults.lift("deaf", subject{dev: d})
	s.wake()
	if s.closeAt("close_after", "active", d) {
		return
	}
	if s.deaf(d) {
		return
	}
	s.flush(d)
	if d.live() {
		s.strikeNow(d)
	}
}
