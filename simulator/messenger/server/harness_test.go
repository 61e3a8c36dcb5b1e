package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/server"
	"crosschat/simulator/messenger/webclient"
	"crosschat/simulator/simtest"
)

// rig is a server with two people and one client of the first.
type rig struct {
	*testing.T
	ctx     context.Context
	server  *server.Server
	own     control.Person
	alice   control.Person
	client  *webclient.Client
	gateway *webclient.Gateway
	cursors map[int]string
	otid    int64
	clean   bool // the test announced unexpected requests
}

func newRig(t *testing.T, cfg server.Config) *rig {
	t.Helper()
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	simtest.Serve(t, s)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	r := &rig{T: t, ctx: ctx, server: s, cursors: map[int]string{}, otid: 7507804160000000042}
	t.Cleanup(func() {
		cancel()
		if !r.clean {
			for _, u := range s.Log().Unexpected() {
				t.Errorf("unexpected request: %s", u.What)
			}
		}
	})
	r.own, r.alice = r.person("Own Name"), r.person("Alice Example")
	r.client = r.login(r.own)
	return r
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (r *rig) check(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) person(name string) control.Person {
	r.Helper()
	p, err := r.server.AddPerson(r.ctx, control.NewPerson{Name: name})
	return must(r.T, p, err)
}

func (r *rig) login(p control.Person) *webclient.Client {
	r.Helper()
	answer, err := r.server.Special(r.ctx, p.ID, "login", nil)
	login := must(r.T, answer, err).(server.Login)
	return webclient.New(r.server.Address(), r.server.CAPEM(), login.Cookies)
}

func (r *rig) special(p control.Person, name string, argument any) any {
	r.Helper()
	data, err := json.Marshal(argument)
	r.check(err)
	answer, err := r.server.Special(r.ctx, p.ID, name, data)
	return must(r.T, answer, err)
}

func (r *rig) fault(f control.Fault) control.Fault {
	r.Helper()
	f, err := r.server.AddFault(f)
	return must(r.T, f, err)
}

// load loads the page.
func (r *rig) load() *webclient.Page {
	r.Helper()
	page, err := r.client.Load(r.ctx)
	page = must(r.T, page, err)
	for _, row := range webclient.Find(page.Table, "executeFirstBlockForSyncTransaction") {
		r.cursors[int(row.Int(0))] = row.Text(3)
	}
	return page
}

// dial opens the gateway and nothing else.
func (r *rig) dial() *webclient.Gateway {
	r.Helper()
	g, err := r.client.Connect(r.ctx, r.client.Parameters(), r.cursors)
	r.gateway = must(r.T, g, err)
	r.Cleanup(g.Close)
	return g
}

// connect loads the page if that was not done, opens the gateway and syncs the four databases.
func (r *rig) connect() map[int][]webclient.Row {
	r.Helper()
	if r.client.Page == nil {
		r.load()
	}
	g := r.dial()
	rows := map[int][]webclient.Row{}
	for db, config := range map[int]string{1: "", 2: "contact", 95: "", 104: "e2ee"} {
		params := r.client.Page.Value("LSPlatformMessengerSyncParams", config)
		got, err := g.Sync(r.ctx, db, params)
		rows[db] = must(r.T, got, err)
	}
	return rows
}

// push waits for a push that has a row of this name.
func (r *rig) push(name string) ([]webclient.Row, webclient.Row) {
	r.Helper()
	deadline := time.After(5 * time.Second)
	var seen []string
	for {
		select {
		case p := <-r.gateway.Pushes:
			if found := webclient.Find(p.Rows, name); len(found) > 0 {
				return p.Rows, found[0]
			}
			for _, row := range p.Rows {
				seen = append(seen, row.Name)
			}
		case <-r.gateway.Ended:
			r.Fatalf("connection ended (%v) while waiting for %s; pushed were %q", r.gateway.Err, name, seen)
		case <-deadline:
			r.Fatalf("no push with %s; pushed were %q", name, seen)
		}
	}
}

// quiet fails if a push with this row comes before the next marker that the test causes.
func (r *rig) quiet(name string) {
	r.Helper()
	for {
		select {
		case p := <-r.gateway.Pushes:
			if found := webclient.Find(p.Rows, name); len(found) > 0 {
				r.Fatalf("push with %s: %v", name, found[0].Args)
			}
		default:
			return
		}
	}
}

func (r *rig) say(from, to control.Person, text string) control.Sent {
	r.Helper()
	sent, err := r.server.Send(r.ctx, from.ID, control.SendRequest{To: to.ID, Text: text})
	return must(r.T, sent, err)
}

func (r *rig) await(p control.Person, m control.Match) control.Event {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, 5*time.Second)
	defer cancel()
	events, err := r.server.Await(ctx, p.ID, m)
	return must(r.T, events, err)[0]
}

func number(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64)
	return n
}

// sendPayload is the payload of a text with fields changed or, where nil, taken out.
func (r *rig) sendPayload(to control.Person, text string, change map[string]any) map[string]any {
	r.otid += 1 << 12
	payload := map[string]any{
		"thread_id": number(to.ID), "otid": strconv.FormatInt(r.otid, 10), "source": 65537, "send_type": 1, "sync_group": 1,
		"text": text, "initiating_source": 1, "skip_url_preview_gen": 0, "text_has_links": 0, "multitab_env": 0,
	}
	for key, value := range change {
		if value == nil {
			delete(payload, key)
		} else {
			payload[key] = value
		}
	}
	return payload
}

// task runs one task and returns the rows of its answer but removeTask.
func (r *rig) task(label int, queue string, payload any) []webclient.Row {
	r.Helper()
	rows, err := r.gateway.Run(r.ctx, webclient.Task{Label: label, Queue: queue, Payload: payload})
	rows = must(r.T, rows, err)
	if len(rows) == 0 || rows[len(rows)-1].Name != "removeTask" {
		r.Fatalf("answer does not end the task: %v", rows)
	}
	return rows[:len(rows)-1]
}

// send sends a text as the client and returns its id.
func (r *rig) send(to control.Person, text string) string {
	r.Helper()
	rows := r.task(46, to.ID, r.sendPayload(to, text, nil))
	if len(rows) != 1 || rows[0].Name != "replaceOptimsiticMessage" || rows[0].Text(0) != strconv.FormatInt(r.otid, 10) {
		r.Fatalf("answer to the send: %v", rows)
	}
	return rows[0].Text(1)
}

// expectUnexpected waits until the server noted something with this text.
func (r *rig) expectUnexpected(text string) {
	r.Helper()
	r.clean = true
	ctx, cancel := context.WithTimeout(r.ctx, 5*time.Second)
	defer cancel()
	if _, err := r.server.Log().Await(ctx, control.LogMatch{Contains: "UNEXPECTED " + text}); err != nil {
		r.Errorf("not noted: %q; noted: %+v", text, r.server.Log().Unexpected())
	}
}

func wantRedirect(t *testing.T, err error, target string, deleted bool) {
	t.Helper()
	var redirected *webclient.Redirected
	if !errors.As(err, &redirected) || !strings.HasPrefix(redirected.Target, target) || redirected.Deleted != deleted {
		t.Errorf("got %v, want a redirect to %s, cookie deleted %t", err, target, deleted)
	}
}

func wantRefused(t *testing.T, err error, code int) {
	t.Helper()
	var refused *webclient.Refused
	if !errors.As(err, &refused) || refused.Code != code {
		t.Errorf("got %v, want a refusal with %d", err, code)
	}
}

func names(rows []webclient.Row) string {
	var list []string
	for _, row := range rows {
		list = append(list, row.Name)
	}
	return strings.Join(list, " ")
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	return string(must(t, data, err))
}
