package whatsapp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
	"crosschat/simulator/simtest"
	"crosschat/simulator/whatsapp"
	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/server"
)

// patience is how long a test waits for something that is expected.
const patience = 15 * time.Second

// root is shared by all servers of the process: clients keep its public half in one variable.
var root *noise.Root

func TestMain(m *testing.M) {
	simtest.QuietSignal()
	var err error
	if root, err = noise.NewRoot(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	whatsmeow.WACertPubKey = root.PublicKey()
	os.Exit(m.Run())
}

// simulation is a running simulated WhatsApp, spoken to through its control API.
type simulation struct {
	t      *testing.T
	server *server.Server
	api    *control.Client
}

func newSimulation(t *testing.T) *simulation {
	t.Helper()
	s, err := server.New(server.Config{Root: root, Logger: zerolog.Nop(), RestartDelay: 500 * time.Millisecond})
	if err != nil {
		t.Fatalf("start server: %v", err)
	}
	simtest.Serve(t, s)
	n := whatsapp.New(s, zerolog.Nop())
	web := httptest.NewServer(control.NewServer(n))
	t.Cleanup(func() {
		web.Close()
		n.Close()
		for _, u := range s.Unexpected() {
			t.Errorf("unexpected request of %s: %s", u.User, u.What)
		}
		if t.Failed() && testing.Verbose() {
			for _, e := range s.Log(0) {
				t.Logf("%s %s %s:%d %s", e.Time.Format("05.000"), e.Direction, e.User, e.Device, shorten(e.Data))
			}
		}
	})
	return &simulation{t: t, server: s, api: &control.Client{BaseURL: web.URL}}
}

func shorten(data string) string {
	if len(data) > 400 {
		return data[:400] + "…"
	}
	return data
}

// addPerson creates somebody.
func (s *simulation) addPerson(name string) control.Person {
	s.t.Helper()
	p, err := s.api.AddPerson(s.t.Context(), whatsapp.Name, control.NewPerson{Name: name})
	if err != nil {
		s.t.Fatalf("add %s: %v", name, err)
	}
	return p
}

// await waits for one event on a person's phone.
func (s *simulation) await(person string, match control.Match) control.Event {
	s.t.Helper()
	found, err := s.api.Await(s.t.Context(), whatsapp.Name, person, match, patience)
	if err != nil {
		s.t.Fatalf("await on %s: %v", person, err)
	}
	return found[0]
}

func (s *simulation) send(person string, req control.SendRequest) control.Sent {
	s.t.Helper()
	sent, err := s.api.Send(s.t.Context(), whatsapp.Name, person, req)
	if err != nil {
		s.t.Fatalf("send as %s: %v", person, err)
	}
	return sent
}

// client is a stock whatsmeow client with everything that it reported.
type client struct {
	*whatsmeow.Client
	t  *testing.T
	db *sqlstore.Container

	mu      sync.Mutex
	events  []any
	changed chan struct{}
}

// transport dials the simulator for every host.
func (s *simulation) transport() *http.Transport {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.server.CAPEM())
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.server.Address())
		},
	}
}

// newClient makes a client that has never been linked.
func (s *simulation) newClient() *client {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "client.db")
	uri := "file:" + path + "?_foreign_keys=on&_txlock=immediate&_journal_mode=WAL&_busy_timeout=5000"
	db, err := sqlstore.New(s.t.Context(), "sqlite3", uri, waLog.Noop)
	if err != nil {
		s.t.Fatalf("open client database: %v", err)
	}
	s.t.Cleanup(func() { _ = db.Close() })
	return s.openClient(db)
}

// openClient makes a client over a database, with the device in it if there is one.
func (s *simulation) openClient(db *sqlstore.Container) *client {
	s.t.Helper()
	device, err := db.GetFirstDevice(s.t.Context())
	if err != nil {
		s.t.Fatalf("read client database: %v", err)
	}
	var log waLog.Logger = waLog.Noop
	if os.Getenv("SIM_CLIENT_LOG") != "" {
		log = waLog.Stdout("client", "DEBUG", false)
	}
	c := &client{Client: whatsmeow.NewClient(device, log), t: s.t, db: db, changed: make(chan struct{})}
	web := &http.Client{Transport: s.transport()}
	c.SetWebsocketHTTPClient(web)
	c.SetPreLoginHTTPClient(web)
	c.SetMediaHTTPClient(web)
	c.AddEventHandler(c.note)
	s.t.Cleanup(c.Disconnect)
	return c
}

func (c *client) note(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, event)
	close(c.changed)
	c.changed = make(chan struct{})
}

// expect waits for the first event of a kind that accept accepts.
func expect[T any](c *client, what string, accept func(T) bool) T {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		seen, changed := c.events, c.changed
		c.mu.Unlock()
		for _, event := range seen {
			if e, ok := event.(T); ok && (accept == nil || accept(e)) {
				return e
			}
		}
		select {
		case <-changed:
		case <-deadline:
			var kinds []string
			for _, event := range seen {
				kinds = append(kinds, fmt.Sprintf("%T", event))
			}
			c.t.Fatalf("client saw no %s; it saw %s", what, strings.Join(kinds, " "))
		}
	}
}

// qr connects and returns the first QR code.
func (c *client) qr() string {
	c.t.Helper()
	if err := c.Connect(); err != nil {
		c.t.Fatalf("connect: %v", err)
	}
	return expect[*events.QR](c, "QR code", nil).Codes[0]
}

// link links the client to a person and waits until it is connected and has its settings.
func (s *simulation) link(c *client, person string) {
	s.t.Helper()
	if _, err := s.api.ScanQR(s.t.Context(), whatsapp.Name, person, c.qr()); err != nil {
		s.t.Fatalf("scan: %v", err)
	}
	expect[*events.Connected](c, "connection", nil)
	expect(c, "settings", func(e *events.AppStateSyncComplete) bool { return e.Name == "regular_low" })
}

// linked makes a person with a connected client.
func (s *simulation) linked(name string) (control.Person, *client) {
	s.t.Helper()
	p := s.addPerson(name)
	c := s.newClient()
	s.link(c, p.ID)
	return p, c
}

func (c *client) sendText(to types.JID, text string) whatsmeow.SendResponse {
	c.t.Helper()
	sent, err := c.SendMessage(c.t.Context(), to, &waE2E.Message{Conversation: proto.String(text)})
	if err != nil {
		c.t.Fatalf("client sends: %v", err)
	}
	return sent
}

// text waits for a message with this text.
func (c *client) text(text string) *events.Message {
	c.t.Helper()
	return expect(c, fmt.Sprintf("message %q", text), func(e *events.Message) bool {
		return e.Message.GetConversation() == text || e.Message.GetExtendedTextMessage().GetText() == text
	})
}

func lid(p control.Person) types.JID { return types.NewJID(p.LID, types.HiddenUserServer) }
func pn(p control.Person) types.JID  { return types.NewJID(p.Phone, types.DefaultUserServer) }
