package lightspeed

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
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

// Bitmap packs a set of numbers as __dyn and __csr are packed (section 1.6).
func Bitmap(indexes []int) string {
	top := -1
	for _, i := range indexes {
		top = max(top, i)
	}
	set := make([]bool, top+1)
	for _, i := range indexes {
		set[i] = true
	}
	var bits []byte
	for at := 0; at < len(set); {
		end := at
		for end < len(set) && set[end] == set[at] {
			end++
		}
		if at == 0 {
			bits = append(bits, bit(set[0]))
		}
		length := strconv.FormatInt(int64(end-at), 2)
		for range len(length) - 1 {
			bits = append(bits, 0)
		}
		for _, digit := range length {
			bits = append(bits, byte(digit-'0'))
		}
		at = end
	}
	for len(bits)%6 != 0 {
		bits = append(bits, 0)
	}
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
	out := make([]byte, 0, len(bits)/6)
	for at := 0; at < len(bits); at += 6 {
		v := 0
		for _, b := range bits[at : at+6] {
			v = v<<1 | int(b)
		}
		out = append(out, alphabet[v])
	}
	return string(out)
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
