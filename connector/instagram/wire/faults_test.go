package wire

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"crosschat/connector/metaweb/web"
	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
)

func TestStops(t *testing.T) {
	for name, test := range map[string]struct {
		args   map[string]string
		kind   web.Kind
		action Action
		url    bool
	}{
		"challenge":        {map[string]string{"to": "/challenge/?next=/"}, web.Challenge, AskUser, true},
		"checkpoint":       {map[string]string{"to": "https://www.instagram.com/checkpoint/1/"}, web.Checkpoint, AskUser, true},
		"consent":          {map[string]string{"to": "/consent/?flow=x"}, web.Consent, AskUser, true},
		"other consent":    {map[string]string{"to": "/privacy/consent/x/"}, web.Consent, AskUser, true},
		"suspended":        {map[string]string{"to": "/accounts/suspended/"}, web.Suspended, AskUser, true},
		"login":            {map[string]string{"to": "/accounts/login/?next=/"}, web.LoggedOut, LogIn, true},
		"cookie taken":     {map[string]string{"to": "/elsewhere/", "delete": "1"}, web.LoggedOut, LogIn, true},
		"another site":     {map[string]string{"to": "https://evil.example/challenge/"}, web.Elsewhere, GiveUp, false},
		"loop":             {map[string]string{"to": "/direct/inbox/"}, web.RedirectLoop, GiveUp, false},
		"without security": {map[string]string{"to": "http://www.instagram.com/direct/inbox/"}, web.Elsewhere, GiveUp, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.fault(control.Fault{Kind: "redirect", Stanza: "page", Times: -1, Args: test.args})
			c := n.client(newRecorder(), n.credentials(), State{}, nil)
			for what, call := range map[string]func() error{
				"load":  func() error { _, err := c.Load(t.Context()); return err },
				"serve": func() error { return c.Serve(t.Context()) },
			} {
				err := call()
				advice := Advise(err)
				if advice.Action != test.action || advice.Kind != test.kind || (advice.URL != "") != (test.url && test.action == AskUser) {
					t.Errorf("%s: got %+v for %v, want action %d because of %q", what, advice, err, test.action, test.kind)
				}
			}
		})
	}
}

// TestStopDuringACall has a request that learns of a challenge while the socket is well: everything stops, and nothing more
// is asked until the client is served again.
func TestStopDuringACall(t *testing.T) {
	n := newNetwork(t)
	r := newRecorder()
	c := n.client(r, n.credentials(), State{}, nil)
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(t.Context()) }()
	r.waitFor(t, "connection", func() bool { return r.connect > 0 })
	short := n.chat(c, r).IDs.Short
	n.fault(control.Fault{Kind: "redirect", Stanza: "graphql/sendText", Args: map[string]string{"to": "/challenge/1/"}})
	var stop *web.StopError
	_, err := c.SendText(t.Context(), Text{OTID: c.NewOTID(), Thread: short, Text: "x"})
	if !errors.As(err, &stop) || stop.Kind != web.Challenge || !strings.HasPrefix(stop.URL, "https://www.instagram.com/challenge/") {
		t.Errorf("got %v, want a challenge", err)
	}
	if a := Advise(<-ended); a.Action != AskUser || a.Kind != web.Challenge || a.URL != stop.URL {
		t.Errorf("connection ended with %+v, want the challenge", a)
	}
	before, err := n.Log(t.Context(), 0)
	n.must(err)
	for what, call := range map[string]func() error{
		"send": func() error {
			_, err := c.SendText(t.Context(), Text{OTID: c.NewOTID(), Thread: short, Text: "y"})
			return err
		},
		"search":  func() error { _, err := c.Search(t.Context(), "x"); return err },
		"resolve": func() error { _, err := c.Resolve(t.Context(), 5); return err },
		"upload":  func() error { _, err := c.Upload(t.Context(), Upload{Open: nil}); return err },
		"post":    func() error { _, err := c.Post(t.Context(), PostRef{ID: "5"}); return err },
	} {
		if err := call(); !errors.As(err, &stop) || stop.Kind != web.Challenge {
			t.Errorf("%s: got %v, want the challenge", what, err)
		}
	}
	after, err := n.Log(t.Context(), len(before))
	n.must(err)
	for _, e := range after {
		if e.Direction == "in" {
			t.Errorf("asked at a challenge: %.200s", e.Data)
		}
	}
	n.serve(c)
	r.waitFor(t, "connection after the user did something", func() bool { return r.connect > 1 })
	_, err = c.SendText(t.Context(), Text{OTID: c.NewOTID(), Thread: short, Text: "z"})
	n.must(err)
}

// TestStopAtTheSocket has only the socket lead to a challenge.
func TestStopAtTheSocket(t *testing.T) {
	n := newNetwork(t)
	n.fault(control.Fault{Kind: "redirect", Stanza: "socket/lightspeed", Times: -1, Args: map[string]string{"to": "/challenge/1/"}})
	c := n.client(newRecorder(), n.credentials(), State{}, nil)
	if a := Advise(c.Serve(t.Context())); a.Action != AskUser || a.Kind != web.Challenge || a.URL == "" {
		t.Errorf("got %+v, want a challenge", a)
	}
}

func TestPageWithoutWhatItMustHave(t *testing.T) {
	for what, action := range map[string]Action{"dtsg": GiveUp, "lsd": GiveUp, "fbid": GiveUp, "viewer": LogIn, "numbers": GiveUp} {
		n := newNetwork(t)
		n.fault(control.Fault{Kind: "page_without", Stanza: "page", Times: -1, Args: map[string]string{"what": what}})
		c := n.client(newRecorder(), n.credentials(), State{}, nil)
		_, err := c.Load(t.Context())
		if what == "numbers" && err == nil {
			continue // they are for show
		}
		if got := Advise(err); got.Action != action {
			t.Errorf("without %s: got %+v for %v, want action %d", what, got, err, action)
		}
	}
}

func TestCookiesOfAnotherAccount(t *testing.T) {
	n := newNetwork(t)
	mine := special[instagram.Login](n, n.own, "login", nil).Cookies
	mine[cookieAccount] = n.alice.ID
	c := n.client(newRecorder(), &web.Credentials{Cookies: web.NewCookies(mine)}, State{}, nil)
	if _, err := c.Load(t.Context()); Advise(err).Action != LogIn {
		t.Errorf("got %v, want a login", err)
	}
}

func TestStaleTokens(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	thread := n.chat(c, r)
	n.fault(control.Fault{Kind: "stale_tokens", Stanza: "graphql"})
	_, err := c.SendText(t.Context(), Text{OTID: c.NewOTID(), Thread: thread.IDs.Short, Text: "after"})
	n.must(err)
	n.sees(n.alice, control.Match{Kind: "message", Contains: "after"})

	// The next time it is too soon for another page.
	c.cfg.ReloadInterval = time.Hour
	n.fault(control.Fault{Kind: "stale_tokens", Stanza: "graphql"})
	_, err = c.SendText(t.Context(), Text{OTID: c.NewOTID(), Thread: thread.IDs.Short, Text: "too soon"})
	var reload *ReloadError
	if !errors.As(err, &reload) || reload.Wait <= 0 {
		t.Errorf("got %v, want that it is too soon", err)
	}
}

func TestSayingThatNobodyIsLoggedIn(t *testing.T) {
	for code, times := range map[int]int{codeLoggedOut: 2, codeLoginChanged: 1, codeUnauthorized: 1} {
		n := newNetwork(t)
		c := n.client(newRecorder(), n.credentials(), State{}, nil)
		n.fault(control.Fault{Kind: "error", Stanza: "graphql/search", Times: times, Args: map[string]string{"code": strconv.Itoa(code)}})
		_, err := c.Search(t.Context(), "alice")
		if want := times == 2; (Advise(err).Action == LogIn) != want || !want && err != nil {
			t.Errorf("code %d, %d times: got %v", code, times, err)
		}
	}
}

func TestRetiredDocument(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	short := n.chat(c, r).IDs.Short
	n.fault(control.Fault{Kind: "rotate_doc", Args: map[string]string{"op": "sendText"}})
	_, err := c.SendText(t.Context(), Text{OTID: c.NewOTID(), Thread: short, Text: "by another id"})
	n.must(err)
	n.sees(n.alice, control.Match{Kind: "message", Contains: "by another id"})
	if len(r.alerts) != 0 {
		t.Errorf("alerts %+v, want none", r.alerts)
	}

	n.fault(control.Fault{Kind: "rotate_doc", Args: map[string]string{"op": "sendText", "lazy": "1"}})
	var stale *StaleDocumentError
	for range 3 {
		_, err = c.SendText(t.Context(), Text{OTID: c.NewOTID(), Thread: short, Text: "by none"})
		if !errors.As(err, &stale) || stale.Operation != "send_text" {
			t.Errorf("got %v, want that the document is stale", err)
		}
	}
	r.waitFor(t, "alert", func() bool { return len(r.alerts) > 0 })
	if want := (Alert{AlertStaleDocument, "send_text", stale.DocumentID}); len(r.alerts) != 1 || r.alerts[0] != want {
		t.Errorf("alerts %+v, want %+v once", r.alerts, want)
	}
	n.expectNothingOdd()
}

func TestDocumentOfTheConfig(t *testing.T) {
	n := newNetwork(t)
	r := newRecorder()
	c := n.client(r, n.credentials(), State{}, func(cfg *Config) { cfg.Documents = map[string]string{"search": "111111111111111"} })
	var stale *StaleDocumentError
	if _, err := c.Search(t.Context(), "alice"); !errors.As(err, &stale) || stale.DocumentID != "111111111111111" {
		t.Errorf("got %v, want that the config's document is stale", err)
	}
	if len(r.alerts) != 1 {
		t.Errorf("alerts %+v, want one", r.alerts)
	}
}

// TestVariablesOfTheConfig has a newer document that wants more than this program knows.
func TestVariablesOfTheConfig(t *testing.T) {
	n := newNetwork(t)
	n.fault(control.Fault{Kind: "rotate_doc", Args: map[string]string{"op": "search", "needs": "some_new_variable"}})
	credentials := n.credentials()
	if _, err := n.client(newRecorder(), credentials, State{}, nil).Search(t.Context(), "alice"); err == nil {
		t.Error("works without the variable")
	}
	c := n.client(newRecorder(), credentials, State{}, func(cfg *Config) {
		cfg.Variables = map[string]map[string]any{"search": {"some_new_variable": true}}
	})
	found, err := c.Search(t.Context(), "alice")
	if err != nil || len(found) != 1 {
		t.Errorf("got %+v and %v, want Alice", found, err)
	}
}

// TestRetiredSubscription has the deltas' own document retired before the first connection.
func TestRetiredSubscription(t *testing.T) {
	n := newNetwork(t)
	n.fault(control.Fault{Kind: "rotate_doc", Args: map[string]string{"op": "delta"}})
	r := newRecorder()
	c := n.client(r, n.credentials(), State{}, func(cfg *Config) { cfg.SyncTimeout = 200 * time.Millisecond })
	n.serve(c)
	r.waitFor(t, "connection", func() bool { return r.connect > 0 })
}

func TestRefusals(t *testing.T) {
	var limited *RateLimitError
	var blocked *BlockedError
	var temporary *TemporaryError
	var rejected *RejectedError
	var stop *web.StopError
	body := func(status, text string) map[string]string { return map[string]string{"status": status, "body": text} }
	for name, test := range map[string]struct {
		kind string
		args map[string]string
		as   any
		is   error
		text string
	}{
		"429":             {"http_status", map[string]string{"status": "429", "retry_after": "200"}, &limited, nil, ""},
		"rate limit":      {"errors", map[string]string{"code": "1675004", "message": "slow"}, &limited, nil, ""},
		"transient":       {"errors", map[string]string{"code": "5", "message": "later", "transient": "1"}, &temporary, nil, "later"},
		"refused":         {"errors", map[string]string{"code": "1675030", "message": "no"}, &rejected, nil, ""},
		"recipient":       {"error", map[string]string{"code": "1545041", "summary": "gone"}, &rejected, nil, "gone: "},
		"bad input":       {"error", map[string]string{"code": "1357054"}, &rejected, nil, ""},
		"session":         {"error", map[string]string{"code": "1357053"}, &stop, nil, ""},
		"empty root":      {"null_root", nil, nil, ErrNotFound, ""},
		"feedback":        {"body", body("400", `{"message":"feedback_required","spam":true,"feedback_title":"Try","feedback_message":"later"}`), &blocked, nil, "Try later"},
		"logged out":      {"body", body("403", `{"message":"login_required"}`), &stop, nil, ""},
		"challenge":       {"body", body("400", `{"message":"challenge_required","challenge":{"url":"https://evil.example/"}}`), &stop, nil, ""},
		"another refusal": {"http_status", map[string]string{"status": "400"}, &rejected, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			c, r := n.connected(nil)
			short := n.chat(c, r).IDs.Short
			n.fault(control.Fault{Kind: test.kind, Stanza: "graphql/sendText", Times: -1, Args: test.args})
			_, err := c.SendText(t.Context(), Text{OTID: c.NewOTID(), Thread: short, Text: "x"})
			if test.as != nil && !errors.As(err, test.as) || test.is != nil && !errors.Is(err, test.is) || err == nil {
				t.Fatalf("got %v, want %T %v", err, test.as, test.is)
			}
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %q, want %q in it", err, test.text)
			}
			if test.as == &limited && limited.Wait < time.Minute || test.as == &blocked && blocked.Wait < time.Hour {
				t.Errorf("wait is too short in %v", err)
			}
			if test.as == &stop && strings.Contains(stop.URL, "evil") {
				t.Errorf("shows an address of another site: %q", stop.URL)
			}
			if test.as == &limited || test.as == &blocked {
				// Nothing more is asked meanwhile.
				from, _ := n.Log(t.Context(), 0)
				if _, again := c.SendText(t.Context(), Text{OTID: c.NewOTID(), Thread: short, Text: "y"}); !errors.As(again, test.as) {
					t.Errorf("asked again: got %v", again)
				}
				if now, _ := n.Log(t.Context(), 0); slices.ContainsFunc(now[len(from):], func(e control.LogEntry) bool {
					return strings.Contains(e.Data, "sendText")
				}) {
					t.Error("the site was asked again all the same")
				}
			}
		})
	}
}

// TestLostAnswers has the connection broken off before or after the text was taken.
func TestLostAnswers(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	short := n.chat(c, r).IDs.Short
	n.fault(control.Fault{Kind: "http_drop", Stanza: "graphql/sendText", Args: map[string]string{"point": "after"}})
	c.cfg.EchoWait = patience
	if _, err := c.SendText(t.Context(), Text{OTID: c.NewOTID(), Thread: short, Text: "came back"}); err != nil {
		t.Errorf("answer lost: got %v, want the echo to settle it", err)
	}
	c.cfg.EchoWait = 10 * time.Millisecond
	for _, status := range []string{"503", "500"} {
		otid := c.NewOTID()
		n.fault(control.Fault{Kind: "http_status", Stanza: "graphql/sendText", Args: map[string]string{"status": status}})
		var uncertain *UncertainError
		if _, err := c.SendText(t.Context(), Text{OTID: otid, Thread: short, Text: status}); !errors.As(err, &uncertain) {
			t.Errorf("%s: got %v, want that it isn't known", status, err)
		}
		if _, err := c.SendText(t.Context(), Text{OTID: otid, Thread: short, Text: status}); err != nil {
			t.Errorf("again: got %v", err)
		}
	}
	n.fault(control.Fault{Kind: "http_drop", Stanza: "graphql/sendText"})
	otid := c.NewOTID()
	_, err := c.SendText(t.Context(), Text{OTID: otid, Thread: short, Text: "twice"})
	var uncertain *UncertainError
	if !errors.As(err, &uncertain) {
		t.Errorf("dropped: got %v, want that it isn't known", err)
	}
	if _, err = c.SendText(t.Context(), Text{OTID: otid, Thread: short, Text: "twice"}); err != nil {
		t.Errorf("again: got %v", err)
	}
	waitForEvent(t, r, "last echo", func(m NewMessage) bool { return m.Message.Text == "twice" })
	if got := r.texts(); !slices.Equal(got, []string{"first", "came back", "503", "500", "twice"}) {
		t.Errorf("messages %q, want each once", got)
	}
}

func TestHTMLInsteadOfJSON(t *testing.T) {
	n := newNetwork(t)
	c := n.client(newRecorder(), n.credentials(), State{}, nil)
	n.fault(control.Fault{Kind: "http_html", Stanza: "graphql/search", Args: map[string]string{"title": "x"}})
	if _, err := c.Search(t.Context(), "alice"); err != nil {
		t.Errorf("once: got %v, want another try with a new page", err)
	}
	n.fault(control.Fault{Kind: "http_html", Stanza: "graphql/search", Times: -1})
	var reload *ReloadError
	if _, err := c.Search(t.Context(), "alice"); !errors.As(err, &reload) {
		t.Errorf("always: got %v, want that the page is to be loaded again", err)
	}
}

// TestUnreachable has nobody listening: nothing was sent for sure.
func TestUnreachable(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	short := n.chat(c, r).IDs.Short
	n.must(n.server.Close())
	c.transports.CloseIdle()
	_, err := c.SendText(t.Context(), Text{OTID: c.NewOTID(), Thread: short, Text: "x"})
	var uncertain *UncertainError
	if err == nil || errors.As(err, &uncertain) {
		t.Errorf("got %v, want that nothing was sent", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = c.Search(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestCookiesAndClaim(t *testing.T) {
	n := newNetwork(t)
	r := newRecorder()
	credentials := n.credentials()
	before := credentials.Cookies.Get(cookieCSRF)
	c := n.client(r, credentials, State{}, nil)
	n.fault(control.Fault{Kind: "rotate_csrf", Stanza: "graphql"})
	for range 2 {
		_, err := c.Search(t.Context(), "alice")
		n.must(err)
	}
	if after := credentials.Cookies.Get(cookieCSRF); after == before || r.cookies == 0 {
		t.Errorf("token %q was not changed, or nobody was told (%d)", after, r.cookies)
	}
	s := &site{}
	c.keepClaim(&web.Response{Header: http.Header{"X-Ig-Set-Www-Claim": {"hmac.x"}}})
	if got := c.header(s, "/").Get("X-Ig-Www-Claim"); got != "hmac.x" {
		t.Errorf("claim is %q, want %q", got, "hmac.x")
	}
	n.expectNothingOdd()
}
