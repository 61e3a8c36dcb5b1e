package dgw

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// Delivery is one Data frame of the server. Done must be called exactly once, from anywhere, when the payload is dealt
// with: without an error it acknowledges, with one it ends the connection, so that the server sends it again later.
type Delivery struct {
	Payload []byte
	Done    func(error)
}

// Stream is one stream of a connection.
type Stream struct {
	conn *Conn
	id   uint16

	// The rest belongs to Serve's goroutine.
	established chan error
	waiting     map[uint16]chan error // by ack id
	nextAck     uint16
	handle      func(Delivery)
	ended       func(error)
}

// OpenOptions describe a stream.
type OpenOptions struct {
	// Params is the JSON of the EstablishStream frame, "{}" if nil.
	Params []byte
	// First is sent in the same websocket message, if not nil, and wants an Ack if FirstWantsAck is set.
	First         []byte
	FirstWantsAck bool
	// Handle gets every Data frame in order. Serve's goroutine calls it: it must not block, and must not call methods
	// of the Conn or Stream.
	Handle func(Delivery)
	// Ended, if set, is told once that the server ended the stream. As with Handle, it must not block.
	Ended func(error)
}

// Open opens a stream and blocks until the server established it, and acknowledged First if that was wanted. Errors:
// ErrRefused, ErrTimeout, ErrStreamEnded, ErrClosed, the context's. The stream lives until Close, its end by the server, or the
// end of the connection.
func (c *Conn) Open(ctx context.Context, o OpenOptions) (*Stream, error) {
	s, acked, err := c.start(ctx, o)
	if err != nil {
		return nil, err
	}
	if err = c.await(ctx, s.established, c.opts.EstablishTimeout, "establish stream"); err == nil && acked != nil {
		err = c.await(ctx, acked, c.opts.AckTimeout, "acknowledge data")
	}
	if err != nil {
		c.post(s.forget)
		return nil, err
	}
	return s, nil
}

// start allocates a stream and queues its first frames. acked is nil if no Ack is wanted.
func (c *Conn) start(ctx context.Context, o OpenOptions) (s *Stream, acked chan error, err error) {
	if o.Params == nil {
		o.Params = []byte("{}")
	}
	s = &Stream{
		conn:        c,
		established: make(chan error, 1),
		waiting:     make(map[uint16]chan error),
		handle:      o.Handle,
		ended:       o.Ended,
	}
	if o.First != nil && o.FirstWantsAck {
		acked = make(chan error, 1)
	}
	err = c.do(ctx, func() error {
		if err := c.register(s); err != nil {
			return err
		}
		frames := []Frame{{Type: TypeEstablish, Stream: s.id, Payload: o.Params}}
		if o.First != nil {
			frames = append(frames, s.data(o.First, acked))
		}
		c.writeFrames(frames...)
		return nil
	})
	return s, acked, err
}

// register gives a stream its id. Ids count up and wrap; those in use are skipped.
func (c *Conn) register(s *Stream) error {
	for range 1 << 16 {
		id := c.next
		c.next++
		if c.streams[id] == nil {
			s.id = id
			c.streams[id] = s
			return nil
		}
	}
	return errors.New("open stream: all stream ids are in use")
}

// data makes a Data frame; with acked it wants an Ack, which is told there.
func (s *Stream) data(payload []byte, acked chan error) Frame {
	f := Frame{Type: TypeData, Stream: s.id, Payload: payload}
	if acked != nil {
		f.AckID, f.WantAck = s.nextAck, true
		s.waiting[s.nextAck] = acked
		s.nextAck = (s.nextAck + 1) & maxAckID
	}
	return f
}

// Send writes Data that wants an Ack and blocks until that has come. Errors as for Open.
func (s *Stream) Send(ctx context.Context, payload []byte) error {
	acked := make(chan error, 1)
	err := s.conn.do(ctx, func() error {
		if s.conn.streams[s.id] != s {
			return ErrStreamEnded
		}
		s.conn.writeFrames(s.data(payload, acked))
		return nil
	})
	if err != nil {
		return err
	}
	return s.conn.await(ctx, acked, s.conn.opts.AckTimeout, "acknowledge data")
}

// Tell writes Data that wants no Ack. It does not block; after the stream's end it does nothing.
func (s *Stream) Tell(payload []byte) {
	s.conn.post(func() {
		if s.conn.streams[s.id] == s {
			s.conn.writeFrames(s.data(payload, nil))
		}
	})
}

// Close says that nothing more will be sent and forgets the stream. It does not wait.
func (s *Stream) Close() {
	s.conn.post(func() {
		if s.conn.streams[s.id] == s {
			s.conn.writeFrames(Frame{Type: TypeEndOfData, Stream: s.id})
			s.forget()
		}
	})
}

func (s *Stream) forget() {
	if s.conn.streams[s.id] == s {
		delete(s.conn.streams, s.id)
	}
}

// Request sends a payload on a stream of its own and blocks until the answer, which is acknowledged, has come. Errors
// as for Open. After ErrTimeout, ErrClosed or the context's error the server may have done what was asked.
func (c *Conn) Request(ctx context.Context, payload []byte) ([]byte, error) {
	answered := make(chan []byte, 1)
	ended := make(chan error, 1)
	s, acked, err := c.start(ctx, OpenOptions{
		First:         payload,
		FirstWantsAck: true,
		Handle: func(d Delivery) {
			select {
			case answered <- d.Payload:
			default:
				c.opts.Log.Warn().Int("size", len(d.Payload)).Msg("Gateway answered a request twice")
			}
			d.Done(nil)
		},
		Ended: func(err error) { ended <- err },
	})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return c.awaitAnswer(ctx, s, acked, answered, ended)
}

// awaitAnswer waits for the establish answer, the Ack and the Data of a one-off stream, which come in any order. Data
// proves that the request arrived, so a lost Ack does no harm then.
func (c *Conn) awaitAnswer(ctx context.Context, s *Stream, acked <-chan error, answered <-chan []byte, ended <-chan error) ([]byte, error) {
	established := (<-chan error)(s.established)
	establishTimer := time.NewTimer(c.opts.EstablishTimeout)
	ackTimer := time.NewTimer(c.opts.AckTimeout)
	answerTimer := time.NewTimer(c.opts.ResponseTimeout)
	defer func() { establishTimer.Stop(); ackTimer.Stop(); answerTimer.Stop() }()
	for {
		select {
		case answer := <-answered:
			return answer, nil
		case err := <-established:
			if err != nil {
				return nil, err
			}
			established = nil
			establishTimer.Stop()
		case <-acked:
			acked = nil
			ackTimer.Stop()
		case err := <-ended:
			select {
			case answer := <-answered:
				return answer, nil
			default:
				return nil, err
			}
		case <-establishTimer.C:
			return nil, fmt.Errorf("establish stream: %w", ErrTimeout)
		case <-ackTimer.C:
			return nil, fmt.Errorf("acknowledge request: %w", ErrTimeout)
		case <-answerTimer.C:
			return nil, fmt.Errorf("answer request: %w", ErrTimeout)
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.done:
			return nil, c.err
		}
	}
}

// Notify sends a payload on a stream of its own that gets no answer, and blocks until the stream is established.
func (c *Conn) Notify(ctx context.Context, payload []byte) error {
	s, err := c.Open(ctx, OpenOptions{First: payload, Handle: func(d Delivery) { d.Done(nil) }})
	if err != nil {
		return err
	}
	// The server forgets such a stream by itself, it expects no EndOfData.
	c.post(s.forget)
	return nil
}

// do runs f in Serve's goroutine and waits for its answer.
func (c *Conn) do(ctx context.Context, f func() error) error {
	answer := make(chan error, 1)
	c.post(func() { answer <- f() })
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return c.err
	}
}

func (c *Conn) await(ctx context.Context, answer <-chan error, timeout time.Duration, what string) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case err := <-answer:
		return err
	case <-timer.C:
		return fmt.Errorf("%s: %w", what, ErrTimeout)
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return c.err
	}
}

// gotEstablished handles the server's answer: an object with a code, or the code alone.
func (s *Stream) gotEstablished(answer []byte) {
	var object struct {
		Code int `json:"code"`
	}
	code := 0
	if err := json.Unmarshal(answer, &object); err == nil {
		code = object.Code
	} else if err := json.Unmarshal(bytes.TrimSpace(answer), &code); err != nil {
		code = 0
	}
	var err error
	if code != 200 {
		err = fmt.Errorf("%w with code %d", ErrRefused, code)
	}
	tell(s.established, err)
}

func (s *Stream) gotAck(id uint16) {
	if acked, ok := s.waiting[id]; ok {
		delete(s.waiting, id)
		tell(acked, nil)
	}
}

func (s *Stream) gotData(f Frame) {
	var once sync.Once
	c := s.conn
	s.handle(Delivery{Payload: f.Payload, Done: func(err error) {
		once.Do(func() {
			c.post(func() {
				if err != nil {
					c.fail(err)
				} else if f.WantAck {
					c.writeFrames(Frame{Type: TypeAck, Stream: f.Stream, AckID: f.AckID})
				}
			})
		})
	}})
}

func (s *Stream) gotEnd(err error) {
	s.forget()
	tell(s.established, err)
	for id, acked := range s.waiting {
		delete(s.waiting, id)
		tell(acked, err)
	}
	if s.ended != nil {
		s.ended(err)
	}
}

// tell answers a waiter that may have got its answer, or gone, already.
func tell(waiter chan error, err error) {
	select {
	case waiter <- err:
	default:
	}
}

// withoutURL keeps the query, which names the account, out of error texts.
func withoutURL(err error) error {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		return urlError.Err
	}
	return err
}
