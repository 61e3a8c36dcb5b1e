// Package graphql has the frame of what Meta's sites are asked with and answer: the form of a call of a persisted document,
// the guard before an answer, data and errors. It owns neither the documents nor what an error means for a session beyond
// what both sites say alike.
//
// It keeps no state; its functions may be called from any goroutine.
package graphql

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"crosschat/connector/metaweb/failure"
	"crosschat/connector/metaweb/web"
)

// Codes of errors that both sites have.
const (
	codeReload  = 1357004 // "please reload the page": the tokens are stale
	codeRefused = 1357053 // the session is not taken
)

// Error is an error in an answer of a site.
type Error struct {
	Code        int64
	Summary     string // for whoever runs the bridge, sometimes for the user
	Description string // for the user, may be empty
	Transient   bool
	Reauth      bool // the session has to be confirmed
}

func (e *Error) Error() string {
	return fmt.Sprintf("site says error %d: %s", e.Code, e.Summary)
}

// ErrNotJSON is an answer that should have been JSON, and is a page or the like.
var ErrNotJSON = errors.New("answer is not JSON")

// Envelope is the frame of an answer, to GraphQL and others.
type Envelope struct {
	Data    json.RawMessage
	Payload json.RawMessage
	// StartedAt is the site's clock, in Unix milliseconds, when it began to answer; 0 if it isn't said.
	StartedAt int64
	// Failure is the first error, nil if there is none. There may be data too.
	Failure *Error
	// targets are where the answer says to go.
	targets []string
}

// Int is a number that may be text on the wire; anything else is 0.
type Int int64

// UnmarshalJSON never fails.
func (l *Int) UnmarshalJSON(data []byte) error {
	if i, err := strconv.ParseInt(string(bytes.Trim(data, `"`)), 10, 64); err == nil {
		*l = Int(i)
	}
	return nil
}

// guard keeps some answers from being run as scripts.
var guard = []byte("for (;;);")

// Read parses an answer; of several documents behind each other the first counts. The error is ErrNotJSON.
func Read(body []byte) (*Envelope, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), guard))
	if len(body) == 0 || body[0] != '{' {
		return nil, ErrNotJSON
	}
	var raw struct {
		Data        json.RawMessage `json:"data"`
		Payload     json.RawMessage `json:"payload"`
		Error       Int             `json:"error"`
		Summary     string          `json:"errorSummary"`
		Description string          `json:"errorDescription"`
		RedirectTo  string          `json:"redirectTo"`
		Redirect    string          `json:"redirect"`
		Extensions  struct {
			Server struct {
				Start Int `json:"request_start_time_ms"`
			} `json:"server_metadata"`
		} `json:"extensions"`
		Errors []struct {
			Message     string `json:"message"`
			Code        Int    `json:"code"`
			Summary     string `json:"summary"`
			Description string `json:"description"`
			Transient   bool   `json:"is_transient"`
			Reauth      bool   `json:"requires_reauth"`
		} `json:"errors"`
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&raw); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	e := &Envelope{Data: raw.Data, Payload: raw.Payload, StartedAt: int64(raw.Extensions.Server.Start)}
	for _, target := range []string{raw.RedirectTo, raw.Redirect} {
		if target != "" {
			e.targets = append(e.targets, target)
		}
	}
	if bytes.Equal(e.Data, []byte("null")) {
		e.Data = nil
	}
	switch {
	case raw.Error != 0: // the request failed as a whole
		e.Data = nil
		e.Failure = &Error{Code: int64(raw.Error), Summary: raw.Summary, Description: raw.Description}
	case len(raw.Errors) > 0:
		first := raw.Errors[0]
		e.Failure = &Error{Code: int64(first.Code), Summary: first.Message, Description: first.Description,
			Transient: first.Transient, Reauth: first.Reauth}
	}
	return e, nil
}

// Target answers a *web.StopError if the answer says to go where client knows that a session can't go on, else nil.
func (e *Envelope) Target(client *web.Client) error {
	for _, target := range e.targets {
		if stop := client.Judge(target); stop != nil {
			return stop
		}
	}
	return nil
}

// Judge says what a failure means that both sites have: a *failure.ReloadError, a *web.StopError, or the *Error itself.
func Judge(e *Error) error {
	switch {
	case e.Code == codeReload:
		return &failure.ReloadError{Reason: "site says so", Err: e}
	case e.Code == codeRefused:
		return &web.StopError{Kind: web.LoggedOut}
	case e.Reauth:
		return &failure.ReloadError{Reason: "site wants the session confirmed", Err: e}
	}
	return e
}

// Call is a call of a persisted document.
type Call struct {
	Name       string // the document's own
	DocumentID string
	Variables  any // encoded as JSON
}

// Fill adds the call to the fields that every request carries.
func (c Call) Fill(form url.Values) error {
	variables, err := Encode(c.Variables)
	if err != nil {
		return err
	}
	form.Set("fb_api_caller_class", "RelayModern")
	form.Set("fb_api_req_friendly_name", c.Name)
	form.Set("variables", variables)
	form.Set("server_timestamps", "true")
	form.Set("doc_id", c.DocumentID)
	return nil
}

// Encode writes JSON as a browser does, without escaping what only HTML minds.
func Encode(v any) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}
