package host

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestHost(t *testing.T) {
	h, err := Open(Options{
		Listen: "127.0.0.1:0", Authority: "test", Names: []string{"www.example.com", "127.0.0.1:99", "*.files.example.com:443"},
		HeaderTimeout: 10 * time.Second,
		Handler:       http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }),
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve() }()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(h.CAPEM()) {
		t.Fatal("the authority is no certificate in PEM form")
	}
	for name, want := range map[string]bool{
		"www.example.com": true, "a.files.example.com": true, "localhost": true, "127.0.0.1": true, "example.com": false,
	} {
		client := &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		}}
		resp, err := client.Get("https://" + h.Address())
		if (err == nil) != want {
			t.Errorf("as %s: error %v, want an answer: %t", name, err, want)
		}
		if err != nil {
			continue
		}
		proto, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(proto) != "HTTP/1.1" {
			t.Errorf("as %s: spoke %q (%v), want HTTP/1.1", name, proto, err)
		}
	}
	if err = h.Close(); err != nil {
		t.Error(err)
	}
	if err = <-served; err != nil {
		t.Errorf("after Close, Serve gives %v", err)
	}
	if _, err = Open(Options{Listen: h.Address() + "0", Names: []string{"x"}}); err == nil {
		t.Error("a bad address can be listened on")
	}
	unserved, err := Open(Options{Listen: "127.0.0.1:0", Names: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if err = unserved.Close(); err != nil {
		t.Errorf("closing what was never served: %v", err)
	}
}
