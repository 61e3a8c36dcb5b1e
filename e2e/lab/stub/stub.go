// Package stub is a homeserver that answers at once and records: everything in memory, no authorization, no encryption,
// no federation, no /sync. It is there to show how fast the bridge is and how it copes with a homeserver that misbehaves;
// what is right is shown on real homeservers, which refuse things that the stub lets pass.
//
// It knows what bridgev2 asks for without encryption. The Matrix users are played through Server's methods, which may be
// called from any goroutine. Each request is handled by a goroutine of net/http; one goroutine pushes events to the
// bridge, in order.
package stub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"sync"
	"time"

	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/id"
)

// Event is a Matrix event as the stub keeps it.
type Event struct {
	ID        id.EventID      `json:"event_id"`
	Room      id.RoomID       `json:"room_id"`
	Sender    id.UserID       `json:"sender"`
	Type      string          `json:"type"`
	StateKey  *string         `json:"state_key,omitempty"`
	Content   json.RawMessage `json:"content"`
	Timestamp int64           `json:"origin_server_ts"`
	// Redacts is set in redactions.
	Redacts id.EventID `json:"redacts,omitempty"`
}

// Request is one request of the bridge, as it was recorded.
type Request struct {
	Time   time.Time
	Method string
	Path   string
	User   id.UserID // whom the bridge acted as
	Body   json.RawMessage
}

// Options are optional.
type Options struct {
	Domain string // by default stub.localhost
	// Delay is added to each answer.
	Delay time.Duration
	// Intercept may answer a request in the stub's place; it then returns true. It is called before the request has any
	// effect.
	Intercept func(http.ResponseWriter, *http.Request) bool
	// Record keeps all requests for Requests.
	Record bool
	// Observe is told of each event when it is there, before who sent it is answered. It must be quick, and not call the
	// Server.
	Observe func(*Event)
}

// Server is a running stub.
type Server struct {
	URL    string
	Domain string

	opts Options
	http *http.Server
	push *pusher

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when an event is added
	sequence int
	bot      id.UserID        // whom the bridge acts as unless it says otherwise
	names    []*regexp.Regexp // the users that are the bridge's
	rooms    map[id.RoomID]*room
	profiles map[id.UserID]map[string]json.RawMessage
	account  map[accountKey]json.RawMessage
	media    map[string][]byte
	sent     map[string]id.EventID // by room and transaction id: a repeated request is the same event
	requests []Request
}

type room struct {
	events []*Event
	state  map[stateKey]*Event
}

type stateKey struct{ kind, key string }

type accountKey struct {
	user id.UserID
	kind string
}

// Start starts a stub on a free loopback port.
func Start(opts Options) (*Server, error) {
	if opts.Domain == "" {
		opts.Domain = "stub.localhost"
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start stub homeserver: %w", err)
	}
	s := &Server{
		URL: "http://" + listener.Addr().String(), Domain: opts.Domain, opts: opts, changed: make(chan struct{}),
		rooms: make(map[id.RoomID]*room), profiles: make(map[id.UserID]map[string]json.RawMessage),
		account: make(map[accountKey]json.RawMessage), media: make(map[string][]byte), sent: make(map[string]id.EventID),
	}
	s.http = &http.Server{Handler: s.handler()}
	go func() { _ = s.http.Serve(listener) }() // ends with Close
	return s, nil
}

// Attach makes the stub push its events to the bridge whose registration file this is.
func (s *Server) Attach(registration string) error {
	data, err := os.ReadFile(registration)
	if err != nil {
		return fmt.Errorf("read registration: %w", err)
	}
	var r struct {
		URL   string `yaml:"url"`
		Token string `yaml:"hs_token"`
		Bot   string `yaml:"sender_localpart"`
		Names struct {
			Users []struct {
				Regex string `yaml:"regex"`
			} `yaml:"users"`
		} `yaml:"namespaces"`
	}
	if err = yaml.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("parse registration: %w", err)
	}
	var names []*regexp.Regexp
	for _, user := range r.Names.Users {
		name, err := regexp.Compile(user.Regex)
		if err != nil {
			return fmt.Errorf("parse registration: %w", err)
		}
		names = append(names, name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bot, s.names = id.NewUserID(r.Bot, s.Domain), names
	s.push = newPusher(r.URL, r.Token)
	return nil
}

// Close stops serving and pushing.
func (s *Server) Close() {
	_ = s.http.Close()
	s.mu.Lock()
	push := s.push
	s.mu.Unlock()
	if push != nil {
		push.stop()
	}
}

// Requests returns what the bridge has asked so far, if that is recorded.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// add stores an event and, if push is set, has it pushed. State that is set to what it is already makes no new event,
// as on real homeservers. The caller holds s.mu.
func (s *Server) add(r *room, e *Event, push bool) id.EventID {
	if e.StateKey != nil {
		now := r.state[stateKey{e.Type, *e.StateKey}]
		if now != nil && now.Sender == e.Sender && bytes.Equal(now.Content, e.Content) {
			return now.ID
		}
	}
	s.sequence++
	e.ID = id.EventID(fmt.Sprintf("$%d", s.sequence))
	e.Timestamp = time.Now().UnixMilli()
	if len(e.Content) == 0 {
		e.Content = json.RawMessage("{}")
	}
	r.events = append(r.events, e)
	if e.StateKey != nil {
		r.state[stateKey{e.Type, *e.StateKey}] = e
	}
	if push && s.push != nil {
		s.push.add(e)
	}
	if s.opts.Observe != nil {
		s.opts.Observe(e)
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return e.ID
}
