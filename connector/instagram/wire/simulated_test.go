package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"crosschat/connector/metaweb/web"
	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
	"crosschat/simulator/instagram/server"
)

// patience bounds every wait of the tests.
const patience = 20 * time.Second

// network is a simulated Instagram with the account under test, Own, and a friend, Alice.
type network struct {
	*testing.T
	server *server.Server
	*instagram.Network
	own, alice control.Person
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	s, err := server.New(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close simulator: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve simulator: %v", err)
		}
	})
	n := &network{T: t, server: s, Network: instagram.New(s)}
	n.own, n.alice = n.person("Own"), n.person("Alice")
	return n
}

func (n *network) person(name string) control.Person {
	n.Helper()
	p, err := n.AddPerson(n.Context(), control.NewPerson{Name: name})
	n.must(err)
	return p
}

func (n *network) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

// special makes a call that only this network has.
func special[T any](n *network, p control.Person, name string, argument any) T {
	n.Helper()
	data, err := json.Marshal(argument)
	n.must(err)
	answer, err := n.Special(n.Context(), p.ID, name, data)
	n.must(err)
	typed, ok := answer.(T)
	if !ok {
		n.Fatalf("%s answered %T", name, answer)
	}
	return typed
}

func (n *network) fault(f control.Fault) {
	n.Helper()
	_, err := n.AddFault(n.Context(), f)
	n.must(err)
}

func (n *network) says(from control.Person, to, text string) control.Sent {
	n.Helper()
	sent, err := n.Send(n.Context(), from.ID, control.SendRequest{To: to, Text: text})
	n.must(err)
	return sent
}

func (n *network) sees(p control.Person, match control.Match) []control.Event {
	n.Helper()
	ctx, cancel := context.WithTimeout(n.Context(), patience)
	defer cancel()
	found, err := n.Await(ctx, p.ID, match)
	n.must(err)
	return found
}

// expectNothingOdd fails the test if the client asked what no browser would.
func (n *network) expectNothingOdd() {
	n.Helper()
	odd, err := n.Unexpected(n.Context())
	n.must(err)
	for _, request := range odd {
		n.Errorf("no browser would ask this: %+v", request)
	}
}

// transports send every host to the simulator.
func (n *network) transports() web.Transports {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(n.server.CAPEM()) {
		n.Fatal("no authority")
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, n.server.Address())
		},
	}
	n.Cleanup(transport.CloseIdleConnections)
	return web.Transports{Pages: transport, Sockets: transport, Media: transport}
}

// hasty is the config without human pauses.
func hasty() Config {
	c := Default()
	c.RequestInterval, c.SendInterval, c.PageInterval, c.RetryWait = 0, 0, 0, 0
	c.ReloadInterval, c.RequestsInterval, c.WatchInterval = 0, 0, 0
	c.EchoWait, c.TypingRetry = 100*time.Millisecond, 10*time.Millisecond
	return c
}

// recorder is a Handler that keeps what it is told. refuse, if set, is asked first.
type recorder struct {
	mu      sync.Mutex
	changed chan struct{}
	events  []Event
	threads map[Source][]Thread
	typing  []Typing
	alerts  []Alert
	state   State
	pages   []int // how many threads came at a time
	cookies int
	connect int
	refuse  func(Event) error
}

func newRecorder() *recorder {
	return &recorder{changed: make(chan struct{}), threads: make(map[Source][]Thread)}
}

func (r *recorder) note(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) HandleThreads(_ context.Context, threads []Thread, source Source) error {
	r.note(func() {
		r.threads[source] = threads
		r.pages = append(r.pages, len(threads))
	})
	return nil
}

func (r *recorder) HandleEvent(_ context.Context, e Event) (err error) {
	r.note(func() {
		if r.refuse != nil {
			err = r.refuse(e)
		}
		if err == nil {
			r.events = append(r.events, e)
		}
	})
	return err
}

func (r *recorder) SaveState(_ context.Context, s State) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	r.note(func() { err = json.Unmarshal(data, &r.state) })
	return err
}

func (r *recorder) Connected(context.Context) { r.note(func() { r.connect++ }) }
func (r *recorder) HandleTyping(_ context.Context, t Typing) {
	r.note(func() { r.typing = append(r.typing, t) })
}
func (r *recorder) Alert(a Alert)               { r.note(func() { r.alerts = append(r.alerts, a) }) }
func (r *recorder) CookiesChanged(*web.Cookies) { r.note(func() { r.cookies++ }) }

// waitFor blocks until what it is asked is so.
func (r *recorder) waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	r.waitForAfter(t, nil, what, is, nil)
}

// waitForAfter does again what should lead to it, at each tick.
func (r *recorder) waitForAfter(t *testing.T, tick <-chan time.Time, what string, is func() bool, again func()) {
	t.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		ok, changed := is(), r.changed
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-tick:
			again()
		case <-timeout:
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Fatalf("%s: not so in %v; events %+v, alerts %+v, connected %d times", what, patience, r.events, r.alerts, r.connect)
		}
	}
}

// waitForEvent blocks until an event of a type came that is as wanted, and answers it.
func waitForEvent[E Event](t *testing.T, r *recorder, what string, wanted func(E) bool) (found E) {
	t.Helper()
	r.waitFor(t, what, func() bool {
		return slices.ContainsFunc(r.events, func(e Event) bool {
			typed, ok := e.(E)
			if ok && wanted(typed) {
				found = typed
				return true
			}
			return false
		})
	})
	return found
}

// texts are the texts of all messages that came, in order.
func (r *recorder) texts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var texts []string
	for _, e := range r.events {
		if m, ok := e.(NewMessage); ok {
			texts = append(texts, m.Message.Text)
		}
	}
	return texts
}

func (n *network) credentials() *web.Credentials {
	n.Helper()
	login := special[instagram.Login](n, n.own, "login", nil)
	return &web.Credentials{Cookies: web.NewCookies(login.Cookies)}
}

// client makes a client of Own's. change may be nil.
func (n *network) client(r *recorder, credentials *web.Credentials, state State, change func(*Config)) *Client {
	n.Helper()
	cfg := hasty()
	if change != nil {
		change(&cfg)
	}
	c, err := New(Options{Config: cfg, Credentials: credentials, State: state, Transports: n.transports(), Handler: r,
		Log: zerolog.New(zerolog.NewTestWriter(n.T))})
	n.must(err)
	return c
}

// serve keeps a client served until stop, which answers Serve's errors, or the end of the test.
func (n *network) serve(c *Client) (stop func() []error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(n.Context()))
	done := make(chan []error, 1)
	go func() {
		var failures []error
		for ctx.Err() == nil {
			err := c.Serve(ctx)
			if ctx.Err() == nil {
				failures = append(failures, err)
				n.Logf("served until: %v", err)
			}
			if a := Advise(err); a.Action != TryAgain || len(failures) > 20 {
				break
			}
		}
		done <- failures
	}()
	var once sync.Once
	var failures []error
	stop = func() []error {
		once.Do(func() { cancel(); failures = <-done })
		return failures
	}
	n.Cleanup(func() { stop() })
	return stop
}

// connected makes a client of Own's that is connected.
func (n *network) connected(change func(*Config)) (*Client, *recorder) {
	n.Helper()
	r := newRecorder()
	c := n.client(r, n.credentials(), State{}, change)
	n.serve(c)
	r.waitFor(n.T, "connection", func() bool { return r.connect > 0 })
	return c, r
}

func (n *network) igid(p control.Person) IGID {
	var id IGID
	_, err := fmt.Sscan(p.ID, &id)
	n.must(err)
	return id
}

// chat is the thread of Own and Alice, who has just said something.
func (n *network) chat(c *Client, r *recorder) *Thread {
	n.Helper()
	n.says(n.alice, n.own.ID, "first")
	first := waitForEvent(n.T, r, "first text", func(m NewMessage) bool { return m.Message.Text == "first" })
	thread, err := c.Thread(n.Context(), first.Thread)
	n.must(err)
	return thread
}

func historyText(i int) string { return fmt.Sprintf("old %d", i) }

// history are old messages of Own and Alice, a second apart.
func history(n *network, count int) []control.HistoryMessage {
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	var messages []control.HistoryMessage
	for i := range count {
		messages = append(messages, control.HistoryMessage{
			Chat: n.alice.ID, Sender: []control.Person{n.own, n.alice}[i%2].ID, ID: fmt.Sprintf("old%d", i),
			Text: historyText(i), Time: start.Add(time.Duration(i) * time.Second),
		})
	}
	return messages
}
