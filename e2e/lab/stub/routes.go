package stub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"maunium.net/go/mautrix/id"
)

type object = map[string]any

// handler routes what bridgev2 asks of a homeserver. Whatever else is asked is answered with M_UNRECOGNIZED.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	const v3, rooms = "/_matrix/client/v3", "/_matrix/client/v3/rooms/{room}"
	mux.HandleFunc("GET /_matrix/client/versions", s.answer(func(call) (any, error) {
		return object{"versions": []string{"v1.1", "v1.4", "v1.7", "v1.11"}, "unstable_features": object{}}, nil
	}))
	mux.HandleFunc("GET "+v3+"/account/whoami", s.answer(func(c call) (any, error) { return object{"user_id": c.user}, nil }))
	mux.HandleFunc("POST "+v3+"/register", s.answer(s.register))
	mux.HandleFunc("GET "+v3+"/capabilities", s.answer(func(call) (any, error) { return object{"capabilities": object{}}, nil }))
	mux.HandleFunc("POST /_matrix/client/v1/appservice/{id}/ping", s.answer(s.ping))
	mux.HandleFunc("GET "+v3+"/profile/{user}", s.answer(s.profile))
	mux.HandleFunc("GET "+v3+"/profile/{user}/{field}", s.answer(s.profile))
	mux.HandleFunc("PUT "+v3+"/profile/{user}/{field}", s.answer(s.setProfile))
	config := s.answer(func(call) (any, error) { return object{"m.upload.size": 100 << 20}, nil })
	mux.HandleFunc("GET /_matrix/client/v1/media/config", config)
	mux.HandleFunc("GET /_matrix/media/v3/config", config)
	mux.HandleFunc("POST /_matrix/media/v3/upload", s.answer(s.upload))
	mux.HandleFunc("GET /_matrix/client/v1/media/download/{server}/{id}", s.download)
	mux.HandleFunc("POST "+v3+"/createRoom", s.answer(s.createRoom))
	join := s.answer(func(c call) (any, error) { return s.setMember(c, c.user, "join") })
	mux.HandleFunc("POST "+v3+"/join/{room}", join)
	mux.HandleFunc("POST "+rooms+"/join", join)
	mux.HandleFunc("POST "+rooms+"/leave", s.answer(func(c call) (any, error) { return s.setMember(c, c.user, "leave") }))
	mux.HandleFunc("POST "+rooms+"/invite", s.answer(s.invite))
	mux.HandleFunc("PUT "+rooms+"/send/{type}/{txn}", s.answer(s.send))
	mux.HandleFunc("PUT "+rooms+"/redact/{event}/{txn}", s.answer(s.redact))
	mux.HandleFunc("GET "+rooms+"/state", s.answer(s.allState))
	mux.HandleFunc("GET "+rooms+"/state/{type}", s.answer(s.state))
	mux.HandleFunc("GET "+rooms+"/state/{type}/{key...}", s.answer(s.state))
	mux.HandleFunc("PUT "+rooms+"/state/{type}", s.answer(s.setState))
	mux.HandleFunc("PUT "+rooms+"/state/{type}/{key...}", s.answer(s.setState))
	mux.HandleFunc("GET "+rooms+"/members", s.answer(s.members))
	mux.HandleFunc("GET "+rooms+"/joined_members", s.answer(s.members))
	nothing := s.answer(func(call) (any, error) { return object{}, nil })
	mux.HandleFunc("GET "+v3+"/user/{user}/account_data/{type}", s.answer(s.accountData))
	mux.HandleFunc("PUT "+v3+"/user/{user}/account_data/{type}", s.answer(s.setAccountData))
	for _, what := range []string{"PUT " + rooms + "/typing/{user}", "POST " + rooms + "/read_markers", "POST " + rooms + "/receipt/{type}/{event}",
		"PUT " + v3 + "/presence/{user}/status", "PUT " + v3 + "/user/{user}/rooms/{room}/account_data/{type}"} {
		mux.HandleFunc(what, nothing)
	}
	mux.HandleFunc("/", s.answer(func(c call) (any, error) {
		return nil, refusal{http.StatusNotFound, "M_UNRECOGNIZED", c.Method + " " + c.URL.Path}
	}))
	return mux
}

// call is a request with its body read, and whom the bridge acts as.
type call struct {
	*http.Request
	user id.UserID
	body []byte
}

// decode reads the body as JSON.
func (c call) decode(into any) error {
	if err := json.Unmarshal(c.body, into); err != nil {
		return refusal{http.StatusBadRequest, "M_NOT_JSON", err.Error()}
	}
	return nil
}

// refusal is an answer that is not 200.
type refusal struct {
	status  int
	code    string
	message string
}

func (r refusal) Error() string { return r.code + ": " + r.message }

var noRoom = refusal{http.StatusNotFound, "M_NOT_FOUND", "no such room"}

// answer wraps a handler that returns what is to be sent as JSON, or a refusal.
func (s *Server) answer(handle func(call) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.opts.Delay > 0 {
			time.Sleep(s.opts.Delay) // the latency of a homeserver, not a wait for anything
		}
		if s.opts.Intercept != nil && s.opts.Intercept(w, r) {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the bridge has gone away
		}
		s.mu.Lock()
		c := call{Request: r, user: id.UserID(r.URL.Query().Get("user_id")), body: body}
		if c.user == "" {
			c.user = s.bot
		}
		if s.opts.Record {
			recorded := json.RawMessage(body)
			if !json.Valid(body) {
				recorded = nil // media
			}
			s.requests = append(s.requests, Request{Time: time.Now(), Method: r.Method, Path: r.URL.EscapedPath(), User: c.user, Body: recorded})
		}
		s.mu.Unlock()
		result, err := handle(c)
		status := http.StatusOK
		if err != nil {
			refused, ok := err.(refusal)
			if !ok {
				refused = refusal{http.StatusInternalServerError, "M_UNKNOWN", err.Error()}
			}
			status, result = refused.status, object{"errcode": refused.code, "error": refused.message}
		}
		var out bytes.Buffer
		if err = json.NewEncoder(&out).Encode(result); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = out.WriteTo(w)
	}
}

func (s *Server) register(c call) (any, error) {
	var req struct {
		Username string `json:"username"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	return object{"user_id": id.NewUserID(req.Username, s.Domain), "access_token": "unused", "device_id": "STUB"}, nil
}

func (s *Server) ping(c call) (any, error) {
	var req struct {
		Transaction string `json:"transaction_id"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	s.mu.Lock()
	push := s.push
	s.mu.Unlock()
	if push == nil {
		return nil, refusal{http.StatusBadRequest, "M_URL_NOT_SET", "no bridge is attached"}
	}
	if err := push.ping(c.Context(), req.Transaction); err != nil {
		return nil, refusal{http.StatusBadGateway, "M_CONNECTION_FAILED", err.Error()}
	}
	return object{"duration_ms": 1}, nil
}

func (s *Server) profile(c call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fields := s.profiles[id.UserID(c.PathValue("user"))]
	if name := c.PathValue("field"); name != "" {
		if fields[name] == nil {
			return object{}, nil // as Synapse answers for a user who is there, and the stub knows everybody
		}
		return object{name: fields[name]}, nil
	}
	all := make(object)
	for name, value := range fields {
		all[name] = value
	}
	return all, nil
}

func (s *Server) setProfile(c call) (any, error) {
	var fields map[string]json.RawMessage
	if err := c.decode(&fields); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user, name := id.UserID(c.PathValue("user")), c.PathValue("field")
	if s.profiles[user] == nil {
		s.profiles[user] = make(map[string]json.RawMessage)
	}
	s.profiles[user][name] = fields[name]
	return object{}, nil
}

func (s *Server) accountData(c call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := s.account[accountKey{id.UserID(c.PathValue("user")), c.PathValue("type")}]
	if data == nil {
		return nil, refusal{http.StatusNotFound, "M_NOT_FOUND", "no such account data"}
	}
	return data, nil
}

func (s *Server) setAccountData(c call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account[accountKey{id.UserID(c.PathValue("user")), c.PathValue("type")}] = c.body
	return object{}, nil
}

func (s *Server) upload(c call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	name := fmt.Sprintf("media%d", s.sequence)
	s.media[name] = c.body
	return object{"content_uri": "mxc://" + s.Domain + "/" + name}, nil
}

func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	data, ok := s.media[r.PathValue("id")]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(data)
}
