package lab

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
)

// TestRefused: a homeserver that fails every sync with an error of its own is told from one that is away or refuses.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		want   bool
	}{{http.StatusInternalServerError, true}, {http.StatusBadGateway, false}} {
		syncs := make(chan struct{}, 10*mostRefused)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/filter") {
				_, _ = w.Write([]byte(`{"filter_id":"1"}`))
				return
			}
			syncs <- struct{}{}
			w.WriteHeader(test.status)
			_, _ = w.Write([]byte(`{"errcode":"M_UNKNOWN","error":"Internal server error"}`))
		}))
		client, err := mautrix.NewClient(server.URL, "@user:hs.localhost", "token")
		if err != nil {
			t.Fatal(err)
		}
		client.DefaultHTTPRetries = 0
		u := &User{Client: client, changed: make(chan struct{})}
		client.Syncer = &eagerSyncer{mautrix.NewDefaultSyncer(), u}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = client.SyncWithContext(ctx)
		}()
		for range mostRefused + 1 { // with the last the one before has been counted
			<-syncs
		}
		if got := u.Refused(); got != test.want {
			t.Errorf("status %d: refused %t, want %t", test.status, got, test.want)
		}
		if u.Refused() {
			t.Errorf("status %d: it does not count anew", test.status)
		}
		cancel()
		<-ended
		server.Close()
	}
}
