package server

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/page"
)

// endpoint is one thing that an HTTP client can ask for.
type endpoint struct {
	hosts []string
	what  string // name in the log and for faults
	serve func(s *Server, w http.ResponseWriter, r *http.Request)
	// direct endpoints write to the client themselves. What the others write is held back until they are done, since they
	// hold the server's lock.
	direct bool
}

// find says which endpoint a request is for; false if there is none.
func (s *Server) find(r *http.Request) (endpoint, bool) {
	path := r.URL.Path
	switch {
	case path == "/messages" || strings.HasPrefix(path, "/messages/") || path == "/":
		return endpoint{[]string{HostWeb}, "page", (*Server).servePage, false}, true
	case path == "/api/graphql/":
		return endpoint{[]string{HostWeb}, "graphql/" + r.Header.Get("X-Fb-Friendly-Name"), (*Server).serveGraphQL, false}, true
	case path == "/ajax/mercury/upload.php":
		return endpoint{[]string{HostWeb}, "upload", (*Server).serveUpload, false}, true
	case path == "/ws/lightspeed":
		return endpoint{[]string{HostGateway}, "gateway", (*Server).serveGateway, true}, true
	case path == "/v2/fb_icdc_fetch":
		return endpoint{[]string{HostRegister}, "icdc/fetch", (*Server).serveICDCFetch, false}, true
	case path == "/v2/fb_register_v2":
		return endpoint{[]string{HostRegister}, "icdc/register", (*Server).serveRegister, false}, true
	case path == "/ws/chat" && s.cfg.Chat != nil:
		return endpoint{[]string{HostChat}, "chat", func(s *Server, w http.ResponseWriter, r *http.Request) {
			s.cfg.Chat.ServeHTTP(w, r)
		}, true}, true
	case strings.HasPrefix(path, "/v/t1.15752-9/"):
		return endpoint{[]string{HostFiles, HostVideos}, "media/" + r.Method, (*Server).serveFile, true}, true
	case strings.HasPrefix(path, "/rsrc.php/"):
		return endpoint{[]string{HostStatic}, "static", (*Server).serveScript, false}, true
	case s.cfg.ChatMedia != nil && (strings.HasPrefix(path, "/wa-msgr/") || strings.HasPrefix(path, "/v/")):
		return endpoint{MediaHosts, "e2eemedia/" + r.Method, func(s *Server, w http.ResponseWriter, r *http.Request) {
			s.cfg.ChatMedia.ServeHTTP(w, r)
		}, true}, true
	case notices[noticeOf(path)] != "":
		return endpoint{[]string{HostWeb}, "notice", (*Server).serveNotice, false}, true
	}
	return endpoint{}, false
}

// notices are the pages behind redirects, by the first element of their path.
var notices = map[string]string{
	"login.php": "Log in", "login": "Log in", "checkpoint": "Checkpoint", "challenge": "Challenge", "consent": "Consent",
	"privacy": "Privacy", "accounts": "Suspended", "auth_platform": "Confirm it's you",
}

func noticeOf(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

func (s *Server) serveNotice(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(page.Notice(notices[noticeOf(r.URL.Path)])) //nolint:errcheck // the client is gone, nobody cares
}

func (s *Server) serveScript(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	version := s.version
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-javascript; charset=utf-8")
	w.Write(page.VersionScript(version)) //nolint:errcheck // the client is gone, nobody cares
}

// handler routes by path, and refuses a path on a host that doesn't have it. A client that dials by address is let
// through, so that a test can send everything to one place.
func (s *Server) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		ses := s.sessionOf(r)
		s.mu.Unlock()
		e, ok := s.find(r)
		if !ok || !rightHost(e.hosts, r.Host) {
			s.note(accountOf(ses), fmt.Sprintf("%s %s%s", r.Method, r.Host, r.URL.Path))
			http.NotFound(w, r)
			return
		}
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			entry := control.LogEntry{Direction: "in", Data: fmt.Sprintf("%s %s%s [%s]: %d", r.Method, r.Host, r.URL.Path, e.what, recorder.status)}
			if ses != nil {
				entry.Person, entry.Device = person(ses.account.ID), ses.number
			}
			s.log.Add(entry)
		}()
		s.serveFaulty(recorder, r, e, ses)
	})
}

func accountOf(ses *session) *account {
	if ses == nil {
		return nil
	}
	return ses.account
}

func rightHost(hosts []string, asked string) bool {
	host, _, _ := strings.Cut(asked, ":")
	if !strings.HasSuffix(host, ".facebook.com") && !strings.HasSuffix(host, ".fbcdn.net") {
		return true
	}
	for _, h := range hosts {
		if h == host {
			return true
		}
	}
	return false
}

// serveFaulty applies the faults that any request may meet.
func (s *Server) serveFaulty(w http.ResponseWriter, r *http.Request, e endpoint, ses *session) {
	sub := ses.subject(e.what, r.URL.Path)
	if args, hit := s.faults.Strike("http_delay", sub); hit {
		select {
		case <-time.After(args.Delay()):
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
	if args, hit := s.faults.Strike("http_drop", sub); hit {
		if args["point"] == "after" {
			e.serve(s, &held{header: http.Header{}, status: http.StatusOK}, r)
		}
		panic(http.ErrAbortHandler) // the documented way to break a connection off
	}
	if args, hit := s.faults.Strike("http_status", sub); hit {
		if after := args["retry_after"]; after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(args.Int("status", http.StatusServiceUnavailable))
		return
	}
	if _, hit := s.faults.Strike("http_html", sub); hit {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page.Notice("Sorry, something went wrong")) //nolint:errcheck // the client is gone, nobody cares
		return
	}
	if e.direct {
		e.serve(s, w, r)
		return
	}
	answer := &held{header: w.Header(), status: http.StatusOK}
	e.serve(s, answer, r)
	w.WriteHeader(answer.status)
	w.Write(answer.body.Bytes()) //nolint:errcheck // the client is gone, nobody cares
}

// statusRecorder remembers the status of an answer for the log.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a websocket take the connection over.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// held is an answer that is not sent yet.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (h *held) Header() http.Header { return h.header }

// Write implements http.ResponseWriter.
func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }

// WriteHeader implements http.ResponseWriter.
func (h *held) WriteHeader(status int) { h.status = status }
