package media

import (
	"bytes"
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

	"crosschat/connector/metaweb/web"
)

const limit = 1 << 20

// cdn is one server under two names, of which "localhost" wants chunks.
type cdn struct {
	*Fetcher
	first, second string // addresses
}

func newCDN(t *testing.T, first, second http.HandlerFunc) cdn {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Host, "localhost:") {
			second(w, r)
		} else {
			first(w, r)
		}
	}))
	t.Cleanup(server.Close)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{}).DialContext
	t.Cleanup(transport.CloseIdleConnections)
	return cdn{&Fetcher{Transport: transport, Hosts: []string{"127.0.0.1", "localhost"}, ChunkHosts: []string{"localhost"},
		Identity: web.DefaultIdentity(), Insecure: true, Chunk: 1000},
		server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)}
}

// toSecond redirects to the same path under the other name.
func toSecond(w http.ResponseWriter, r *http.Request) {
	_, port, _ := net.SplitHostPort(r.Host)
	http.Redirect(w, r, "http://localhost:"+port+r.URL.Path, http.StatusFound)
}

func (c cdn) read(t *testing.T, link string, limit int64) ([]byte, error) {
	t.Helper()
	body, err := c.Fetch(t.Context(), link, Video, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}

func TestFetchLooksLikeABrowser(t *testing.T) {
	seen := make(chan *http.Request, 1)
	c := newCDN(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = fmt.Fprint(w, "data")
	}, nil)
	body, err := c.Fetch(t.Context(), c.first+"/p.jpg?oe=1", Image, limit)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	if body.Size != 4 || body.ContentType != "image/jpeg" {
		t.Errorf("got size %d and type %q", body.Size, body.ContentType)
	}
	r := <-seen
	for name, want := range map[string]string{"Accept": "image/avif,image/webp,*/*", "Sec-Fetch-Dest": "image",
		"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site", "User-Agent": web.DefaultIdentity().UserAgent,
		"Cookie": "", "Referer": "", "Sec-Ch-Ua-Model": ""} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestFetchChunks(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 251)
	serve := func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "v.mp4", time.Time{}, bytes.NewReader(content))
	}
	tests := []struct {
		name   string
		second http.HandlerFunc
		ranges []string
		err    error // nil: all is read; errAny: some error
	}{
		{"parts", serve, []string{"bytes=0-999", "bytes=1000-1999", "bytes=2000-2509"}, nil},
		{"HEAD forbidden", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			_, _ = w.Write(content)
		}, []string{""}, nil},
		{"no parts offered", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(content) }, []string{""}, nil},
		{"part refused", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			serve(w, r)
		}, []string{"bytes=0-999"}, ErrExpired},
		{"whole file instead of a part", func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			serve(w, r)
		}, []string{"bytes=0-999"}, errAny},
		{"another part", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				r.Header.Set("Range", "bytes=5-1004")
			}
			serve(w, r)
		}, []string{"bytes=0-999"}, errAny},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var mu sync.Mutex
			var ranges []string
			c := newCDN(t, toSecond, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					mu.Lock()
					ranges = append(ranges, r.Header.Get("Range"))
					mu.Unlock()
				}
				test.second(w, r)
			})
			got, err := c.read(t, c.first+"/v", limit)
			switch {
			case test.err == nil && (err != nil || !bytes.Equal(got, content)):
				t.Errorf("got %d bytes and %v, want %d", len(got), err, len(content))
			case test.err == errAny && err == nil, test.err != nil && test.err != errAny && !errors.Is(err, test.err):
				t.Errorf("got %v, want %v", err, test.err)
			}
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(ranges, test.ranges) {
				t.Errorf("asked for %q, want %q", ranges, test.ranges)
			}
		})
	}
}

var errAny = errors.New("any error")

func TestChunkCutOff(t *testing.T) {
	c := newCDN(t, toSecond, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Accept-Ranges", "bytes")
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Length", "1500")
			return
		}
		w.Header().Set("Content-Range", "bytes 0-999/1500")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = fmt.Fprint(w, "short")
	})
	if got, err := c.read(t, c.first+"/v", limit); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q and %v, want %v", got, err, io.ErrUnexpectedEOF)
	}
}

func TestFetchErrors(t *testing.T) {
	c := newCDN(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/403", "/404", "/410", "/500":
			var status int
			_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
			w.WriteHeader(status)
		case "/private":
			http.Redirect(w, r, "http://10.0.0.1/", http.StatusFound)
		case "/elsewhere":
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/large":
			_, _ = w.Write(make([]byte, 2000))
		case "/endless":
			for range 20 {
				_, _ = w.Write(make([]byte, 100))
				w.(http.Flusher).Flush()
			}
		}
	}, nil)
	var status *web.StatusError
	for path, want := range map[string]error{
		"/403": ErrExpired, "/404": ErrExpired, "/410": ErrExpired, "/private": ErrNotAllowed, "/elsewhere": ErrNotAllowed,
		"/loop": errAny, "/large": ErrTooLarge, "/endless": ErrTooLarge, "/500": errAny,
	} {
		_, err := c.read(t, c.first+path, 1000)
		if err == nil || want != errAny && !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
		if path == "/500" && (!errors.As(err, &status) || status.Status != 500) {
			t.Errorf("%s: got %v, want its status", path, err)
		}
	}
}

func TestAllowedAddresses(t *testing.T) {
	f := &Fetcher{Hosts: []string{"fbcdn.net", "127.0.0.1"}}
	for link, want := range map[string]bool{
		"https://scontent.xx.fbcdn.net/v/p.jpg?oe=1": true,
		"https://fbcdn.net:443/":                     true,
		"https://SCONTENT.fbcdn.net/":                true,
		"http://scontent.fbcdn.net/":                 false,
		"https://scontent.fbcdn.net:8443/":           false,
		"https://fbcdn.net.evil.example/":            false,
		"https://evilfbcdn.net/":                     false,
		"https://user@scontent.fbcdn.net/":           false,
		"https://127.0.0.1/":                         false,
		"https://[::1]/":                             false,
		"file:///etc/passwd":                         false,
		"//scontent.fbcdn.net/":                      false,
		"https://":                                   false,
		"":                                           false,
		"https://scontent.fbcdn.net\\@evil.example/": false,
	} {
		if _, err := f.check(link); (err == nil) != want {
			t.Errorf("%s: got %v, want it allowed: %t", link, err, want)
		}
	}
}

func TestExpiry(t *testing.T) {
	for _, test := range []struct {
		link string
		row  int64
		want time.Time
	}{
		{"https://x/y?oe=7fffffff", 0, time.Unix(0x7fffffff, 0)},
		{"https://x/y?oe=7fffffff", 1790086400000, time.UnixMilli(1790086400000)},
		{"https://x/y?oe=xyz", 0, time.Time{}},
		{"https://x/y", 0, time.Time{}},
		{"::", 0, time.Time{}},
	} {
		if got := Expiry(test.link, test.row); !got.Equal(test.want) {
			t.Errorf("%s: got %v, want %v", test.link, got, test.want)
		}
	}
	for link, want := range map[string]string{"https://x/v/t1/12_34_n.jpg?oe=1&oh=2": "12_34_n.jpg", "::": "", "": ""} {
		if got := PictureID(link); got != want {
			t.Errorf("%s: got %q, want %q", link, got, want)
		}
	}
}
