package lightspeed

import (
	"encoding/base64"
	"encoding/binary"
)

// idEpoch is when times in message ids begin, in ms since 1970.
const idEpoch = 1072915200000

// MessageID makes the id of a message (section 3.7). Peer is the other person of a direct chat, or the thread of a group.
func MessageID(own, peer int64, group bool, at int64, otid int64) string {
	kind, chat := "c", own^peer
	if group {
		kind, chat = "g", peer
	}
	var b [24]byte
	binary.BigEndian.PutUint64(b[:], uint64(chat))
	binary.BigEndian.PutUint64(b[8:], uint64(at-idEpoch)<<24)
	binary.BigEndian.PutUint64(b[13:], uint64(otid))
	return "mid.$" + kind + base64.RawURLEncoding.EncodeToString(b[:21])
}

// OTID makes an offline threading id: n tells those of one millisecond apart.
func OTID(at, n int64) int64 { return at<<22 | n<<12 | 42 }
