package meow

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

func TestUncompressed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") == "" {
			t.Error("the request has lost a header")
		}
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			InsecureSkipVerify: true, CompressionMode: websocket.CompressionContextTakeover,
		})
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.CloseNow()
		kind, data, err := ws.Read(r.Context())
		if err == nil {
			err = ws.Write(r.Context(), kind, data)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	for _, test := range []struct {
		name string
		way  http.RoundTripper
		want string
	}{
		{"as the library asks", http.DefaultTransport, "permessage-deflate"},
		{"uncompressed", Uncompressed(http.DefaultTransport), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ws, resp, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{
				HTTPClient: &http.Client{Transport: test.way}, CompressionMode: websocket.CompressionContextTakeover,
				HTTPHeader: http.Header{"Origin": {server.URL}},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer ws.CloseNow()
			if got := resp.Header.Get("Sec-Websocket-Extensions"); got != test.want {
				t.Errorf("the socket's extensions are %q, want %q", got, test.want)
			}
			long := strings.Repeat("long enough to be worth compressing ", 100)
			if err = ws.Write(t.Context(), websocket.MessageText, []byte(long)); err != nil {
				t.Fatal(err)
			}
			if _, data, err := ws.Read(t.Context()); err != nil || string(data) != long {
				t.Errorf("got %d bytes back and error %v, want %d", len(data), err, len(long))
			}
		})
	}
}
