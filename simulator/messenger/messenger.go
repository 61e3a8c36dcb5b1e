// Package messenger is the simulated Messenger of the control API: a server that plays all its hosts, and people whose
// apps are simulated in the same process. It shows itself as two networks over the same people, "messenger" and
// "messenger-e2ee", which differ in the plane that new messages and groups go to. The plain plane is package server's, the
// encrypted socket package chat's, people's encrypted devices are package app's.
//
// Calls come from the API's request goroutines; what reaches encrypted devices comes from one goroutine of package chat's.
//
// Where it differs from the real network is said in those packages.
package messenger

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/app"
	"crosschat/simulator/messenger/chat"
	"crosschat/simulator/messenger/server"
	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/wirelog"
)

// Names of the two networks.
const (
	Name          = "messenger"
	EncryptedName = "messenger-e2ee"
)

// Config says how the simulation listens and behaves. The zero value is usable.
type Config struct {
	Listen string
	// Root signs the Noise certificates of the encrypted socket. Clients keep its public key in one variable of the whole
	// process, so it must be that of a simulated WhatsApp beside it. Nil makes a fresh one.
	Root   *noise.Root
	Logger zerolog.Logger
	// OnEntry, if set, is called for each new entry of the log. It must not block and must not call the simulation.
	OnEntry func(control.LogEntry)
	// Server holds the rest: its Listen, Logger, Log, Chat, ChatMedia and Registrar are filled in.
	Server server.Config
}

// Simulation is a running simulated Messenger.
type Simulation struct {
	// Plain is the plain plane and all that is done over HTTP, Encrypted the encrypted plane.
	Plain     *server.Server
	Encrypted *chat.Server

	ctx    context.Context // ends at Close
	cancel context.CancelFunc

	mu      sync.Mutex
	apps    map[int64]*app.App
	backlog map[string][]func() // what reached closed apps, by person
}

// New makes a simulation and opens its listener; Serve must be called next, or Close.
func New(cfg Config) (*Simulation, error) {
	s := &Simulation{apps: map[int64]*app.App{}, backlog: map[string][]func(){}}
	s.ctx, s.cancel = context.WithCancel(context.Background()) // a simulation outlives whoever made it
	log := wirelog.New(Name, cfg.OnEntry)
	var err error
	s.Encrypted, err = chat.New(chat.Config{
		Root: cfg.Root, MediaHosts: server.MediaHosts, Log: log, Logger: cfg.Logger, Now: cfg.Server.Now,
		CheckCAT: func(token string, person int64) error { return s.Plain.CheckCAT(token, person) },
		Expired:  func(err error) bool { return errors.Is(err, server.ErrCATExpired) },
		Group:    s.group,
		Blocked:  func(from, to int64) bool { return s.Plain.EitherBlocks(from, to) },
	})
	if err != nil {
		return nil, err
	}
	c := cfg.Server
	c.Listen, c.Logger, c.Log = cfg.Listen, cfg.Logger, log
	c.Chat, c.ChatMedia, c.Registrar = http.Handler(s.Encrypted), s.Encrypted.MediaHandler(), s.Encrypted
	if s.Plain, err = server.New(c); err != nil {
		s.Encrypted.Close()
		return nil, err
	}
	return s, nil
}

func (s *Simulation) group(id int64) (chat.Group, bool) {
	name, members, admins, ok := s.Plain.GroupInfo(id)
	return chat.Group{Name: name, Members: members, Admins: admins, Created: time.Unix(0, 0)}, ok
}

// Serve accepts connections until Close; it returns nil after Close.
func (s *Simulation) Serve() error { return s.Plain.Serve() }

// Close ends every connection and waits until nothing of the simulation runs any more.
func (s *Simulation) Close() error {
	s.cancel()
	s.Encrypted.Close()
	return s.Plain.Close()
}

// Networks are the two networks, for control.NewServer.
func (s *Simulation) Networks() []control.Network {
	return []control.Network{&Network{Simulation: s}, &Network{Simulation: s, encrypted: true}}
}

// Ready says how a client finds the server, given the file that its certificate authority was written to.
func (s *Simulation) Ready(caFile string) control.MessengerReady {
	root := s.Encrypted.RootKey()
	return control.MessengerReady{Address: s.Plain.Address(), CAFile: caFile, RootKey: hex.EncodeToString(root[:])}
}

// app finds somebody's encrypted device, and makes it at the first call.
func (s *Simulation) app(id string) (*app.App, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, control.NotFound("no person %q", id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps[n]; a != nil {
		return a, nil
	}
	o := &owner{simulation: s, id: id}
	a, err := app.New(s.ctx, s.Encrypted, n, o)
	if err != nil {
		return nil, err
	}
	o.app = a
	s.apps[n] = a
	return a, nil
}
