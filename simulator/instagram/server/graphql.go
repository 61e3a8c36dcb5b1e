package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"crosschat/simulator/instagram/direct"
	"crosschat/simulator/instagram/page"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// Codes of errors (section 18.1).
const (
	codeNotLoggedIn  = 1357001
	codeStale        = 1357004
	codeBadInput     = 1357054
	codeUnknownDoc   = 1675002
	codeNotCoercible = 1675012
)

// guard stands before JSON so that it is no script.
const guard = "for (;;);"

// call is one GraphQL request after its tokens were checked. The lock is held while it runs.
type call struct {
	s    *Server
	ses  *session
	me   *world.Person
	op   *operation
	vars json.RawMessage
}

// problem is an entry of errors[] in an answer.
type problem struct {
	code int
	text string
}

// Error is the text.
func (p *problem) Error() string { return p.text }

// formOf reads a form, from the body or from the query; its body can be read again. Nothing in it is trusted.
func formOf(r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, fmt.Errorf("content type %q is not a form's", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read form: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("parse form: %w", err)
	}
	return values, nil
}

// operationOf names the operation of a GraphQL request for the log and for faults.
func (s *Server) operationOf(r *http.Request) string {
	form, err := formOf(r)
	if err != nil {
		return "malformed"
	}
	name := form.Get("fb_api_req_friendly_name")
	for _, op := range operations() {
		if op.name == name {
			return op.key
		}
	}
	return "unknown"
}

// genuine checks what the service checks of every POST (section 22.4) and answers those that fail. Direct's lock is held.
func (s *Server) genuine(w http.ResponseWriter, r *http.Request, ses *session, form url.Values) bool {
	switch {
	case ses == nil:
		w.Write(envelopeError(codeNotLoggedIn, "Not logged in")) //nolint:errcheck // the client is gone, nobody cares
	case r.Header.Get("Sec-Fetch-Site") != "same-origin":
		w.Write(envelopeError(codeStale, "Sorry, something went wrong")) //nolint:errcheck // as above
	case form.Get("fb_dtsg") == "":
		s.note(ses, "request with an empty fb_dtsg")
		writeHTML(w, page.Notice("Instagram"))
	case !ses.knows(r, form.Get("fb_dtsg"), form.Get("lsd")):
		w.Write(envelopeError(codeStale, "Sorry, something went wrong")) //nolint:errcheck // as above
	default:
		return true
	}
	return false
}

// serveGraphQL answers /api/graphql.
func (s *Server) serveGraphQL(w http.ResponseWriter, r *http.Request, ses *session) {
	form, err := formOf(r)
	if err != nil || r.Method != http.MethodPost {
		s.note(ses, fmt.Sprintf("GraphQL that is no form: %v", err))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	unlock := s.Direct.Lock()
	defer unlock()
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	if !s.genuine(w, r, ses, form) {
		return
	}
	s.likeBrowser(r, ses, "graphql", append([]string{"X-Fb-Friendly-Name", "X-Mid"}, xhrHeaders...))
	c := &call{s: s, ses: ses, me: ses.person, vars: json.RawMessage(form.Get("variables"))}
	doc, err := c.find(form)
	root, value := "", any(nil)
	if doc != nil {
		c.op, root = doc.op, doc.op.root
	}
	if err == nil {
		value, err = c.run(doc)
	}
	w.Header().Set("X-Ig-Set-Www-Claim", "hmac."+token(16))
	if _, hit := s.faults.Strike("rotate_csrf", ses.subject("graphql", "")); hit {
		s.rotateCSRF(w, ses)
	}
	body := s.envelope(ses, c.op, root, value, err)
	say(w, fmt.Sprintf("%s -> %s", c.vars, body))
	w.Write(body) //nolint:errcheck // the client is gone, nobody cares
}

// find looks up the document that a request names, and whether it may be used so.
func (c *call) find(form url.Values) (*document, error) {
	id, name := form.Get("doc_id"), form.Get("fb_api_req_friendly_name")
	doc := c.s.docs.byID[id]
	if doc == nil || doc.retired || doc.op.run == nil {
		return nil, &problem{codeUnknownDoc, "The GraphQL document with ID " + id + " was not found."}
	}
	if name != doc.op.name {
		c.s.note(c.ses, fmt.Sprintf("document %s is %s, not %s", id, doc.op.name, name))
		return doc, &problem{codeBadInput, "friendly name does not fit the document"}
	}
	for field, want := range map[string]string{"fb_api_caller_class": "RelayModern", "server_timestamps": "true", "__a": "1", "__d": "www"} {
		if form.Get(field) != want {
			c.s.note(c.ses, fmt.Sprintf("%s with %s=%q", doc.op.key, field, form.Get(field)))
		}
	}
	for _, field := range []string{"__user", "__req", "__rev", "__s", "__hsi", "__spin_r", "__spin_b", "__spin_t", "__comet_req", "jazoest"} {
		if form.Get(field) == "" {
			c.s.note(c.ses, fmt.Sprintf("%s without %s", doc.op.key, field))
		}
	}
	return doc, nil
}

// run checks that all variables are there and lets the operation do its work.
func (c *call) run(doc *document) (any, error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(c.vars, &given); err != nil {
		return nil, &problem{codeBadInput, "variables are not an object"}
	}
	for _, name := range slices.Concat(doc.op.needs, doc.needs) {
		if _, ok := given[name]; !ok {
			c.s.note(c.ses, fmt.Sprintf("%s without variable %s", doc.op.key, name))
			return nil, &direct.Refusal{Code: codeBadInput, Envelope: true, Text: "Bad mutation input"}
		}
	}
	return doc.op.run(c)
}

// into decodes the variables. A form that doesn't fit is the client's mistake.
func (c *call) into(v any) error {
	if err := json.Unmarshal(c.vars, v); err != nil {
		c.s.note(c.ses, fmt.Sprintf("%s with variables of wrong form: %v", c.op.key, err))
		return &problem{codeNotCoercible, "A variable could not be coerced."}
	}
	return nil
}

// envelope is the body of an answer. op is nil if it wasn't found. The lock is held.
func (s *Server) envelope(ses *session, op *operation, root string, value any, err error) []byte {
	what := "graphql/unknown"
	if op != nil {
		what = "graphql/" + op.key
	}
	sub := ses.subject(what, "")
	if args, hit := s.faults.Strike("errors", sub); hit {
		err = &problem{args.Int("code", direct.CodeGeneral), args.Text("message", "A server error occured.")}
		body := s.answer(root, nil, errorEntry(err, args["transient"] != "", args["reauth"] != ""))
		if args["partial"] != "" {
			body = s.answer(root, value, errorEntry(err, args["transient"] != "", args["reauth"] != ""))
		}
		return body
	}
	if _, hit := s.faults.Strike("null_root", sub); hit {
		return s.answer(root, nil, nil)
	}
	var refusal *direct.Refusal
	if errors.As(err, &refusal) && refusal.Envelope {
		return envelopeError(refusal.Code, refusal.Text)
	}
	var entry shape.Object
	if err != nil {
		entry, value = errorEntry(err, false, false), nil
	}
	body := s.answer(root, value, entry)
	if _, hit := s.faults.Strike("prefix", sub); hit {
		body = append([]byte(guard), body...)
	}
	if _, hit := s.faults.Strike("multi_doc", sub); hit {
		body = append(body, "\n{\"label\":\"deferred\",\"path\":[],\"data\":{},\"extensions\":{\"is_final\":true}}"...)
	}
	return body
}

// answer is the body {data, errors, extensions}. A root of "" means that the value is all of data.
func (s *Server) answer(root string, value any, problem shape.Object) []byte {
	data := value
	if root != "" {
		data = shape.Object{root: value}
	}
	now := s.Direct.World.Now()
	answer := shape.Object{"data": data, "extensions": shape.Object{
		"is_final":        true,
		"server_metadata": shape.Object{"request_start_time_ms": now, "time_at_flush_ms": now},
	}}
	if problem != nil {
		answer["errors"] = []shape.Object{problem}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return []byte("null") // nothing that is put in can fail to encode
	}
	return body
}

func errorEntry(err error, transient, reauth bool) shape.Object {
	code := direct.CodeGeneral
	var p *problem
	var refusal *direct.Refusal
	switch {
	case errors.As(err, &p):
		code = p.code
	case errors.As(err, &refusal):
		code = refusal.Code
	}
	return shape.Object{
		"message": err.Error(), "severity": "ERROR", "code": code, "api_error_code": -1, "summary": "Query error",
		"description": err.Error(), "is_silent": false, "is_transient": transient, "requires_reauth": reauth,
		"fbtrace_id": "A", "path": []string{"x"},
	}
}

// envelopeError is the body that says that the whole request failed.
func envelopeError(code int, summary string) []byte {
	return []byte(guard + `{"error":` + strconv.Itoa(code) + `,"errorSummary":` + strconv.Quote(summary) +
		`,"errorDescription":"Please try reloading the page","redirectTo":"","payload":null}`)
}

// number reads an id from its decimal string. Anything else is no id, like 0.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strings.HasPrefix(text, "+") {
		return 0
	}
	return n
}
