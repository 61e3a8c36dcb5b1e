package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"
)

// Faults on the connection itself: the client comes back and loses nothing.
func TestConnectionFaults(t *testing.T) {
	p := mustPairs(t, Config{})
	bob := p.bob.Account()
	for _, fault := range []Fault{
		{Kind: "close"},
		{Kind: "close_before", Args: map[string]string{"point": "client_finish"}},
		{Kind: "close_before", Person: bob.Phone, Args: map[string]string{"point": "success"}},
		{Kind: "close_after", Person: bob.Phone, Args: map[string]string{"point": "success"}},
		{Kind: "close_before", Person: bob.Phone, Args: map[string]string{"point": "active"}},
		{Kind: "close_after", Person: bob.Phone, Args: map[string]string{"point": "active"}},
		{Kind: "close_after", Person: bob.Phone, Skip: 1, Args: map[string]string{"point": "offline_flush"}},
		{Kind: "http_status"},
	} {
		t.Run(fault.Kind+" "+fault.Args["point"], func(t *testing.T) {
			if point := fault.Args["point"]; point == "client_finish" || point == "success" {
				skipLibraryRace(t)
			}
			p.b.Disconnect()
			from := p.b.seen()
			texts := []string{fault.Kind + " one", fault.Kind + " two", fault.Kind + " three"}
			for _, text := range texts {
				mustSend(t, p.a, bob.LIDJID(), text)
			}
			added := mustFault(t, p.s, fault)
			connectUntilThere(t, p.b)
			for _, text := range texts {
				await(t, p.b, from, isText(text))
			}
			p.s.RemoveFault(added.ID)
		})
	}
}

// A frame in two messages is the end of the stream for the client, until it connects anew.
func TestSplitFrame(t *testing.T) {
	p := mustPairs(t, Config{})
	mark, from := len(p.s.Log(0)), p.b.seen()
	mustFault(t, p.s, Fault{Kind: "split_frame", Person: p.bob.Account().Phone, Stanza: "message"})
	sent := mustSend(t, p.a, p.bob.Account().LIDJID(), "in two parts")
	_, err := p.s.AwaitLog(withPatience(t), mark, func(e Entry) bool {
		return e.User == p.bob.Account().Phone && !e.Phone && isStanza("out", "<message", sent.ID)(e)
	})
	if err != nil {
		t.Fatal(err)
	}
	p.b.Disconnect()
	mustConnect(t, p.b)
	await(t, p.b, from, isText("in two parts"))
}

func TestCloseBeforeServerHello(t *testing.T) {
	s := mustServe(t, Config{})
	mustFault(t, s, Fault{Kind: "close_before", Args: map[string]string{"point": "server_hello"}})
	ws, _, err := websocket.Dial(t.Context(), "wss://web.whatsapp.com/ws/chat", &websocket.DialOptions{HTTPClient: httpClient(s)})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow() //nolint:errcheck // closed by the server
	hello := slices.Concat([]byte("WA\x06\x03\x00\x00\x24\x12\x22\x0a\x20"), randomBytes(32))
	if err = ws.Write(t.Context(), websocket.MessageBinary, hello); err != nil {
		t.Fatal(err)
	}
	if _, _, err = ws.Read(withPatience(t)); err == nil {
		t.Error("got a frame, want the end")
	}
}

func TestRefusedSockets(t *testing.T) {
	s := mustServe(t, Config{HandshakeTimeout: 200 * time.Millisecond})
	for _, test := range []struct {
		name string
		kind websocket.MessageType
		data string
	}{
		{"text message", websocket.MessageText, "WA\x06\x03"},
		{"other header", websocket.MessageBinary, "GET / HTTP/1.1"},
		{"silence after the header", websocket.MessageBinary, "WA\x06\x03"},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := &websocket.DialOptions{HTTPClient: httpClient(s), HTTPHeader: http.Header{"Origin": {"https://web.whatsapp.com"}}}
			ws, _, err := websocket.Dial(t.Context(), "wss://localhost/ws/chat", options)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.CloseNow() //nolint:errcheck // closed by the server
			if err = ws.Write(t.Context(), test.kind, []byte(test.data)); err != nil {
				t.Fatal(err)
			}
			if _, _, err = ws.Read(withPatience(t)); err == nil || t.Context().Err() != nil {
				t.Errorf("read: %v, want the end", err)
			}
		})
	}
}

// connectUntilThere does what a host program does: tries again when connecting fails or the connection is dead.
func connectUntilThere(t *testing.T, c *client) {
	t.Helper()
	for range 3 {
		from := c.seen()
		if err := c.Connect(); err != nil && !errors.Is(err, whatsmeow.ErrAlreadyConnected) {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		ok := awaitAny(ctx, c, from)
		cancel()
		if ok {
			return
		}
		c.Disconnect()
	}
	t.Fatal("client did not come back")
}

// awaitAny waits for the end of an offline flush; false if the stream died instead.
func awaitAny(ctx context.Context, c *client, from int) bool {
	for {
		c.mu.Lock()
		changed := c.changed
		for _, event := range c.events[from:] {
			if _, is := event.(*events.OfflineSyncCompleted); is {
				c.mu.Unlock()
				return true
			}
		}
		c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
