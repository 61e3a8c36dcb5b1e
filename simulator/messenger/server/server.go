package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"crosschat/simulator/faults"
	"crosschat/simulator/host"
	"crosschat/simulator/messenger/world"
	"crosschat/simulator/wirelog"
)

// NetworkID names the network in the log and in the control API.
const NetworkID = "messenger"

// Config says how a Server listens and behaves. The zero value is usable.
type Config struct {
	// Listen is the address of the TLS listener, "127.0.0.1:0" by default.
	Listen string
	Logger zerolog.Logger
	// Log records what crosses the wires; nil makes a fresh one.
	Log *wirelog.Log
	// Now is the clock, time.Now by default. Time-outs use the real clock.
	Now func() time.Time
	// Chat takes the connections of the encrypted socket; nil answers 404.
	Chat http.Handler
	// ChatMedia serves the encrypted plane's files, under MediaHosts; nil answers 404.
	ChatMedia http.Handler
	// Registrar is told of registrations of encrypted devices; nil refuses them.
	Registrar Registrar

	Version  string // of the Lightspeed schema; digits
	DocID    string // of LSPlatformGraphQLLightspeedRequestQuery
	CATDocID string // of MAWCatQuery

	Patience        time.Duration // how long a gateway connection may be silent; 60 s by default
	ThreadsPage     int           // threads in the initial table and on a page of the list; 20 by default
	MessagesInTable int           // messages told with each thread of a snapshot; 2 by default
	MessagesPage    int           // messages on a page of history; 20 by default
	SyncPage        int           // threads or log entries in one answer of a database; 0 is all
	URLLife         time.Duration // of links to files; 24 h by default
	CATLife         time.Duration // of crypto auth tokens; 24 h by default
}

func (c *Config) setDefaults() {
	text := func(s *string, standard string) {
		if *s == "" {
			*s = standard
		}
	}
	count := func(n *int, standard int) {
		if *n == 0 {
			*n = standard
		}
	}
	span := func(d *time.Duration, standard time.Duration) {
		if *d == 0 {
			*d = standard
		}
	}
	text(&c.Listen, "127.0.0.1:0")
	text(&c.Version, "26160000000000123")
	text(&c.DocID, "9697184873702141")
	text(&c.CATDocID, "29559957360285299")
	count(&c.ThreadsPage, 20)
	count(&c.MessagesInTable, 2)
	count(&c.MessagesPage, 20)
	span(&c.Patience, 60*time.Second)
	span(&c.URLLife, 24*time.Hour)
	span(&c.CATLife, 24*time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = wirelog.New(NetworkID, nil)
	}
}

// Server is one simulated Messenger.
type Server struct {
	*host.Host
	cfg    Config
	log    *wirelog.Log
	faults *faults.Set
	secret []byte // signs links to files

	ctx     context.Context // ends at Close
	cancel  context.CancelFunc
	running host.Work // gateway connections

	mu       sync.Mutex
	world    *world.World
	accounts map[int64]*account
	bySecret map[string]*session // by the cookie xs
	cats     map[string]*cat
	// pendingUploads are the files that clients put there, by who did.
	pendingUploads map[upload]*world.Attachment
	version        string // of the schema, now
	docID          string
	catDocID       string
}

// New makes a server and opens its listener; Serve must be called next, or Close.
func New(cfg Config) (*Server, error) {
	cfg.setDefaults()
	if _, err := strconv.ParseUint(cfg.Version, 10, 64); err != nil {
		return nil, fmt.Errorf("schema version %q: %w", cfg.Version, err)
	}
	secret := make([]byte, 16)
	rand.Read(secret) //nolint:errcheck // never fails
	s := &Server{
		cfg: cfg, log: cfg.Log, faults: faults.New("fault-", faultKinds),
		secret: secret, world: world.New(cfg.Now), accounts: map[int64]*account{}, bySecret: map[string]*session{},
		cats: map[string]*cat{}, pendingUploads: map[upload]*world.Attachment{}, version: cfg.Version, docID: cfg.DocID, catDocID: cfg.CATDocID,
	}
	s.ctx, s.cancel = context.WithCancel(context.Background()) // a server outlives whoever made it
	var err error
	s.Host, err = host.Open(host.Options{
		Listen: cfg.Listen, Authority: "Crosschat simulator (Messenger)", Names: hosts,
		HeaderTimeout: 20 * time.Second, Handler: s.handler(),
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends every connection and waits until nothing of the server runs any more.
func (s *Server) Close() error {
	s.cancel()
	err := s.Host.Close()
	s.running.End()
	return err
}

// Log is what crossed the wires.
func (s *Server) Log() *wirelog.Log { return s.log }

// person is an id as the control API writes it.
func person(id int64) string { return strconv.FormatInt(id, 10) }

// note records a request that a client should not have made.
func (s *Server) note(acct *account, what string) {
	who := ""
	if acct != nil {
		who = person(acct.ID)
	}
	s.log.Note(who, what)
	s.cfg.Logger.Warn().Str("person", who).Str("what", what).Msg("Unexpected request")
}

// token makes a secret that nobody can guess.
func token(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) //nolint:errcheck // never fails
	return hex.EncodeToString(b)
}
