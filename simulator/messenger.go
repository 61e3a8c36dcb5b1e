package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger"
	"crosschat/simulator/whatsapp/noise"
)

// facebook is the running simulated Messenger.
type facebook struct {
	*messenger.Simulation
	ready control.MessengerReady
}

// startMessenger starts it. Its encrypted socket has the same root as WhatsApp's, since clients know one root a process.
func startMessenger(o options, root *noise.Root, log zerolog.Logger) (*facebook, error) {
	cfg := messenger.Config{Listen: o.messenger, Root: root, Logger: log.With().Str("network", messenger.Name).Logger()}
	if o.verbose {
		cfg.OnEntry = func(e control.LogEntry) {
			log.Trace().Str("direction", e.Direction).Str("person", e.Person).Int("device", e.Device).Msg(e.Data)
		}
	}
	s, err := messenger.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("start the Messenger server: %w", err)
	}
	caFile, err := filepath.Abs(filepath.Join(o.dir, "messenger-ca.pem"))
	if err == nil {
		err = os.WriteFile(caFile, s.Plain.CAPEM(), 0o644)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write the certificate authority: %w", err), s.Close())
	}
	return &facebook{Simulation: s, ready: s.Ready(caFile)}, nil
}
