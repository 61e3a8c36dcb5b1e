package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"time"

	"github.com/rs/zerolog"

	"crosschat/simulator/control"
	"crosschat/simulator/faults"
	"crosschat/simulator/host"
	"crosschat/simulator/instagram/direct"
	"crosschat/simulator/instagram/world"
	"crosschat/simulator/wirelog"
)

// NetworkID names the network in the log and in the control API.
const NetworkID = "instagram"

// AppID is the id of the web application.
const AppID = "936619743392459"

// Config says how a Server listens and behaves. The zero value is usable.
type Config struct {
	// Listen is the address of the TLS listener, "127.0.0.1:0" by default.
	Listen string
	Logger zerolog.Logger
	// OnEntry, if set, is called for each new entry of the log. It must not block and must not call the Server.
	OnEntry func(control.LogEntry)
	// Now is the clock of messages, links and cookies, time.Now by default. Waiting uses the real clock.
	Now func() time.Time

	Patience  time.Duration // how long a socket may be without ping and pong; 30 s by default
	PingEvery time.Duration // how often the server pings; 15 s by default
	LinkLife  time.Duration // of links to files; 24 h by default
	InboxPage int           // threads on the first page of the inbox; 15 by default
	Stubs     int           // messages told with each listed thread; 5 by default
	Batch     int           // most entries in one delta; 10 by default
	RateLimit int           // requests a minute and session; 0 is no limit
}

func (c *Config) setDefaults() {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	for _, d := range []struct {
		field    *time.Duration
		standard time.Duration
	}{{&c.Patience, 30 * time.Second}, {&c.PingEvery, 15 * time.Second}, {&c.LinkLife, 24 * time.Hour}} {
		if *d.field == 0 {
			*d.field = d.standard
		}
	}
	for _, n := range []struct {
		field    *int
		standard int
	}{{&c.InboxPage, 15}, {&c.Stubs, 5}, {&c.Batch, 10}} {
		if *n.field == 0 {
			*n.field = n.standard
		}
	}
}

// Server is one simulated Instagram.
type Server struct {
	// Direct is the service behind it. Whoever uses it takes its lock.
	Direct *direct.Direct

	*host.Host
	cfg    Config
	log    *wirelog.Log
	faults *faults.Set
	secret []byte // signs links

	ctx     context.Context // ends at Close
	cancel  context.CancelFunc
	running host.Work // gateway connections

	// What follows is behind Direct's lock.
	sessions map[*world.Person][]*session
	bySecret map[string]*session // by the cookie sessionid
	docs     *documents
	conns    map[*conn]bool
	opened   int // connections ever
	uploads  int
}

// New makes a server and opens its listener; Serve must be called next, or Close.
func New(cfg Config) (*Server, error) {
	cfg.setDefaults()
	grey, err := greyPicture()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: wirelog.New(NetworkID, cfg.OnEntry), faults: faults.New("fault-", faultKinds),
		secret: []byte(token(16)), sessions: map[*world.Person][]*session{}, bySecret: map[string]*session{},
		docs: newDocuments(), conns: map[*conn]bool{},
	}
	s.Direct = direct.New(cfg.Now, s.sign, grey)
	s.ctx, s.cancel = context.WithCancel(context.Background()) // a server outlives whoever made it
	s.Host, err = host.Open(host.Options{
		Listen: cfg.Listen, Authority: "Crosschat simulated Instagram", Names: hosts,
		HeaderTimeout: 20 * time.Second, Handler: s.handler(),
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// greyPicture is what people without a picture have.
func greyPicture() ([]byte, error) {
	img := image.NewGray(image.Rect(0, 0, 32, 32))
	for i := range img.Pix {
		img.Pix[i] = color.Gray{Y: 0xc7}.Y
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		return nil, fmt.Errorf("draw the picture of nobody: %w", err)
	}
	return b.Bytes(), nil
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

// note records a request that a client should not have made. ses may be nil.
func (s *Server) note(ses *session, what string) {
	who := ses.owner()
	s.log.Note(who, what)
	s.cfg.Logger.Warn().Str("person", who).Str("what", what).Msg("Unexpected request")
}

// token makes a secret that nobody can guess.
func token(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) //nolint:errcheck // never fails
	return hex.EncodeToString(b)
}
