package stanza

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what is rendered: ciphertexts tell a reader nothing, and hostile nodes nest as deep as they are long.
const (
	maxHex   = 128
	maxDepth = 32
)

// Render is the readable form for logs: XML with attributes in alphabetical order. Contents that aren't printable text are
// hex, or only counted if they are long. The library's own way takes quadratic time for nested nodes.
func Render(n Node) string {
	var b strings.Builder
	render(&b, n, maxDepth)
	return b.String()
}

func render(b *strings.Builder, n Node, depth int) {
	b.WriteString("<" + n.Tag)
	for _, key := range slices.Sorted(maps.Keys(n.Attrs)) {
		if v := n.Attrs[key]; v != nil && v != "" {
			fmt.Fprintf(b, ` %s="%v"`, key, v)
		}
	}
	children := Children(n)
	content := Bytes(n)
	switch {
	case depth == 0 && len(children) > 0:
		b.WriteString("><!-- too deep -->")
	case len(children) > 0:
		b.WriteString(">")
		for _, child := range children {
			render(b, child, depth-1)
		}
	case len(content) > 0:
		b.WriteString(">" + readable(content))
	default:
		b.WriteString("/>")
		return
	}
	b.WriteString("</" + n.Tag + ">")
}

func readable(data []byte) string {
	printable := utf8.Valid(data) && !strings.ContainsFunc(string(data), func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\n'
	})
	switch {
	case printable:
		return strings.ReplaceAll(string(data), "\n", `\n`)
	case len(data) > maxHex:
		return fmt.Sprintf("<!-- %d bytes -->", len(data))
	default:
		return hex.EncodeToString(data)
	}
}
