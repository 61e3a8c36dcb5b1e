package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/task"
	"crosschat/connector/metaweb/media"
)

// historyRow is an upsertMessage of the thread 1002.
func historyRow(id string, ms int) string {
	return row("upsertMessage", "text of "+id, nil, 80, 1002, nil, ms, ms, 0, id, "1", 1002)
}

func rangeRow(maxMS, minMS int, minID string, more bool) string {
	return row("insertNewMessageRange", 1002, minMS, maxMS, minID, "max", minMS, maxMS, more, false, nil)
}

// pushing answers tasks with nothing and pushes a payload on the mailbox.
func (n *network) pushing(payload func(try int) string) func([]taskEntry) string {
	var tries atomic.Int32
	return func([]taskEntry) string {
		try := int(tries.Add(1))
		n.mu.Lock()
		g := n.current
		n.mu.Unlock()
		if p := payload(try); p != "" {
			go g.push(1, p)
		}
		return program()
	}
}

func TestFetchHistory(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.tasks = n.pushing(func(try int) string {
		if try == 1 {
			return program(row("updateTypingIndicator", 1002, 1002, true)) // lost: it is asked again
		}
		return program(rangeRow(500, 100, "a", true), historyRow("anchor", 500), historyRow("c", 500), historyRow("a", 100),
			historyRow("b", 300), historyRow("b", 300), row("upsertReaction", 1002, 1, "a", 1002, "x", 80))
	})
	c := n.client(r, State{}, func(c *Config) { c.HistoryRetry = 50 * time.Millisecond })
	mustConnect(t, c, r)
	h, err := c.FetchHistory(t.Context(), 1002, Anchor{"anchor", 500})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range h.Messages {
		ids = append(ids, m.ID)
	}
	if got := strings.Join(ids, " "); got != "a b c" || h.Oldest != (Anchor{"a", 100}) || !h.More || len(h.Table.Reactions) != 1 {
		t.Errorf("got %q, oldest %+v, more %t", got, h.Oldest, h.More)
	}
	d := r.waitFor(t, "the same history", func(d Delivery) bool { return len(d.Table.History) > 0 })
	if len(d.Fetched) != 1 || d.Fetched[0] != 1002 {
		t.Errorf("threads %v were fetched, want 1002", d.Fetched)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	want := `{"thread_key":1002,"direction":0,"reference_timestamp_ms":500,"reference_message_id":"anchor","sync_group":1,"cursor":"c1"}`
	if got := n.batches[2][0].Payload; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

func TestFetchHistoryEnds(t *testing.T) {
	for name, test := range map[string]struct {
		push string
		more bool
		err  error
	}{
		"end of the thread":   {program(row("updateExistingMessageRange", 1002, 500, true, false)), false, nil},
		"last page":           {program(rangeRow(400, 100, "a", false), historyRow("a", 100)), false, nil},
		"range above anchor":  {program(rangeRow(501, 100, "a", false)), false, ErrNoAnswer},
		"end somewhere else":  {program(row("updateExistingMessageRange", 1002, 400, true, false)), false, ErrNoAnswer},
		"another thread":      {program(strings.Replace(rangeRow(400, 100, "a", false), `"1002"`, `"7"`, 1)), false, ErrNoAnswer},
		"nothing is answered": {"", false, ErrNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for what does not come
			n, r := newNetwork(t), newRecorder()
			n.tasks = n.pushing(func(int) string { return test.push })
			c := n.client(r, State{}, func(c *Config) { c.HistoryRetry, c.HistoryTimeout = time.Second, 4*time.Second })
			mustConnect(t, c, r)
			h, err := c.FetchHistory(t.Context(), 1002, Anchor{"anchor", 500})
			if !errors.Is(err, test.err) || err == nil && h.More != test.more {
				t.Errorf("got %+v and %v, want %v", h, err, test.err)
			}
		})
	}
}

// TestHandlerMayFetch checks that history arrives while the table before it is still being handled.
func TestHandlerMayFetch(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.tasks = n.pushing(func(int) string { return program(rangeRow(400, 100, "a", false), historyRow("a", 100)) })
	c := n.client(r, State{}, nil)
	r.hook = func(d Delivery) {
		if hasMessage("mid.1")(d) {
			if _, err := c.FetchHistory(t.Context(), 1002, Anchor{"anchor", 500}); err != nil {
				t.Errorf("fetch from within the handler: %v", err)
			}
		}
	}
	mustConnect(t, c, r)
	g := n.mustGateway()
	g.mustAck(g.push(1, program(message("mid.1", "1", "x"))))
}

func TestFetchThreads(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	var page atomic.Int32
	n.tasks = func(tasks []taskEntry) string {
		switch page.Add(1) {
		case 1:
			if key := payloadOf(t, tasks[0], "reference_thread_key"); key != "424242" {
				t.Errorf("asked from %s, want where the page ended", key)
			}
			return program(row("upsertSyncGroupThreadsRange", 1, -1, 1500000000000, true, false, 7), row("verifyThreadExists", 7, 1, "inbox", -1, 80, 1))
		default:
			// hasMoreBefore may never turn false: the key that repeats is the end.
			return program(row("upsertSyncGroupThreadsRange", 1, -1, 1500000000000, true, false, 7))
		}
	}
	c := n.client(r, State{}, nil)
	mustConnect(t, c, r)
	// What the first fetch said is handled behind the connect.
	r.waitFor(t, "the first fetch", func(d Delivery) bool { return d.Origin == FromFetch })
	for i, want := range []bool{true, false, false} {
		table, more, err := c.FetchThreads(t.Context(), task.GroupMailbox)
		if err != nil || more != want || i == 0 && len(table.KnownThreads) != 1 {
			t.Errorf("page %d: got %+v, %t and %v, want more: %t", i, table, more, err, want)
		}
	}
	if page.Load() != 2 {
		t.Errorf("asked %d times, want 2", page.Load())
	}
	if _, more, err := c.FetchThreads(t.Context(), task.GroupRequests); more || err != nil {
		t.Errorf("requests: got %t and %v, want none", more, err)
	}
}

func TestFetchContactAndSearch(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.tasks = func(tasks []taskEntry) string {
		if tasks[0].Label == "207" {
			return program(row("deleteThenInsertContact", 5, nil, "https://p", nil, nil, nil, nil, nil, nil, "Bob"))
		}
		return program(row("insertSearchResult", "bob", "5", 0, 1, 1, "Bob"))
	}
	c := n.client(r, State{}, nil)
	mustConnect(t, c, r)
	contact, err := c.FetchContact(t.Context(), 5)
	if err != nil || contact.Name != "Bob" {
		t.Errorf("got %+v and %v", contact, err)
	}
	if _, err = c.FetchContact(t.Context(), 6); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("got %v, want %v", err, ErrNoAnswer)
	}
	if found, err := c.Search(t.Context(), "bob"); err != nil || len(found) != 1 || found[0].ID != "5" {
		t.Errorf("found %+v and %v", found, err)
	}
}

func TestOpenRefreshesLinks(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.media = func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Cookie") != "" {
			t.Error("media is asked for with cookies")
		}
		if req.URL.Query().Get("sig") != "new" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprint(w, "picture "+req.URL.Path)
	}
	blob := func(index int, fbid, path string) string {
		args := make([]any, 49)
		args[3], args[23], args[27], args[32], args[34] = n.server.URL+"/media/"+path+"?sig=new", index, 1002, "mid.1", fbid
		return row("insertBlobAttachment", args...)
	}
	n.tasks = n.pushing(func(int) string {
		return program(rangeRow(1000, 100, "a", true), historyRow("mid.1", 1000), blob(0, "70", "first"), blob(1, "71", "second"))
	})
	c := n.client(r, State{}, nil)
	mustConnect(t, c, r)
	stale := lightspeed.Link{URL: n.server.URL + "/media/x?sig=old"}
	expired := lightspeed.Link{URL: n.server.URL + "/media/x?sig=new&oe=1"}
	for name, test := range map[string]struct {
		attachment Attachment
		want       string
		err        error
	}{
		"good link":         {Attachment{Link: lightspeed.Link{URL: n.server.URL + "/media/y?sig=new"}}, "picture /media/y", nil},
		"refused":           {Attachment{1002, "mid.1", 1000, "71", 0, stale, media.Image}, "picture /media/second", nil},
		"expired by itself": {Attachment{1002, "mid.1", 1000, "70", 0, expired, media.Image}, "picture /media/first", nil},
		"by index":          {Attachment{1002, "mid.1", 1000, "99", 1, stale, media.Image}, "picture /media/second", nil},
		"gone":              {Attachment{1002, "mid.2", 1000, "70", 0, stale, media.Image}, "", media.ErrExpired},
		"no message":        {Attachment{Link: stale}, "", media.ErrExpired},
		"expired, none":     {Attachment{Link: expired}, "", media.ErrExpired},
		"not on the list":   {Attachment{Link: lightspeed.Link{URL: "https://evil.example/x"}, MessageID: "mid.1"}, "", media.ErrNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := c.Open(t.Context(), test.attachment, 1<<20)
			if !errors.Is(err, test.err) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			if err != nil {
				return
			}
			defer func() { _ = body.Close() }()
			if got, err := io.ReadAll(body); err != nil || string(got) != test.want {
				t.Errorf("got %q and %v, want %q", got, err, test.want)
			}
		})
	}
}
