package ledger

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A connection that the homeserver ends is noticed though nothing is asked; one that we end is not.
func TestEndsOfConnections(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*httptest.Server, *http.Client)
		want int
	}{
		{"the homeserver stops", func(s *httptest.Server, _ *http.Client) { s.CloseClientConnections() }, 1},
		{"we are done with it", func(_ *httptest.Server, c *http.Client) { c.CloseIdleConnections() }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.NotFoundHandler())
			defer server.Close()
			ended := make(chan struct{}, 10)
			client := &http.Client{Transport: watchConnections(&http.Transport{}, func() { ended <- struct{}{} })}
			ask := func() {
				t.Helper()
				resp, err := client.Get(server.URL)
				if err != nil {
					t.Fatal(err)
				}
				if _, err = io.Copy(io.Discard, resp.Body); err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			}
			ask()
			test.end(server, client)
			for range test.want {
				<-ended
			}
			ask()
			client.CloseIdleConnections()
			server.Close() // waits for the connections
			if len(ended) != 0 {
				t.Errorf("%d more ends were told", len(ended))
			}
		})
	}
}
