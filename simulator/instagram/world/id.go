package world

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// epoch is 2004-01-01T00:00:00Z in ms, from which message ids count (section 2.3).
const epoch = 1072915200000

// messagePrefix begins every message id.
const messagePrefix = "mid.$"

// ErrMessageID is wrapped by the errors of ParseMessageID.
var ErrMessageID = errors.New("malformed message id")

// MessageID makes the id of a message. letter is c in 1:1 threads, g in groups; chat is what section 2.3 says of the thread.
func MessageID(letter byte, chat, at, otid int64) string {
	b := make([]byte, 0, 21)
	b = binary.BigEndian.AppendUint64(b, uint64(chat))
	ms := uint64(at - epoch)
	b = append(b, byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms))
	b = binary.BigEndian.AppendUint64(b, uint64(otid))
	return messagePrefix + string(letter) + base64.RawURLEncoding.EncodeToString(b)
}

// MessageParts is what a message id says.
type MessageParts struct {
	Letter         byte
	Chat, At, OTID int64
}

// ParseMessageID takes a message id apart.
func ParseMessageID(id string) (MessageParts, error) {
	rest, ok := strings.CutPrefix(id, messagePrefix)
	if !ok || rest == "" || rest[0] != 'c' && rest[0] != 'g' {
		return MessageParts{}, fmt.Errorf("%w: %q has no known prefix", ErrMessageID, id)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest[1:])
	if err != nil || len(b) != 21 || strings.ContainsAny(rest, "\r\n") {
		return MessageParts{}, fmt.Errorf("%w: %q is not 21 bytes of base64", ErrMessageID, id)
	}
	ms := int64(b[8])<<32 | int64(binary.BigEndian.Uint32(b[9:]))
	return MessageParts{
		Letter: rest[0], Chat: int64(binary.BigEndian.Uint64(b)), At: ms + epoch,
		OTID: int64(binary.BigEndian.Uint64(b[13:])),
	}, nil
}

// otidSource makes nonces as an app does: the time, a counter within the ms, and a constant.
type otidSource struct{ at, count int64 }

func (s *otidSource) next(now int64) int64 {
	if now <= s.at {
		s.count++
	} else {
		s.at, s.count = now, 0
	}
	if s.count >= 1<<10 {
		s.at, s.count = s.at+1, 0
	}
	return s.at<<22 | s.count<<12 | 5
}
