package lab

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"maunium.net/go/mautrix/id"
)

// Setting is what can be chosen about a stack.
type Setting struct {
	Homeserver Kind       `json:"homeserver"`
	Encryption Encryption `json:"encryption"`
	// Database is the bridge's: sqlite or postgres.
	Database string `json:"database"`
}

func (s Setting) String() string {
	return fmt.Sprintf("%s, encryption %s, %s", s.Homeserver, s.Encryption, s.Database)
}

// StackOptions says how to start a stack.
type StackOptions struct {
	Setting
	Programs Programs
	Dir      string
	Progress Progress
	// HomeserverPort and BridgePort are free ones by default.
	HomeserverPort int
	BridgePort     int
	Set            map[string]string // more keys of the bridge's config
	LogLevel       string            // the bridge's; by default trace
	// Existing is a homeserver that runs already, to be used instead of one that the lab starts.
	Existing *Existing
}

// Existing is a homeserver that is not the lab's.
type Existing struct {
	URL    string
	Domain string
	// Install has the bridge's registrations installed there, and returns when the homeserver knows them.
	Install func(context.Context, *Bridge) error
}

// Stack is everything that a conversation needs: a homeserver, a simulator and a bridge between them.
type Stack struct {
	Setting    Setting
	Dir        string
	Homeserver *Homeserver // nil if an existing one is used
	Simulator  *Simulator
	Bridge     *Bridge

	opts     StackOptions
	postgres *Postgres
}

// StartStack starts the three and joins them. What was started is stopped again if a later part fails.
func StartStack(ctx context.Context, opts StackOptions) (*Stack, error) {
	s := &Stack{Setting: opts.Setting, Dir: opts.Dir, opts: opts}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	say := s.opts.Progress
	var err error
	if s.Simulator, err = StartSimulator(ctx, s.opts.Programs.Simulator, filepath.Join(s.Dir, "simulator")); err != nil {
		return err
	}
	ready := s.Simulator.Ready
	say.say("The simulator plays WhatsApp at %s, Messenger at %s, Instagram at %s", ready.WhatsApp.Address, ready.Messenger.Address, ready.Instagram.Address)
	home := s.opts.Existing
	if home == nil {
		if home, err = s.startHomeserver(ctx); err != nil {
			return err
		}
	}
	database := ""
	if s.Setting.Database == "postgres" {
		if s.postgres, err = StartPostgres(ctx, say); err != nil {
			return err
		}
		if database, err = s.postgres.CreateDatabase(ctx, "crosschat"); err != nil {
			return err
		}
	}
	s.Bridge, err = NewBridge(ctx, BridgeOptions{
		Binary: s.opts.Programs.Bridge, Dir: filepath.Join(s.Dir, "bridge"), Port: s.opts.BridgePort,
		Homeserver: home.URL, Domain: home.Domain, Admin: id.NewUserID("admin", home.Domain),
		Encryption: s.Setting.Encryption, Database: database, Simulator: s.Simulator, Set: s.opts.Set, LogLevel: s.opts.LogLevel,
	})
	if err != nil {
		return err
	}
	if err = home.Install(ctx, s.Bridge); err != nil {
		return err
	}
	if err = s.Bridge.Start(ctx); err != nil {
		return err
	}
	say.say("The bridge runs, with its data in %s", s.Bridge.Dir)
	return nil
}

func (s *Stack) startHomeserver(ctx context.Context) (*Existing, error) {
	h, err := StartHomeserver(ctx, HomeserverOptions{
		Kind: s.Setting.Homeserver, Dir: filepath.Join(s.Dir, "homeserver"), Port: s.opts.HomeserverPort,
		Encrypted: s.Setting.Encryption == EncryptionAppservice, Progress: s.opts.Progress,
	})
	s.Homeserver = h
	if err != nil {
		return nil, err
	}
	s.opts.Progress.say("The homeserver (%s) answers at %s", h.Kind, h.URL)
	install := func(ctx context.Context, b *Bridge) error {
		return h.InstallAppservices(ctx, b.Registration, b.DoublePuppet)
	}
	return &Existing{URL: h.URL, Domain: h.Domain, Install: install}, nil
}

// NewUser registers a user on the lab's own homeserver and logs them in.
func (s *Stack) NewUser(ctx context.Context, localpart, password string) (*User, error) {
	if _, err := s.Homeserver.Register(ctx, localpart, password); err != nil {
		return nil, err
	}
	return s.Homeserver.Login(ctx, localpart, password, filepath.Join(s.Dir, "users"))
}

// RestartDatabase ends the stack's PostgreSQL, calls meanwhile, and starts it again.
func (s *Stack) RestartDatabase(ctx context.Context, meanwhile func()) error {
	if s.postgres == nil {
		return errors.New("the stack has no PostgreSQL")
	}
	if err := s.postgres.Quit(); err != nil {
		return err
	}
	meanwhile()
	return s.postgres.Start(ctx)
}

// DatabaseURI is where the bridge keeps its data: a postgres:// URI, or the path of the SQLite file.
func (s *Stack) DatabaseURI() string {
	if s.postgres != nil {
		return s.postgres.uri("crosschat")
	}
	return s.Bridge.SQLitePath()
}

// Stop ends everything in the order that leaves nobody talking to a closed door. Files stay.
func (s *Stack) Stop() error {
	if s == nil {
		return nil
	}
	return errors.Join(s.Bridge.Stop(), s.Homeserver.Stop(), s.Simulator.Stop(), s.postgres.Stop())
}
