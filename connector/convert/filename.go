package convert

import (
	"mime"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/util/exmime"
)

// longestFileName is what common file systems take, in bytes.
const longestFileName = 255

// FileName makes a remote file name one that can be shown and stored: without folders, control characters and marks that
// turn the direction of text, which make a program look like a picture. If nothing is left, it is fallback with the usual
// ending of mimeType.
func FileName(name, fallback, mimeType string) string {
	name = path.Base(strings.ReplaceAll(Clean(name), `\`, "/"))
	name = strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return -1
		}
		return c
	}, name))
	if name == "" || name == "." || name == ".." || name == "/" {
		return fallback + exmime.ExtensionFromMimetype(mimeType)
	}
	if len(name) <= longestFileName {
		return name
	}
	ending := path.Ext(name)
	if len(ending) > 20 {
		ending = ""
	}
	return shorten(name, longestFileName-len(ending)) + ending
}

// shorten cuts text to at most size bytes, not within a character.
func shorten(text string, size int) string {
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}

// MIMEType is the plain media type of what a sender declares, without parameters, or fallback if it is none.
func MIMEType(declared, fallback string) string {
	plain, _, err := mime.ParseMediaType(Clean(declared))
	if err != nil && err != mime.ErrInvalidMediaParameter {
		return fallback
	}
	major, minor, ok := strings.Cut(plain, "/")
	if !ok || major == "" || minor == "" || len(plain) > 100 {
		return fallback
	}
	return plain
}
