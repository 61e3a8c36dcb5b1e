package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crosschat/connector/messenger/wire/page"
	"crosschat/connector/messenger/wire/task"
	"crosschat/connector/metaweb/dgw"
	"crosschat/connector/metaweb/web"
)

func TestConnect(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.query = chain(message("mid.1", "1", "missed"))
	c := n.client(r, State{}, nil)
	account, err := c.Load(t.Context())
	if err != nil || account != (Account{ownID, "Own Name", "772021112871879"}) {
		t.Fatalf("got %+v and %v", account, err)
	}
	mustConnect(t, c, r)
	first := r.waitFor(t, "the missed message", hasMessage("mid.1"))
	if first.Origin != FromSync || first.Database != DatabaseMailbox {
		t.Errorf("message came from %q of database %d", first.Origin, first.Database)
	}
	initial := r.waitFor(t, "the page's contact", func(d Delivery) bool { return len(d.Table.Contacts) > 0 })
	if initial.Origin != FromPage {
		t.Errorf("contact came from %q", initial.Origin)
	}
	waitUntil(t, "cursor is stored", func() bool { return r.cursor(1) == "c2" })
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.loads != 1 || len(n.batches) != 1 || len(n.batches[0]) != 4 {
		t.Errorf("%d loads and batches %+v, want one of four fetches", n.loads, n.batches)
	}
	kinds := map[int64]int{}
	for _, q := range n.queries {
		if kinds[q.Database] == 0 {
			kinds[q.Database] = q.kind
		}
	}
	if want := map[int64]int{1: 2, 2: 1, 95: 2, 104: 1}; fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("first queries are of types %v, want %v", kinds, want)
	}
}

func TestStateIsStoredBehindThePage(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.query = chain(message("mid.1", "1", "x"))
	broken := errors.New("database is full")
	r.fail = func(d Delivery) error {
		if d.Origin == FromPage {
			return broken
		}
		return nil
	}
	c := n.client(r, State{}, nil)
	s := serve(t, c)
	if err := s.mustEnd(); !errors.Is(err, broken) {
		t.Errorf("ended with %v, want %v", err, broken)
	}
	if r.saves != 0 {
		t.Errorf("cursors %+v were stored before the page's rows were handled", r.saved())
	}
	r.setFail(nil)
	mustConnect(t, c, r)
	waitUntil(t, "cursor is stored", func() bool { return r.cursor(1) == "c2" })
	if n.count(&n.loads) != 1 || n.count(&n.dials) != 2 {
		t.Errorf("%d loads and %d connections, want 1 and 2", n.loads, n.dials)
	}
}

func TestRestartGoesOnFromStoredCursor(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.payload = program(block(1, "", "c9"), finally(1))
	n.query = chain(message("mid.1", "1", "while away"))
	state := State{Databases: map[int64]Database{1: {Cursor: "c1", SyncChannel: 1}}, SavedAt: time.Now().Add(-time.Hour)}
	mustConnect(t, n.client(r, state, nil), r)
	r.waitFor(t, "the missed message", hasMessage("mid.1"))
	waitUntil(t, "cursor is stored", func() bool { return r.cursor(1) == "c2" })
}

// What was missed may take long to be dealt with; meanwhile messages can be sent.
func TestSendsBeforeTheBacklogIsThrough(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.payload = program(block(1, "", "c9"), finally(1))
	n.query = chain(message("mid.1", "1", "while away"))
	n.tasks = func([]taskEntry) string { return program(row("replaceOptimsiticMessage", "77", "mid.sent")) }
	held := make(chan struct{})
	r.hook = func(d Delivery) {
		if hasMessage("mid.1")(d) {
			<-held
		}
	}
	state := State{Databases: map[int64]Database{1: {Cursor: "c1", SyncChannel: 1}}, SavedAt: time.Now().Add(-time.Hour)}
	c := n.client(r, state, nil)
	mustConnect(t, c, r)
	if mid, err := c.Send(t.Context(), task.Message{ThreadID: 1002, OTID: 77, Text: "x"}); err != nil || mid != "mid.sent" {
		t.Errorf("sent as %q, error %v", mid, err)
	}
	if r.cursor(1) == "c2" || len(r.caught) > 0 {
		t.Error("what was missed counts as dealt with")
	}
	close(held)
	r.waitFor(t, "the missed message", hasMessage("mid.1"))
	<-r.caught
	waitUntil(t, "cursor is stored", func() bool { return r.cursor(1) == "c2" })
}

func TestOldStateIsDropped(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.payload = program(block(1, "", "c9"), finally(1))
	state := State{Databases: map[int64]Database{1: {Cursor: "c1"}}, SavedAt: time.Now().Add(-25 * time.Hour)}
	mustConnect(t, n.client(r, state, nil), r)
	waitUntil(t, "cursor is stored", func() bool { return r.cursor(1) == "c9" })
}

func TestPushes(t *testing.T) {
	v4 := func(current, next string) string {
		return row("executeFirstBlockForSyncTransactionV4", 1, 7001, current, next, 12, 0, false, 0, false, 1)
	}
	n, r := newNetwork(t), newRecorder()
	mustConnect(t, n.client(r, State{}, nil), r)
	g := n.mustGateway()
	g.mustAck(g.push(1, program(block(1, "c1", "c2"), message("mid.1", "1", "one"))))
	r.waitFor(t, "a push", hasMessage("mid.1"))
	waitUntil(t, "cursor is stored", func() bool { return r.cursor(1) == "c2" })
	g.mustAck(g.push(1, program(v4("c2", "c3"), message("mid.2", "2", "two"))))
	waitUntil(t, "cursor of the other layout is stored", func() bool { return r.cursor(1) == "c3" })
	g.mustAck(g.push(1, program(message("mid.3", "3", "three"))))
	if d := r.waitFor(t, "a push without cursor", hasMessage("mid.3")); d.Origin != FromPush {
		t.Errorf("it came from %q", d.Origin)
	}
}

func TestFailedPushComesAgain(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.query = chain()
	broken := errors.New("homeserver is down")
	c := n.client(r, State{}, nil)
	s := mustConnect(t, c, r)
	waitUntil(t, "cursor is stored", func() bool { return r.cursor(1) == "c1" })
	r.setFail(func(d Delivery) error {
		if hasMessage("mid.1")(d) {
			return broken
		}
		return nil
	})
	g := n.mustGateway()
	g.push(1, program(block(1, "c1", "c2"), message("mid.1", "1", "x")))
	if err := s.mustEnd(); !errors.Is(err, broken) || Advise(err).Action != TryAgain {
		t.Errorf("ended with %v", err)
	}
	if got := r.cursor(1); got != "c1" {
		t.Errorf("cursor %q is stored, want %q", got, "c1")
	}
	n.setQuery(chain(message("mid.1", "1", "x")))
	r.setFail(nil)
	mustConnect(t, c, r)
	r.waitFor(t, "the push again", hasMessage("mid.1"))
	if n.count(&n.loads) != 1 {
		t.Errorf("%d page loads, want 1", n.loads)
	}
}

func TestGapBehindCursorIsClosed(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	mustConnect(t, n.client(r, State{}, nil), r)
	g := n.mustGateway()
	n.setQuery(chain(message("mid.1", "1", "lost push"), message("mid.2", "2", "next")))
	g.mustAck(g.push(1, program(block(1, "c2", "c3"), message("mid.2", "2", "next"))))
	r.waitFor(t, "the lost push", hasMessage("mid.1"))
	waitUntil(t, "cursor is stored", func() bool { return r.cursor(1) == "c3" })
}

func TestSilentStall(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	mustConnect(t, n.client(r, State{}, func(c *Config) { c.ResyncInterval = 20 * time.Millisecond }), r)
	n.setQuery(chain(message("mid.1", "1", "never pushed")))
	r.waitFor(t, "what was never pushed", hasMessage("mid.1"))
}

func TestUnreadableDataIsDropped(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	mustConnect(t, n.client(r, State{}, nil), r)
	g := n.mustGateway()
	for _, data := range []string{`<!DOCTYPE html>`, `{}`, `{"payload":7}`, `{"payload":"<html>"}`, `[]`, ``,
		`{"request_id":"x","payload":"{\"step\":[[[[]]]]}"}`, `{"request_id":99999,"payload":"{}"}`} {
		g.mustAck(g.raw(g.streams[1], []byte(data)))
	}
	g.push(1, program(message("mid.1", "1", "x")))
	r.waitFor(t, "a good push behind them", hasMessage("mid.1"))
}

func TestSyncLoopEnds(t *testing.T) {
	for name, answer := range map[string]func(query) string{
		"dummy cursor":   func(q query) string { return program(block(q.Database, q.cursor(), "dummy_cursor")) },
		"empty cursor":   func(q query) string { return program(block(q.Database, q.cursor(), "")) },
		"no first block": func(q query) string { return program(message("mid.x", "1", "kept")) },
		"always from the start": func(q query) string {
			return program(row("executeFirstBlockForSyncTransaction", q.Database, 7001, "", "same", 0, true, 0, false, 1))
		},
		"to and fro": func(q query) string {
			if q.cursor() == "a" {
				return program(block(q.Database, "a", "b"))
			}
			return program(block(q.Database, "b", "a"))
		},
		"another database": func(q query) string { return program(block(7, "x", "y")) },
	} {
		t.Run(name, func(t *testing.T) {
			n, r := newNetwork(t), newRecorder()
			n.query = answer
			mustConnect(t, n.client(r, State{}, nil), r)
			n.mu.Lock()
			if len(n.queries) > 12 {
				t.Errorf("asked %d times", len(n.queries))
			}
			n.mu.Unlock()
			if name == "no first block" {
				r.waitFor(t, "rows without a block", hasMessage("mid.x"))
			}
		})
	}
}

func TestOnlyTheMailboxMustSync(t *testing.T) {
	silent := func(database int64) func(query) string {
		return func(q query) string {
			if q.Database == database {
				return ""
			}
			return program(block(q.Database, q.cursor(), q.cursor()))
		}
	}
	change := func(c *Config) { c.SyncTimeout = 50 * time.Millisecond }
	n, r := newNetwork(t), newRecorder()
	n.query = silent(DatabaseContacts)
	mustConnect(t, n.client(r, State{}, change), r)

	n, r = newNetwork(t), newRecorder()
	n.query = silent(DatabaseMailbox)
	if err := serve(t, n.client(r, State{}, change)).mustEnd(); !errors.Is(err, dgw.ErrTimeout) || Advise(err).Action != TryAgain {
		t.Errorf("ended with %v, want %v", err, dgw.ErrTimeout)
	}
}

func TestSyncFailure(t *testing.T) {
	failing := func(database int64) func(query) string {
		return func(q query) string {
			if q.Database == database && q.cursor() != "fresh" {
				return program(row("handleSyncFailure", database, "Invalid argument"))
			}
			return program(block(q.Database, q.cursor(), q.cursor()))
		}
	}
	n, r := newNetwork(t), newRecorder()
	n.query = failing(DatabaseContacts)
	mustConnect(t, n.client(r, State{}, nil), r)

	n, r = newNetwork(t), newRecorder()
	n.query = failing(DatabaseMailbox)
	c := n.client(r, State{}, nil)
	err := serve(t, c).mustEnd()
	var failure *SyncError
	if advice := Advise(err); !errors.As(err, &failure) || advice.Action != TryAgain || !advice.AtOnce {
		t.Fatalf("ended with %v and %+v, want another try", err, advice)
	}
	n.payload = program(block(1, "", "fresh"), finally(1))
	mustConnect(t, c, r)
	if n.count(&n.loads) != 2 {
		t.Errorf("%d page loads, want 2", n.loads)
	}
}

func TestEndOfMailboxStream(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	s := mustConnect(t, n.client(r, State{}, nil), r)
	g := n.mustGateway()
	g.write(dgw.Frame{Type: dgw.TypeEndOfData, Stream: g.streams[2]})
	g.write(dgw.Frame{Type: dgw.TypeEndOfDataWithReason, Stream: g.streams[1], Reason: 7})
	if err := s.mustEnd(); !errors.Is(err, dgw.ErrStreamEnded) || Advise(err).Action != TryAgain {
		t.Errorf("ended with %v, want %v", err, dgw.ErrStreamEnded)
	}
}

func TestUnauthorized(t *testing.T) {
	t.Run("for good", func(t *testing.T) {
		n := newNetwork(t)
		n.refuse = func(int) websocket.StatusCode { return dgw.CloseUnauthorized }
		c := n.client(newRecorder(), State{}, nil)
		if err := c.Serve(t.Context()); Advise(err).Action != TryAgain || !Advise(err).AtOnce {
			t.Fatalf("first got %v, want another try", err)
		}
		if err := c.Serve(t.Context()); Advise(err).Action != LogIn {
			t.Fatalf("then got %v, want a new login", err)
		}
		if n.loads != 2 {
			t.Errorf("%d page loads, want 2", n.loads)
		}
	})
	t.Run("false alarm", func(t *testing.T) {
		n, r := newNetwork(t), newRecorder()
		n.refuse = func(dial int) websocket.StatusCode {
			return map[int]websocket.StatusCode{1: dgw.CloseUnauthorized}[dial]
		}
		c := n.client(r, State{}, nil)
		if err := c.Serve(t.Context()); Advise(err).Action != TryAgain {
			t.Fatalf("first got %v, want another try", err)
		}
		s := mustConnect(t, c, r)
		_ = n.mustGateway().ws.Close(dgw.CloseUnauthorized, "again")
		if err := s.mustEnd(); Advise(err).Action != TryAgain {
			t.Errorf("after a good sync got %v, want another try", err)
		}
		// The page was loaded for a reason just now: not again so soon.
		err := c.Serve(t.Context())
		if advice := Advise(err); advice.Action != TryAgain || advice.AtOnce || advice.After < 50*time.Minute {
			t.Errorf("got %v and %+v, want another try in an hour", err, advice)
		}
	})
}

func TestPageDecides(t *testing.T) {
	redirect := func(target string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) }
	}
	text := func(body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, body) }
	}
	for name, test := range map[string]struct {
		page func(http.ResponseWriter, *http.Request)
		want Action
		kind web.Kind
		url  bool
	}{
		"challenge":            {redirect("/challenge/abc"), AskUser, web.Challenge, true},
		"suspended":            {redirect("/accounts/suspended/"), AskUser, web.Suspended, true},
		"consent":              {redirect("/consent/?x"), AskUser, web.Consent, true},
		"privacy consent":      {redirect("/privacy/consent/y"), AskUser, web.Consent, true},
		"checkpoint":           {redirect("/checkpoint/1"), AskUser, web.Checkpoint, true},
		"login":                {redirect("/login.php?next=x"), LogIn, web.LoggedOut, false},
		"other login":          {redirect("/login/device-based/"), LogIn, web.LoggedOut, false},
		"two factors":          {redirect("/auth_platform/x"), AskUser, web.Challenge, true},
		"elsewhere":            {redirect("https://evil.example/"), GiveUp, web.Elsewhere, false},
		"round and round":      {redirect("/messages"), GiveUp, web.RedirectLoop, false},
		"logged out page":      {text(`<script>{"USER_ID":"0"}</script>`), LogIn, web.LoggedOut, false},
		"checkpoint in page":   {text(`<script>{"is_checkpointed":true}</script>`), AskUser, web.Checkpoint, true},
		"another layout":       {text(`<html>hello</html>`), GiveUp, "", false},
		"JSON instead of HTML": {text(`{"error":1357004}`), GiveUp, "", false},
		"server broken":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, TryAgain, "", false},
		"another account": {text(`<script>{"a":[["CurrentUserInitialData",[],{"ACCOUNT_ID":"5","USER_ID":"5","APP_ID":"1"},1]]}</script>`),
			LogIn, web.WrongAccount, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.page = test.page
			c := n.client(newRecorder(), State{}, nil)
			for _, try := range []func() error{
				func() error { _, err := c.Load(t.Context()); return err },
				func() error { return c.Serve(t.Context()) },
			} {
				err := try()
				if got := Advise(err); err == nil || got.Action != test.want || got.Kind != test.kind || (got.URL != "") != test.url {
					t.Errorf("got %v and %+v, want action %d, kind %q", err, got, test.want, test.kind)
				}
			}
			if n.dials != 0 {
				t.Error("client connected all the same")
			}
		})
	}
}

func TestPageWithoutVersion(t *testing.T) {
	n := newNetwork(t)
	tokens := `<script>{"a":[["CurrentUserInitialData",[],{"ACCOUNT_ID":"100000000001001","USER_ID":"100000000001001","APP_ID":"2220391788200892"},1],
		["DTSGInitData",[],{"token":"NAfsimdtsg:1:2"},2],["LSD",[],{"token":"simlsd"},3],["MqttWebDeviceID",[],{"clientID":"x"},4],["DGWWebConfig",[],{"appId":"5"},5]]}</script>`
	n.page = func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, tokens) }
	if _, err := n.client(newRecorder(), State{}, nil).Load(t.Context()); !errors.Is(err, ErrNoVersion) || Advise(err).Action != GiveUp {
		t.Errorf("got %v, want %v", err, ErrNoVersion)
	}
	var missing *page.MissingError
	tokens = tokens[:len(tokens)-len(`,["DGWWebConfig",[],{"appId":"5"},5]]}</script>`)] + `]}</script>`
	if _, err := n.client(newRecorder(), State{}, nil).Load(t.Context()); !errors.As(err, &missing) {
		t.Errorf("got %v, want the missing app id", err)
	}
}

func TestPageAges(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	c := n.client(r, State{}, func(c *Config) { c.PageAge = 300 * time.Millisecond })
	s := mustConnect(t, c, r)
	if err := s.mustEnd(); !errors.Is(err, ErrPageTooOld) || !Advise(err).AtOnce {
		t.Errorf("ended with %v, want %v", err, ErrPageTooOld)
	}
	mustConnect(t, c, r)
	if n.count(&n.loads) != 2 {
		t.Errorf("%d page loads, want 2", n.loads)
	}
}

func TestHandlerPanicEndsConnectionOnly(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	r.hook = func(d Delivery) {
		if d.Origin == FromPage {
			panic("oops")
		}
	}
	var panicked *dgw.PanicError
	if err := serve(t, n.client(r, State{}, nil)).mustEnd(); !errors.As(err, &panicked) {
		t.Errorf("ended with %v, want a panic", err)
	}
}

func TestServeStops(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	c := n.client(r, State{}, nil)
	s := mustConnect(t, c, r)
	if err := c.Serve(t.Context()); !errors.Is(err, ErrServing) {
		t.Errorf("second serve got %v, want %v", err, ErrServing)
	}
	s.stop()
	if err := s.mustEnd(); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v, want %v", err, context.Canceled)
	}
	if c.Connected() {
		t.Error("client says it is connected")
	}
}

func TestNewRefuses(t *testing.T) {
	good := func() Options {
		return Options{Config: Default(), Handler: newRecorder(),
			Credentials: &web.Credentials{Cookies: web.NewCookies(map[string]string{"c_user": "1"})}}
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no site":        func(o *Options) { o.Config.Site = "" },
		"odd site":       func(o *Options) { o.Config.Site = "ftp://x" },
		"odd gateway":    func(o *Options) { o.Config.Gateway = "https://x" },
		"no hosts":       func(o *Options) { o.Config.Hosts = nil },
		"no page age":    func(o *Options) { o.Config.PageAge = 0 },
		"no account":     func(o *Options) { o.Credentials.Cookies = web.NewCookies(nil) },
		"account of 0":   func(o *Options) { o.Credentials.Cookies = web.NewCookies(map[string]string{"c_user": "0"}) },
		"account in hex": func(o *Options) { o.Credentials.Cookies = web.NewCookies(map[string]string{"c_user": "0x1"}) },
	} {
		o := good()
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestReloadsAreRationed has a server that never takes the page's tokens.
func TestReloadsAreRationed(t *testing.T) {
	n := newNetwork(t)
	n.payload = ""
	n.graphQL = func(url.Values) string { return `{"error":1357004}` }
	c := n.client(newRecorder(), State{}, nil)
	for range 2 {
		if advice := Advise(c.Serve(t.Context())); advice.Action != TryAgain || !advice.AtOnce {
			t.Errorf("got %+v, want another try at once", advice)
		}
	}
	if advice := Advise(c.Serve(t.Context())); advice.After < 50*time.Minute || n.loads != 2 {
		t.Errorf("got %+v after %d loads, want an hour of rest after 2", advice, n.loads)
	}
}

// TestSyncFailuresDoNotStop has a server that can't sync twice in an hour: only the first time a page is loaded for it.
func TestSyncFailuresDoNotStop(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	c := n.client(r, State{}, nil)
	for i, loads := range []int{1, 2, 2} {
		s := mustConnect(t, c, r)
		if got := n.count(&n.loads); got != loads {
			t.Errorf("connection %d: %d page loads, want %d", i, got, loads)
		}
		n.mustGateway().push(1, program(row("handleSyncFailure", 1, "x")))
		if err := s.mustEnd(); Advise(err).Action != TryAgain || Advise(err).AtOnce != (i == 0) {
			t.Errorf("connection %d ended with %v and %+v", i, err, Advise(err))
		}
	}
}
