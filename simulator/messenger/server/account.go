package server

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// account is a person with what the server keeps for their clients.
type account struct {
	*world.Person
	logs     map[int64]*syncLog
	sessions []*session
	// gate is the path that every page load is sent to, and nothing else works: a checkpoint or the like. Empty is none.
	gate string
}

// session is one browser login: a set of cookies.
type session struct {
	number    int
	account   *account
	secret    string // cookie xs
	browser   string // cookie datr
	userAgent string // of the first page load
	deviceID  string
	loads     int
	tokens    map[string]bool // dtsg and lsd that are valid
	revoked   bool
	gateways  map[*gateway]bool
}

// cat is a crypto auth token.
type cat struct {
	account *account
	expires int64 // unix
}

// syncLog is the log of one sync database. Position n is behind the first n entries.
type syncLog struct {
	entries [][]lightspeed.Call
}

// addAccount makes the account of a person. The databases that can hold something begin at position 1, so that a first
// answer always has a cursor to give.
func (s *Server) addAccount(p *world.Person) *account {
	a := &account{Person: p, logs: map[int64]*syncLog{}}
	for _, db := range []int64{lightspeed.Mailbox, lightspeed.Contacts, lightspeed.Requests} {
		a.logs[db] = &syncLog{entries: make([][]lightspeed.Call, 1)}
	}
	a.logs[lightspeed.Metadata] = &syncLog{}
	s.accounts[p.ID] = a
	return a
}

// addSession logs a browser in.
func (s *Server) addSession(a *account) *session {
	ses := &session{
		number: len(a.sessions) + 1, account: a, secret: fmt.Sprintf("%d:%s:2:%d", len(a.sessions)+1, token(8), s.cfg.Now().Unix()),
		browser: token(12), deviceID: uuid(), tokens: map[string]bool{}, gateways: map[*gateway]bool{},
	}
	a.sessions = append(a.sessions, ses)
	s.bySecret[ses.secret] = ses
	return ses
}

func (s *session) cookies() map[string]string {
	return map[string]string{
		"c_user": person(s.account.ID), "xs": s.secret, "datr": s.browser, "sb": "sb" + s.browser[:8], "fr": "fr" + s.browser[:8],
		"wd": "1280x720",
	}
}

func uuid() string {
	t := token(16)
	return t[:8] + "-" + t[8:12] + "-4" + t[13:16] + "-8" + t[17:20] + "-" + t[20:]
}

// sessionOf finds the session of a request's cookies, whether or not it is still good; nil if there is none.
func (s *Server) sessionOf(r *http.Request) *session {
	secret, user, browser := cookie(r, "xs"), cookie(r, "c_user"), cookie(r, "datr")
	ses := s.bySecret[secret]
	if ses == nil {
		ses = s.bySecret[strings.ReplaceAll(secret, "%3A", ":")] // browsers copy it escaped
	}
	if ses == nil || user != person(ses.account.ID) || browser != ses.browser {
		return nil
	}
	return ses
}

// valid says whether the session may do anything.
func (s *session) valid() bool { return s != nil && !s.revoked && s.account.gate == "" }

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// position is a place in a log. Offset counts threads or contacts of a snapshot that goes on.
type position struct {
	at     int
	offset int
}

// cursor writes a position; it is opaque to clients.
func (a *account) cursor(db int64, p position) string {
	c := fmt.Sprintf("sim%d.%d.%s", db, p.at, strconv.FormatInt(a.ID, 36))
	if p.offset > 0 {
		c += ".s" + strconv.Itoa(p.offset)
	}
	return c
}

// position reads a cursor; false if it is not one of this account and database.
func (a *account) position(db int64, cursor string) (position, bool) {
	parts := strings.Split(cursor, ".")
	if len(parts) < 3 || len(parts) > 4 || parts[0] != fmt.Sprintf("sim%d", db) || parts[2] != strconv.FormatInt(a.ID, 36) {
		return position{}, false
	}
	at, err := strconv.Atoi(parts[1])
	if err != nil || at < 0 || at > len(a.logs[db].entries) {
		return position{}, false
	}
	p := position{at: at}
	if len(parts) == 4 {
		offset, found := strings.CutPrefix(parts[3], "s")
		if p.offset, err = strconv.Atoi(offset); err != nil || !found || p.offset < 1 {
			return position{}, false
		}
	}
	return p, true
}

// append logs a transaction of a database and pushes it to every client of the account that has synced it.
func (s *Server) append(a *account, db int64, calls ...lightspeed.Call) {
	l := a.logs[db]
	l.entries = append(l.entries, calls)
	end := len(l.entries)
	block := lightspeed.Block{
		Database: db, Current: a.cursor(db, position{at: end - 1}), Next: a.cursor(db, position{at: end}), SequenceID: int64(end),
	}
	for _, ses := range a.sessions {
		for g := range ses.gateways {
			g.push(db, s.transaction(a, block, calls))
		}
	}
}

// tell pushes rows that no cursor covers: typing, and answers that come as a push.
func (s *Server) tell(a *account, db int64, calls ...lightspeed.Call) {
	for _, ses := range a.sessions {
		for g := range ses.gateways {
			g.push(db, calls)
		}
	}
}

// transaction puts calls between the rows that begin and end a sync transaction.
func (s *Server) transaction(a *account, block lightspeed.Block, calls []lightspeed.Call) []lightspeed.Call {
	sub := s.subject(a, "block/"+strconv.FormatInt(block.Database, 10), "")
	first := block.First()
	if _, newer := s.faults.Rules("v4_block", sub); newer {
		first = block.FirstV4()
	}
	out := make([]lightspeed.Call, 0, len(calls)+2)
	if _, none := s.faults.Rules("no_block", sub); !none {
		out = append(out, first)
	}
	out = append(out, calls...)
	return append(out, block.Finally())
}
