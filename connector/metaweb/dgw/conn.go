package dgw

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Conn is one connection to the gateway. Dial makes it, Serve runs it.
type Conn struct {
	ws   *websocket.Conn
	opts Options

	posting sync.Mutex
	posted  []func() // to be run by Serve's goroutine
	wake    chan struct{}

	done chan struct{} // closed when Serve has ended
	err  error         // why, set before done is closed

	// The rest belongs to Serve's goroutine.
	streams   map[uint16]*Stream
	next      uint16
	pending   [][]byte
	backlog   int
	lastHeard time.Time
	fatal     error
}

// Dial connects and upgrades. It blocks until that is done, fails, or times out; the caller must then call Serve. A
// refused upgrade is a *HandshakeError.
func Dial(ctx context.Context, opts Options) (*Conn, error) {
	opts = opts.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, opts.HandshakeTimeout)
	defer cancel()
	client := *opts.Client
	client.Jar, client.Timeout = nil, 0
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ws, response, err := websocket.Dial(ctx, opts.URL, &websocket.DialOptions{HTTPClient: &client, HTTPHeader: opts.Header})
	if err != nil {
		if response != nil {
			return nil, &HandshakeError{Status: response.StatusCode, Location: response.Header.Get("Location")}
		}
		return nil, fmt.Errorf("dial gateway: %w", withoutURL(err))
	}
	ws.SetReadLimit(opts.ReadLimit)
	return &Conn{
		ws:      ws,
		opts:    opts,
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		streams: make(map[uint16]*Stream),
	}, nil
}

// HandshakeError is an answer other than the websocket upgrade.
type HandshakeError struct {
	Status   int
	Location string // of a redirect, which is not followed
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("gateway refused the websocket with HTTP status %d", e.Status)
}

type message struct {
	frames []Frame
	err    error
}

// Serve runs the connection and blocks until it ends; none of its goroutines runs any more then. The error is the
// context's when that ended it, a *CloseError when the server closed, ErrKeepalive when it fell silent, what a handler
// said, or the network's.
func (c *Conn) Serve(ctx context.Context) error {
	ioCtx, stopIO := context.WithCancel(context.WithoutCancel(ctx))
	inbound := make(chan message)
	writes := make(chan []byte)
	readFailed, writeFailed := make(chan error, 1), make(chan error, 1)
	var workers sync.WaitGroup
	workers.Go(func() { readFailed <- Guard(ioCtx, func(ctx context.Context) error { return c.read(ctx, inbound) }) })
	workers.Go(func() { writeFailed <- Guard(ioCtx, func(ctx context.Context) error { return c.write(ctx, writes) }) })

	err := Guard(ctx, func(ctx context.Context) error { return c.loop(ctx, inbound, writes, readFailed, writeFailed) })

	// The closing handshake needs a reader.
	workers.Go(func() { discard(ioCtx, inbound) })
	c.shutDown(ctx, stopIO)
	workers.Wait()
	c.err = fmt.Errorf("%w: %w", ErrClosed, err)
	close(c.done)
	return err
}

func discard(ctx context.Context, inbound <-chan message) {
	for {
		select {
		case <-inbound:
		case <-ctx.Done():
			return
		}
	}
}

// shutDown closes the socket, politely if it was us who wanted that.
func (c *Conn) shutDown(ctx context.Context, stopIO func()) {
	if ctx.Err() == nil {
		stopIO()
		_ = c.ws.CloseNow() // nothing to be done about it, and the reason of the end is known
		return
	}
	timer := time.AfterFunc(c.opts.CloseTimeout, stopIO)
	_ = c.ws.Close(websocket.StatusNormalClosure, "")
	timer.Stop()
	stopIO()
}

// loop is the goroutine that owns the state.
func (c *Conn) loop(ctx context.Context, inbound <-chan message, writes chan<- []byte, readFailed, writeFailed <-chan error) error {
	c.lastHeard = time.Now()
	ping := time.NewTicker(c.opts.PingInterval)
	defer ping.Stop()
	for {
		var out chan<- []byte
		var first []byte
		if len(c.pending) > 0 {
			out, first = writes, c.pending[0]
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-readFailed:
			return err
		case err := <-writeFailed:
			return c.closeCode(err, readFailed)
		case out <- first:
			c.pending = c.pending[1:]
			c.backlog -= len(first)
		case <-c.wake:
			for _, f := range c.takePosted() {
				f()
			}
		case m := <-inbound:
			c.lastHeard = time.Now()
			c.receive(m)
		case <-ping.C:
			if time.Since(c.lastHeard) > c.opts.DeadAfter {
				return ErrKeepalive
			}
			c.writeFrames(Frame{Type: TypePing})
		}
		if c.fatal != nil {
			return c.fatal
		}
	}
}

// closeCode prefers the server's close code to the write error that the close may cause first.
func (c *Conn) closeCode(err error, readFailed <-chan error) error {
	timer := time.NewTimer(c.opts.CloseTimeout)
	defer timer.Stop()
	select {
	case other := <-readFailed:
		var closed *CloseError
		if errors.As(other, &closed) {
			return other
		}
	case <-timer.C:
	}
	return err
}

func (c *Conn) read(ctx context.Context, inbound chan<- message) error {
	for {
		kind, data, err := c.ws.Read(ctx)
		if err != nil {
			return readError(err)
		}
		if kind != websocket.MessageBinary {
			c.opts.Log.Warn().Int("size", len(data)).Msg("Gateway sent a text message, ignored")
			continue
		}
		var m message
		m.frames, m.err = Parse(data)
		select {
		case inbound <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Conn) write(ctx context.Context, writes <-chan []byte) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case data := <-writes:
			if err := c.writeOne(ctx, data); err != nil {
				return fmt.Errorf("write to gateway: %w", err)
			}
		}
	}
}

func (c *Conn) writeOne(ctx context.Context, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.WriteTimeout)
	defer cancel()
	return c.ws.Write(ctx, websocket.MessageBinary, data)
}

// receive handles one websocket message.
func (c *Conn) receive(m message) {
	for _, f := range m.frames {
		c.handle(f)
	}
	if m.err != nil {
		c.opts.Log.Error().Err(m.err).Msg("Gateway sent a frame that can't be parsed")
		if c.opts.Strict && !errors.Is(m.err, ErrUnknownType) {
			c.fail(m.err)
		}
	}
}

func (c *Conn) handle(f Frame) {
	switch f.Type {
	case TypePing:
		c.writeFrames(Frame{Type: TypePong})
	case TypePong, TypeEmpty:
	case TypeDrain:
		c.opts.Log.Debug().Str("reason", reasonName(drainReasons[:], f.Reason)).Msg("Gateway wants to close soon")
	case TypeDeauth:
		c.opts.Log.Warn().Msg("Gateway took back its authentication")
	default:
		c.handleStream(f)
	}
}

func (c *Conn) handleStream(f Frame) {
	s := c.streams[f.Stream]
	if s == nil {
		if (f.Type == TypeData || f.Type == TypeExtendedData) && f.WantAck {
			c.writeFrames(Frame{Type: TypeAck, Stream: f.Stream, AckID: f.AckID})
		}
		return
	}
	switch f.Type {
	case TypeEstablish:
		s.gotEstablished(f.Payload)
	case TypeAck:
		s.gotAck(f.AckID)
	case TypeData, TypeExtendedData:
		s.gotData(f)
	case TypeEndOfData:
		s.gotEnd(ErrStreamEnded)
	case TypeEndOfDataWithReason:
		s.gotEnd(&StreamError{f.Reason})
	}
}

// writeFrames queues frames as one websocket message.
func (c *Conn) writeFrames(frames ...Frame) {
	var data []byte
	for _, f := range frames {
		var err error
		if data, err = Append(data, f); err != nil {
			c.fail(fmt.Errorf("write frame of type %d: %w", f.Type, err))
			return
		}
	}
	if c.backlog += len(data); c.backlog > c.opts.WriteBacklog {
		c.fail(ErrBacklog)
		return
	}
	c.pending = append(c.pending, data)
}

// fail ends the connection after the current step.
func (c *Conn) fail(err error) {
	if c.fatal == nil {
		c.fatal = err
	}
}

// post has f run by Serve's goroutine. It does not block and may be called from anywhere; after the end of the
// connection f is never run.
func (c *Conn) post(f func()) {
	c.posting.Lock()
	c.posted = append(c.posted, f)
	c.posting.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *Conn) takePosted() []func() {
	c.posting.Lock()
	defer c.posting.Unlock()
	posted := c.posted
	c.posted = nil
	return posted
}

// Done is closed when Serve has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }
