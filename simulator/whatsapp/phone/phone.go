// Package phone simulates a person's primary phone (whatsapp-server.md section 17): device 0 of their account, a real
// Signal device that sends and receives the same stanzas as any client, only without the Noise layer. It also does what
// only a phone does: it links companions and gives them keys, history and settings.
//
// It owns keys, sessions, known messages, contacts and chat settings of one account. It does not decide what the person
// does: a phone only decrypts, answers retries and sends delivery receipts by itself; everything else is asked of it.
//
// Methods may be called from any goroutine. Stanzas for the phone arrive in one goroutine of the server's link. One lock
// guards the state and is held while a message is encrypted and handed to the server, so that ciphertexts leave in the
// order in which the ratchet made them.
//
// Where it differs from a real phone: it asks for the device list before every message instead of caching it; it trusts
// every changed identity; it never rotates its signed prekey; sending waits for the server's ack.
package phone

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/phone/signal"
	"crosschat/simulator/whatsapp/server"
)

// preKeyStock is how many one-time prekeys a phone registers, preKeyRefill how many it adds when the server runs low.
const (
	preKeyStock  = 100
	preKeyRefill = 50
)

// answerTimeout is how long a phone waits for an answer of the server.
const answerTimeout = 10 * time.Second

// ErrOffline is the error of linking a device with a phone that is off.
var ErrOffline = errors.New("phone is off")

// Config is what a phone needs to exist.
type Config struct {
	Server   *server.Server
	Account  server.Account
	Observer Observer
	Log      zerolog.Logger
}

// Phone is one simulated phone.
type Phone struct {
	server   *server.Server
	link     *server.Link
	observer Observer
	log      zerolog.Logger
	pn, lid  types.JID
	// ctx ends with the phone; work that a delivered stanza causes runs under it.
	ctx    context.Context
	cancel context.CancelFunc
	off    atomic.Bool

	mu        sync.Mutex
	signal    *signal.Device
	behaviour Behaviour
	lids      map[string]string // phone number → LID, as learnt
	// keyIndexes says at which linking of the account a companion was linked, as last seen.
	keyIndexes map[signal.Address]string
	pns        map[string]string // LID → phone number
	sent       map[string]*sentMessage
	retries    map[retryKey]int // retry receipts that this phone sent
	answered   map[retryKey]int // retries that it answered
	history    *history
	settings   *settings
	files      map[string][]byte // encrypted files by their hash
	keyIndex   uint32
}

// Behaviour is what a phone does by itself, besides what it must.
type Behaviour struct {
	HoldDelivery bool // no delivery receipts
	FailDecrypt  int  // pretend that this many messages can't be decrypted
	HideReads    bool // read receipts are switched off: reads are told to own devices only
	// Passkey is the credential id of the account's passkey; linking by QR code asks for it, unless it is empty.
	Passkey string
}

// New makes a phone with fresh keys and registers its account with the server. It starts online.
func New(cfg Config) (*Phone, error) {
	device, err := signal.New()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background()) // ends in Close: a phone outlives the request that made it
	p := &Phone{
		server:     cfg.Server,
		observer:   cfg.Observer,
		log:        cfg.Log.With().Str("phone", cfg.Account.Phone).Logger(),
		pn:         cfg.Account.PN(),
		lid:        cfg.Account.LIDJID(),
		ctx:        ctx,
		cancel:     cancel,
		signal:     device,
		lids:       map[string]string{cfg.Account.Phone: cfg.Account.LID},
		keyIndexes: make(map[signal.Address]string),
		pns:        map[string]string{cfg.Account.LID: cfg.Account.Phone},
		sent:       make(map[string]*sentMessage),
		retries:    make(map[retryKey]int),
		answered:   make(map[retryKey]int),
		history:    newHistory(),
		files:      make(map[string][]byte),
	}
	keys, err := deviceKeys(device)
	if err != nil {
		cancel()
		return nil, err
	}
	p.mu.Lock() // nothing is handled before the link is known
	defer p.mu.Unlock()
	if p.settings, err = newSettings(cfg.Account.PushName); err != nil {
		cancel()
		return nil, err
	}
	if p.link, err = cfg.Server.Register(cfg.Account, keys, p.deliver); err != nil {
		cancel()
		return nil, fmt.Errorf("register phone %s: %w", cfg.Account.Phone, err)
	}
	if err := p.seedSettings(ctx); err != nil {
		cancel()
		return nil, err
	}
	return p, nil
}

// Close stops what the phone is doing. Its account stays on the server, offline.
func (p *Phone) Close() {
	p.cancel()
	p.link.SetOnline(false)
}

// PN is the account's phone-number JID.
func (p *Phone) PN() types.JID { return p.pn }

// LID is the account's hidden JID.
func (p *Phone) LID() types.JID { return p.lid }

// Account is what the server has of the account now.
func (p *Phone) Account() server.Account { return p.link.Account() }

// SetOnline switches the phone on or off. While it is off, stanzas wait at the server and nothing can be sent.
func (p *Phone) SetOnline(online bool) {
	p.off.Store(!online)
	p.link.SetOnline(online)
}

// Behave changes what the phone does by itself.
func (p *Phone) Behave(change func(*Behaviour)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.behaviour)
}

// Reinstall is a new installation of the app: new keys, all sessions and sent messages forgotten. The server tells
// contacts' devices that the identity changed. Companions stay linked, as their sessions are renewed by retries.
func (p *Phone) Reinstall() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	device, err := signal.New()
	if err != nil {
		return err
	}
	keys, err := deviceKeys(device)
	if err != nil {
		return err
	}
	if err := p.link.ReplaceKeys(keys); err != nil {
		return fmt.Errorf("replace keys of %s: %w", p.pn, err)
	}
	p.signal = device
	clear(p.sent)
	return nil
}

// Unlink removes a companion, as the owner does in "linked devices".
func (p *Phone) Unlink(device int) error {
	if err := p.link.Unlink(device); err != nil {
		return fmt.Errorf("unlink device %d of %s: %w", device, p.pn, err)
	}
	return nil
}

// SetAbout changes the account's about text.
func (p *Phone) SetAbout(text string) error { return p.link.SetAbout(text) }

// SetPicture changes the account's picture and returns its id; nil removes it.
func (p *Phone) SetPicture(jpeg []byte) (string, error) { return p.link.SetPicture(jpeg) }

// deviceKeys is the registration of a Signal device with a full stock of one-time prekeys.
func deviceKeys(d *signal.Device) (server.DeviceKeys, error) {
	oneTime, err := d.NewPreKeys(preKeyStock)
	if err != nil {
		return server.DeviceKeys{}, err
	}
	signed := d.SignedPreKey()
	return server.DeviceKeys{
		RegistrationID: d.RegistrationID(),
		Identity:       d.Identity(),
		Signed: server.SignedPreKey{
			PreKey:    server.PreKey{ID: signed.ID, Public: signed.Key},
			Signature: signed.Signature,
		},
		PreKeys: serverPreKeys(oneTime),
	}, nil
}

func serverPreKeys(keys []signal.PreKey) []server.PreKey {
	out := make([]server.PreKey, 0, len(keys))
	for _, key := range keys {
		out = append(out, server.PreKey{ID: key.ID, Public: key.Key})
	}
	return out
}

// deliver takes one stanza from the server. A stanza that makes the phone panic is a problem of the phone's, told and
// survived.
func (p *Phone) deliver(n waBinary.Node) {
	defer func() {
		if r := recover(); r != nil {
			p.problem(Problem{ID: attr(n, "id"), What: fmt.Sprintf("handling a %s stanza panicked: %v", n.Tag, r)})
		}
	}()
	switch n.Tag {
	case "message":
		p.onMessage(n)
	case "receipt":
		p.onReceipt(n)
	case "notification":
		p.onNotification(n)
	case "chatstate":
		p.onChatState(n)
	case "presence":
		p.onPresence(n)
	}
}

// locked runs f under the lock, which it gives back even if f panics.
func (p *Phone) locked(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *Phone) problem(what Problem) {
	p.log.Warn().Str("message_id", what.ID).Stringer("chat", what.Chat).Str("problem", what.What).Msg("Phone met a problem")
	p.observer.Problem(what)
}

// ask hands a stanza to the server and waits for its direct answer, but not for ever: the answer may be withheld on
// purpose, and a phone that waits holds its lock.
func (p *Phone) ask(ctx context.Context, n waBinary.Node) (*waBinary.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return p.link.Request(ctx, n)
}

// request asks with an iq; an error answer is an error.
func (p *Phone) request(ctx context.Context, n waBinary.Node) (*waBinary.Node, error) {
	n.Attrs["id"] = newID()
	resp, err := p.ask(ctx, n)
	if err != nil {
		return nil, err
	}
	return resp, iqError(resp)
}
