// Package dgw reads and writes the frames of Instagram's websocket gateway (instagram.md section 9.2). It owns the bytes of
// a frame and nothing else: which stream a frame belongs to, who must be acknowledged and when a connection is dead is for
// its caller. Its functions are pure and may be called from any goroutine.
package dgw

import (
	"errors"
	"fmt"
)

// Type is the first byte of a frame.
type Type byte

// The types that are in use.
const (
	Empty       Type = 2
	Drain       Type = 3
	Deauth      Type = 4
	Ping        Type = 9
	Pong        Type = 10
	Ack         Type = 12
	Data        Type = 13
	EndOfData   Type = 14
	EstabStream Type = 15
)

// MaxPayload is the longest payload that the 24-bit length of a frame can hold next to Data's two bytes of ack id.
const MaxPayload = 1<<24 - 1 - 2

// MaxAckID is the highest ack id; the next one is 0.
const MaxAckID = 0x7fff

// ackWanted is the bit of Data's ack id that asks for an Ack.
const ackWanted = 0x8000

// Reasons of Drain.
const (
	DrainELB byte = iota
	DrainSLB
	DrainAppServerPush
	DrainGracePeriodExpired
	DrainUnknown
)

// Frame is one frame. Which fields count depends on Type: Stream for Ack, Data, EndOfData and EstabStream; AckID for Ack
// and Data; WantAck for Data; Reason for Drain; Payload for Data and EstabStream.
type Frame struct {
	Type    Type
	Stream  uint16
	AckID   uint16
	WantAck bool
	Reason  byte
	Payload []byte
}

// ErrMalformed is wrapped by every error of Parse.
var ErrMalformed = errors.New("malformed gateway frame")

// Append writes the frame to the end of b. A payload over MaxPayload is the caller's mistake and comes out unreadable.
func (f Frame) Append(b []byte) []byte {
	b = append(b, byte(f.Type))
	switch f.Type {
	case Drain:
		return append(b, 1, 0, 0, f.Reason)
	case Ack:
		return appendUint16(append(appendUint16(b, f.Stream), 2, 0, 0), f.AckID&MaxAckID)
	case Data:
		id := f.AckID & MaxAckID
		if f.WantAck {
			id |= ackWanted
		}
		b = appendLength(appendUint16(b, f.Stream), len(f.Payload)+2)
		return append(appendUint16(b, id), f.Payload...)
	case EndOfData:
		return appendUint16(b, f.Stream)
	case EstabStream:
		b = appendLength(appendUint16(b, f.Stream), len(f.Payload))
		return append(b, f.Payload...)
	default:
		return b
	}
}

// Parse cuts one websocket message into its frames. Frames that stand before a malformed one are returned with the error.
// Payloads point into message.
func Parse(message []byte) ([]Frame, error) {
	var frames []Frame
	for rest := message; len(rest) > 0; {
		f, after, err := parseOne(rest)
		if err != nil {
			return frames, fmt.Errorf("frame at byte %d: %w", len(message)-len(rest), err)
		}
		frames, rest = append(frames, f), after
	}
	return frames, nil
}

func parseOne(b []byte) (Frame, []byte, error) {
	f := Frame{Type: Type(b[0])}
	b = b[1:]
	switch f.Type {
	case Empty, Deauth, Ping, Pong:
		return f, b, nil
	case Drain:
		body, rest, err := cutLength(b)
		if err != nil || len(body) != 1 {
			return f, nil, fmt.Errorf("%w: drain needs a body of one byte", ErrMalformed)
		}
		f.Reason = body[0]
		return f, rest, nil
	case Ack, Data, EndOfData, EstabStream:
		if len(b) < 2 {
			return f, nil, fmt.Errorf("%w: type %d ends before its stream", ErrMalformed, f.Type)
		}
		f.Stream = uint16(b[0]) | uint16(b[1])<<8
		return parseOnStream(f, b[2:])
	default:
		return f, nil, fmt.Errorf("%w: type %d is unknown", ErrMalformed, f.Type)
	}
}

func parseOnStream(f Frame, b []byte) (Frame, []byte, error) {
	if f.Type == EndOfData {
		// Sources disagree on whether a length of zero follows. No frame has type 0, so three zeros can only be that.
		if len(b) >= 3 && b[0] == 0 && b[1] == 0 && b[2] == 0 {
			b = b[3:]
		}
		return f, b, nil
	}
	body, rest, err := cutLength(b)
	if err != nil {
		return f, nil, err
	}
	if f.Type == EstabStream {
		f.Payload = body
		return f, rest, nil
	}
	if len(body) < 2 || f.Type == Ack && len(body) != 2 {
		return f, nil, fmt.Errorf("%w: type %d has a body of %d bytes", ErrMalformed, f.Type, len(body))
	}
	id := uint16(body[0]) | uint16(body[1])<<8
	f.AckID, f.WantAck = id&MaxAckID, id&ackWanted != 0
	if f.Type == Ack {
		if f.WantAck {
			return f, nil, fmt.Errorf("%w: ack has bit 15 of its id set", ErrMalformed)
		}
		return f, rest, nil
	}
	f.Payload = body[2:]
	return f, rest, nil
}

// cutLength reads a 24-bit length and as many bytes.
func cutLength(b []byte) (body, rest []byte, err error) {
	if len(b) < 3 {
		return nil, nil, fmt.Errorf("%w: ends before its length", ErrMalformed)
	}
	n := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	if b = b[3:]; len(b) < n {
		return nil, nil, fmt.Errorf("%w: %d bytes announced, %d there", ErrMalformed, n, len(b))
	}
	return b[:n:n], b[n:], nil
}

func appendUint16(b []byte, n uint16) []byte { return append(b, byte(n), byte(n>>8)) }

func appendLength(b []byte, n int) []byte { return append(b, byte(n), byte(n>>8), byte(n>>16)) }
