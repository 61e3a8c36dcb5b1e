package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func newTestClient(t *testing.T, handler http.HandlerFunc, change func(*Options)) (*Client, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	opts := Options{
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		Site:          server.URL,
		Hosts:         []string{"127.0.0.1"},
		Cookies:       NewCookies(map[string]string{"xs": canary, "c_user": "100"}),
		Identity:      DefaultIdentity(),
		SessionCookie: "xs",
		Rules: []Rule{{"/challenge/*", Challenge}, {"/consent/", Consent}, {"/checkpoint/*", Checkpoint},
			{"/login.php", LoggedOut}},
		RetryWait: time.Millisecond,
	}
	if change != nil {
		change(&opts)
	}
	client, err := NewClient(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opts.Transport.(*http.Transport).CloseIdleConnections)
	return client, server.URL
}

func TestPageRedirects(t *testing.T) {
	tests := []struct {
		name, target, set string
		kind              Kind
		offersURL         bool
	}{
		{"challenge", "/challenge/abc?next=1", "", Challenge, true},
		{"consent", "/consent/?x=1", "", Consent, true},
		{"consent is no prefix", "/consent/more", "", "", false},
		{"checkpoint", "/checkpoint/1501092823525282/", "", Checkpoint, true},
		{"checkpoint that deletes the session", "/checkpoint/1", "xs=deleted; Max-Age=0", Checkpoint, true},
		{"login", "/login.php?next=x", "", LoggedOut, true},
		{"any path that deletes the session", "/home", "xs=deleted; Max-Age=0", LoggedOut, true},
		{"another host", "https://evil.example/checkpoint/", "", Elsewhere, false},
		{"another port", "http://127.0.0.1:1/checkpoint/", "", Elsewhere, false},
		{"another scheme", "file:///etc/passwd", "", Elsewhere, false},
		{"user part", "//user@127.0.0.1/", "", Elsewhere, false},
		{"not an address", "http://[::1", "", Elsewhere, false},
		{"no target", "", "", Elsewhere, false},
		{"round and round", "/start", "", RedirectLoop, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, site := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/start" {
					_, _ = fmt.Fprint(w, "arrived")
					return
				}
				if test.set != "" {
					w.Header().Set("Set-Cookie", test.set)
				}
				if test.target != "" {
					w.Header().Set("Location", test.target)
				}
				w.WriteHeader(http.StatusFound)
			}, nil)
			response, err := client.Page(t.Context(), Request{URL: site + "/start"})
			if test.kind == "" {
				if err != nil || string(response.Body) != "arrived" {
					t.Fatalf("got %v, want the page", err)
				}
				return
			}
			var stop *StopError
			if !errors.As(err, &stop) || stop.Kind != test.kind {
				t.Fatalf("got %v, want %q", err, test.kind)
			}
			if offers := strings.HasPrefix(stop.URL, site); offers != test.offersURL {
				t.Errorf("offers %q, want one: %t", stop.URL, test.offersURL)
			}
		})
	}
}

func TestDoFollowsNothing(t *testing.T) {
	client, site := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.TrimPrefix(r.URL.Path, "/to"), http.StatusFound)
	}, nil)
	if _, err := client.Do(t.Context(), Request{URL: site + "/to/home"}); !errors.Is(err, ErrRedirected) {
		t.Errorf("got %v, want %v", err, ErrRedirected)
	}
	var stop *StopError
	if _, err := client.Do(t.Context(), Request{URL: site + "/to/checkpoint/1"}); !errors.As(err, &stop) || stop.Kind != Checkpoint {
		t.Errorf("got %v, want %q", err, Checkpoint)
	}
}

func TestRetries(t *testing.T) {
	tests := []struct {
		name     string
		statuses []int // of the answers before the good one
		tries    int
		want     int // status of the error, 0 for none
	}{
		{"good at once", nil, 1, 0},
		{"twice unavailable", []int{503, 500}, 3, 0},
		{"rate-limited", []int{429}, 2, 0},
		{"not allowed", []int{403}, 1, 403},
		{"for ever broken", []int{500, 500, 500, 500, 500, 500, 500}, 4, 500},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tries := 0
			client, site := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if string(body) != "a=b" {
					t.Errorf("body %q, want %q at each try", body, "a=b")
				}
				tries++
				if tries <= len(test.statuses) {
					http.Error(w, "broken", test.statuses[tries-1])
				}
			}, func(o *Options) { o.Retries = 3 })
			request := Request{URL: site}
			request.Form(url.Values{"a": {"b"}})
			_, err := client.Do(t.Context(), request)
			var status *StatusError
			if got := errors.As(err, &status); got != (test.want != 0) || got && status.Status != test.want {
				t.Errorf("got %v, want status %d", err, test.want)
			}
			if tries != test.tries {
				t.Errorf("%d tries, want %d", tries, test.tries)
			}
		})
	}
}

func TestWaits(t *testing.T) {
	client := &Client{opts: Options{RetryWait: 3 * time.Second}}
	for _, test := range []struct {
		attempt int
		err     error
		want    time.Duration
	}{
		{1, &networkError{io.EOF}, 3 * time.Second},
		{4, &StatusError{Status: 500}, 12 * time.Second},
		{2, &StatusError{Status: 429}, 12 * time.Second},
		{1, &StatusError{Status: 429, RetryAfter: time.Minute}, time.Minute},
		{1, &StatusError{Status: 503, RetryAfter: time.Hour}, maxRetryAfter},
	} {
		if got := client.wait(test.attempt, test.err); got != test.want {
			t.Errorf("try %d after %v waits %v, want %v", test.attempt, test.err, got, test.want)
		}
	}
}

func TestNetworkErrorsNameNoSecrets(t *testing.T) {
	var logged bytes.Buffer
	client, site := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		hijacked, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = hijacked.Close()
	}, func(o *Options) { o.Retries, o.Log = 1, zerolog.New(&logged) })
	_, err := client.Do(t.Context(), Request{URL: site + "/?fb_dtsg=" + canary})
	if err == nil || !retryable(err) {
		t.Errorf("got %v, want an error that time may mend", err)
	}
	if all := fmt.Sprint(err) + logged.String(); strings.Contains(all, canary) || logged.Len() == 0 {
		t.Errorf("error and log say %q, want them without the address", all)
	}
}

func TestCookiesStayHome(t *testing.T) {
	seen := make(chan *http.Request, 4)
	changed := 0
	client, site := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		if r.URL.Path == "/set" {
			w.Header().Set("Set-Cookie", "fr=1")
		}
	}, func(o *Options) {
		o.CookiesChanged = func() { changed++ }
		o.Header = http.Header{"X-Asbd-Id": {"1"}}
	})
	for _, r := range []Request{{URL: site + "/set"}, {URL: site}, {URL: site, Anonymous: true}} {
		if _, err := client.Do(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Do(t.Context(), Request{URL: "http://evil.example/"}); err == nil {
		t.Error("client sent cookies to another host")
	}
	<-seen
	if r := <-seen; r.Header.Get("Cookie") != "c_user=100; fr=1; xs="+canary || r.Header.Get("X-Asbd-Id") != "1" ||
		r.Header.Get("User-Agent") != DefaultIdentity().UserAgent || r.Header.Get("Sec-Ch-Ua-Mobile") != "?0" {
		t.Errorf("request has headers %v, want the browser's and the changed cookies", r.Header)
	}
	if r := <-seen; r.Header.Get("Cookie") != "" || r.Header.Get("X-Asbd-Id") != "" {
		t.Errorf("anonymous request has headers %v", r.Header)
	}
	if changed != 1 {
		t.Errorf("told of %d changes, want 1", changed)
	}
}

func TestSessionTakenByGoodAnswer(t *testing.T) {
	client, site := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "xs=deleted; Max-Age=0")
	}, nil)
	_, err := client.Do(t.Context(), Request{URL: site})
	var stop *StopError
	if !errors.As(err, &stop) || stop.Kind != LoggedOut {
		t.Errorf("got %v, want a logout", err)
	}
	if client.opts.Cookies.Get("xs") != canary {
		t.Error("session cookie is gone from the jar, want it left for the page load that decides")
	}
}

func TestBodyLimit(t *testing.T) {
	client, site := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 100))
	}, nil)
	if _, err := client.Do(t.Context(), Request{URL: site, MaxBody: 99}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want %v", err, ErrTooLarge)
	}
	if _, err := client.Do(t.Context(), Request{URL: site, MaxBody: 100}); err != nil {
		t.Error(err)
	}
}

func TestPacer(t *testing.T) {
	p := Pacer{Interval: time.Second}
	now := time.Now()
	for i, want := range []time.Duration{0, time.Second, 2 * time.Second} {
		if got := p.reserve(now); got != want {
			t.Errorf("turn %d waits %v, want %v", i, got, want)
		}
	}
	if got := p.reserve(now.Add(time.Hour)); got != 0 {
		t.Errorf("after an hour it waits %v, want 0", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestPrivateAddresses(t *testing.T) {
	for address, public := range map[string]bool{
		"157.240.0.35": true, "2a03:2880:f10c::1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.0.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "198.18.0.1": false, "240.0.0.1": false,
		"255.255.255.255": false, "224.0.0.1": false, "::1": false, "::": false, "fe80::1": false, "fc00::1": false,
		"::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "ff02::1": false,
	} {
		err := RefusePrivate("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 443).String(), nil)
		if (err == nil) != public {
			t.Errorf("%s: got %v, want it public: %t", address, err, public)
		}
	}
}
