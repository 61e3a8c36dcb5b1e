package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crosschat/connector/metaweb/web"
	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
)

// once is the messages without repeats: things may come more than once.
func (r *recorder) once() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var texts []string
	seen := make(map[MessageID]bool)
	for _, e := range r.events {
		if m, ok := e.(NewMessage); ok && !seen[m.Message.ID] {
			seen[m.Message.ID] = true
			texts = append(texts, m.Message.Text)
		}
	}
	return texts
}

func texts(count int) []string {
	list := make([]string, count)
	for i := range list {
		list[i] = fmt.Sprintf("text %d", i)
	}
	return list
}

func (n *network) saysAll(texts []string) {
	n.Helper()
	for _, text := range texts {
		n.says(n.alice, n.own.ID, text)
	}
}

func TestNothingIsLost(t *testing.T) {
	for name, fault := range map[string]control.Fault{
		"closed":              {Kind: "close", Args: map[string]string{"code": "4002"}},
		"broken off":          {Kind: "close"},
		"before a delta":      {Kind: "close_before", Stanza: "push/SlideUQPPNewMessage", Skip: 3},
		"after a delta":       {Kind: "close_after", Stanza: "push/SlideUQPPNewMessage", Skip: 3},
		"again and again":     {Kind: "close_after", Stanza: "push/SlideUQPPNewMessage", Times: 4},
		"while subscribing":   {Kind: "close_subscribing", Times: 2},
		"end of data":         {Kind: "end_of_data"},
		"end of data, open":   {Kind: "end_of_data", Args: map[string]string{"stay": "1"}},
		"malformed":           {Kind: "malformed", Stanza: "push/SlideUQPPNewMessage"},
		"malformed JSON":      {Kind: "malformed", Stanza: "push/SlideUQPPNewMessage", Args: map[string]string{"json": `[{"data":{"slide_delta_processor":[7]}}]`}},
		"twice":               {Kind: "duplicate", Stanza: "push/SlideUQPPNewMessage", Times: 5},
		"split frame":         {Kind: "split_frame", Stanza: "push/SlideUQPPNewMessage"},
		"unknown operation":   {Kind: "unknown_op"},
		"sync failure":        {Kind: "sync_failure"},
		"drain":               {Kind: "drain"},
		"unauthorized, wrong": {Kind: "close", Args: map[string]string{"code": "4003"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			_, r := n.connected(func(c *Config) {
				c.AckTimeout, c.PingInterval, c.DeadAfter = time.Second, 50*time.Millisecond, time.Second
			})
			n.fault(fault)
			want := texts(8)
			n.saysAll(want)
			r.waitFor(t, "last text", func() bool {
				return slices.ContainsFunc(r.events, func(e Event) bool {
					m, ok := e.(NewMessage)
					return ok && m.Message.Text == want[len(want)-1]
				})
			})
			if got := r.once(); !slices.Equal(got, want) {
				t.Errorf("messages %q, want %q", got, want)
			}
		})
	}
}

// TestDisorder has deltas overtake each other.
func TestDisorder(t *testing.T) {
	for kind, args := range map[string]map[string]string{"swap": nil, "delay": {"ms": "50"}} {
		n := newNetwork(t)
		_, r := n.connected(nil)
		n.fault(control.Fault{Kind: kind, Stanza: "push/SlideUQPPNewMessage", Skip: 1, Args: args})
		want := texts(5)
		n.saysAll(want)
		r.waitFor(t, "all texts", func() bool { return len(r.events) >= len(want) })
		got := r.once()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: messages %q, want all of %q", kind, got, want)
		}
	}
}

// TestHandlerRefuses has the handler fail: what it did not take comes again, and what it took does not.
func TestHandlerRefuses(t *testing.T) {
	n := newNetwork(t)
	r := newRecorder()
	refusals := 3
	r.refuse = func(e Event) error {
		if m, ok := e.(NewMessage); ok && m.Message.Text == "text 2" && refusals > 0 {
			refusals--
			return errors.New("homeserver is away")
		}
		return nil
	}
	n.serve(n.client(r, n.credentials(), State{}, nil))
	r.waitFor(t, "connection", func() bool { return r.connect > 0 })
	n.saysAll(texts(5))
	r.waitFor(t, "last text", func() bool { return len(r.events) >= 5 })
	if got := r.texts(); !slices.Equal(got, texts(5)) || refusals != 0 {
		t.Errorf("messages %q after %d refusals, want each once", got, 3-refusals)
	}
}

// TestRestart goes on with the stored state: no page is loaded, no inbox listed, and what was missed comes.
func TestRestart(t *testing.T) {
	n := newNetwork(t)
	r := newRecorder()
	credentials := n.credentials()
	stop := n.serve(n.client(r, credentials, State{}, nil))
	r.waitFor(t, "connection", func() bool { return r.connect > 0 })
	n.says(n.alice, n.own.ID, "before")
	r.waitFor(t, "cursor", func() bool { return len(r.events) == 1 && r.state.Seq == r.events[0].At().Seq })
	stop()
	n.saysAll(texts(3))
	log, err := n.Log(t.Context(), 0)
	n.must(err)

	second := newRecorder()
	c := n.client(second, credentials, r.state, nil)
	if c.FBID() == 0 {
		t.Error("own messaging id is not known after a restart")
	}
	n.serve(c)
	second.waitFor(t, "what was missed", func() bool { return len(second.events) == 3 })
	if got := second.texts(); !slices.Equal(got, texts(3)) || len(second.threads) != 0 {
		t.Errorf("messages %q and threads %v, want what was missed", got, second.threads)
	}
	now, err := n.Log(t.Context(), len(log))
	n.must(err)
	for _, e := range now {
		if strings.Contains(e.Data, "GET /direct/inbox") || strings.Contains(e.Data, "PolarisDirectInboxQuery") {
			t.Errorf("asked for what is stored: %.200s", e.Data)
		}
	}
	n.expectNothingOdd()
}

func TestResnapshot(t *testing.T) {
	for name, fault := range map[string]control.Fault{
		"now":             {Kind: "resnapshot"},
		"window is over":  {Kind: "forget_log"},
		"type 2 and more": {Kind: "resnapshot", Args: map[string]string{"type": "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			c, r := n.connected(nil)
			n.chat(c, r)
			if fault.Kind == "forget_log" {
				fault.Person = n.own.ID
			}
			r.mu.Lock()
			delete(r.threads, FromInbox)
			r.mu.Unlock()
			n.fault(fault)
			if fault.Kind == "forget_log" {
				n.fault(control.Fault{Kind: "close"})
			}
			r.waitFor(t, "inbox", func() bool { return len(r.threads[FromInbox]) == 1 && r.connect > 1 })
			n.says(n.alice, n.own.ID, "behind it")
			waitForEvent(t, r, "text", func(m NewMessage) bool { return m.Message.Text == "behind it" })
		})
	}
}

// TestResnapshotOfManyThreads lists all threads in which something may have happened since the cursor was good, at the
// first beginning only the newest.
func TestResnapshotOfManyThreads(t *testing.T) {
	n := newNetwork(t)
	people := []control.Person{}
	for i := range 40 {
		people = append(people, n.person(historyText(i)))
		n.says(people[i], n.own.ID, "before")
	}
	r := newRecorder()
	credentials := n.credentials()
	stop := n.serve(n.client(r, credentials, State{}, nil))
	r.waitFor(t, "connection", func() bool { return r.connect > 0 })
	if !slices.Equal(r.pages, []int{15}) {
		t.Errorf("pages of %v threads were handed over at first, want one of 15", r.pages)
	}
	stop()
	for _, p := range people[:20] {
		n.says(p, n.own.ID, "meanwhile")
	}
	n.fault(control.Fault{Kind: "forget_log", Person: n.own.ID})
	second := newRecorder()
	n.serve(n.client(second, credentials, r.state, nil))
	second.waitFor(t, "connection", func() bool { return second.connect > 0 })
	if !slices.Equal(second.pages, []int{15, 15}) {
		t.Errorf("pages of %v threads were handed over, want those of 20 threads with news", second.pages)
	}
	n.expectNothingOdd()
}

func TestResnapshotAgainAndAgain(t *testing.T) {
	n := newNetwork(t)
	c := n.client(newRecorder(), n.credentials(), State{}, nil)
	n.fault(control.Fault{Kind: "resnapshot", Times: -1})
	for i, atOnce := range []bool{true, false, false} {
		err := c.Serve(t.Context())
		if !errors.Is(err, ErrResnapshot) || Advise(err).AtOnce != atOnce {
			t.Errorf("time %d: got %v, want a resnapshot, at once: %t", i, err, atOnce)
		}
	}
}

func TestDeaf(t *testing.T) {
	n := newNetwork(t)
	_, r := n.connected(func(c *Config) { c.WatchInterval = 50 * time.Millisecond })
	n.fault(control.Fault{Kind: "deaf"})
	n.saysAll(texts(3))
	r.waitFor(t, "healing", func() bool { return len(r.events) >= 3 })
	if got := r.once(); !slices.Equal(got, texts(3)) {
		t.Errorf("messages %q, want all", got)
	}
	n.expectNothingOdd()
}

func TestSilent(t *testing.T) {
	n := newNetwork(t)
	_, r := n.connected(func(c *Config) { c.PingInterval, c.DeadAfter = 20*time.Millisecond, 200*time.Millisecond })
	n.fault(control.Fault{Kind: "no_pong"})
	r.waitFor(t, "another connection", func() bool { return r.connect > 1 })
}

func TestLoggedOutRemotely(t *testing.T) {
	n := newNetwork(t)
	r := newRecorder()
	login := special[instagram.Login](n, n.own, "login", nil)
	c := n.client(r, &web.Credentials{Cookies: web.NewCookies(login.Cookies)}, State{}, nil)
	done := make(chan error, 1)
	go func() {
		for {
			if err := c.Serve(t.Context()); Advise(err).Action != TryAgain {
				done <- err
				return
			}
		}
	}()
	r.waitFor(t, "connection", func() bool { return r.connect > 0 })
	n.must(n.Unlink(t.Context(), n.own.ID, login.Device))
	select {
	case err := <-done:
		if a := Advise(err); a.Action != LogIn || a.Kind != web.LoggedOut {
			t.Errorf("got %+v for %v, want a login", a, err)
		}
	case <-time.After(patience):
		t.Fatal("the end of the session was not noticed")
	}
}

// TestUnreadableIsSkipped has something that can never be read: it must not come for ever.
func TestUnreadableIsSkipped(t *testing.T) {
	n := newNetwork(t)
	_, r := n.connected(nil)
	special[any](n, n.own, "delta", map[string]any{"__typename": "SlideUQPPNewMessage", "message": map[string]any{"id": 7}})
	n.saysAll(texts(2))
	r.waitFor(t, "what comes behind it", func() bool { return len(r.events) >= 2 })
	if got := r.once(); !slices.Equal(got, texts(2)) || len(r.alerts) != 1 || r.alerts[0].Kind != AlertUnreadable {
		t.Errorf("messages %q and alerts %+v, want the texts and one alert", got, r.alerts)
	}
}

func TestPanicOfTheHandler(t *testing.T) {
	n := newNetwork(t)
	r := newRecorder()
	r.refuse = func(Event) error {
		if len(r.events) == 0 {
			r.events = append(r.events, nil)
			panic("in the handler")
		}
		return nil
	}
	c := n.client(r, n.credentials(), State{}, nil)
	n.serve(c)
	r.waitFor(t, "connection", func() bool { return r.connect > 0 })
	n.says(n.alice, n.own.ID, "x")
	r.waitFor(t, "text", func() bool { return len(r.events) == 2 })
}

func TestServeTwice(t *testing.T) {
	n := newNetwork(t)
	c, _ := n.connected(nil)
	if err := c.Serve(t.Context()); !errors.Is(err, ErrServing) {
		t.Errorf("got %v, want %v", err, ErrServing)
	}
}
