package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxBody bounds a request: a 100 MB file in base64 and some room.
const maxBody = 160 << 20

// defaultAwait is how long an await without its own timeout waits.
const defaultAwait = 10 * time.Second

// Server answers the control API for the networks that it was made with. It is an http.Handler; each request runs in
// its own goroutine and may block there as long as an await asks for.
type Server struct {
	networks map[string]Network
	mux      *http.ServeMux
}

// NewServer makes a server over networks, whose names must differ.
func NewServer(networks ...Network) *Server {
	s := &Server{networks: make(map[string]Network, len(networks)), mux: http.NewServeMux()}
	for _, n := range networks {
		s.networks[n.Name()] = n
	}
	s.routePeople()
	s.routeActions()
	s.routeNetwork()
	s.routeSpecial()
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, NotFound("no such call: %s %s", r.Method, r.URL.Path))
	})
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mux.ServeHTTP(w, r)
}

// call is one request after its path was understood.
type call struct {
	ctx     context.Context
	network Network
	person  string
	request *http.Request
}

// path returns a wildcard of the request's path.
func (c call) path(name string) string { return c.request.PathValue(name) }

// route registers a call whose body, if it has one, is a Req and whose answer is whatever f returns.
func route[Req any](s *Server, pattern string, f func(c call, req Req) (any, error)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("network")
		n, ok := s.networks[name]
		if !ok {
			writeError(w, NotFound("no network %q is simulated", name))
			return
		}
		var req Req
		if r.Method == http.MethodPost {
			if err := readBody(w, r, &req); err != nil {
				writeError(w, err)
				return
			}
		}
		answer, err := f(call{r.Context(), n, r.PathValue("id"), r}, req)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	})
}

// none is the body of calls that have none, and the answer of calls that only succeed.
type none struct{}

func done(err error) (any, error) { return none{}, err }

func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if errors.Is(err, io.EOF) {
		return nil // no body: every field at its zero value
	}
	if err != nil {
		return Invalid("body is not what this call takes: %v", err)
	}
	return nil
}

// number reads a whole number from the query; missing is 0.
func number(r *http.Request, key string) (int, error) {
	text := r.URL.Query().Get(key)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, Invalid("%s=%q is not a number", key, text)
	}
	return n, nil
}

// withDeadline bounds an await.
func withDeadline(ctx context.Context, timeoutMS int) (context.Context, context.CancelFunc) {
	timeout := time.Duration(timeoutMS) * time.Millisecond
	if timeout <= 0 {
		timeout = defaultAwait
	}
	return context.WithTimeout(ctx, timeout)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		status, data = http.StatusInternalServerError, fmt.Appendf(nil, `{"error":%q}`, err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the caller is gone: nobody to tell
}

func writeError(w http.ResponseWriter, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Status: http.StatusInternalServerError, Message: err.Error()}
	} else if full := err.Error(); full != e.Error() {
		e = &Error{Status: e.Status, Message: full} // keep what wraps it
	}
	if e.Status == 0 {
		e.Status = http.StatusInternalServerError
	}
	writeJSON(w, e.Status, e)
}
