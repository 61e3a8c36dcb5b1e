package phone

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Stanzas reach a phone without the wire in between, so an attribute may be of any type that the binary encoder takes,
// and text may be a string or bytes (whatsapp-server.md section 3). These helpers accept all of it.

func attr(n waBinary.Node, key string) string {
	switch v := n.Attrs[key].(type) {
	case nil:
		return ""
	case string:
		return v
	case types.JID:
		return v.String()
	default:
		return fmt.Sprint(v)
	}
}

func attrJID(n waBinary.Node, key string) types.JID {
	switch v := n.Attrs[key].(type) {
	case types.JID:
		return v
	case *types.JID:
		if v != nil {
			return *v
		}
	}
	return types.EmptyJID
}

// attrTime reads Unix seconds; anything else is the zero time.
func attrTime(n waBinary.Node, key string) time.Time {
	sec, err := strconv.ParseInt(attr(n, key), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(sec, 0)
}

// child is the first child with this tag; false if there is none.
func child(n waBinary.Node, tag string) (waBinary.Node, bool) {
	for _, c := range n.GetChildren() {
		if c.Tag == tag {
			return c, true
		}
	}
	return waBinary.Node{}, false
}

// descend follows tags from child to child.
func descend(n waBinary.Node, tags ...string) (waBinary.Node, bool) {
	ok := true
	for _, tag := range tags {
		if n, ok = child(n, tag); !ok {
			return waBinary.Node{}, false
		}
	}
	return n, true
}

func content(n waBinary.Node) []byte {
	switch v := n.Content.(type) {
	case []byte:
		return v
	case string:
		return []byte(v)
	default:
		return nil
	}
}

// childContent is the bytes inside the first child with this tag, nil if there is none.
func childContent(n waBinary.Node, tag string) []byte {
	c, _ := child(n, tag)
	return content(c)
}

func node(tag string, attrs waBinary.Attrs, children ...waBinary.Node) waBinary.Node {
	n := waBinary.Node{Tag: tag, Attrs: attrs}
	if len(children) > 0 {
		n.Content = children
	}
	return n
}

func leaf(tag string, data []byte) waBinary.Node {
	return waBinary.Node{Tag: tag, Content: data}
}

// bigEndian is the last size bytes of v.
func bigEndian(v uint32, size int) []byte {
	full := []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
	return full[4-size:]
}

func fromBigEndian(data []byte) uint32 {
	var v uint32
	for _, b := range data {
		v = v<<8 | uint32(b)
	}
	return v
}

// newID makes a message id as phones do: upper-case hex with a prefix of its own, so that it never equals an id that a
// client or the server makes.
func newID() string {
	var b [10]byte
	rand.Read(b[:])
	return "AC" + strings.ToUpper(hex.EncodeToString(b[:]))
}

// iqError is the error in a reply, nil if it is a result.
func iqError(n *waBinary.Node) error {
	if attr(*n, "type") != "error" {
		return nil
	}
	e, _ := child(*n, "error")
	return fmt.Errorf("server answers %s %s", attr(e, "code"), attr(e, "text"))
}
