package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
	instagramserver "crosschat/simulator/instagram/server"
)

// instagramSim is the running simulated Instagram.
type instagramSim struct {
	server  *instagramserver.Server
	network *instagram.Network
	caFile  string
}

func startInstagram(o options, log zerolog.Logger) (*instagramSim, error) {
	cfg := instagramserver.Config{Listen: o.instagram, Logger: log.With().Str("network", instagram.Name).Logger()}
	if o.verbose {
		cfg.OnEntry = func(e control.LogEntry) {
			log.Trace().Str("network", e.Network).Str("direction", e.Direction).Str("user", e.Person).Int("device", e.Device).Msg(e.Data)
		}
	}
	s, err := instagramserver.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("start the Instagram server: %w", err)
	}
	caFile, err := filepath.Abs(filepath.Join(o.dir, "instagram-ca.pem"))
	if err == nil {
		err = os.WriteFile(caFile, s.CAPEM(), 0o644)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write Instagram's certificate authority: %w", err), s.Close())
	}
	return &instagramSim{server: s, network: instagram.New(s), caFile: caFile}, nil
}

// close stops the server. What fails while closing has nobody left to act on it.
func (i *instagramSim) close() { _ = i.server.Close() }
