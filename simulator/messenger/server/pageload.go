package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/page"
)

// Constants that the real pages have and clients must scrape.
const (
	appID          = "2220391788200892"
	dgwAppID       = "2220391788200892"
	messengerAppID = 772021112871879
	revision       = 1029000000
	hasteSession   = "20600.HYP:comet_pkg.2.1...0"
)

// syncParams are what a client must send with the first query of each channel.
var syncParams = map[int64]string{
	1: `{"locale":"en_US","mb":1}`,
	2: `{"locale":"en_US","ct":1}`,
	0: `{"locale":"en_US","e2":1}`,
}

// bareParams are what a client sends when the page had none.
const bareParams = `{"locale":"en_US"}`

// servePage answers a page load (section 1.2).
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ses := s.sessionOf(r)
	if args, hit := s.faults.Strike("redirect", ses.subject("page", r.URL.Path)); hit {
		if args["delete_xs"] == "1" {
			deleteSecret(w)
		}
		redirect(w, args.Text("url", args.Text("path", "/checkpoint/")))
		return
	}
	if ses == nil || ses.revoked {
		deleteSecret(w)
		redirect(w, "/login.php?next="+url.QueryEscape("https://"+HostWeb+r.URL.Path))
		return
	}
	if gate := ses.account.gate; gate != "" {
		redirect(w, gate)
		return
	}
	shapes := s.shapes(ses)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if shapes["logged_out"] {
		w.Write(page.LoggedOut()) //nolint:errcheck // the client is gone, nobody cares
		return
	}
	s.checkBrowser(ses, r)
	w.Write(s.pageFor(ses, r, shapes).Write()) //nolint:errcheck // the client is gone, nobody cares
}

func deleteSecret(w http.ResponseWriter) {
	w.Header().Add("Set-Cookie", "xs=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/; domain=.facebook.com; secure; httponly")
}

func redirect(w http.ResponseWriter, target string) {
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
}

// checkBrowser notes a browser that changes within a session, or that is no browser.
func (s *Server) checkBrowser(ses *session, r *http.Request) {
	agent := r.UserAgent()
	switch {
	case !strings.HasPrefix(agent, "Mozilla/5.0"):
		s.note(ses.account, fmt.Sprintf("user agent %q", agent))
	case ses.userAgent == "":
		ses.userAgent = agent
	case ses.userAgent != agent:
		s.note(ses.account, fmt.Sprintf("user agent changed from %q to %q", ses.userAgent, agent))
	}
}

// pageFor makes a page with fresh tokens.
func (s *Server) pageFor(ses *session, r *http.Request, shapes map[string]bool) page.Values {
	ses.loads++
	dtsg, lsd := "NAf"+token(8)+":"+fmt.Sprint(ses.loads)+":2", token(8)
	ses.tokens[dtsg], ses.tokens[lsd] = true, true
	crypto, ends := s.newCAT(ses.account)
	v := page.Values{
		UserID: ses.account.ID, Name: ses.account.Name, ShortName: ses.account.FirstName, AppID: appID, DTSG: dtsg, LSD: lsd,
		CometReq: "15", JazoEst: page.JazoEst(dtsg), DeviceID: ses.deviceID, Version: s.version, DocID: s.docID,
		Revision: revision, SpinTime: s.cfg.Now().Unix(), Haste: hasteSession, HSI: fmt.Sprint(7500000000000000000 + int64(ses.loads)),
		DGWAppID: dgwAppID, MessengerAppID: messengerAppID, CAT: crypto, CATExpires: ends,
		MailboxParams: syncParams[1], ContactParams: syncParams[2], E2EEParams: syncParams[0],
	}
	v.Initialize, v.Decoys, v.Checkpointed = shapes["initialize"], shapes["decoys"], shapes["checkpointed"]
	v.Unprefetched, v.EmptyTable = shapes["no_table"], shapes["empty_table"]
	v.Bitmap = r.Header.Get("Sec-Fetch-Site") == "none" && !shapes["plain"] // without that header the page lacks it
	v.Without = map[string]bool{}
	if args, hit := s.faults.Rules("page_without", ses.subject("page", "")); hit {
		for name := range strings.SplitSeq(args["what"], ",") {
			v.Without[strings.TrimSpace(name)] = true
		}
	}
	if shapes["script"] {
		v.Without["preloader"] = true
		v.VersionScript = "https://" + HostStatic + "/rsrc.php/v4/yX/r/abc.js"
	}
	if !v.Unprefetched {
		calls, _, _ := s.answer(ses.account, lightspeed.Mailbox, nil)
		table := lightspeed.NewWebResponse(calls)
		v.Prefetched = &table
	}
	return v
}

// newCAT makes a crypto auth token.
func (s *Server) newCAT(a *account) (string, int64) {
	ends := s.cfg.Now().Add(s.cfg.CATLife).Unix()
	crypto := "AQ" + token(16)
	s.cats[crypto] = &cat{account: a, expires: ends}
	return crypto, ends
}
