package server

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/page"
)

// maxBody bounds what a client may send.
const maxBody = 64 << 20

// endpoint is one thing that a client can ask for.
type endpoint struct {
	host string // "" is any
	what string // name in the log and for faults
	// serve answers. What it writes is held back until it is done, unless the endpoint is direct.
	serve  func(s *Server, w http.ResponseWriter, r *http.Request, ses *session)
	direct bool
}

// endpoints by path; a path that ends in a slash stands for what is below it.
func endpoints() map[string]endpoint {
	return map[string]endpoint{
		"/direct/":                           {hostWeb, "page", (*Server).servePage, false},
		"/api/graphql":                       {hostWeb, "graphql", (*Server).serveGraphQL, false},
		"/ajax/navigation/":                  {hostWeb, "navigation", (*Server).serveNavigation, false},
		"/ajax/mercury/upload.php":           {hostWeb, "upload", (*Server).serveUpload, false},
		"/api/v1/media/":                     {hostWeb, "mediainfo", (*Server).serveMediaInfo, false},
		"/api/v1/feed/reels_media/":          {hostWeb, "reels", (*Server).serveReels, false},
		"/api/v1/direct_v2/get_badge_count/": {hostWeb, "badge", (*Server).serveBadge, false},
		"/api/v1/users/web_profile_info/":    {hostWeb, "profileinfo", (*Server).serveProfileInfo, false},
		"/messenger_video/":                  {hostUpload, "rupload/video", (*Server).serveRupload, false},
		"/messenger_image/":                  {hostUpload, "rupload/image", (*Server).serveRupload, false},
		"/graphql_www":                       {hostMobile, "mobile", (*Server).serveMobile, false},
		"/ws/lightspeed":                     {hostGateway, "socket/lightspeed", (*Server).serveSocket, true},
		"/ws/streamcontroller":               {hostGateway, "socket/streamcontroller", (*Server).serveSocket, true},
		"/ws/mqttbypass":                     {hostGateway, "socket/mqttbypass", (*Server).serveSocket, true},
		filePath:                             {"", "media", (*Server).serveFile, true},
		bundlePath:                           {hostStatic, "bundle", (*Server).serveBundle, false},
		"/loop/":                             {hostWeb, "loop", (*Server).serveLoop, false},
		"/challenge/":                        {hostWeb, "notice", (*Server).serveNotice, false},
		"/checkpoint/":                       {hostWeb, "notice", (*Server).serveNotice, false},
		"/consent/":                          {hostWeb, "notice", (*Server).serveNotice, false},
		"/privacy/consent/":                  {hostWeb, "notice", (*Server).serveNotice, false},
		"/accounts/":                         {hostWeb, "notice", (*Server).serveNotice, false},
		"/login.php":                         {hostWeb, "notice", (*Server).serveNotice, false},
		"/api/v1/direct_v2/":                 {hostWeb, "gone", (*Server).serveGone, false},
	}
}

// find says what a request is for: the longest path that fits, or somebody's profile.
func (s *Server) find(table map[string]endpoint, path string) (endpoint, bool) {
	best := ""
	for prefix := range table {
		fits := path == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(path, prefix)
		if fits && len(prefix) > len(best) {
			best = prefix
		}
	}
	if best != "" {
		return table[best], true
	}
	if name := strings.Trim(path, "/"); name != "" && !strings.Contains(name, "/") {
		return endpoint{hostWeb, "userpage", (*Server).serveUserPage, false}, true
	}
	return endpoint{}, false
}

// rightHost says whether a host has an endpoint. A client that dials by address reaches everything.
func rightHost(e endpoint, asked string) bool {
	host, _, _ := strings.Cut(asked, ":")
	played := strings.HasSuffix(host, "instagram.com") || strings.HasSuffix(host, ".facebook.com") || strings.HasSuffix(host, ".fbcdn.net")
	switch {
	case !played:
		return true
	case e.what == "media":
		return strings.HasSuffix(host, ".cdninstagram.com") && host != hostStatic || strings.HasSuffix(host, ".fbcdn.net")
	default:
		return e.host == host
	}
}

// handler answers every request: what it is for, what is broken, the log.
func (s *Server) handler() http.Handler {
	table := endpoints()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unlock := s.Direct.Lock()
		ses := s.sessionOf(r)
		limited := s.tooMany(ses)
		unlock()
		e, ok := s.find(table, r.URL.Path)
		if !ok || !rightHost(e, r.Host) {
			s.note(ses, fmt.Sprintf("%s %s%s", r.Method, r.Host, r.URL.Path))
			http.NotFound(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		x := &exchange{ResponseWriter: w, what: e.what, status: http.StatusOK}
		if e.what == "media" {
			x.what += "/" + r.Method
		}
		defer func() {
			if e.what == "media" {
				x.said = fmt.Sprintf("%d bytes", x.sent)
			}
			s.record(ses, "out", fmt.Sprintf("%s %d %s", x.what, x.status, x.said))
		}()
		if e.what == "graphql" {
			// Faults know operations by key, which is in the body.
			x.what = "graphql/" + s.operationOf(r)
		}
		s.record(ses, "in", fmt.Sprintf("%s %s %s%s", x.what, r.Method, r.Host, r.URL.Path))
		if limited {
			x.Header().Set("Retry-After", "60")
			x.WriteHeader(http.StatusTooManyRequests)
			return
		}
		s.serve(x, r, e, ses)
	})
}

// record adds to the log.
func (s *Server) record(ses *session, direction, data string) {
	e := control.LogEntry{Direction: direction, Data: data}
	if ses != nil {
		e.Person, e.Device = ses.owner(), ses.number
	}
	s.log.Add(e)
}

// exchange is an answer on its way, with what the log will say of it.
type exchange struct {
	http.ResponseWriter
	what   string
	status int
	said   string
	sent   int64 // bytes of the body, taken by the client or on their way there
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(b []byte) (int, error) {
	n, err := x.ResponseWriter.Write(b)
	x.sent += int64(n)
	return n, err
}

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	x.status = status
	x.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a websocket take the connection over.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// serve applies the faults that any request may meet, and answers.
func (s *Server) serve(x *exchange, r *http.Request, e endpoint, ses *session) {
	sub := ses.subject(x.what, r.URL.Path)
	if args, hit := s.faults.Strike("http_delay", sub); hit && !s.wait(r, args.Delay()) {
		return
	}
	if args, hit := s.faults.Strike("http_drop", sub); hit {
		if args["point"] == "after" {
			e.serve(s, &held{header: http.Header{}, status: http.StatusOK}, r, ses)
		}
		x.said = "dropped"
		panic(http.ErrAbortHandler) // the documented way to break a connection off
	}
	if s.broken(x, r, ses, e) {
		return
	}
	if e.direct {
		e.serve(s, x, r, ses)
		return
	}
	answer := &held{header: x.Header(), status: http.StatusOK}
	release := s.holdEcho(ses, sub)
	e.serve(s, answer, r, ses)
	x.said = answer.said
	s.awaitEcho(r, ses, sub)
	x.WriteHeader(answer.status)
	x.Write(answer.body.Bytes()) //nolint:errcheck // the client is gone, nobody cares
	release()
}

// broken answers a request in the place of its endpoint if a fault says so.
func (s *Server) broken(x *exchange, r *http.Request, ses *session, e endpoint) bool {
	sub := ses.subject(x.what, r.URL.Path)
	if args, hit := s.faults.Strike("redirect", sub); hit {
		if args["delete"] != "" {
			deleteSession(x)
		}
		x.Header().Set("Location", args.Text("to", "/challenge/?next="+r.URL.Path))
		x.WriteHeader(http.StatusFound)
		return true
	}
	if args, hit := s.faults.Strike("http_status", sub); hit {
		if after := args["retry_after"]; after != "" {
			x.Header().Set("Retry-After", after)
		}
		x.WriteHeader(args.Int("status", http.StatusServiceUnavailable))
		return true
	}
	if args, hit := s.faults.Strike("http_html", sub); hit {
		writeHTML(x, page.Notice(args.Text("title", "Sorry, something went wrong")))
		return true
	}
	if args, hit := s.faults.Strike("body", sub); hit {
		x.Header().Set("Content-Type", args.Text("content_type", "text/javascript; charset=utf-8"))
		x.WriteHeader(args.Int("status", http.StatusOK))
		x.Write([]byte(args["body"])) //nolint:errcheck // the client is gone, nobody cares
		return true
	}
	if args, hit := s.faults.Strike("error", sub); hit {
		x.Write(envelopeError(args.Int("code", 1357001), args.Text("summary", "Sorry, something went wrong"))) //nolint:errcheck // as above
		return true
	}
	if _, hit := s.faults.Strike("stale_tokens", sub); hit && ses != nil {
		unlock := s.Direct.Lock()
		ses.pages = nil
		unlock()
	}
	return false
}

// wait blocks for a while; false if the client or the server went away meanwhile.
func (s *Server) wait(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
	return false
}

// held is an answer that is not sent yet.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
	said   string
}

// Header implements http.ResponseWriter.
func (h *held) Header() http.Header { return h.header }

// Write implements http.ResponseWriter.
func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }

// WriteHeader implements http.ResponseWriter.
func (h *held) WriteHeader(status int) { h.status = status }

// say is what the log tells of an answer, cut where it gets long.
func say(w http.ResponseWriter, text string) {
	const most = 4000
	if h, ok := w.(*held); ok {
		h.said = text[:min(len(text), most)]
	}
}

func writeHTML(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(body) //nolint:errcheck // the client is gone, nobody cares
}

// Headers that a browser sends with every request of a kind (sections 4.1 and 5.1).
var (
	navigationHeaders = []string{
		"Accept", "Accept-Language", "User-Agent", "Sec-Ch-Ua", "Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform",
		"Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Upgrade-Insecure-Requests",
	}
	xhrHeaders = []string{
		"Accept", "Accept-Language", "User-Agent", "Sec-Ch-Ua", "Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform",
		"Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Referer", "X-Csrftoken", "X-Ig-App-Id", "X-Asbd-Id",
	}
)

// likeBrowser notes what of a request no browser would do: headers that are missing, or another browser than the one that
// loaded the session's page.
func (s *Server) likeBrowser(r *http.Request, ses *session, what string, wanted []string) {
	var missing []string
	hints := strings.Contains(r.UserAgent(), "Chrome/") // no other browser sends them
	for _, name := range wanted {
		if r.Header.Get(name) == "" && (hints || !strings.HasPrefix(name, "Sec-Ch-Ua")) {
			missing = append(missing, strings.ToLower(name))
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		s.note(ses, fmt.Sprintf("%s without headers %s", what, strings.Join(missing, ", ")))
	}
	if agent := r.Header.Get("User-Agent"); ses != nil && ses.agent != "" && agent != ses.agent {
		s.note(ses, fmt.Sprintf("%s by another browser, %q", what, agent))
	}
}
