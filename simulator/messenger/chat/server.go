package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/control"
	"crosschat/simulator/faults"
	"crosschat/simulator/host"
	"crosschat/simulator/outbox"
	"crosschat/simulator/whatsapp/media"
	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/stanza"
	"crosschat/simulator/wirelog"
)

// Config says what a Server needs. CheckCAT, Group and Blocked are called without any lock held.
type Config struct {
	// Root signs the Noise certificates. Clients keep its public key in one variable of the whole process, so servers that
	// run beside one another in a process must be given the same Root. Nil makes a fresh one.
	Root *noise.Root
	// CheckCAT says whether a crypto auth token is good: nil, or an error that Expired recognises or not.
	CheckCAT func(token string, person int64) error
	// Expired says whether an error of CheckCAT means that the token was good once.
	Expired func(error) bool
	// Group describes an encrypted group; false if there is none.
	Group func(id int64) (Group, bool)
	// Blocked says whether one of two people has blocked the other.
	Blocked    func(from, to int64) bool
	MediaHosts []string
	Log        *wirelog.Log
	Logger     zerolog.Logger
	Now        func() time.Time
}

// Group is an encrypted group.
type Group struct {
	Name    string
	Members []int64
	Admins  []int64
	Created time.Time
}

// Server is the encrypted plane.
type Server struct {
	cfg      Config
	identity *noise.Identity
	store    *media.Store
	faults   *faults.Set
	posts    *outbox.Outbox[item] // what links are to be given

	ctx     context.Context // ends at Close
	cancel  context.CancelFunc
	running host.Work

	mu     sync.Mutex
	users  map[int64]*user
	auth   map[string]bool // tokens for uploads
	lastID uint64
}

// user is somebody with encrypted devices.
type user struct {
	id       int64
	devices  map[uint16]*device
	list     [][32]byte // identity keys, in the order in which they came
	sequence int
	next     uint16
}

// device is one device of somebody. Clients' devices come and go with their connections; a link's is always there.
type device struct {
	user   *user
	number uint16
	uuid   string // of a registration; empty for a link
	keys   Keys
	stock  []PreKey

	link      *Link
	endpoint  *endpoint
	active    bool // past the passive stage
	available bool
	queue     []*queued
	seen      map[string]string // ids of messages it sent, with their chat
}

// queued is a stanza that waits to be acknowledged.
type queued struct {
	node stanza.Node
	sent bool // on this connection
}

// Keys are what a device registers.
type Keys struct {
	RegistrationID uint32
	Identity       [32]byte
	Signed         PreKey
	Signature      [64]byte
}

// PreKey is the public half of a prekey.
type PreKey struct {
	ID     uint32
	Public [32]byte
}

// Errors that callers tell apart.
var (
	ErrClosed  = errors.New("server is closed")
	ErrUnknown = errors.New("no such device")
)

// New makes a server. Close must be called.
func New(cfg Config) (*Server, error) {
	if cfg.Root == nil {
		root, err := noise.NewRoot()
		if err != nil {
			return nil, err
		}
		cfg.Root = root
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if len(cfg.MediaHosts) == 0 {
		return nil, errors.New("no hosts for encrypted files")
	}
	identity, err := noise.NewIdentity(cfg.Root, time.Now(), noise.ChainOptions{})
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, identity: identity, store: media.NewStore(cfg.MediaHosts[0]), faults: faults.New("e2ee-fault-", faultKinds), posts: outbox.New[item](),
		users: map[int64]*user{}, auth: map[string]bool{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background()) // a server outlives whoever made it
	s.running.Begin()
	go s.post()
	return s, nil
}

// post gives links what is theirs until Close.
func (s *Server) post() {
	defer s.running.Done()
	for {
		it, ok := s.posts.Pull(s.ctx)
		if !ok || s.ctx.Err() != nil {
			return
		}
		it.deliver(it.node)
	}
}

// Close ends all connections and waits until nothing of the server runs any more, calls of Deliver included.
func (s *Server) Close() {
	s.cancel()
	s.running.End()
}

// RootKey is the public Noise root.
func (s *Server) RootKey() [32]byte { return s.cfg.Root.PublicKey() }

// Media is the store of encrypted files.
func (s *Server) Media() *media.Store { return s.store }

// Faults is the set of this plane's faults; use AddFault to add to it.
func (s *Server) Faults() *faults.Set { return s.faults }

func (s *Server) user(id int64) *user {
	u := s.users[id]
	if u == nil {
		u = &user{id: id, devices: map[uint16]*device{}, next: 1}
		s.users[id] = u
	}
	return u
}

// find finds a device by its JID; nil if there is none.
func (s *Server) find(jid types.JID) *device {
	u := s.users[personOf(jid)]
	if u == nil || jid.Server != types.MessengerServer {
		return nil
	}
	return u.devices[jid.Device]
}

// personOf is the number in a JID; 0 if there is none.
func personOf(jid types.JID) int64 {
	n, err := strconv.ParseInt(jid.User, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// JID names somebody, or with device one of theirs.
func JID(person int64, device uint16) types.JID {
	return types.JID{User: strconv.FormatInt(person, 10), Device: device, Server: types.MessengerServer}
}

func (d *device) jid() types.JID { return JID(d.user.id, d.number) }

// sorted lists somebody's devices by number.
func (u *user) sorted() []*device {
	list := make([]*device, 0, len(u.devices))
	for _, d := range u.devices {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *device) int { return int(a.number) - int(b.number) })
	return list
}

// Device describes a device to the control API.
type Device struct {
	Number    int
	Client    bool // a real client, not somebody's app
	Connected bool
	Active    bool
	Queued    int
	PreKeys   int
}

// Devices lists somebody's devices.
func (s *Server) Devices(person int64) []Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Device{}
	if u := s.users[person]; u != nil {
		for _, d := range u.sorted() {
			list = append(list, Device{
				Number: int(d.number), Client: d.link == nil, Connected: d.link != nil || d.endpoint != nil,
				Active: d.link != nil || d.active, Queued: len(d.queue), PreKeys: len(d.stock),
			})
		}
	}
	return list
}

// Remove takes a device away, as its owner does on another one: its client is logged out.
func (s *Server) Remove(person int64, number int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.find(JID(person, uint16(number)))
	if d == nil || d.link != nil {
		return fmt.Errorf("remove device %d of %d: %w", number, person, ErrUnknown)
	}
	if d.endpoint != nil {
		s.endStream(d, stanza.New("stream:error", stanza.Attrs{"code": "401"},
			stanza.New("conflict", stanza.Attrs{"type": "device_removed"})))
	}
	s.forget(d)
	return nil
}

// forget drops a device and tells everybody.
func (s *Server) forget(d *device) {
	delete(d.user.devices, d.number)
	for i, key := range d.user.list {
		if key == d.keys.Identity {
			d.user.list = slices.Delete(d.user.list, i, i+1)
			d.user.sequence++
			break
		}
	}
	s.announceDevices(d.user)
}

func (s *Server) now() string { return strconv.FormatInt(s.cfg.Now().Unix(), 10) }

// newID makes an id that no client uses.
func (s *Server) newID() string {
	s.lastID++
	return "srv." + strconv.FormatUint(s.lastID, 10)
}

// record logs a stanza; d may be nil.
func (s *Server) record(direction string, d *device, n stanza.Node) {
	e := control.LogEntry{Direction: direction, Data: stanza.Render(n)}
	if d != nil {
		e.Person, e.Device = strconv.FormatInt(d.user.id, 10), int(d.number)
	}
	s.cfg.Log.Add(e)
}

// note records a mistake of a client's.
func (s *Server) note(d *device, format string, args ...any) {
	who := ""
	if d != nil {
		who = strconv.FormatInt(d.user.id, 10)
	}
	s.cfg.Log.Note(who, fmt.Sprintf(format, args...))
}
