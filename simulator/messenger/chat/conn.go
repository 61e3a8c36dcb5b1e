package chat

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow/proto/waWa6"

	"crosschat/simulator/control"
	"crosschat/simulator/faults"
	"crosschat/simulator/outbox"
	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/stanza"
)

// How long the server waits: for a handshake, and for a client to go after it was told to.
const (
	handshakeTime = 20 * time.Second
	closeDelay    = 300 * time.Millisecond
)

// endpoint is one connection of a client.
type endpoint struct {
	*outbox.Outbox[item]
	cancel context.CancelFunc
}

// messages makes a websocket the transport below the frames.
type messages struct{ ws *websocket.Conn }

func (m messages) Read(ctx context.Context) ([]byte, error) {
	_, data, err := m.ws.Read(ctx)
	return data, err
}

func (m messages) Write(ctx context.Context, data []byte) error {
	return m.ws.Write(ctx, websocket.MessageBinary, data)
}

// ServeHTTP takes a connection of the encrypted socket (section 5.4).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Cookie") != "" {
		s.note(nil, "cookies on the encrypted socket")
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // any origin will do
	if err != nil {
		return // Accept has answered
	}
	if !s.running.Begin() {
		ws.CloseNow() //nolint:errcheck // the server is closing
		return
	}
	defer s.running.Done()
	ws.SetReadLimit(noise.MaxFrame + 100)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	defer ws.CloseNow() //nolint:errcheck // it may be closed already
	conn := noise.NewConn(messages{ws})
	peer, err := s.handshake(ctx, conn)
	if err != nil {
		s.cfg.Logger.Debug().Err(err).Msg("Handshake of the encrypted socket ended")
		return
	}
	e := &endpoint{Outbox: outbox.New[item](), cancel: cancel}
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer cancel()
		s.write(ctx, conn, ws, e)
	}()
	d := s.login(peer, e)
	s.read(ctx, conn, d, e)
	cancel()
	<-written
}

func (s *Server) handshake(ctx context.Context, conn *noise.Conn) (*noise.Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	h, err := noise.Begin(ctx, conn)
	if err != nil {
		return nil, err
	}
	if _, hit := s.faults.Strike("ignore", faults.Subject{What: "handshake"}); hit {
		<-ctx.Done()
		return nil, errors.New("simulated silence in place of the handshake")
	}
	if _, hit := s.faults.Strike("close_before", faults.Subject{What: "handshake"}); hit {
		return nil, errors.New("simulated end before the handshake")
	}
	if err = h.Reply(ctx, s.identity); err != nil {
		return nil, err
	}
	return h.Finish(ctx)
}

// write empties the endpoint's outbox until the connection is to end.
func (s *Server) write(ctx context.Context, conn *noise.Conn, ws *websocket.Conn, e *endpoint) {
	for {
		it, ok := e.Pull(ctx)
		if !ok || ctx.Err() != nil {
			return
		}
		if it.closing {
			select {
			case <-time.After(it.wait):
			case <-ctx.Done():
			}
			ws.CloseNow() //nolint:errcheck // the peer may be gone
			return
		}
		plain := it.raw
		if plain == nil {
			var err error
			if plain, err = stanza.Encode(it.node); err != nil {
				s.cfg.Logger.Error().Err(err).Str("tag", it.node.Tag).Msg("Stanza can't be encoded")
				continue
			}
		}
		if conn.WriteFrame(ctx, plain) != nil {
			return
		}
	}
}

// read handles what the client sends until the connection ends. d is nil if the login was refused.
func (s *Server) read(ctx context.Context, conn *noise.Conn, d *device, e *endpoint) {
	for {
		plain, err := conn.ReadFrame(ctx)
		if err != nil {
			break
		}
		if d == nil {
			continue // it was told to go
		}
		n, err := stanza.Decode(plain)
		if err != nil {
			s.note(d, "frame that is no stanza: %v", err)
			break
		}
		s.record("in", d, n)
		s.handle(d, e, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d != nil && d.endpoint == e {
		s.detach(d)
	}
}

// detach forgets a device's connection.
func (s *Server) detach(d *device) {
	d.endpoint, d.active, d.available = nil, false, false
	for _, q := range d.queue {
		q.sent = false
	}
	s.cfg.Log.Add(control.LogEntry{
		Direction: "in", Person: strconv.FormatInt(d.user.id, 10), Device: int(d.number), Data: "encrypted socket ended",
	})
}

// refusal is why a login is refused.
type refusal struct {
	reason string
	attrs  stanza.Attrs
}

// login looks at what the client says of itself and answers. Nil means refused.
func (s *Server) login(peer *noise.Peer, e *endpoint) *device {
	id := int64(peer.Payload.GetUsername())
	token := string(peer.Payload.GetFbCat())
	err := s.cfg.CheckCAT(token, id) // without the lock
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.find(JID(id, uint16(peer.Payload.GetDevice())))
	if refused := s.check(d, id, peer.Payload, err); refused.reason != "" {
		attrs := stanza.Attrs{"reason": refused.reason}
		for key, v := range refused.attrs {
			attrs[key] = v
		}
		failure := stanza.New("failure", attrs)
		s.record("out", d, failure)
		e.Push(item{node: failure})
		e.Push(item{closing: true, wait: closeDelay})
		return nil
	}
	if d.endpoint != nil {
		s.endStream(d, stanza.New("stream:error", nil, stanza.New("conflict", stanza.Attrs{"type": "replaced"})))
	}
	d.endpoint, d.active = e, false
	if s.strikeClose("close_before", "success", d) {
		return d
	}
	s.send(d, stanza.New("success", stanza.Attrs{"t": s.now()}))
	s.strikeClose("close_after", "success", d)
	return d
}

// check says why a login is refused (section 9.3).
func (s *Server) check(d *device, id int64, p *waWa6.ClientPayload, tokenErr error) refusal {
	sub := faults.Subject{Person: strconv.FormatInt(id, 10), Device: int(p.GetDevice()), What: "login"}
	if args, hit := s.faults.Strike("failure", sub); hit {
		attrs := stanza.Attrs{}
		for _, key := range []string{"code", "expire", "message"} {
			if args[key] != "" {
				attrs[key] = args[key]
			}
		}
		return refusal{args.Text("reason", "401"), attrs}
	}
	switch {
	case p.GetProduct() != waWa6.ClientPayload_MESSENGER:
		s.note(d, "login for product %s", p.GetProduct())
		return refusal{reason: "400"}
	case tokenErr != nil && s.cfg.Expired(tokenErr):
		return refusal{reason: "413"}
	case tokenErr != nil:
		return refusal{reason: "414"}
	case !strings.HasPrefix(string(p.GetFbUserAgent()), "Mozilla/5.0"):
		s.note(d, "login with user agent %q", p.GetFbUserAgent())
		return refusal{reason: "409"}
	case p.GetUserAgent().GetPlatform() != waWa6.ClientPayload_UserAgent_BLUE_WEB:
		s.note(d, "login from platform %s", p.GetUserAgent().GetPlatform())
		return refusal{reason: "405"}
	case d == nil || d.link != nil:
		return refusal{reason: "415"}
	default:
		return refusal{}
	}
}

// send sends a stanza that is no message to a connected client.
func (s *Server) send(d *device, n stanza.Node) {
	if d.endpoint == nil {
		return
	}
	s.record("out", d, n)
	d.endpoint.Push(item{node: n})
}

// endStream sends a last stanza and closes after a moment.
func (s *Server) endStream(d *device, last stanza.Node) {
	e := d.endpoint
	s.record("out", d, last)
	e.Push(item{node: last})
	e.Push(item{closing: true, wait: closeDelay})
	s.detach(d)
}

// drop ends a device's connection like a lost network, after what is queued was sent.
func (s *Server) drop(d *device) {
	e := d.endpoint
	s.detach(d)
	e.Push(item{closing: true})
}
