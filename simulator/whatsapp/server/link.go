package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/outbox"
	"crosschat/simulator/whatsapp/stanza"
)

// Link is a phone's connection to the server: device 0 of its user. Its methods may be called from any goroutine.
type Link struct {
	s       *Server
	user    *user
	deliver Deliver
	out     *outbox.Outbox[item]

	mu      sync.Mutex
	pending map[string]chan stanza.Node // requests that wait for their answer, by id
}

// Register adds a user and connects its phone, which starts online. It fails if the number or LID is taken (ErrTaken) or the
// keys don't verify.
func (s *Server) Register(a Account, keys DeviceKeys, deliver Deliver) (*Link, error) {
	if err := keys.check(); err != nil {
		return nil, fmt.Errorf("register %q: %w", a.Phone, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, ErrClosed
	case a.Phone == "" || a.LID == "":
		return nil, fmt.Errorf("register %q with lid %q: both are needed", a.Phone, a.LID)
	case s.byPhone[a.Phone] != nil || s.byLID[a.LID] != nil:
		return nil, fmt.Errorf("register %q with lid %q: %w", a.Phone, a.LID, ErrTaken)
	}
	u := &user{
		Account: a, created: s.cfg.Now(), devices: map[int]*device{}, reserved: map[int]bool{},
		privacy: defaultPrivacy(), blocked: map[string]bool{}, collections: map[string]*collection{},
		lastSeen: s.cfg.Now(), subscribers: map[*device]types.JID{},
	}
	l := &Link{s: s, user: u, deliver: deliver, out: outbox.New[item](), pending: map[string]chan stanza.Node{}}
	u.link = l
	keys.PreKeys = slices.Clone(keys.PreKeys)
	u.devices[0] = &device{user: u, keys: keys, spent: map[uint32]bool{}, platform: "PHONE", endpoint: l, active: true}
	s.byPhone[a.Phone], s.byLID[a.LID] = u, u
	s.storePicture(u, a.Picture)
	s.wake()
	s.running.Add(1)
	go l.run()
	return l, nil
}

// run hands stanzas to the phone one at a time until the server closes.
func (l *Link) run() {
	defer l.s.running.Done()
	for {
		it, ok := l.out.Pull(l.s.ctx)
		if !ok {
			return
		}
		n, err := overTheWire(it.node)
		if err != nil {
			l.s.cfg.Logger.Error().Err(err).Msg("Stanza for a phone can't be encoded")
			continue
		}
		l.s.mu.Lock()
		l.record("out", n)
		l.s.mu.Unlock()
		l.deliver(n)
		if it.entry != nil {
			l.s.mu.Lock()
			l.user.devices[0].forget(it.entry)
			l.s.wake()
			l.s.mu.Unlock()
		}
	}
}

// overTheWire encodes and decodes a node, so that phones see and send exactly what a connection would carry.
func overTheWire(n stanza.Node) (stanza.Node, error) {
	plain, err := stanza.Encode(n)
	if err != nil {
		return stanza.Node{}, err
	}
	return stanza.Decode(plain)
}

// push implements endpoint: answers go to whoever waits for them, everything else to the phone.
func (l *Link) push(it item) {
	if it.closing || it.raw != nil {
		return
	}
	if it.node.Tag == "iq" || it.node.Tag == "ack" {
		l.mu.Lock()
		waiting := l.pending[stanza.Str(it.node, "id")]
		l.mu.Unlock()
		if waiting != nil {
			select {
			case waiting <- it.node:
			default: // answered already
			}
			return
		}
	}
	l.out.Push(it)
}

// abort implements endpoint.
func (l *Link) abort() { l.out.Clear() }

func (l *Link) record(direction string, n stanza.Node) {
	l.s.log.add(Entry{Direction: direction, User: l.user.Phone, Phone: true, Data: stanza.Render(n)}, l.s.cfg.Now())
}

// Account is the user's present state.
func (l *Link) Account() Account {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.user.Account
}

// ErrOffline says that the phone is switched off.
var ErrOffline = errors.New("phone is offline")

// Send hands a stanza to the router. Acks come through Deliver. A stanza without id gets one. It fails if the server is
// closed, the phone is offline, or the stanza can't be encoded. A t attribute is used as the time the server stamps.
func (l *Link) Send(_ context.Context, n stanza.Node) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if stanza.Str(n, "id") == "" {
		n = stanza.With(n, "id", l.s.newID())
	}
	return l.send(n)
}

// send is called with the server's lock held.
func (l *Link) send(n stanza.Node) error {
	phone := l.user.devices[0]
	switch {
	case l.s.closed:
		return ErrClosed
	case phone.endpoint == nil:
		return fmt.Errorf("send %s of %s: %w", n.Tag, l.user.Phone, ErrOffline)
	}
	n, err := overTheWire(n)
	if err != nil {
		return fmt.Errorf("send %s of %s: %w", n.Tag, l.user.Phone, err)
	}
	l.record("in", n)
	l.s.handle(phone, n, func(answer stanza.Node) { l.push(item{node: answer}) })
	return nil
}

// Request hands over a stanza and waits for its direct answer: an iq result or error, or the ack of a message or receipt.
// That answer then does not go to Deliver. An iq error is returned as a node, not as an error.
func (l *Link) Request(ctx context.Context, n stanza.Node) (*stanza.Node, error) {
	answer := make(chan stanza.Node, 1)
	l.s.mu.Lock()
	id := stanza.Str(n, "id")
	if id == "" {
		id = l.s.newID()
		n = stanza.With(n, "id", id)
	}
	l.mu.Lock()
	l.pending[id] = answer
	l.mu.Unlock()
	err := l.send(n)
	l.s.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.pending, id)
		l.mu.Unlock()
	}()
	if err != nil {
		return nil, err
	}
	select {
	case reply := <-answer:
		reply, err = overTheWire(reply)
		return &reply, err
	case <-l.s.ctx.Done():
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// SetOnline switches the phone's connection; stanzas queue while it is offline.
func (l *Link) SetOnline(online bool) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	phone := l.user.devices[0]
	switch {
	case online && phone.endpoint == nil:
		phone.endpoint, phone.active = l, true
		l.s.resume(phone)
		l.s.wake()
	case !online && phone.endpoint != nil:
		l.out.Clear()
		l.s.detach(phone, l)
	}
}

// Online says whether the phone is connected.
func (l *Link) Online() bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.user.devices[0].endpoint != nil
}

// ReplaceKeys is a reinstall: new keys, and an identity notification to everybody's companions (section 8.3).
func (l *Link) ReplaceKeys(keys DeviceKeys) error {
	if err := keys.check(); err != nil {
		return fmt.Errorf("replace keys of %s: %w", l.user.Phone, err)
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	phone := l.user.devices[0]
	keys.PreKeys = slices.Clone(keys.PreKeys)
	phone.keys, phone.spent, phone.lowTold = keys, map[uint32]bool{}, false
	l.s.tellContacts(l.user, "encrypt", l.user.LIDJID(), stanza.New("identity", nil))
	return nil
}

// AddPreKeys adds one-time prekeys. A low stock is told through Deliver as the encrypt notification of section 6.1.
func (l *Link) AddPreKeys(keys []PreKey) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.s.closed {
		return ErrClosed
	}
	l.user.devices[0].addPreKeys(keys)
	l.s.wake()
	return nil
}

// SetSnapshot stores an app-state snapshot (a serialised ExternalBlobReference to an uploaded md-app-state blob) that holds
// the collection as it was at version.
func (l *Link) SetSnapshot(name string, version uint64, reference []byte) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	c := l.user.collection(name)
	if version > c.version() {
		return fmt.Errorf("set snapshot of %q: version %d is after the present %d", name, version, c.version())
	}
	c.snapshot, c.snapshotVersion = slices.Clone(reference), version
	return nil
}
