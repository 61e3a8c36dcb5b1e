package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/messenger/wire/task"
)

// payloadOf reads one field of a task's payload.
func payloadOf(t *testing.T, entry taskEntry, field string) string {
	t.Helper()
	var payload map[string]json.RawMessage
	if err := json.Unmarshal([]byte(entry.Payload), &payload); err != nil {
		t.Error(err)
	}
	return strings.Trim(string(payload[field]), `"`)
}

func TestSendOutcomes(t *testing.T) {
	var rejected *RejectedError
	var uncertain *UncertainError
	tests := []struct {
		name   string
		answer func(otid string) string
		want   string
		as     any
	}{
		{"sent", func(otid string) string { return program(row("replaceOptimsiticMessage", otid, "mid.1")) }, "mid.1", nil},
		{"sent, number as id", func(otid string) string {
			return `{"step":[1,[5,"replaceOptimsiticMessage",[19,"` + otid + `"],"mid.1"]]}`
		}, "mid.1", nil},
		{"echo only", func(otid string) string { return program(message("mid.2", otid, "x")) }, "mid.2", nil},
		{"failed", func(otid string) string { return program(row("markOptimisticMessageFailed", otid, "blocked")) }, "", &rejected},
		{"task failed", func(string) string { return program(row("handleFailedTask", 4, nil, "no such thread")) }, "", &rejected},
		{"error", func(string) string { return program(row("issueNewError", 4, 1545012, "Title", "Message")) }, "", &rejected},
		{"says nothing", func(string) string { return program() }, "", &uncertain},
		{"another message", func(string) string { return program(row("replaceOptimsiticMessage", "5", "mid.9")) }, "", &uncertain},
		{"no program", func(string) string { return "<html>" }, "", &uncertain},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n, r := newNetwork(t), newRecorder()
			n.tasks = func(tasks []taskEntry) string { return test.answer(payloadOf(t, tasks[0], "otid")) }
			c := n.client(r, State{}, nil)
			mustConnect(t, c, r)
			got, err := c.Send(t.Context(), task.Message{ThreadID: 1002, OTID: 77, Text: "hello"})
			if got != test.want || (err == nil) != (test.as == nil) || test.as != nil && !errors.As(err, test.as) {
				t.Errorf("got %q and %v, want %q and %T", got, err, test.want, test.as)
			}
			batch := n.batches[len(n.batches)-1]
			if len(batch) != 2 || batch[0].Label != "46" || batch[1].Label != "21" || batch[1].ID != batch[0].ID+1 {
				t.Errorf("sent %+v, want a message and a mark", batch)
			}
		})
	}
}

func TestSendAgainAfterLostAnswer(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	var tries atomic.Int32
	var otids [2]string
	n.tasks = func(tasks []taskEntry) string {
		try := tries.Add(1)
		otids[try-1] = payloadOf(t, tasks[0], "otid")
		if try == 1 {
			return ""
		}
		return program(row("replaceOptimsiticMessage", otids[1], "mid.1"))
	}
	c := n.client(r, State{}, func(c *Config) { c.ResponseTimeout = 50 * time.Millisecond })
	mustConnect(t, c, r)
	got, err := c.Send(t.Context(), task.Message{ThreadID: 1002, Text: "hello"})
	if err != nil || got != "mid.1" || otids[0] == "" || otids[0] != otids[1] {
		t.Errorf("got %q and %v with ids %q, want the same id twice", got, err, otids)
	}
}

func TestSendSettledByEcho(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.tasks = func(tasks []taskEntry) string {
		n.mu.Lock()
		g := n.current
		n.mu.Unlock()
		g.push(1, program(message("mid.1", payloadOf(t, tasks[0], "otid"), "hello")))
		return ""
	}
	c := n.client(r, State{}, func(c *Config) { c.ResponseTimeout = time.Minute })
	mustConnect(t, c, r)
	if got, err := c.Send(t.Context(), task.Message{ThreadID: 1002, Text: "hello"}); err != nil || got != "mid.1" {
		t.Errorf("got %q and %v, want the id of the echo", got, err)
	}
}

func TestSendAcrossReconnect(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	var tries atomic.Int32
	n.tasks = func(tasks []taskEntry) string {
		if tries.Add(1) == 1 {
			n.mu.Lock()
			g := n.current
			n.mu.Unlock()
			_ = g.ws.CloseNow()
			return ""
		}
		return program(row("replaceOptimsiticMessage", payloadOf(t, tasks[0], "otid"), "mid.1"))
	}
	c := n.client(r, State{}, nil)
	s := mustConnect(t, c, r)
	sent := make(chan error, 1)
	go func() {
		id, err := c.Send(t.Context(), task.Message{ThreadID: 1002, Text: "hello"})
		if err == nil && id != "mid.1" {
			err = fmt.Errorf("message got id %q", id)
		}
		sent <- err
	}()
	if err := s.mustEnd(); Advise(err).Action != TryAgain {
		t.Errorf("ended with %v", err)
	}
	mustConnect(t, c, r)
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestSendNotConnected(t *testing.T) {
	n := newNetwork(t)
	c := n.client(newRecorder(), State{}, func(c *Config) { c.ConnectWait = 10 * time.Millisecond; c.SendAttempts = 2 })
	var uncertain *UncertainError
	_, err := c.Send(t.Context(), task.Message{ThreadID: 1002, Text: "hello"})
	if !errors.Is(err, ErrNotConnected) || errors.As(err, &uncertain) {
		t.Errorf("got %v, want %v for certain", err, ErrNotConnected)
	}
	if err = c.React(t.Context(), 1002, "mid.1", "x"); !errors.Is(err, ErrNotConnected) || errors.As(err, &uncertain) {
		t.Errorf("got %v, want %v for certain", err, ErrNotConnected)
	}
}

func TestEdit(t *testing.T) {
	var rejected *RejectedError
	tests := []struct {
		name   string
		answer []string // rows
		push   string   // row, pushed after the answer
		as     any
	}{
		{"nothing said", nil, "", nil},
		{"new text", []string{row("editMessage", "mid.1", 80, "new ", 1)}, "", nil},
		{"another message", []string{row("editMessage", "mid.2", 80, "old", 1)}, "", nil},
		{"seems reverted, is not", []string{row("editMessage", "mid.1", 80, "old", 1)}, row("editMessage", "mid.1", 80, "new", 1), nil},
		{"reverted", []string{row("editMessage", "mid.1", 80, "old", 1)}, row("editMessage", "mid.1", 80, "old", 1), &rejected},
		{"reverted, no push", []string{row("editMessage", "mid.1", 80, "old", 1)}, "", &rejected},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n, r := newNetwork(t), newRecorder()
			n.tasks = func([]taskEntry) string {
				n.mu.Lock()
				g := n.current
				n.mu.Unlock()
				if test.push != "" {
					go g.push(1, program(test.push))
				}
				return program(test.answer...)
			}
			c := n.client(r, State{}, func(c *Config) { c.EditWait = 200 * time.Millisecond })
			mustConnect(t, c, r)
			err := c.Edit(t.Context(), "mid.1", "new")
			if (err == nil) != (test.as == nil) || test.as != nil && !errors.As(err, test.as) {
				t.Errorf("got %v, want %T", err, test.as)
			}
		})
	}
}

func TestActions(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	c := n.client(r, State{}, nil)
	mustConnect(t, c, r)
	ctx := t.Context()
	for i, act := range []struct {
		label string
		do    func() error
	}{
		{"29", func() error { return c.React(ctx, 1002, "mid.1", "❤") }},
		{"33", func() error { return c.Unsend(ctx, "mid.1") }},
		{"155", func() error { return c.DeleteForMe(ctx, 1002, "mid.1") }},
		{"21", func() error { return c.MarkRead(ctx, 1002, time.Now()) }},
		{"144", func() error { return c.Mute(ctx, 1002, task.Forever) }},
		{"66", func() error { return c.AcceptRequest(ctx, 1002) }},
		{"146", func() error { return c.DeleteThread(ctx, 1002, true) }},
		{"32", func() error { return c.Rename(ctx, 1002, "x") }},
		{"209", func() error { _, err := c.CreateThread(ctx, 1002); return err }},
	} {
		if err := act.do(); err != nil {
			t.Errorf("%s: %v", act.label, err)
		}
		n.mu.Lock()
		if got := n.batches[i+1]; len(got) != 1 || got[0].Label != act.label {
			t.Errorf("sent %+v, want a task of label %s", got, act.label)
		}
		n.mu.Unlock()
	}
	if err := c.Typing(ctx, 1002, lightspeed.ThreadOneToOne, true); err != nil {
		t.Error(err)
	}
	want := `{"label":"3","payload":"{\"thread_key\":1002,\"is_group_thread\":0,\"is_typing\":1,\"attribution\":0,\"sync_group\":1,\"thread_type\":1}","version":"26160000000000123"}`
	waitUntil(t, "typing has arrived", func() bool { n.mu.Lock(); defer n.mu.Unlock(); return len(n.notices) == 1 })
	if n.notices[0] != want {
		t.Errorf("sent %s, want %s", n.notices[0], want)
	}
}

func TestRejectedTask(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.tasks = func(tasks []taskEntry) string {
		return program(row("handleFailedTask", 999, nil, "another task"), row("issueNewError", tasks[0].ID, 7, "No", "Not allowed"))
	}
	c := n.client(r, State{}, nil)
	mustConnect(t, c, r)
	var rejected *RejectedError
	if err := c.Unsend(t.Context(), "mid.1"); !errors.As(err, &rejected) || rejected.Code != 7 || rejected.Message != "No: Not allowed" {
		t.Errorf("got %v, want the server's error", err)
	}
}

func TestCreateEncrypted(t *testing.T) {
	n, r := newNetwork(t), newRecorder()
	n.tasks = func(tasks []taskEntry) string {
		switch tasks[0].Label {
		case "388":
			return program(row("issueNewTask", "queue", 209, `{"thread_fbid":1003}`))
		case "209":
			if tasks[0].Queue != "queue" || tasks[0].Payload != `{"thread_fbid":1003}` {
				t.Errorf("follow-up is %+v, want it as the server said", tasks[0])
			}
			return program(row("verifyThreadExists", 1003, 15, "inbox", -1, 80, 1))
		}
		return program()
	}
	c := n.client(r, State{}, nil)
	mustConnect(t, c, r)
	tables, err := c.CreateEncrypted(t.Context(), 1003)
	if err != nil || len(tables) != 2 || len(tables[1].KnownThreads) != 1 || tables[1].KnownThreads[0].Type != lightspeed.ThreadEncryptedOneToOne {
		t.Errorf("got %+v and %v, want the new thread", tables, err)
	}
	// A server that never has enough is stopped.
	n.mu.Lock()
	n.tasks = func([]taskEntry) string {
		return program(row("issueNewTask", "queue", 209, `{}`), row("issueNewTask", "queue", 209, `{}`))
	}
	n.mu.Unlock()
	if tables, err = c.CreateEncrypted(t.Context(), 1003); err != nil || len(tables) != maxIssued+1 {
		t.Errorf("got %d tables and %v, want %d", len(tables), err, maxIssued+1)
	}
}
