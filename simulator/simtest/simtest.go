// Package simtest is what tests of all simulated networks share. It knows no network; only tests import it.
package simtest

import (
	"testing"

	"go.mau.fi/libsignal/logger"
)

// Server is a simulated network's server. Serve blocks until Close.
type Server interface {
	Serve() error
	Close() error
}

// Serve has a server run until the test ends, after what the test has registered with Cleanup later than this.
func Serve(t *testing.T, s Server) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the simulated server: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve the simulated network: %v", err)
		}
	})
}

// QuietSignal keeps out of the output what the Signal library says of failures that tests cause on purpose. It must be
// called before the first session: the library's logger is one variable.
func QuietSignal() {
	var quiet logger.Loggable = silent{}
	logger.Setup(&quiet)
}

type silent struct{}

func (silent) Debug(string, string)   {}
func (silent) Info(string, string)    {}
func (silent) Warning(string, string) {}
func (silent) Error(string, string)   {}
func (silent) Configure(string)       {}
