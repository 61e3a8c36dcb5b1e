// Package stanza helps to read and make the binary nodes that WhatsApp's socket carries (whatsapp-server.md section 3). It
// keeps no state; its functions may be called from anywhere and don't change the nodes they are given.
package stanza

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/binary/token"
	"go.mau.fi/whatsmeow/types"
)

// Attrs and Node are the library's own types under shorter names.
type (
	Attrs = waBinary.Attrs
	Node  = waBinary.Node
)

// ErrMalformed says that bytes are no node, or that a node can't be written.
var ErrMalformed = errors.New("malformed node")

// What a decrypted frame may hold once unpacked, far beyond what clients send. The decoder recurses, so a frame may have no
// more bytes that begin a list than the stack has room for; ciphertext of maxPlain random bytes has half as many.
const (
	maxPlain = 4 << 20
	maxLists = 1 << 16
)

const flagCompressed = 2

// Encode serialises a node with its leading flag byte. Nodes with contents that the format can't hold are errors.
func Encode(n Node) (data []byte, err error) {
	defer func() {
		if problem := recover(); problem != nil { // the library's encoder reports by panic
			err = fmt.Errorf("%w: %v", ErrMalformed, problem)
		}
	}()
	return waBinary.Marshal(n)
}

// Decode reads what a decrypted frame holds, compressed or not.
func Decode(plain []byte) (n Node, err error) {
	defer func() {
		if problem := recover(); problem != nil { // the library's decoder asserts types of what it read
			err = fmt.Errorf("%w: %v", ErrMalformed, problem)
		}
	}()
	if len(plain) < 2 || len(plain) > maxPlain {
		return Node{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(plain))
	}
	body := plain[1:]
	if plain[0]&flagCompressed != 0 {
		if body, err = inflate(body); err != nil {
			return Node{}, err
		}
	}
	if lists := bytes.Count(body, []byte{token.List8}) + bytes.Count(body, []byte{token.List16}); lists > maxLists {
		return Node{}, fmt.Errorf("%w: %d lists", ErrMalformed, lists)
	}
	decoded, err := waBinary.Unmarshal(body)
	if err != nil {
		return Node{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if decoded == nil || decoded.Tag == "" {
		return Node{}, fmt.Errorf("%w: no tag", ErrMalformed)
	}
	return *decoded, nil
}

func inflate(data []byte) ([]byte, error) {
	reader, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	plain, err := io.ReadAll(io.LimitReader(reader, maxPlain+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(plain) > maxPlain {
		return nil, fmt.Errorf("%w: more than %d bytes unpacked", ErrMalformed, maxPlain)
	}
	return plain, nil
}

// Str is an attribute as text; JIDs and numbers are printed, a missing one is empty.
func Str(n Node, key string) string {
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

// Int is an attribute as a number; false if it is missing or none.
func Int(n Node, key string) (int64, bool) {
	v, err := strconv.ParseInt(Str(n, key), 10, 64)
	return v, err == nil
}

// JID is an attribute as a JID. Clients should send it encoded as one, but text is accepted too.
func JID(n Node, key string) (types.JID, bool) {
	switch v := n.Attrs[key].(type) {
	case types.JID:
		return v, v.Server != ""
	case string:
		jid, err := types.ParseJID(v)
		return jid, err == nil && strings.Contains(v, "@")
	default:
		return types.JID{}, false
	}
}

// Bytes is a node's content as bytes: clients' text may decode as bytes or as string (section 3). Nil if it is neither.
func Bytes(n Node) []byte {
	switch v := n.Content.(type) {
	case []byte:
		return v
	case string:
		return []byte(v)
	case types.JID:
		return []byte(v.String())
	default:
		return nil
	}
}

// Text is Bytes as a string.
func Text(n Node) string { return string(Bytes(n)) }

// Children are a node's child nodes; none if its content is something else.
func Children(n Node) []Node {
	children, _ := n.Content.([]Node)
	return children
}

// Child follows tags down from n.
func Child(n Node, tags ...string) (Node, bool) { return n.GetOptionalChildByTag(tags...) }

// ChildBytes is Bytes of the child at tags, nil if there is none.
func ChildBytes(n Node, tags ...string) []byte {
	child, ok := Child(n, tags...)
	if !ok {
		return nil
	}
	return Bytes(child)
}

// With copies a node and sets attributes given as key, value pairs; nil values are left out.
func With(n Node, pairs ...any) Node {
	attrs := maps.Clone(n.Attrs)
	if attrs == nil {
		attrs = Attrs{}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != nil {
			attrs[pairs[i].(string)] = pairs[i+1]
		}
	}
	n.Attrs = attrs
	return n
}

// New makes a node. Attributes that are nil or empty are left out, as the encoder would. Content is nil, bytes, text, or
// nodes; text travels as bytes, as clients want it.
func New(tag string, attrs Attrs, content ...any) Node {
	maps.DeleteFunc(attrs, func(_ string, v any) bool { return v == nil || v == "" })
	n := Node{Tag: tag, Attrs: attrs}
	var children []Node
	for _, c := range content {
		switch v := c.(type) {
		case Node:
			children = append(children, v)
		case []Node:
			children = append(children, v...)
		case string:
			n.Content = []byte(v)
		default:
			n.Content = v
		}
	}
	if children != nil {
		n.Content = children
	}
	return n
}

// Class is what tells stanzas of one tag apart: the namespace of an iq, the class of an ack, the type of anything else.
func Class(n Node) string {
	switch n.Tag {
	case "iq":
		return Str(n, "xmlns")
	case "ack":
		return Str(n, "class")
	default:
		return Str(n, "type")
	}
}

// DeviceHash is the hash over a device list that clients and server compare (section 6.2).
func DeviceHash(devices []types.JID) string {
	names := make([]string, len(devices))
	for i, d := range devices {
		names[i] = d.ADString()
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "")))
	return "2:" + base64.RawStdEncoding.EncodeToString(sum[:6])
}
