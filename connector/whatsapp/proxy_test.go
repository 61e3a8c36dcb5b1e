package whatsapp

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestParseProxy(t *testing.T) {
	for text, ok := range map[string]bool{
		"":                                true,
		"http://127.0.0.1:3128":           true,
		"https://proxy.example:443/":      true,
		"socks5://user:pass@[::1]:1080":   true,
		"socks5h://proxy.example:1080":    true,
		"socks4://proxy.example:1080":     false,
		"proxy.example:1080":              false,
		"http://proxy.example":            false,
		"http://:3128":                    false,
		"http://proxy.example:3128/a":     false,
		"http://user:se%cret@host:3128":   false,
		"socks5://user:secret@host:99 99": false,
	} {
		address, err := parseProxy(text)
		if (err == nil) != ok || (address != nil) != (ok && text != "") {
			t.Errorf("%q: got %v, %v; want ok %t", text, address, err, ok)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats the password: %v", text, err)
		}
	}
}

// tinyProxy is a proxy that sends every connection to one address, if user and password are right.
type tinyProxy struct {
	*testing.T
	target   string
	listener net.Listener
	served   sync.WaitGroup
	hosts    sync.Map // the host:port that were asked for
	count    atomic.Int32
}

func newTinyProxy(t *testing.T, target string, accept func(*tinyProxy, net.Conn) (io.Reader, error)) *tinyProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tinyProxy{T: t, target: target, listener: listener}
	p.served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.served.Go(func() { p.serve(conn, accept) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.served.Wait()
	})
	return p
}

func (p *tinyProxy) serve(conn net.Conn, accept func(*tinyProxy, net.Conn) (io.Reader, error)) {
	defer conn.Close()
	from, err := accept(p, conn)
	if err != nil {
		return
	}
	p.count.Add(1)
	onward, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer onward.Close()
	p.served.Go(func() {
		_, _ = io.Copy(onward, from)
		_ = onward.Close()
	})
	_, _ = io.Copy(conn, onward)
}

func acceptHTTP(p *tinyProxy, conn net.Conn) (io.Reader, error) {
	from := bufio.NewReader(conn)
	req, err := http.ReadRequest(from)
	if err != nil {
		return nil, err
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass"))
	if req.Method != http.MethodConnect || req.Header.Get("Proxy-Authorization") != want {
		_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
		return nil, errors.New("not allowed")
	}
	p.hosts.Store(req.Host, true)
	_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	return from, err
}

// acceptSOCKS is the part of RFC 1928 and 1929 that a client with a password uses.
func acceptSOCKS(p *tinyProxy, conn net.Conn) (io.Reader, error) {
	read := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(conn, b); err != nil {
			return make([]byte, n)
		}
		return b
	}
	read(int(read(2)[1]))
	if _, err := conn.Write([]byte{5, 2}); err != nil {
		return nil, err
	}
	user := read(int(read(2)[1]))
	password := read(int(read(1)[0]))
	if string(user) != "user" || string(password) != "pass" {
		_, _ = conn.Write([]byte{1, 1})
		return nil, errors.New("not allowed")
	}
	if _, err := conn.Write([]byte{1, 0}); err != nil {
		return nil, err
	}
	if head := read(4); head[1] != 1 || head[3] != 3 {
		return nil, fmt.Errorf("request begins with %v, want one to connect to a name", head)
	}
	host := string(read(int(read(1)[0])))
	p.hosts.Store(fmt.Sprintf("%s:%d", host, binary.BigEndian.Uint16(read(2))), true)
	_, err := conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return conn, err
}

// TestProxy logs in, sends and receives with media over a proxy, and over none that is there.
func TestProxy(t *testing.T) {
	for scheme, accept := range map[string]func(*tinyProxy, net.Conn) (io.Reader, error){"http": acceptHTTP, "socks5": acceptSOCKS} {
		t.Run(scheme, func(t *testing.T) {
			var proxy *tinyProxy
			w := newWorldWith(t, func(n aloneNetwork, server string) {
				proxy = newTinyProxy(t, server, accept)
				n.Config.Proxy = fmt.Sprintf("%s://user:pass@%s", scheme, proxy.listener.Addr())
			})
			w.logIn()
			w.send(w.anna, w.alice, "through a proxy")
			w.awaitText("through a proxy")
			if _, ok := proxy.hosts.Load("web.whatsapp.com:443"); !ok {
				t.Error("the proxy was not asked for web.whatsapp.com:443")
			}
		})
	}
}

func TestProxyAway(t *testing.T) {
	for _, scheme := range []string{"http", "socks5"} {
		w := newWorldWith(t, func(n aloneNetwork, _ string) { n.Config.Proxy = scheme + "://127.0.0.1:1" })
		process, err := w.network.CreateLogin(t.Context(), mustUser(t, w.network.bridge, aliceMXID), flowQR)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = process.Start(t.Context()); !errors.Is(err, errLoginUnreachable) {
			t.Errorf("%s: login without the proxy gives %v, want %v: nothing may go around it", scheme, err, errLoginUnreachable)
		}
	}
}
