package server

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/faults"
	"crosschat/simulator/instagram/shape"
	"crosschat/simulator/instagram/world"
)

// session is a browser that somebody is logged in with. It is behind Direct's lock, but its person and number never change.
type session struct {
	person  *world.Person
	number  int
	secret  string // the cookie sessionid
	csrf    []string
	machine string // mid
	browser string // ig_did
	device  string // of the session page, for sockets
	pages   []pageTokens
	agent   string // the user agent that loaded the session page
	revoked bool
	recent  []time.Time // requests of the last minute, for the rate limit
}

// pageTokens are what one load of the session page hands out.
type pageTokens struct{ dtsg, lsd string }

// keptPages is how many page loads have valid tokens at a time.
const keptPages = 2

// owner is the person's id, "" of no session.
func (ses *session) owner() string {
	if ses == nil {
		return ""
	}
	return shape.ID(ses.person.IGID)
}

func (ses *session) subject(what, id string) faults.Subject {
	sub := faults.Subject{What: what, ID: id}
	if ses != nil {
		sub.Person, sub.Device = ses.owner(), ses.number
	}
	return sub
}

// Login makes a session for somebody and returns the cookies that a browser logged in as them would have, with its number.
// Direct's lock must be held.
func (s *Server) Login(p *world.Person) (map[string]string, int) {
	igid := shape.ID(p.IGID)
	ses := &session{
		person: p, number: len(s.sessions[p]) + 1, machine: "Z" + token(13), browser: strings.ToUpper(uuid()), device: uuid(),
		csrf: []string{token(16)},
	}
	ses.secret = fmt.Sprintf("%s%%3A%s%%3A%d%%3A%s", igid, token(7), ses.number, token(20))
	s.sessions[p] = append(s.sessions[p], ses)
	p.Listening = true
	s.bySecret[ses.secret] = ses
	return map[string]string{
		"sessionid": ses.secret, "csrftoken": ses.csrf[0], "ds_user_id": igid, "mid": ses.machine, "ig_did": ses.browser,
		"datr": token(12), "wd": "1920x1080", "dpr": "1", "rur": s.rur(p),
	}, ses.number
}

// rur is the routing cookie, quoted and with escapes as the real one.
func (s *Server) rur(p *world.Person) string {
	return fmt.Sprintf(`"RVA\054%s\054%d:01f7%s"`, shape.ID(p.Viewer), s.cfg.Now().AddDate(1, 0, 0).Unix(), token(8))
}

// Companions lists somebody's sessions that were not revoked. Direct's lock must be held.
func (s *Server) Companions(p *world.Person) []control.Companion {
	list := []control.Companion{}
	for _, ses := range s.sessions[p] {
		if ses.revoked {
			continue
		}
		c := control.Companion{Device: ses.number, Name: cmp.Or(ses.agent, "web")}
		for conn := range s.conns {
			if conn.ses == ses && conn.kind == socketSync {
				c.Connected, c.Active = true, conn.subscribed
			}
		}
		list = append(list, c)
	}
	return list
}

// Revoke ends a session as the owner would from their app: its cookies are dead and its sockets close. It says whether
// there was such a session. Direct's lock must be held.
func (s *Server) Revoke(p *world.Person, number int) bool {
	for _, ses := range s.sessions[p] {
		if ses.number == number && !ses.revoked {
			ses.revoked = true
			for c := range s.conns {
				if c.ses == ses {
					c.close(closeUnauthorized, "unauthorized")
				}
			}
			return true
		}
	}
	return false
}

// sessionOf finds the session whose cookies a request carries; nil if they are missing, dead or not of one session.
func (s *Server) sessionOf(r *http.Request) *session {
	secret, err := r.Cookie("sessionid")
	if err != nil {
		return nil
	}
	ses := s.bySecret[secret.Value]
	owner, err := r.Cookie("ds_user_id")
	if ses == nil || ses.revoked || err != nil || owner.Value != ses.owner() {
		return nil
	}
	return ses
}

// newPage hands out the tokens of another page load.
func (ses *session) newPage() pageTokens {
	tokens := pageTokens{dtsg: "NA" + token(41), lsd: token(11)}
	ses.pages = append(ses.pages, tokens)
	if len(ses.pages) > keptPages {
		ses.pages = slices.Delete(ses.pages, 0, 1)
	}
	return tokens
}

// knows says whether a request comes with tokens of a page that is not too old, and with the csrf token of its cookie.
func (ses *session) knows(r *http.Request, dtsg, lsd string) bool {
	cookie, err := r.Cookie("csrftoken")
	if err != nil || cookie.Value != r.Header.Get("X-Csrftoken") || !slices.Contains(ses.csrf, cookie.Value) {
		return false
	}
	return lsd != "" && r.Header.Get("X-Fb-Lsd") == lsd && slices.Contains(ses.pages, pageTokens{dtsg, lsd})
}

// rotateCSRF sets another csrf cookie; the one before stays valid for requests under way.
func (s *Server) rotateCSRF(w http.ResponseWriter, ses *session) {
	ses.csrf = append(ses.csrf, token(16))
	if len(ses.csrf) > 2 {
		ses.csrf = slices.Delete(ses.csrf, 0, 1)
	}
	s.setCookie(w, "csrftoken", ses.csrf[len(ses.csrf)-1])
}

// setCookie sets a cookie with both of the lifetimes that clients look for (section 3.1).
func (s *Server) setCookie(w http.ResponseWriter, name, value string) {
	const year = 365 * 24 * 60 * 60
	until := s.cfg.Now().Add(year * time.Second).UTC().Format(http.TimeFormat)
	w.Header().Add("Set-Cookie", fmt.Sprintf("%s=%s; expires=%s; Max-Age=%d; path=/; domain=.instagram.com; secure",
		name, value, until, year))
}

// deleteSession makes the browser forget that it was logged in.
func deleteSession(w http.ResponseWriter) {
	w.Header().Add("Set-Cookie", `sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; path=/; domain=.instagram.com; secure`)
}

// tooMany counts a request and says whether the session made more than it may.
func (s *Server) tooMany(ses *session) bool {
	if s.cfg.RateLimit == 0 || ses == nil {
		return false
	}
	now := s.cfg.Now()
	ses.recent = slices.DeleteFunc(ses.recent, func(at time.Time) bool { return now.Sub(at) > time.Minute })
	if len(ses.recent) >= s.cfg.RateLimit {
		return true
	}
	ses.recent = append(ses.recent, now)
	return false
}

func uuid() string {
	t := token(16)
	return strings.Join([]string{t[:8], t[8:12], t[12:16], t[16:20], t[20:]}, "-")
}
