// Package redact makes a fixture of what a real session has sent or got: the same structure, types and lengths, with nothing
// in it that says whose it was. It reads JSON as Meta's sites write it (with their guard in front, several values in a row,
// JSON within strings) and pages of HTML, of which only the data in scripts is kept.
//
// What it keeps are names of keys, procedures and modules, small numbers, kinds of files, and emoji. All other numbers,
// words and addresses become others of the same length. The same word becomes the same one everywhere in one run, so that
// ids still fit together; times are moved by one span, so that their order stays. It owns no state but the run's secret, and
// is called from any goroutine. Whoever publishes a fixture reads it through nevertheless: no program knows all names.
package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Redactor is one run. New makes one.
type Redactor struct {
	key   []byte
	shift int64 // of times, in seconds
}

// New makes a run with a secret of its own.
func New() *Redactor {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key)
	return withKey(key)
}

func withKey(key []byte) *Redactor {
	r := &Redactor{key: key}
	const year = 365 * 24 * 60 * 60
	r.shift = -int64(r.number("shift")%(2*year)) - year/12
	return r
}

// number is a number that belongs to a text in this run.
func (r *Redactor) number(text string) uint64 {
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(text))
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

// ErrNotKnown is what is neither JSON nor a page.
var ErrNotKnown = errors.New("this is neither JSON nor a page of HTML")

// guard stands before JSON so that no script can read it.
const guard = "for (;;);"

// Payload redacts what was captured.
func (r *Redactor) Payload(data []byte) ([]byte, error) {
	trimmed := bytes.TrimSpace(data)
	if bytes.HasPrefix(trimmed, []byte("<")) {
		return r.page(trimmed)
	}
	var out bytes.Buffer
	if rest, ok := bytes.CutPrefix(trimmed, []byte(guard)); ok {
		out.WriteString(guard)
		trimmed = rest
	}
	if err := r.json(&out, trimmed); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotKnown, err)
	}
	return out.Bytes(), nil
}

var (
	scriptStart = regexp.MustCompile(`(?i)<script\b([^>]*)>`)
	scriptEnd   = regexp.MustCompile(`(?i)</script\s*>`)
	attribute   = regexp.MustCompile(`(?i)\b(id|type)="([A-Za-z0-9_/+-]{1,40})"`)
)

// page keeps of a page the scripts that are data.
func (r *Redactor) page(data []byte) ([]byte, error) {
	out := bytes.NewBufferString("<!DOCTYPE html>\n<html><body>\n")
	found := false
	for {
		start := scriptStart.FindSubmatchIndex(data)
		if start == nil {
			break
		}
		attributes := data[start[2]:start[3]]
		data = data[start[1]:]
		end := scriptEnd.FindIndex(data)
		if end == nil {
			break
		}
		var script bytes.Buffer
		if r.json(&script, data[:end[0]]) == nil && script.Len() > 0 {
			found = true
			out.WriteString("<script")
			for _, a := range attribute.FindAllSubmatch(attributes, -1) {
				fmt.Fprintf(out, ` %s="%s"`, a[1], a[2])
			}
			fmt.Fprintf(out, ">%s</script>\n", bytes.TrimSpace(script.Bytes()))
		}
		data = data[end[1]:]
	}
	if !found {
		return nil, fmt.Errorf("%w: the page has no script with data", ErrNotKnown)
	}
	out.WriteString("</body></html>\n")
	return out.Bytes(), nil
}

// deepest is more than any payload nests.
const deepest = 2000

var errTooDeep = errors.New("values nest too deeply")

// json redacts values in a row, each on a line of its own.
func (r *Redactor) json(out *bytes.Buffer, data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	for count := 0; ; count++ {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && count > 0 {
			return nil
		} else if err != nil {
			return err
		}
		if count > 0 {
			out.WriteByte('\n')
		}
		if err = r.value(out, decoder, token, place{}); err != nil {
			return err
		}
	}
}

// place is where a value stands.
type place struct {
	depth int
	key   string // of the object that it is in, or of the one that its list is in
	names bool   // it is one of the names of a procedure, module or the like
}

func (r *Redactor) value(out *bytes.Buffer, decoder *json.Decoder, token json.Token, at place) error {
	if at.depth > deepest {
		return errTooDeep
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return r.object(out, decoder, at)
		}
		return r.list(out, decoder, at)
	case string:
		if at.names && isName(token) || keptKeys[at.key] {
			return quote(out, token)
		}
		return quote(out, r.text(token))
	case json.Number:
		out.WriteString(r.numeral(token.String()))
	case bool:
		fmt.Fprint(out, token)
	default:
		out.WriteString("null")
	}
	return nil
}

func (r *Redactor) object(out *bytes.Buffer, decoder *json.Decoder, at place) error {
	out.WriteByte('{')
	for first := true; decoder.More(); first = false {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		if !first {
			out.WriteByte(',')
		}
		shown := key
		if !isKey(key) {
			shown = r.text(key)
		}
		if err = quote(out, shown); err != nil {
			return err
		}
		out.WriteByte(':')
		if token, err = decoder.Token(); err != nil {
			return err
		}
		names := key == "sp" || key == "name" && at.key == "dependencies"
		if err = r.value(out, decoder, token, place{at.depth + 1, key, names}); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	_, err := decoder.Token()
	return err
}

// opcodeCall begins the lists that call a stored procedure; its name follows.
const opcodeCall = "5"

func (r *Redactor) list(out *bytes.Buffer, decoder *json.Decoder, at place) error {
	out.WriteByte('[')
	calls := false
	for i := 0; decoder.More(); i++ {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		inside := place{depth: at.depth + 1, key: at.key}
		if number, ok := token.(json.Number); ok && i == 0 {
			calls = number.String() == opcodeCall
		}
		switch {
		case at.key == "sp":
			inside.names = true
		case calls && i == 1:
			inside.names = true
		case at.key == tuple && i < 2:
			inside.key, inside.names = "", true
		case at.key == tuple:
			inside.key = ""
		case at.key == "require" || at.key == "define":
			inside.key = tuple
		}
		if err = r.value(out, decoder, token, inside); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	_, err := decoder.Token()
	return err
}

// tuple is the place of the lists in require and define, which begin with names.
const tuple = "\x00tuple"

func quote(out *bytes.Buffer, text string) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(true) // so that no text ends a script
	if err := encoder.Encode(text); err != nil {
		return err
	}
	out.Truncate(out.Len() - len("\n"))
	return nil
}

// embedded redacts a text that is JSON itself.
func (r *Redactor) embedded(text string) (string, bool) {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") || !json.Valid([]byte(trimmed)) {
		return "", false
	}
	var out bytes.Buffer
	if err := r.json(&out, []byte(trimmed)); err != nil {
		return "", false
	}
	return out.String(), true
}
