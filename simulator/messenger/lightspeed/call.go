// Package lightspeed writes what Messenger's servers say in Lightspeed (messenger.md section 3): payloads of stored
// procedure calls, one builder a procedure; and it reads what clients ask. It keeps no state and knows no people; its
// functions may be called from anywhere.
//
// Where it differs from the real servers: a payload is one flat block of calls with literal arguments. Registers, branches
// and arithmetic, which real payloads use now and then, appear only where a test writes them itself.
package lightspeed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Call is one call of a stored procedure. An argument is nil (undefined), a bool, a string, an int64, a float64, or a
// Literal.
type Call struct {
	Name string
	Args []any
}

// Literal is an expression that is written as it stands, for payloads that no server should send.
type Literal string

// columns are the defined arguments of a call, by position.
type columns map[int]any

// call makes a call with count arguments.
func call(name string, count int, defined columns) Call {
	args := make([]any, count)
	for at, v := range defined {
		args[at] = v
	}
	return Call{name, args}
}

// text is a string argument that is undefined when empty.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// number is an integer argument that is undefined when zero.
func number(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// Payload writes calls as one payload and lists the procedures it names, each once, in order of appearance.
func Payload(calls []Call) (payload string, procedures []string) {
	var b bytes.Buffer
	b.WriteString(`{"name":"sim","step":[1`)
	seen := map[string]bool{}
	procedures = []string{}
	for _, c := range calls {
		b.WriteString(`,[5,`)
		writeJSON(&b, c.Name)
		for _, arg := range c.Args {
			b.WriteByte(',')
			writeArg(&b, arg)
		}
		b.WriteByte(']')
		if !seen[c.Name] {
			seen[c.Name] = true
			procedures = append(procedures, c.Name)
		}
	}
	b.WriteString(`]}`)
	return b.String(), procedures
}

func writeArg(b *bytes.Buffer, arg any) {
	switch v := arg.(type) {
	case nil:
		b.WriteString(`[9]`)
	case int64:
		b.WriteString(`[19,"` + strconv.FormatInt(v, 10) + `"]`)
	case Literal:
		b.WriteString(string(v))
	case bool, string, float64:
		writeJSON(b, v)
	default:
		panic(fmt.Sprintf("lightspeed argument of type %T", arg)) // a mistake in this program
	}
}

// writeJSON writes a value without escaping what HTML would want escaped.
func writeJSON(b *bytes.Buffer, v any) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err)) // strings, bools and finite numbers always encode
	}
	b.Truncate(b.Len() - 1) // Encode ends with a line break
}

// Response is a payload with what the gateway says around it (section 2.5). RequestID is 0 for a push.
type Response struct {
	Payload    string   `json:"payload"`
	RequestID  int      `json:"request_id"`
	Procedures []string `json:"sp"`
	Target     int      `json:"target"`
}

// NewResponse writes calls as an answer to a request, or as a push if its id is 0.
func NewResponse(requestID int, calls []Call) Response {
	payload, procedures := Payload(calls)
	return Response{Payload: payload, RequestID: requestID, Procedures: procedures}
}

// Marshal is the response as the gateway sends it.
func (r Response) Marshal() []byte {
	var b bytes.Buffer
	writeJSON(&b, r)
	return b.Bytes()
}

// WebResponse is the same as GraphQL wraps it (section 1.5): dependencies instead of a list, and target is text.
type WebResponse struct {
	Dependencies []Dependency `json:"dependencies"`
	Experiments  any          `json:"experiments"`
	Payload      string       `json:"payload"`
	Target       string       `json:"target"`
}

// Dependency maps a procedure's name to the module that holds it.
type Dependency struct {
	Name  string `json:"name"`
	Value struct {
		Module string `json:"__dr"`
	} `json:"value"`
}

// NewWebResponse writes calls for GraphQL.
func NewWebResponse(calls []Call) WebResponse {
	payload, procedures := Payload(calls)
	r := WebResponse{Payload: payload, Dependencies: []Dependency{}}
	for _, name := range procedures {
		d := Dependency{Name: name}
		d.Value.Module = "LS" + string(name[0]-'a'+'A') + name[1:]
		r.Dependencies = append(r.Dependencies, d)
	}
	return r
}
