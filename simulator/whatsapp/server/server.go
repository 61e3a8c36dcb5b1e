package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"crosschat/simulator/host"
	"crosschat/simulator/whatsapp/media"
	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/stanza"
)

// clientRevision is what the version page names; clients only compare it with their own.
const clientRevision = 1030000000

// hosts are the names that clients dial (section 1).
var hosts = []string{"web.whatsapp.com", "mmg.whatsapp.net", "*.whatsapp.net", "*.cdn.whatsapp.net"}

// Server is one simulated WhatsApp server.
type Server struct {
	*host.Host
	cfg      Config
	identity *noise.Identity
	media    *media.Store
	log      *stanzaLog
	faults   *faultSet

	ctx     context.Context // ends at Close
	cancel  context.CancelFunc
	running sync.WaitGroup // connections and links

	mu         sync.Mutex
	changed    chan struct{} // closed and replaced at each change that somebody may wait for
	closed     bool
	idPrefix   string
	lastID     uint64
	byPhone    map[string]*user
	byLID      map[string]*user
	groups     map[string]*group // by the user part of the group's JID
	pairings   map[string]*Pairing
	usedRefs   map[string]bool
	mediaAuth  map[string]bool
	unexpected []Unexpected
}

// New makes a server and opens its listener; Serve must be called next, or Close. It fails when the address can't be listened
// on.
func New(cfg Config) (*Server, error) {
	cfg.setDefaults()
	if cfg.Root == nil {
		root, err := noise.NewRoot()
		if err != nil {
			return nil, err
		}
		cfg.Root = root
	}
	identity, err := noise.NewIdentity(cfg.Root, time.Now(), noise.ChainOptions{})
	if err != nil {
		return nil, err
	}
	prefix := make([]byte, 4)
	rand.Read(prefix) //nolint:errcheck // never fails
	s := &Server{
		cfg: cfg, identity: identity,
		media: media.NewStore(cfg.MediaHosts[0]), log: newStanzaLog(cfg.OnEntry), faults: newFaultSet(),
		changed: make(chan struct{}), idPrefix: hex.EncodeToString(prefix),
		byPhone: map[string]*user{}, byLID: map[string]*user{}, groups: map[string]*group{},
		pairings: map[string]*Pairing{}, usedRefs: map[string]bool{}, mediaAuth: map[string]bool{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.Host, err = host.Open(host.Options{
		Listen: cfg.Listen, Authority: "Crosschat simulator", Names: append(slices.Clone(hosts), cfg.MediaHosts...),
		HeaderTimeout: cfg.HandshakeTimeout, Handler: s.handler(),
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (c *Config) setDefaults() {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	setDuration := func(d *time.Duration, standard time.Duration) {
		if *d == 0 {
			*d = standard
		}
	}
	setDuration(&c.PairTimeout, 160*time.Second)
	setDuration(&c.RestartDelay, 2*time.Second)
	setDuration(&c.CloseDelay, 300*time.Millisecond)
	setDuration(&c.HandshakeTimeout, 20*time.Second)
	if len(c.MediaHosts) == 0 {
		c.MediaHosts = []string{"mmg.whatsapp.net"}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func (s *Server) handler() http.Handler {
	blobs := &media.Handler{
		Store: s.media, Authorised: s.mediaAuthorised, Fault: s.mediaEffect,
		Log: func(method, path string, status int) {
			s.log.add(Entry{Direction: "in", Data: fmt.Sprintf("%s %s: %d", method, path, status)}, time.Now())
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/ws/chat":
			s.serveChat(w, r)
		case media.Owns(r.URL.Path):
			blobs.ServeHTTP(w, r)
		case r.URL.Path == "/":
			args, _ := s.faults.ruling("version_page")
			w.WriteHeader(argInt(args, "status", http.StatusOK))
			fmt.Fprintf(w, `<html><script>{"server_revision":%[1]d,"client_revision":%[1]d,"tier":1}</script></html>`,
				argInt(args, "revision", clientRevision))
		default:
			s.mu.Lock()
			s.note(nil, r.Method+" "+r.URL.Path)
			s.mu.Unlock()
			http.NotFound(w, r)
		}
	})
}

// Close ends every connection and waits until nothing of the server runs any more, calls of Deliver included.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.wake()
	s.mu.Unlock()
	s.cancel()
	err := s.Host.Close()
	s.running.Wait()
	return err
}

// RootKey is the public Noise root.
func (s *Server) RootKey() [32]byte { return s.cfg.Root.PublicKey() }

// Media is the blob store behind the media endpoints.
func (s *Server) Media() *media.Store { return s.media }

// wake tells everybody who waits in await to look again.
func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// await blocks until done, called with the lock held, is true. The lock is not held when it returns.
func (s *Server) await(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		if done() {
			s.mu.Unlock()
			return nil
		}
		if s.closed {
			s.mu.Unlock()
			return ErrClosed
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// newID makes an id that no client uses: clients' own ids look different.
func (s *Server) newID() string {
	s.lastID++
	return "srv" + s.idPrefix + "." + strconv.FormatUint(s.lastID, 10)
}

// now is the clock as an attribute.
func (s *Server) now() string { return strconv.FormatInt(s.cfg.Now().Unix(), 10) }

// note records a request that the server doesn't know. The caller holds the lock; d may be nil.
func (s *Server) note(d *device, what string) {
	u := Unexpected{Time: time.Now(), What: what}
	if d != nil {
		u.User, u.Device = d.user.Phone, d.number
	}
	s.unexpected = append(s.unexpected, u)
	s.cfg.Logger.Warn().Str("user", u.User).Int("device", u.Device).Msg("Unexpected request")
}

func (s *Server) noteStanza(d *device, n stanza.Node) { s.note(d, stanza.Render(n)) }

// Unexpected lists requests that the server did not know.
func (s *Server) Unexpected() []Unexpected {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Unexpected(nil), s.unexpected...)
}
