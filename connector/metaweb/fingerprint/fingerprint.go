// Package fingerprint makes transports whose TLS looks like a browser's: the first message of a TLS connection tells
// Go's library from Chrome at a glance, and sites may mind a user agent that contradicts it.
//
// Only the TLS handshake is imitated, not the order of HTTP headers or the settings of HTTP/2. The transports may be used
// from any goroutine.
package fingerprint

//lint:file-ignore SA1019 net/http speaks HTTP/2 only over TLS connections of its own; x/net's transport takes any.

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	utls "github.com/refraction-networking/utls"
	"golang.org/x/net/http2"

	"crosschat/connector/metaweb/web"
)

// Dialer opens the connections under TLS.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Options of Transports.
type Options struct {
	// UserAgent chooses the browser to look like, among Chrome, Firefox and Safari.
	UserAgent string
	// Dial is used for pages and sockets, DialMedia for media: it must refuse private addresses. nil is a plain dialer, and
	// one that refuses them.
	Dial, DialMedia Dialer
	// RootCAs verify the servers; nil is the system's.
	RootCAs *x509.CertPool
}

const headerTimeout = 20 * time.Second

// Transports makes transports that look like the browser of the user agent.
func Transports(o Options) web.Transports {
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: headerTimeout}).DialContext
	}
	if o.DialMedia == nil {
		o.DialMedia = (&net.Dialer{Timeout: headerTimeout, Control: web.RefusePrivate}).DialContext
	}
	hello := helloOf(o.UserAgent)
	return web.Transports{
		Pages:   newTransport(o.Dial, hello, o.RootCAs, true),
		Sockets: newTransport(o.Dial, hello, o.RootCAs, false),
		Media:   newTransport(o.DialMedia, hello, o.RootCAs, true),
	}
}

// helloOf chooses whose handshake to imitate.
func helloOf(userAgent string) utls.ClientHelloID {
	switch {
	case strings.Contains(userAgent, "Firefox/"):
		return utls.HelloFirefox_Auto
	case strings.Contains(userAgent, "Safari/") && !strings.Contains(userAgent, "Chrome/"):
		return utls.HelloSafari_Auto
	}
	return utls.HelloChrome_Auto
}

// transport sends requests over HTTP/2 where the server takes it, and else over HTTP/1.1.
type transport struct {
	dial  Dialer
	hello utls.ClientHelloID
	roots *x509.CertPool
	two   *http2.Transport // nil: HTTP/1.1 only
	one   *http.Transport

	mu      sync.Mutex
	conns   map[string]*http2.ClientConn
	oneOnly map[string]bool
	spare   map[string]net.Conn // dialled for HTTP/2, and then not taken for it
}

// idleTimeout is how long a connection is kept for later: less than the 60 to 120 seconds after which servers close theirs,
// so that no request is sent into one that is just being closed.
const idleTimeout = 50 * time.Second

func newTransport(dial Dialer, hello utls.ClientHelloID, roots *x509.CertPool, two bool) *transport {
	t := &transport{dial: dial, hello: hello, roots: roots, conns: make(map[string]*http2.ClientConn),
		oneOnly: make(map[string]bool), spare: make(map[string]net.Conn)}
	t.one = &http.Transport{DialContext: dial, DialTLSContext: t.dialOne, ResponseHeaderTimeout: headerTimeout,
		IdleConnTimeout: idleTimeout, MaxIdleConns: 20}
	if two {
		t.two = &http2.Transport{ReadIdleTimeout: 30 * time.Second, IdleConnTimeout: idleTimeout}
	}
	return t
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	address := net.JoinHostPort(r.URL.Hostname(), portOf(r))
	t.mu.Lock()
	one := r.URL.Scheme != "https" || t.two == nil || t.oneOnly[address]
	t.mu.Unlock()
	if one {
		return t.one.RoundTrip(r)
	}
	conn, err := t.connTwo(r.Context(), address)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	if conn == nil {
		return t.one.RoundTrip(r)
	}
	return conn.RoundTrip(r)
}

func portOf(r *http.Request) string {
	if port := r.URL.Port(); port != "" {
		return port
	}
	return "443"
}

// connTwo answers an HTTP/2 connection with room for one more request, nil if the server doesn't speak it.
func (t *transport) connTwo(ctx context.Context, address string) (*http2.ClientConn, error) {
	t.mu.Lock()
	known := t.conns[address]
	t.mu.Unlock()
	if known != nil && known.ReserveNewRequest() {
		return known, nil
	}
	raw, err := t.dialTLS(ctx, address, "h2", "http/1.1")
	if err != nil {
		return nil, err
	}
	if raw.ConnectionState().NegotiatedProtocol != "h2" {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.oneOnly[address] = true
		if t.spare[address] != nil {
			_ = raw.Close()
		} else {
			t.spare[address] = raw
		}
		return nil, nil
	}
	conn, err := t.two.NewClientConn(raw)
	if err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("start http/2 with %s: %w", address, err)
	}
	conn.ReserveNewRequest()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns[address] = conn
	return conn, nil
}

// dialOne dials for HTTP/1.1.
func (t *transport) dialOne(ctx context.Context, _, address string) (net.Conn, error) {
	t.mu.Lock()
	spare := t.spare[address]
	delete(t.spare, address)
	t.mu.Unlock()
	if spare != nil {
		return spare, nil
	}
	return t.dialTLS(ctx, address, "http/1.1")
}

// dialTLS dials and shakes hands as the browser does when it offers these protocols.
func (t *transport) dialTLS(ctx context.Context, address string, protocols ...string) (*utls.UConn, error) {
	ctx, cancel := context.WithTimeout(ctx, headerTimeout)
	defer cancel()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", address, err)
	}
	spec, err := specOf(t.hello, protocols)
	if err != nil {
		return nil, err
	}
	raw, err := t.dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn := utls.UClient(raw, &utls.Config{ServerName: host, RootCAs: t.roots}, utls.HelloCustom)
	if err = conn.ApplyPreset(spec); err == nil {
		err = conn.HandshakeContext(ctx)
	}
	if err != nil {
		_ = raw.Close()
		// As an error of dialling, since no part of a request has left yet: whoever must not repeat one wants to know.
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("tls handshake with %s: %w", address, err)}
	}
	return conn, nil
}

// specOf is the browser's hello, offering only some protocols.
func specOf(hello utls.ClientHelloID, protocols []string) (*utls.ClientHelloSpec, error) {
	spec, err := utls.UTLSIdToSpec(hello)
	if err != nil {
		return nil, fmt.Errorf("make tls hello of %s: %w", hello.Str(), err)
	}
	kept := spec.Extensions[:0]
	for _, extension := range spec.Extensions {
		switch extension := extension.(type) {
		case *utls.ALPNExtension:
			extension.AlpnProtocols = protocols
		case *utls.ApplicationSettingsExtension, *utls.ApplicationSettingsExtensionNew:
			// Settings for HTTP/2 go with offering it.
			if protocols[0] != "h2" {
				continue
			}
		}
		kept = append(kept, extension)
	}
	spec.Extensions = kept
	return &spec, nil
}

// CloseIdleConnections closes what is kept for later.
func (t *transport) CloseIdleConnections() {
	t.one.CloseIdleConnections()
	t.mu.Lock()
	defer t.mu.Unlock()
	for address, conn := range t.conns {
		if conn.State().StreamsActive == 0 {
			_ = conn.Close()
			delete(t.conns, address)
		}
	}
	for address, conn := range t.spare {
		_ = conn.Close()
		delete(t.spare, address)
	}
}
