package noise

import (
	"bytes"
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
)

// MaxFrame is the longest frame, without its length.
const MaxFrame = 1<<24 - 1

const lengthSize = 3

var (
	// ErrHeader says that the first bytes were not those of a client this server knows.
	ErrHeader = errors.New("connection does not begin with the client header")
	// ErrFrameTooLong says that a frame to be written is longer than MaxFrame.
	ErrFrameTooLong = errors.New("frame too long")

	clientHeader  = []byte{'W', 'A', 6, 3}
	routingHeader = []byte{'E', 'D', 0, 1}
)

// Messages is the transport below: whole binary messages. Read and Write are each called by one goroutine at a time.
type Messages interface {
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, message []byte) error
}

// Conn cuts messages into frames, and encrypts them once the handshake is through. Frames are read by one goroutine and
// written by another.
type Conn struct {
	transport Messages
	buffer    []byte

	in, out           cipher.AEAD
	inCount, outCount uint32
}

// NewConn makes a Conn that has read nothing yet.
func NewConn(transport Messages) *Conn { return &Conn{transport: transport} }

// fill reads messages until n bytes are there.
func (c *Conn) fill(ctx context.Context, n int) error {
	for len(c.buffer) < n {
		message, err := c.transport.Read(ctx)
		if err != nil {
			return err
		}
		c.buffer = append(c.buffer, message...)
	}
	return nil
}

func (c *Conn) take(n int) []byte {
	taken := c.buffer[:n:n]
	c.buffer = c.buffer[n:]
	return taken
}

// readHeader takes the header that begins a connection; routing information before it is dropped and is not part of the
// prologue.
func (c *Conn) readHeader(ctx context.Context) ([]byte, error) {
	if err := c.fill(ctx, len(clientHeader)); err != nil {
		return nil, fmt.Errorf("read client header: %w", err)
	}
	if bytes.Equal(c.buffer[:len(routingHeader)], routingHeader) {
		c.take(len(routingHeader))
		if _, err := c.readRaw(ctx); err != nil {
			return nil, fmt.Errorf("read routing information: %w", err)
		}
		if err := c.fill(ctx, len(clientHeader)); err != nil {
			return nil, fmt.Errorf("read client header: %w", err)
		}
	}
	header := c.take(len(clientHeader))
	if !bytes.Equal(header, clientHeader) {
		return nil, fmt.Errorf("%w: %x", ErrHeader, header)
	}
	return header, nil
}

// readRaw reads one frame as it is on the wire.
func (c *Conn) readRaw(ctx context.Context) ([]byte, error) {
	if err := c.fill(ctx, lengthSize); err != nil {
		return nil, err
	}
	length := int(c.buffer[0])<<16 | int(c.buffer[1])<<8 | int(c.buffer[2])
	if err := c.fill(ctx, lengthSize+length); err != nil {
		return nil, err
	}
	c.take(lengthSize)
	return c.take(length), nil
}

// ReadFrame reads and decrypts the next frame. Its error is final: the counters of the two sides no longer agree.
func (c *Conn) ReadFrame(ctx context.Context) ([]byte, error) {
	raw, err := c.readRaw(ctx)
	if err != nil || c.in == nil {
		return raw, err
	}
	plain, err := c.in.Open(nil, nonce(c.inCount), raw, nil)
	if err != nil {
		return nil, fmt.Errorf("decrypt frame %d: %w", c.inCount, err)
	}
	c.inCount++
	return plain, nil
}

// WriteFrame encrypts a frame and writes it as one message: clients don't reassemble frames rightly (section 3).
func (c *Conn) WriteFrame(ctx context.Context, body []byte) error {
	frame, err := c.seal(body)
	if err != nil {
		return err
	}
	return c.transport.Write(ctx, frame)
}

// WriteSplit writes a frame as two messages, which is a fault: see WriteFrame.
func (c *Conn) WriteSplit(ctx context.Context, body []byte) error {
	frame, err := c.seal(body)
	if err != nil {
		return err
	}
	middle := (lengthSize + len(frame)) / 2
	if err = c.transport.Write(ctx, frame[:middle]); err != nil {
		return err
	}
	return c.transport.Write(ctx, frame[middle:])
}

func (c *Conn) seal(body []byte) ([]byte, error) {
	if c.out != nil {
		body = c.out.Seal(nil, nonce(c.outCount), body, nil)
		c.outCount++
	}
	if len(body) > MaxFrame {
		return nil, fmt.Errorf("%w: %d bytes", ErrFrameTooLong, len(body))
	}
	frame := make([]byte, 0, lengthSize+len(body))
	frame = append(frame, byte(len(body)>>16), byte(len(body)>>8), byte(len(body)))
	return append(frame, body...), nil
}
