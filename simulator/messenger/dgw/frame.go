// Package dgw is the server side of Meta's gateway framing (messenger.md section 2): frames, streams, acks, keepalive and
// close codes over a binary websocket. It knows nothing of what the streams carry and nothing of any one network.
//
// A Conn has two goroutines: the one that calls Serve reads and calls the Handler, one of its own writes. All other
// methods may be called from any goroutine and never block.
//
// Where it differs from the real gateway: it never splits or delays anything unless told to, and the layout of SmallAck
// frames is unknown, so it sends none.
package dgw

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Frame types.
const (
	TypeDrain        = 3
	TypeDeauth       = 4
	TypePing         = 9
	TypePong         = 10
	TypeAck          = 12
	TypeData         = 13
	TypeEndOfData    = 14
	TypeEstablish    = 15
	TypeEndReason    = 16 // end of data with reason
	TypeExtendedData = 17
)

// ErrMalformed says that a message is not a sequence of frames.
var ErrMalformed = errors.New("malformed frame")

// maxAckID is the largest ack id; bit 15 of its field says that an ack is wanted.
const maxAckID = 1<<15 - 1

// Frame is one frame. Which fields count depends on Type.
type Frame struct {
	Type        byte
	Stream      uint16
	AckID       uint16 // of Ack, Data and ExtendedData
	AckRequired bool
	Reason      byte   // of Drain and EndReason
	ContentType byte   // of ExtendedData
	Payload     []byte // of Data, ExtendedData and Establish
}

// Append writes the frame behind b.
func (f Frame) Append(b []byte) []byte {
	b = append(b, f.Type)
	switch f.Type {
	case TypeDrain:
		return append(appendLength(b, 1), f.Reason)
	case TypeAck:
		b = binary.LittleEndian.AppendUint16(b, f.Stream)
		return binary.LittleEndian.AppendUint16(appendLength(b, 2), f.AckID)
	case TypeData:
		b = binary.LittleEndian.AppendUint16(b, f.Stream)
		b = binary.LittleEndian.AppendUint16(appendLength(b, len(f.Payload)+2), f.ackField())
		return append(b, f.Payload...)
	case TypeExtendedData:
		b = binary.LittleEndian.AppendUint16(b, f.Stream)
		b = binary.LittleEndian.AppendUint16(appendLength(b, len(f.Payload)+3), f.ackField())
		return append(append(b, f.ContentType), f.Payload...)
	case TypeEndOfData:
		return binary.LittleEndian.AppendUint16(b, f.Stream)
	case TypeEndReason:
		b = binary.LittleEndian.AppendUint16(b, f.Stream)
		return append(appendLength(b, 1), f.Reason)
	case TypeEstablish:
		b = binary.LittleEndian.AppendUint16(b, f.Stream)
		return append(appendLength(b, len(f.Payload)), f.Payload...)
	}
	return b
}

func (f Frame) ackField() uint16 {
	field := f.AckID & maxAckID
	if f.AckRequired {
		field |= 1 << 15
	}
	return field
}

func appendLength(b []byte, n int) []byte { return append(b, byte(n), byte(n>>8), byte(n>>16)) }

// Parse reads all frames of one websocket message. Frames before a malformed one are returned beside the error. Payloads
// share memory with the message.
func Parse(message []byte) ([]Frame, error) {
	var frames []Frame
	for len(message) > 0 {
		f, n, err := parseOne(message)
		if err != nil {
			return frames, err
		}
		frames = append(frames, f)
		message = message[n:]
	}
	return frames, nil
}

func parseOne(b []byte) (Frame, int, error) {
	f := Frame{Type: b[0]}
	switch f.Type {
	case TypePing, TypePong, TypeDeauth:
		return f, 1, nil
	case TypeDrain:
		body, n, err := sized(b, 1)
		if err != nil || len(body) != 1 {
			return f, 0, malformed(f, "wants one byte of reason", err)
		}
		f.Reason = body[0]
		return f, n, nil
	}
	if f.Type < TypeAck || f.Type > TypeExtendedData {
		return f, 0, fmt.Errorf("%w: unknown type %d", ErrMalformed, f.Type)
	}
	if len(b) < 3 {
		return f, 0, malformed(f, "ends before the stream", nil)
	}
	f.Stream = binary.LittleEndian.Uint16(b[1:])
	if f.Type == TypeEndOfData {
		return f, 3, nil
	}
	body, n, err := sized(b, 3)
	if err != nil {
		return f, 0, malformed(f, "", err)
	}
	return f.fill(body, n)
}

// fill reads the body of a frame that has a stream and a length.
func (f Frame) fill(body []byte, n int) (Frame, int, error) {
	switch f.Type {
	case TypeEstablish:
		f.Payload = body
		return f, n, nil
	case TypeEndReason:
		if len(body) != 1 {
			return f, 0, malformed(f, "wants one byte of reason", nil)
		}
		f.Reason = body[0]
		return f, n, nil
	}
	if len(body) < 2 {
		return f, 0, malformed(f, "has no room for the ack id", nil)
	}
	field := binary.LittleEndian.Uint16(body)
	body = body[2:]
	switch f.Type {
	case TypeAck:
		if len(body) != 0 {
			return f, 0, malformed(f, "is too long", nil)
		}
		f.AckID = field
		return f, n, nil
	case TypeExtendedData:
		if len(body) == 0 {
			return f, 0, malformed(f, "has no content type", nil)
		}
		f.ContentType, body = body[0], body[1:]
	}
	f.AckID, f.AckRequired, f.Payload = field&maxAckID, field > maxAckID, body
	return f, n, nil
}

// sized reads a length of three bytes at offset at and returns the body with the whole frame's length.
func sized(b []byte, at int) ([]byte, int, error) {
	if len(b) < at+3 {
		return nil, 0, fmt.Errorf("%w: ends before the length", ErrMalformed)
	}
	n := int(b[at]) | int(b[at+1])<<8 | int(b[at+2])<<16
	if len(b) < at+3+n {
		return nil, 0, fmt.Errorf("%w: says %d bytes, has %d", ErrMalformed, n, len(b)-at-3)
	}
	return b[at+3 : at+3+n : at+3+n], at + 3 + n, nil
}

func malformed(f Frame, what string, err error) error {
	if err != nil {
		return fmt.Errorf("type %d: %w", f.Type, err)
	}
	return fmt.Errorf("%w: type %d %s", ErrMalformed, f.Type, what)
}
