package dgw

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Close codes.
const (
	CloseGraceful     = 4000
	CloseKeepalive    = 4001
	CloseServerError  = 4002
	CloseUnauthorized = 4003
	CloseRejected     = 4004
	CloseBadRequest   = 4005
)

// maxStreams is how many stream ids there are less one: once all were used, those of ended streams may come again.
const maxStreams = 1<<16 - 1

// Closing is an error that ends the connection with its code.
type Closing struct {
	Code   int
	Reason string
}

// Error names the code and the reason.
func (c *Closing) Error() string { return fmt.Sprintf("close %d: %s", c.Code, c.Reason) }

// Handler is told what the client does. Its methods are called by the goroutine in Serve, in the order of the wire; an
// error that is a *Closing ends the connection with its code, any other with CloseServerError.
type Handler interface {
	// Establish says how an establish request is answered: with code, or not at all if it is 0.
	Establish(stream uint16, parameters []byte) (code int, err error)
	// TakeAck says whether Data that wants an ack gets it now. It is called before Data.
	TakeAck(stream uint16) bool
	Data(stream uint16, payload []byte) error
	// Acked is called for each ack of the client that names an ack id which was sent on that stream and not acked yet.
	Acked(stream, ackID uint16)
	Ended(stream uint16)
	// AnswerPing says whether a ping gets its pong.
	AnswerPing() bool
}

// Conn is one connection of a client.
type Conn struct {
	ws      *websocket.Conn
	handler Handler
	patient time.Duration

	mu      sync.Mutex
	outbox  []item
	ready   chan struct{}
	streams map[uint16]*stream
}

type stream struct {
	nextAck uint16
	waiting map[uint16]bool // ack ids sent and not acked
	ended   bool            // ids can't be used again before a wrap
}

// item is one thing for the writing goroutine.
type item struct {
	message []byte
	close   *Closing
	abort   bool // break the connection like a lost network
}

// NewConn makes a Conn over an accepted websocket. A client that sends nothing for patience is closed with CloseKeepalive.
func NewConn(ws *websocket.Conn, patience time.Duration, handler Handler) *Conn {
	ws.SetReadLimit(-1)
	return &Conn{
		ws: ws, handler: handler, patient: patience,
		ready: make(chan struct{}, 1), streams: map[uint16]*stream{},
	}
}

// Serve reads until the connection ends and returns why. Nothing of the Conn runs any more when it returns.
func (c *Conn) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer cancel()
		c.write(ctx)
	}()
	err := c.read(ctx)
	var closing *Closing
	if errors.As(err, &closing) {
		c.push(item{close: closing})
		<-written
	}
	cancel()
	<-written
	c.ws.CloseNow() //nolint:errcheck // may be closed already
	return err
}

func (c *Conn) read(ctx context.Context) error {
	for {
		kind, message, err := c.next(ctx)
		if err != nil {
			return err
		}
		if kind != websocket.MessageBinary {
			return &Closing{CloseBadRequest, "text message"}
		}
		frames, err := Parse(message)
		if err != nil {
			return &Closing{CloseBadRequest, err.Error()}
		}
		for _, f := range frames {
			if err = c.handle(f); err != nil {
				return closingOf(err)
			}
		}
	}
}

// next reads a message; silence beyond the client's patience is a Closing.
func (c *Conn) next(ctx context.Context) (websocket.MessageType, []byte, error) {
	silent := make(chan struct{})
	timer := time.AfterFunc(c.patient, func() {
		close(silent)
		c.push(item{close: &Closing{CloseKeepalive, "no ping"}})
	})
	kind, message, err := c.ws.Read(ctx)
	if !timer.Stop() {
		<-silent
		return 0, nil, &Closing{CloseKeepalive, "no ping"}
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read gateway message: %w", err)
	}
	return kind, message, nil
}

func closingOf(err error) error {
	var closing *Closing
	if errors.As(err, &closing) {
		return err
	}
	return &Closing{CloseServerError, err.Error()}
}

func (c *Conn) handle(f Frame) error {
	switch f.Type {
	case TypePing:
		if c.handler.AnswerPing() {
			c.Send(Frame{Type: TypePong})
		}
		return nil
	case TypePong:
		return nil
	case TypeEstablish:
		return c.establish(f)
	case TypeData:
		return c.data(f)
	case TypeAck:
		c.acked(f)
		return nil
	case TypeEndOfData:
		c.end(f.Stream)
		c.handler.Ended(f.Stream)
		return nil
	default:
		return &Closing{CloseBadRequest, fmt.Sprintf("client sent a frame of type %d", f.Type)}
	}
}

func (c *Conn) establish(f Frame) error {
	if len(f.Payload) > 0 && !json.Valid(f.Payload) {
		return &Closing{CloseBadRequest, "parameters of a stream are not JSON"}
	}
	c.mu.Lock()
	if len(c.streams) > maxStreams {
		maps.DeleteFunc(c.streams, func(_ uint16, st *stream) bool { return st.ended })
	}
	_, used := c.streams[f.Stream]
	if !used {
		c.streams[f.Stream] = &stream{waiting: map[uint16]bool{}}
	}
	c.mu.Unlock()
	if used {
		return &Closing{CloseBadRequest, fmt.Sprintf("stream %d was used before", f.Stream)}
	}
	code, err := c.handler.Establish(f.Stream, f.Payload)
	if err != nil || code == 0 {
		return err
	}
	c.Send(Frame{Type: TypeEstablish, Stream: f.Stream, Payload: fmt.Appendf(nil, `{"code":%d}`, code)})
	return nil
}

func (c *Conn) data(f Frame) error {
	c.mu.Lock()
	st := c.streams[f.Stream]
	open := st != nil && !st.ended
	c.mu.Unlock()
	if !open {
		return &Closing{CloseBadRequest, fmt.Sprintf("data on stream %d, which is not established", f.Stream)}
	}
	if f.AckRequired && c.handler.TakeAck(f.Stream) {
		c.Send(Frame{Type: TypeAck, Stream: f.Stream, AckID: f.AckID})
	}
	return c.handler.Data(f.Stream, f.Payload)
}

func (c *Conn) acked(f Frame) {
	c.mu.Lock()
	st := c.streams[f.Stream]
	known := st != nil && st.waiting[f.AckID]
	if known {
		delete(st.waiting, f.AckID)
	}
	c.mu.Unlock()
	if known {
		c.handler.Acked(f.Stream, f.AckID)
	}
}

func (c *Conn) end(id uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st := c.streams[id]; st != nil {
		st.ended = true
	}
}

// Data makes a Data frame with the stream's next ack id. False if the stream is not open.
func (c *Conn) Data(id uint16, payload []byte) (Frame, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.streams[id]
	if st == nil || st.ended {
		return Frame{}, false
	}
	f := Frame{Type: TypeData, Stream: id, AckID: st.nextAck, AckRequired: true, Payload: payload}
	st.waiting[f.AckID] = true
	st.nextAck = (st.nextAck + 1) & maxAckID
	return f, true
}

// Send queues frames as one websocket message.
func (c *Conn) Send(frames ...Frame) {
	var message []byte
	for _, f := range frames {
		message = f.Append(message)
	}
	c.push(item{message: message})
}

// SendRaw queues any bytes as one websocket message, which is a fault.
func (c *Conn) SendRaw(message []byte) { c.push(item{message: message}) }

// Forget ends a stream without a frame, as the server does with streams that carry nothing back.
func (c *Conn) Forget(id uint16) { c.end(id) }

// End closes a stream from the server's side.
func (c *Conn) End(id uint16) {
	c.end(id)
	c.Send(Frame{Type: TypeEndOfData, Stream: id})
}

// EndWith closes a stream with a frame of the newer kind.
func (c *Conn) EndWith(id uint16, reason byte) {
	c.end(id)
	c.Send(Frame{Type: TypeEndReason, Stream: id, Reason: reason})
}

// Close ends the connection after what is queued was sent.
func (c *Conn) Close(code int, reason string) { c.push(item{close: &Closing{code, reason}}) }

// Abort breaks the connection after what is queued was sent, like a lost network.
func (c *Conn) Abort() { c.push(item{abort: true}) }

func (c *Conn) push(it item) {
	c.mu.Lock()
	c.outbox = append(c.outbox, it)
	c.mu.Unlock()
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

func (c *Conn) pull(ctx context.Context) (item, bool) {
	for {
		c.mu.Lock()
		if len(c.outbox) > 0 {
			it := c.outbox[0]
			c.outbox = c.outbox[1:]
			c.mu.Unlock()
			return it, true
		}
		c.mu.Unlock()
		select {
		case <-c.ready:
		case <-ctx.Done():
			return item{}, false
		}
	}
}

// write empties the outbox until the connection is to end.
func (c *Conn) write(ctx context.Context) {
	for {
		it, ok := c.pull(ctx)
		switch {
		case !ok:
			return
		case it.abort:
			c.ws.CloseNow() //nolint:errcheck // breaking it is the point
			return
		case it.close != nil:
			// A reason longer than a close frame holds is an error of the library, so it is cut.
			reason := it.close.Reason[:min(len(it.close.Reason), 100)]
			c.ws.Close(websocket.StatusCode(it.close.Code), reason) //nolint:errcheck // the peer may be gone
			return
		}
		if err := c.ws.Write(ctx, websocket.MessageBinary, it.message); err != nil {
			return
		}
	}
}
