package server

import (
	"net/http"
	"strconv"
	"strings"

	"crosschat/simulator/instagram/page"
	"crosschat/simulator/instagram/shape"
)

// servePage answers the navigation to the inbox (section 4).
func (s *Server) servePage(w http.ResponseWriter, r *http.Request, ses *session) {
	if ses == nil {
		deleteSession(w)
		w.Header().Set("Location", "/accounts/login/?next="+r.URL.Path)
		w.WriteHeader(http.StatusFound)
		return
	}
	unlock := s.Direct.Lock()
	defer unlock()
	navigation := r.Header.Get("Sec-Fetch-Dest") == "document" && r.Header.Get("Sec-Fetch-Mode") == "navigate"
	values := s.pageValues(ses)
	if navigation {
		s.likeBrowser(r, ses, "page", navigationHeaders)
		ses.agent = r.Header.Get("User-Agent")
		tokens := ses.newPage()
		values.DTSG, values.LSD, values.Jazoest = tokens.dtsg, tokens.lsd, page.Jazoest(tokens.dtsg)
		values.Viewer = s.viewer(ses)
		s.setCookie(w, "rur", s.rur(ses.person))
	} else {
		s.note(ses, "page not loaded as a navigation")
		values.LSD = token(11)
	}
	s.spoilPage(&values, ses)
	body, err := page.Session(values)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeHTML(w, body)
}

func (s *Server) pageValues(ses *session) page.Values {
	const revision = 1026000000
	return page.Values{
		CSRF: ses.csrf[len(ses.csrf)-1], Namespace: "igx_www$a$" + token(8), Device: ses.device, AppID: AppID,
		Revision: revision + int64(s.docs.version), Spin: s.cfg.Now().Unix(), Haste: "20679.HYP:instagram_web_pkg.2.1...0",
		HSI: strconv.FormatInt(s.Direct.World.NewOTID(), 10), ViewerID: ses.owner(), CSRUpgrade: ":1,5",
		Bundles: []string{s.docs.bundleURL(bundleLinked)},
		Resources: []page.Resource{
			{Key: "abc", Type: "js", Source: s.docs.bundleURL(bundleLoaded), C: 1, Bits: ":12,34"},
			{Key: "def", Type: "css", Source: "https://" + hostStatic + bundlePath + "style.css", Bits: ":99"},
		},
	}
}

func (s *Server) viewer(ses *session) *page.Viewer {
	p := ses.person
	picture := s.Direct.Shape.Picture(p)
	return &page.Viewer{
		IGID: shape.ID(p.IGID), FBID: shape.ID(p.FBID), Viewer: shape.ID(p.Viewer),
		Username: p.Username, Name: p.Name, Picture: picture, LargePicture: picture,
	}
}

// spoilPage takes out of a page what a fault says.
func (s *Server) spoilPage(values *page.Values, ses *session) {
	args, hit := s.faults.Strike("page_without", ses.subject("page", ""))
	if !hit {
		return
	}
	switch args["what"] {
	case "dtsg":
		values.DTSG = ""
	case "lsd":
		values.LSD = ""
	case "fbid":
		if values.Viewer != nil {
			values.Viewer.WithoutFBID = true
		}
	case "viewer":
		if values.Viewer != nil {
			values.Viewer.WithoutViewer = true
		}
	case "numbers":
		values.HideNumbers = true
	case "usual_name":
		values.DTSGName = "DTSGInitialData"
	}
}

// serveBundle answers with a script that holds ids of operations. Browsers ask for it without cookies.
func (s *Server) serveBundle(w http.ResponseWriter, r *http.Request, ses *session) {
	if r.Header.Get("Cookie") != "" {
		s.note(ses, "bundle asked for with cookies")
	}
	unlock := s.Direct.Lock()
	defer unlock()
	body, ok := s.docs.bundle(r.URL.Path)
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/x-javascript; charset=utf-8")
	w.Write(body) //nolint:errcheck // the client is gone, nobody cares
}

// serveUserPage answers the navigation to somebody's profile (section 6.14).
func (s *Server) serveUserPage(w http.ResponseWriter, r *http.Request, ses *session) {
	unlock := s.Direct.Lock()
	p := s.Direct.World.ByUsername(strings.Trim(r.URL.Path, "/"))
	unlock()
	if p == nil {
		s.serveGone(w, r, ses)
		return
	}
	writeHTML(w, page.Profile(shape.ID(p.IGID), p.Username))
}

// serveLoop redirects for ever.
func (s *Server) serveLoop(w http.ResponseWriter, r *http.Request, _ *session) {
	n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/loop/")) // what is no number counts as 0
	w.Header().Set("Location", "/loop/"+strconv.Itoa(n+1))
	w.WriteHeader(http.StatusFound)
}

// serveNotice is what stands behind redirects: a client that follows them finds nothing of use.
func (s *Server) serveNotice(w http.ResponseWriter, r *http.Request, _ *session) {
	title, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	writeHTML(w, page.Notice(title))
}

// serveGone is the page of what does not exist (any more), such as the REST calls for messages.
func (s *Server) serveGone(w http.ResponseWriter, r *http.Request, ses *session) {
	s.note(ses, r.Method+" "+r.URL.Path+", which does not exist")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	w.Write(page.Notice("Page not found")) //nolint:errcheck // the client is gone, nobody cares
}
