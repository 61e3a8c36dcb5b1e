// Package host is how a simulated network is reached: one TLS listener on loopback that answers for all of the network's
// hosts, with a certificate authority of its own for clients to trust. It knows no wire. A Host may be used from any
// goroutine; Serve blocks until Close.
package host

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// Options say what a Host plays.
type Options struct {
	Listen    string   // address, such as 127.0.0.1:0
	Authority string   // what the authority calls itself
	Names     []string // of the hosts, the main one first; addresses and ports in them don't count
	// HeaderTimeout is how long a client may take for a request's headers.
	HeaderTimeout time.Duration
	Handler       http.Handler
}

// Host is a listener with its certificate.
type Host struct {
	ca       *authority
	listener net.Listener
	http     *http.Server
}

// Open makes an authority and a certificate, and listens. Serve comes next, or Close.
func Open(o Options) (*Host, error) {
	ca, err := newAuthority(o.Authority, o.Names)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", o.Listen, err)
	}
	return &Host{ca, listener, &http.Server{
		Handler: o.Handler, ReadHeaderTimeout: o.HeaderTimeout,
		// Tests have clients break off on purpose.
		ErrorLog:  log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{ca.leaf}, MinVersion: tls.VersionTLS12},
		// HTTP/2 has no WebSocket upgrade that clients could use.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}}, nil
}

// Serve accepts connections until Close; it returns nil after Close.
func (h *Host) Serve() error {
	err := h.http.ServeTLS(h.listener, "", "")
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve on %s: %w", h.Address(), err)
}

// Close ends listener and connections, but for those that a handler has taken over.
func (h *Host) Close() error {
	err := h.http.Close()
	h.listener.Close() //nolint:errcheck // closed by the line above if Serve was called
	if err != nil {
		return fmt.Errorf("close listener: %w", err)
	}
	return nil
}

// Address is host:port of the listener.
func (h *Host) Address() string { return h.listener.Addr().String() }

// CAPEM is the certificate authority that signed the certificate.
func (h *Host) CAPEM() []byte { return h.ca.pem }
