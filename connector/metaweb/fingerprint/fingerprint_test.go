package fingerprint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crosschat/connector/metaweb/web"
)

// server is one that remembers the hellos it got.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	hellos []*tls.ClientHelloInfo
}

func newServer(t *testing.T, http2 bool) *server {
	t.Helper()
	s := new(server)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ws" {
			ws, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			_ = ws.Write(r.Context(), websocket.MessageText, []byte("hello"))
			_ = ws.Close(websocket.StatusNormalClosure, "")
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s", r.Proto, body)
	}))
	s.EnableHTTP2 = http2
	s.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hellos = append(s.hellos, hello)
		return nil, nil
	}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *server) seen() []*tls.ClientHelloInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hellos)
}

// transports dial the server whatever the name, which its certificate has.
func (s *server) transports(t *testing.T, userAgent string) web.Transports {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
	}
	transports := Transports(Options{UserAgent: userAgent, Dial: dial, DialMedia: dial, RootCAs: roots})
	t.Cleanup(transports.CloseIdle)
	return transports
}

func mustGet(t *testing.T, transport http.RoundTripper) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://example.com/", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// isGrease tells the made-up values that Chrome and Safari mix in, and Go doesn't.
func isGrease(id uint16) bool { return id&0x0f0f == 0x0a0a && id>>8 == id&0xff }

func TestHellos(t *testing.T) {
	for name, test := range map[string]struct {
		userAgent string
		grease    bool
	}{
		"Chrome":  {web.DefaultIdentity().UserAgent, true},
		"Firefox": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", false},
		"Safari":  {"Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", true},
		"nothing": {"", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, true)
			transports := s.transports(t, test.userAgent)
			for range 2 {
				if got := mustGet(t, transports.Pages); got != "HTTP/2.0 body" {
					t.Errorf("got %q, want HTTP/2", got)
				}
			}
			if got := mustGet(t, transports.Sockets); got != "HTTP/1.1 body" {
				t.Errorf("socket's transport got %q, want HTTP/1.1", got)
			}
			hellos := s.seen()
			if len(hellos) != 2 {
				t.Fatalf("%d connections, want 2", len(hellos))
			}
			for i, protocols := range [][]string{{"h2", "http/1.1"}, {"http/1.1"}} {
				if !slices.Equal(hellos[i].SupportedProtos, protocols) {
					t.Errorf("offered %q, want %q", hellos[i].SupportedProtos, protocols)
				}
				if got := slices.ContainsFunc(hellos[i].CipherSuites, isGrease); got != test.grease {
					t.Errorf("made-up cipher suites: %t, want %t", got, test.grease)
				}
				if hellos[i].ServerName != "example.com" {
					t.Errorf("asked for %q", hellos[i].ServerName)
				}
			}
		})
	}
}

func TestServerWithoutHTTP2(t *testing.T) {
	s := newServer(t, false)
	transports := s.transports(t, "")
	for range 3 {
		if got := mustGet(t, transports.Pages); got != "HTTP/1.1 body" {
			t.Errorf("got %q, want HTTP/1.1", got)
		}
	}
	if got := len(s.seen()); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

func TestWebsocket(t *testing.T) {
	s := newServer(t, true)
	transports := s.transports(t, "")
	ws, _, err := websocket.Dial(t.Context(), "wss://example.com/ws", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transports.Sockets}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	if _, data, err := ws.Read(t.Context()); err != nil || string(data) != "hello" {
		t.Errorf("got %q and %v", data, err)
	}
}

func TestRefuses(t *testing.T) {
	s := newServer(t, true)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The default for media doesn't dial the loopback address.
	if _, err = Transports(Options{}).Media.RoundTrip(request); !errors.Is(err, web.ErrPrivateAddress) {
		t.Errorf("got %v, want %v", err, web.ErrPrivateAddress)
	}
	// The system doesn't know the server's certificate.
	if _, err = Transports(Options{}).Pages.RoundTrip(request); err == nil {
		t.Error("took a certificate that nobody vouches for")
	}
}

func TestLostConnectionIsReplaced(t *testing.T) {
	s := newServer(t, true)
	transports := s.transports(t, "")
	mustGet(t, transports.Pages)
	s.CloseClientConnections()
	deadline := time.Now().Add(10 * time.Second)
	for {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transports.Pages.RoundTrip(request)
		if err == nil {
			_ = response.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %v", err)
		}
	}
}
