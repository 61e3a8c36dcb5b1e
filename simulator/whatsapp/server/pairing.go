package server

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/stanza"
)

// refCount is how many QR codes a client gets; clients' timing depends on there being six (section 4.1).
const refCount = 6

// Pairing is a connection that waits to be paired. Registration never changes; the rest is guarded by Server.mu.
type Pairing struct {
	Registration
	s     *Server
	c     *conn
	timer *time.Timer

	refs    []string
	shown   string // id of the pair-device iq
	success string // id of the pair-success iq
	answer  chan stanza.Node
	over    bool // paired, refused or gone
	code    *CodeRequest
	passkey *Passkey // nil unless the account's passkey was asked for
}

// register takes a companion's registration and sends it the refs of its QR codes; a registration with wrong keys is
// closed. The caller holds the lock.
func (c *conn) register(peer *noise.Peer) {
	registration, err := parseRegistration(peer.Payload.GetDevicePairingData())
	if err != nil {
		c.s.note(nil, "registration refused: "+err.Error())
		c.abort()
		return
	}
	registration.NoiseKey = peer.Static
	p := &Pairing{Registration: registration, s: c.s, c: c, shown: c.s.newID(), answer: make(chan stanza.Node, 1)}
	var refs []stanza.Node
	for range refCount {
		ref := newRef()
		p.refs = append(p.refs, ref)
		c.s.pairings[ref] = p
		refs = append(refs, stanza.New("ref", nil, ref))
	}
	c.pairing = p
	c.push(item{node: stanza.New("iq", stanza.Attrs{
		"from": types.ServerJID, "type": "set", "id": p.shown, "xmlns": "md",
	}, stanza.New("pair-device", nil, refs))})
	p.timer = time.AfterFunc(c.s.cfg.PairTimeout, p.expire)
	c.s.wake()
}

// FindPairing finds the connection that shows ref in its QR code. Errors are ErrUsedRef and ErrUnknownRef, which an expired
// ref is too.
func (s *Server) FindPairing(ref string) (*Pairing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.usedRefs[ref] {
		return nil, fmt.Errorf("find pairing %q: %w", ref, ErrUsedRef)
	}
	p := s.pairings[ref]
	if p == nil {
		return nil, fmt.Errorf("find pairing %q: %w", ref, ErrUnknownRef)
	}
	return p, nil
}

// received handles what an unpaired client may send; anything else is ignored (section 20). The caller holds the lock.
func (p *Pairing) received(n stanza.Node) {
	if n.Tag != "iq" {
		return
	}
	if args, hit := p.s.faults.strike("iq_error", subjectOf(nil, n)); hit {
		p.c.reply(failed(n, faultError(args)))
		return
	}
	switch kind := stanza.Str(n, "type"); {
	case kind == "result" || kind == "error":
		if p.success != "" && stanza.Str(n, "id") == p.success {
			select {
			case p.answer <- n:
			default: // it answered already
			}
		}
	case stanza.Class(n) == "w:p":
		p.c.reply(result(n))
	case stanza.Class(n) == "md" && !p.over:
		if !p.passkey.received(n) {
			p.linkCode(n)
		}
	}
}

// Push sends the companion a stanza of the caller's making, such as the ib that says "scanned, but not multi-device".
func (p *Pairing) Push(n stanza.Node) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.c.push(item{node: n})
}

// expire ends a connection that nobody scanned in time.
func (p *Pairing) expire() {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.success == "" {
		p.c.push(item{closing: true})
	}
}

// Abort closes the connection, as after a wrong code.
func (p *Pairing) Abort() {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.end(false)
	p.c.abort()
}

// left is called when the connection is gone. The caller holds the lock.
func (p *Pairing) left() { p.end(false) }

// end takes the refs out of use. The caller holds the lock.
func (p *Pairing) end(used bool) {
	p.over = true
	p.timer.Stop()
	for _, ref := range p.refs {
		delete(p.s.pairings, ref)
		if used {
			p.s.usedRefs[ref] = true
		}
	}
	for _, u := range p.s.byPhone {
		u.codes = slices.DeleteFunc(u.codes, func(r *CodeRequest) bool { return r.Pairing == p })
	}
	p.s.wake()
}

// Complete sends pair-success for the phone's account, waits for the companion's signature, verifies it, creates the device,
// announces it, sends 515 and returns the device number. It blocks until then or until ctx ends. Errors are ErrUsedRef,
// ErrTooManyDevices, ErrPairingGone, ErrPairingRefused, ErrDeviceSignature and those of ctx; after all but the first two the
// connection is closed, and no device exists after any.
func (p *Pairing) Complete(ctx context.Context, phone *Link, c Completion) (int, error) {
	number, err := p.offer(phone, c)
	if err != nil {
		return 0, fmt.Errorf("pair companion of %s: %w", phone.user.Phone, err)
	}
	var answer stanza.Node
	select {
	case answer = <-p.answer:
	case <-p.c.gone:
		err = ErrPairingGone
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	var keyIndex uint32
	if err == nil {
		keyIndex, err = p.verify(answer, c.Container)
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	delete(phone.user.reserved, number)
	if err != nil {
		p.c.abort()
		return 0, fmt.Errorf("pair companion of %s: %w", phone.user.Phone, err)
	}
	p.create(phone.user, number, keyIndex)
	return number, nil
}

// offer reserves a device number and sends pair-success.
func (p *Pairing) offer(phone *Link, c Completion) (int, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	switch {
	case p.success != "":
		return 0, ErrUsedRef
	case p.over:
		return 0, ErrPairingGone
	}
	number, err := phone.user.freeNumber()
	if err != nil {
		return 0, err
	}
	phone.user.reserved[number] = true
	p.success = p.s.newID()
	p.end(true)
	pn, lid := phone.user.PN(), phone.user.LIDJID()
	pn.Device, lid.Device = uint16(number), uint16(number)
	content := []stanza.Node{
		stanza.New("device-identity", nil, c.Container),
		stanza.New("device", stanza.Attrs{"jid": pn, "lid": lid}),
		stanza.New("platform", stanza.Attrs{"name": cmp.Or(c.Platform, "android")}),
	}
	if c.Business != "" {
		content = append(content, stanza.New("biz", stanza.Attrs{"name": c.Business}))
	}
	if c.ClientProps != nil {
		content = append(content, stanza.New("client-props", nil, c.ClientProps))
	}
	p.c.push(item{node: stanza.New("iq", stanza.Attrs{
		"from": types.ServerJID, "type": "set", "id": p.success, "xmlns": "md", "t": p.s.now(),
	}, stanza.New("pair-success", nil, content))})
	return number, nil
}

// verify checks the companion's signature over the details that the phone signed, and returns their key index.
func (p *Pairing) verify(answer stanza.Node, container []byte) (uint32, error) {
	if stanza.Str(answer, "type") == "error" {
		problem, _ := stanza.Child(answer, "error")
		return 0, fmt.Errorf("%w: %s %s", ErrPairingRefused, stanza.Str(problem, "code"), stanza.Str(problem, "text"))
	}
	wrapped, offered, signed := &waAdv.ADVSignedDeviceIdentityHMAC{}, &waAdv.ADVSignedDeviceIdentity{}, &waAdv.ADVSignedDeviceIdentity{}
	details := &waAdv.ADVDeviceIdentity{}
	for _, part := range []struct {
		data func() []byte
		into proto.Message
	}{
		{func() []byte { return container }, wrapped},
		{func() []byte { return wrapped.GetDetails() }, offered},
		{func() []byte { return offered.GetDetails() }, details},
		{func() []byte { return stanza.ChildBytes(answer, "pair-device-sign", "device-identity") }, signed},
	} {
		if err := proto.Unmarshal(part.data(), part.into); err != nil {
			return 0, fmt.Errorf("%w: parse identity: %w", ErrDeviceSignature, err)
		}
	}
	if !bytes.Equal(signed.GetDetails(), offered.GetDetails()) || len(signed.GetDeviceSignature()) != 64 {
		return 0, fmt.Errorf("%w: of other details, or of wrong length", ErrDeviceSignature)
	}
	message := slices.Concat([]byte{6, 1}, offered.GetDetails(), p.Keys.Identity[:], offered.GetAccountSignatureKey())
	if !ecc.VerifySignature(ecc.NewDjbECPublicKey(p.Keys.Identity), message, [64]byte(signed.GetDeviceSignature())) {
		return 0, ErrDeviceSignature
	}
	return details.GetKeyIndex(), nil
}

// create makes the device, tells everybody and lets the client log in. The caller holds the lock.
func (p *Pairing) create(u *user, number int, keyIndex uint32) {
	d := &device{
		user: u, number: number, keys: p.Keys, spent: map[uint32]bool{}, noiseKey: p.NoiseKey, keyIndex: keyIndex,
		name: p.Props.GetOs(), platform: p.Props.GetPlatformType().String(),
	}
	u.devices[number] = d
	p.s.announce(d, true)
	p.s.wake()
	p.c.push(item{node: stanza.New("stream:error", stanza.Attrs{"code": "515"})})
	wait := p.s.cfg.RestartDelay
	if _, hit := p.s.faults.strike("close_after", subject{dev: d, point: "515"}); hit {
		wait = 0
	}
	p.c.push(item{closing: true, wait: wait})
}
