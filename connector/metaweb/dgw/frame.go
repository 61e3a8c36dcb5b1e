package dgw

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Type is the first byte of a frame.
type Type byte

// The frames whose layout is known. 5, 6 and 8 are no longer used, the layout of 7 is unknown.
const (
	TypeEmpty               Type = 2
	TypeDrain               Type = 3
	TypeDeauth              Type = 4
	TypePing                Type = 9
	TypePong                Type = 10
	TypeAck                 Type = 12
	TypeData                Type = 13
	TypeEndOfData           Type = 14
	TypeEstablish           Type = 15
	TypeEndOfDataWithReason Type = 16
	TypeExtendedData        Type = 17
)

const (
	maxAckID    = 1<<15 - 1
	wantAckFlag = 1 << 15
	maxBody     = 1<<24 - 1
)

// Frame is one frame of the gateway. Which fields count depends on the type; the others are zero.
type Frame struct {
	Type    Type
	Stream  uint16
	AckID   uint16 // Ack, Data, ExtendedData: 15 bits
	WantAck bool   // Data, ExtendedData
	Content byte   // ExtendedData: its content type
	Reason  byte   // Drain, EndOfDataWithReason
	Payload []byte // Data, ExtendedData, Establish (JSON)
}

// Errors of Parse and Append.
var (
	ErrUnknownType = errors.New("unknown frame type")
	ErrTruncated   = errors.New("frame is cut off")
	ErrMalformed   = errors.New("frame is malformed")
	ErrTooLarge    = errors.New("frame is too large")
)

// FrameError says where in a message Parse had to stop. The frame and all after it are lost, since frames say their
// own length only to those who know the type.
type FrameError struct {
	Type   Type
	Offset int // of the frame in the message
	Lost   int // bytes not parsed
	Err    error
}

func (e *FrameError) Error() string {
	return fmt.Sprintf("parse gateway frame of type %d at %d: %v (%d bytes lost)", e.Type, e.Offset, e.Err, e.Lost)
}

func (e *FrameError) Unwrap() error { return e.Err }

// Parse cuts one websocket message into its frames. With an error (always a *FrameError) it still returns the frames
// before the bad one. Payloads share memory with the message.
func Parse(message []byte) ([]Frame, error) {
	var frames []Frame
	rest := message
	for len(rest) > 0 {
		frame, size, err := parseOne(rest)
		if err != nil {
			return frames, &FrameError{Type(rest[0]), len(message) - len(rest), len(rest), err}
		}
		frames = append(frames, frame)
		rest = rest[size:]
	}
	return frames, nil
}

// parseOne reads the frame at the start of a non-empty buffer and says how many bytes it took.
func parseOne(b []byte) (Frame, int, error) {
	f := Frame{Type: Type(b[0])}
	switch f.Type {
	case TypeEmpty, TypeDeauth, TypePing, TypePong:
		return f, 1, nil
	case TypeDrain:
		body, size, err := cutBody(b, 1)
		if err != nil {
			return f, 0, err
		}
		return f, size, f.setReason(body)
	case TypeEndOfData:
		return parseEndOfData(f, b)
	case TypeAck, TypeData, TypeEstablish, TypeEndOfDataWithReason, TypeExtendedData:
		if len(b) < 3 {
			return f, 0, ErrTruncated
		}
		f.Stream = binary.LittleEndian.Uint16(b[1:])
		body, size, err := cutBody(b, 3)
		if err != nil {
			return f, 0, err
		}
		return f, size, f.setBody(body)
	}
	return f, 0, ErrUnknownType
}

// parseEndOfData reads a frame that has no length on one service and a zero one on another. No frame has type 0, so
// three zero bytes can only be that length.
func parseEndOfData(f Frame, b []byte) (Frame, int, error) {
	if len(b) < 3 {
		return f, 0, ErrTruncated
	}
	f.Stream = binary.LittleEndian.Uint16(b[1:])
	if len(b) >= 6 && b[3] == 0 && b[4] == 0 && b[5] == 0 {
		return f, 6, nil
	}
	return f, 3, nil
}

// cutBody reads the 24 bit length at an offset and answers the bytes it covers and where they end.
func cutBody(b []byte, at int) (body []byte, end int, err error) {
	if len(b) < at+3 {
		return nil, 0, ErrTruncated
	}
	size := int(b[at]) | int(b[at+1])<<8 | int(b[at+2])<<16
	start := at + 3
	if len(b)-start < size {
		return nil, 0, ErrTruncated
	}
	return b[start : start+size], start + size, nil
}

func (f *Frame) setReason(body []byte) error {
	if len(body) < 1 {
		return ErrMalformed
	}
	f.Reason = body[0]
	return nil
}

func (f *Frame) setBody(body []byte) error {
	switch f.Type {
	case TypeEstablish:
		f.Payload = body
		return nil
	case TypeEndOfDataWithReason:
		return f.setReason(body)
	}
	head := 2
	if f.Type == TypeExtendedData {
		head = 3
	}
	if len(body) < head {
		return ErrMalformed
	}
	field := binary.LittleEndian.Uint16(body)
	f.AckID, f.WantAck = field&maxAckID, field&wantAckFlag != 0
	if f.Type == TypeExtendedData {
		f.Content = body[2]
	}
	if f.Type == TypeAck {
		// The flag has no meaning in an Ack; what follows the id is not known and left.
		f.WantAck = false
		return nil
	}
	f.Payload = body[head:]
	return nil
}

// Append writes a frame behind dst. Errors: ErrTooLarge, ErrUnknownType.
func Append(dst []byte, f Frame) ([]byte, error) {
	switch f.Type {
	case TypeEmpty, TypeDeauth, TypePing, TypePong:
		return append(dst, byte(f.Type)), nil
	case TypeDrain:
		return append(dst, byte(f.Type), 1, 0, 0, f.Reason), nil
	}
	var head []byte
	switch f.Type {
	case TypeEndOfData:
		dst = append(dst, byte(f.Type))
		return binary.LittleEndian.AppendUint16(dst, f.Stream), nil
	case TypeEndOfDataWithReason:
		head = []byte{f.Reason}
	case TypeAck, TypeData:
		head = binary.LittleEndian.AppendUint16(nil, f.ackField())
	case TypeExtendedData:
		head = append(binary.LittleEndian.AppendUint16(nil, f.ackField()), f.Content)
	case TypeEstablish:
	default:
		return dst, ErrUnknownType
	}
	size := len(head) + len(f.Payload)
	if size > maxBody {
		return dst, ErrTooLarge
	}
	dst = append(dst, byte(f.Type))
	dst = binary.LittleEndian.AppendUint16(dst, f.Stream)
	dst = append(dst, byte(size), byte(size>>8), byte(size>>16))
	dst = append(dst, head...)
	return append(dst, f.Payload...), nil
}

func (f *Frame) ackField() uint16 {
	field := f.AckID & maxAckID
	if f.WantAck {
		field |= wantAckFlag
	}
	return field
}
