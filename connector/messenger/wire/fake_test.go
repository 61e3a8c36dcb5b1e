package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/rs/zerolog"

	"crosschat/connector/metaweb/dgw"
	"crosschat/connector/metaweb/web"
)

const (
	patience = 10 * time.Second
	canary   = "canary-cookie-5b1e"
	ownID    = 100000000001001
)

// network is a server for one test: it plays the site and the gateway as the specification says, and does what the test
// sets its functions to. They are set before the first request; query has a setter for later.
type network struct {
	t      *testing.T
	server *httptest.Server
	log    *lockedBuffer

	page    func(w http.ResponseWriter, r *http.Request) // nil: pagePayload in the minimal page
	payload string                                       // that the page brings along
	graphQL func(form url.Values) string
	upload  http.HandlerFunc
	media   http.HandlerFunc
	other   http.Handler                                     // everything else
	refuse  func(connection int) (code websocket.StatusCode) // a code to close a new connection with, 0 for none
	query   func(q query) string                             // answers a database query with a payload, "" for never
	tasks   func(tasks []taskEntry) string                   // answers a batch, "" for never
	// exchange answers any request instead of query and tasks; it is called under the lock.
	exchange func(r gatewayRequest) string

	mu       sync.Mutex
	loads    int
	dials    int
	queries  []query
	batches  [][]taskEntry
	notices  []string
	current  *fakeGateway
	gateways chan *fakeGateway
}

// query is a database query as it arrived.
type query struct {
	Database int64           `json:"database"`
	Cursor   *string         `json:"last_applied_cursor"`
	Params   *string         `json:"sync_params"`
	Version  json.Number     `json:"version"`
	Failures json.RawMessage `json:"failure_count"`
	kind     int
}

func (q query) cursor() string {
	if q.Cursor == nil {
		return ""
	}
	return *q.Cursor
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (n *network) setQuery(query func(query) string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.query = query
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{t: t, log: new(lockedBuffer), payload: initialPayload(), gateways: make(chan *fakeGateway, 16)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /messages", n.servePage)
	mux.HandleFunc("POST /api/graphql/", n.serveGraphQL)
	mux.HandleFunc("POST /ajax/mercury/upload.php", func(w http.ResponseWriter, r *http.Request) { n.upload(w, r) })
	mux.HandleFunc("GET /media/", func(w http.ResponseWriter, r *http.Request) { n.media(w, r) })
	mux.HandleFunc("GET /ws/lightspeed", n.serveGateway)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if n.other == nil {
			t.Errorf("unexpected request for %s", r.URL.Path)
			http.NotFound(w, r)
			return
		}
		n.other.ServeHTTP(w, r)
	})
	n.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		n.server.CloseClientConnections()
		n.server.Close()
		if log := n.log.String(); strings.Contains(log, canary) || strings.Contains(log, "NAfsimdtsg") {
			t.Error("log shows a cookie or a token")
		}
	})
	return n
}

// config is the default one for this network, with short times.
func (n *network) config() Config {
	c := Default()
	c.Site, c.Hosts = n.server.URL, []string{"127.0.0.1"}
	c.Gateway = "ws" + strings.TrimPrefix(n.server.URL, "http") + "/ws/lightspeed"
	c.MediaHosts, c.ChunkHosts, c.AllowInsecureMedia = []string{"127.0.0.1"}, nil, true
	c.RequestInterval, c.SendInterval, c.ThreadPageInterval, c.RetryWait = 0, 0, 0, time.Millisecond
	c.ConnectWait, c.SyncTimeout, c.ResponseTimeout = 5*time.Second, 5*time.Second, 5*time.Second
	return c
}

func (n *network) client(handler Handler, state State, change func(*Config)) *Client {
	n.t.Helper()
	cfg := n.config()
	if change != nil {
		change(&cfg)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	n.t.Cleanup(transport.CloseIdleConnections)
	c, err := New(Options{
		Config: cfg, State: state, Handler: handler, Log: zerolog.New(n.log),
		Credentials: &web.Credentials{Cookies: web.NewCookies(map[string]string{"c_user": fmt.Sprint(ownID), "xs": canary, "datr": canary})},
		Transports:  web.Transports{Pages: transport, Sockets: transport, Media: transport},
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// serving is a Serve under way.
type serving struct {
	t     *testing.T
	ended chan error
	stop  context.CancelFunc
}

func serve(t *testing.T, c *Client) *serving {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s := &serving{t, make(chan error, 1), stop}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ended <- c.Serve(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return s
}

func (s *serving) mustEnd() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(patience):
		s.t.Fatal("connection did not end")
		return nil
	}
}

// mustConnect starts Serve and waits until the databases are in sync.
func mustConnect(t *testing.T, c *Client, r *recorder) *serving {
	t.Helper()
	s := serve(t, c)
	select {
	case <-r.up:
	case err := <-s.ended:
		t.Fatalf("connection ended with %v", err)
	case <-time.After(patience):
		t.Fatal("no connection")
	}
	return s
}

func (n *network) servePage(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	n.loads++
	n.mu.Unlock()
	if n.page != nil {
		n.page(w, r)
		return
	}
	_, _ = w.Write(n.pageBody())
}

// pageBody is the minimal page with this network's payload.
func (n *network) pageBody() []byte {
	body, err := os.ReadFile("testdata/page-minimal.html")
	if err != nil {
		n.t.Error(err)
	}
	old, err := json.Marshal(mustVectorPayload(n.t, "ls-initial-one-thread.json"))
	if err != nil {
		n.t.Error(err)
	}
	fresh, err := json.Marshal(n.payload)
	if err != nil {
		n.t.Error(err)
	}
	if !bytes.Contains(body, old) {
		n.t.Error("minimal page has another payload than this test expects")
	}
	return bytes.Replace(body, old, fresh, 1)
}

func mustVectorPayload(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Error(err)
	}
	var vector struct{ Response struct{ Payload string } }
	if err = json.Unmarshal(data, &vector); err != nil {
		t.Error(err)
	}
	return vector.Response.Payload
}

func (n *network) serveGraphQL(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		n.t.Error(err)
	}
	if !strings.Contains(r.Header.Get("Cookie"), "xs="+canary) || r.Header.Get("X-Fb-Lsd") != "simlsd" ||
		r.Header.Get("Sec-Fetch-Site") != "same-origin" || r.Header.Get("X-Fb-Friendly-Name") != r.PostForm.Get("fb_api_req_friendly_name") {
		n.t.Errorf("query has headers %v", r.Header)
	}
	if n.graphQL == nil {
		n.t.Errorf("unexpected query %v", r.PostForm)
		return
	}
	_, _ = fmt.Fprint(w, n.graphQL(r.PostForm))
}

func (n *network) serveGateway(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		n.t.Error(err)
		return
	}
	defer func() { _ = ws.CloseNow() }()
	n.mu.Lock()
	n.dials++
	dial := n.dials
	n.mu.Unlock()
	if n.refuse != nil {
		if code := n.refuse(dial); code != 0 {
			_ = ws.Close(code, "refused")
			return
		}
	}
	n.checkDial(r)
	g := &fakeGateway{n: n, ws: ws, streams: map[int64]uint16{}, acked: make(chan dgw.Frame, 1000)}
	n.mu.Lock()
	n.current = g
	n.mu.Unlock()
	n.gateways <- g
	g.serve(r.Context())
}

func (n *network) checkDial(r *http.Request) {
	for name, want := range map[string]string{"x-dgw-appid": "2220391788200892", "x-dgw-appversion": "0", "x-dgw-authtype": "1:0",
		"x-dgw-deviceid": "11111111-2222-4333-8444-555555555555", "x-dgw-tier": "prod", "x-dgw-uuid": fmt.Sprint(ownID), "x-dgw-version": "5"} {
		if got := r.URL.Query().Get(name); got != want {
			n.t.Errorf("dialled with %s %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(r.Header.Get("Cookie"), "xs="+canary) || r.Header.Get("Sec-Fetch-Mode") != "websocket" ||
		r.Header.Get("Origin") != n.server.URL {
		n.t.Errorf("dialled with headers %v", r.Header)
	}
}
