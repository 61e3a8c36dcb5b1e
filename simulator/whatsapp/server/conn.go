package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"crosschat/simulator/outbox"
	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/stanza"
)

// conn is a client's connection. serve runs in the HTTP server's goroutine and reads; write runs in another. dev and pairing
// are guarded by Server.mu.
type conn struct {
	s      *Server
	ws     *websocket.Conn
	noise  *noise.Conn
	out    *outbox.Outbox[item]
	cancel context.CancelFunc
	gone   chan struct{} // closed when reading ended
	since  time.Time     // end of the handshake
	ended  atomic.Bool   // nothing more may be sent

	dev     *device  // after login
	pairing *Pairing // before, on a registration connection
}

// messages carries whole binary messages and refuses text.
type messages struct{ ws *websocket.Conn }

var errTextMessage = errors.New("text message on the chat socket")

func (m messages) Read(ctx context.Context) ([]byte, error) {
	kind, data, err := m.ws.Read(ctx)
	if err == nil && kind != websocket.MessageBinary {
		return nil, errTextMessage
	}
	return data, err
}

func (m messages) Write(ctx context.Context, data []byte) error {
	return m.ws.Write(ctx, websocket.MessageBinary, data)
}

// push implements endpoint.
func (c *conn) push(it item) {
	if !c.ended.Load() {
		c.out.Push(it)
	}
}

// blindSpot is how long after the handshake a client does not notice that its connection is gone: whatsmeow learns of a close
// through a handler that it sets only after it sent its last handshake message.
const blindSpot = 100 * time.Millisecond

// abort implements endpoint.
func (c *conn) abort() {
	c.ended.Store(true)
	c.out.Clear()
	time.AfterFunc(time.Until(c.since.Add(blindSpot)), c.cancel)
}

// serveChat accepts a client and stays until it is gone.
func (s *Server) serveChat(w http.ResponseWriter, r *http.Request) {
	if args, hit := s.faults.strike("http_status", subject{unnamed: true}); hit {
		w.WriteHeader(argInt(args, "status", http.StatusServiceUnavailable))
		return
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // clients come with WhatsApp's origin to whatever host the test has
		CompressionMode:    websocket.CompressionContextTakeover,
	})
	if err != nil {
		return
	}
	defer ws.CloseNow() //nolint:errcheck // closed already, usually
	ws.SetReadLimit(noise.MaxFrame + 1<<10)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	c := &conn{
		s: s, ws: ws, noise: noise.NewConn(messages{ws}), out: outbox.New[item](), cancel: cancel, gone: make(chan struct{}),
	}
	if err = c.serve(ctx); err != nil && ctx.Err() == nil {
		s.cfg.Logger.Debug().Err(err).Msg("Connection ended")
	}
}

func (c *conn) serve(ctx context.Context) error {
	peer, err := c.handshake(ctx)
	if err != nil {
		return fmt.Errorf("shake hands: %w", err)
	}
	c.since = time.Now()
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		c.write(ctx)
	}()
	defer func() {
		close(c.gone)
		c.s.mu.Lock()
		c.left()
		c.s.mu.Unlock()
		c.cancel()
		<-writing
	}()
	c.s.mu.Lock()
	c.admit(peer)
	c.s.mu.Unlock()
	for {
		frame, err := c.noise.ReadFrame(ctx)
		if err != nil {
			return err
		}
		n, err := stanza.Decode(frame)
		if err != nil {
			return err
		}
		c.received(n)
	}
}

// handshake runs the three steps and whatever faults are set between them.
func (c *conn) handshake(ctx context.Context) (*noise.Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.s.cfg.HandshakeTimeout)
	defer cancel()
	shake, err := noise.Begin(ctx, c.noise)
	if err != nil {
		return nil, err
	}
	if c.s.closeAt("close_before", "server_hello", nil) {
		return nil, errStruck
	}
	identity, err := c.s.shownIdentity()
	if err != nil {
		return nil, err
	}
	if err = shake.Reply(ctx, identity); err != nil {
		return nil, err
	}
	if c.s.closeAt("close_after", "server_hello", nil) {
		return nil, errStruck
	}
	return shake.Finish(ctx)
}

var errStruck = errors.New("ended by a fault")

// shownIdentity is the server's own, or one that clients must refuse.
func (s *Server) shownIdentity() (*noise.Identity, error) {
	args, hit := s.faults.strike("wrong_cert", subject{unnamed: true})
	if !hit {
		return s.identity, nil
	}
	root := s.cfg.Root
	switch args["what"] {
	case "expired":
		return noise.NewIdentity(root, time.Now(), noise.ChainOptions{Expired: true})
	case "serial":
		return noise.NewIdentity(root, time.Now(), noise.ChainOptions{IssuerSerial: 99})
	}
	root, err := noise.NewRoot()
	if err != nil {
		return nil, err
	}
	return noise.NewIdentity(root, time.Now(), noise.ChainOptions{})
}

// received handles one stanza of the client.
func (c *conn) received(n stanza.Node) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.record("in", stanza.Render(n))
	switch {
	case c.dev != nil && c.dev.endpoint == c:
		c.s.handle(c.dev, n, c.reply)
	case c.pairing != nil:
		c.pairing.received(n)
	}
	// Otherwise the stream was ended and only the socket is still open.
}

func (c *conn) reply(n stanza.Node) { c.push(item{node: n}) }

func (c *conn) record(direction, data string) {
	e := Entry{Direction: direction, Data: data}
	if c.dev != nil {
		e.User, e.Device = c.dev.user.Phone, c.dev.number
	}
	c.s.log.add(e, time.Now())
}

// write empties the outbox until the connection ends. Encrypting and writing a frame are one step because only this
// goroutine does either.
func (c *conn) write(ctx context.Context) {
	for {
		it, ok := c.out.Pull(ctx)
		if !ok {
			return
		}
		if it.closing {
			c.finish(it.wait)
			return
		}
		if err := c.writeItem(ctx, it); err != nil {
			c.cancel()
			return
		}
	}
}

func (c *conn) writeItem(ctx context.Context, it item) error {
	plain := it.raw
	if plain == nil {
		var err error
		if plain, err = stanza.Encode(it.node); err != nil {
			return fmt.Errorf("encode %s: %w", it.node.Tag, err)
		}
		c.recordOut(stanza.Render(it.node))
	} else {
		c.recordOut(fmt.Sprintf("<!-- malformed: %x -->", plain))
	}
	if it.split {
		return c.noise.WriteSplit(ctx, plain)
	}
	return c.noise.WriteFrame(ctx, plain)
}

func (c *conn) recordOut(data string) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.record("out", data)
}

// finish gives the client time to close by itself: clients lose what they were about to do when the socket dies right after
// the stanza that told them (sections 4.2 and 16).
func (c *conn) finish(wait time.Duration) {
	defer c.abort()
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-c.gone:
	case <-timer.C:
		c.ws.Close(websocket.StatusNormalClosure, "") //nolint:errcheck // nothing left to do for it
	}
}
