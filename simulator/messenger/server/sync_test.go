package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/dgw"
	"crosschat/simulator/messenger/server"
	"crosschat/simulator/messenger/webclient"
)

func TestFirstSync(t *testing.T) {
	r := newRig(t, server.Config{})
	r.say(r.alice, r.own, "one")
	sent := r.say(r.own, r.alice, "two")
	if _, err := r.server.React(r.ctx, r.alice.ID, control.ReactRequest{Target: control.Target{ID: sent.ID}, Emoji: "❤"}); err != nil {
		t.Fatal(err)
	}
	rows := r.connect()
	if got := webclient.Find(r.client.Page.Table, "upsertMessage"); len(got) != 2 || got[0].Text(0) != "one" || got[1].Text(0) != "two" {
		t.Errorf("table: %s", names(r.client.Page.Table))
	}
	if got := webclient.Find(r.client.Page.Table, "upsertReaction"); len(got) != 1 || got[0].Text(4) != "❤" {
		t.Errorf("reactions: %v", got)
	}
	if got := webclient.Find(rows[1], "upsertMessage"); len(got) != 0 {
		t.Errorf("what the page told comes again: %v", got)
	}
	if got := webclient.Find(rows[2], "deleteThenInsertContact"); len(got) != 2 {
		t.Errorf("contacts: %s", names(rows[2]))
	}
	p, err := r.server.Person(r.ctx, r.own.ID)
	if err != nil || len(p.Companions) != 1 || !p.Companions[0].Active || !strings.Contains(p.Companions[0].Name, "Chrome") {
		t.Errorf("person %+v, error %v", p, err)
	}
}

func TestSyncInPages(t *testing.T) {
	r := newRig(t, server.Config{SyncPage: 2})
	r.fault(control.Fault{Kind: "page_shape", Args: map[string]string{"shape": "no_table"}})
	for i := range 5 {
		r.say(r.person(fmt.Sprint("Friend ", i)), r.own, fmt.Sprint("hello ", i))
	}
	rows := r.connect()
	if got := len(webclient.Find(rows[1], "deleteThenInsertThread")); got != 5 {
		t.Errorf("%d threads, want 5", got)
	}
	if got := len(webclient.Find(rows[1], "executeFirstBlockForSyncTransaction")); got < 3 {
		t.Errorf("%d answers, want 3 at least", got)
	}
	if got := len(webclient.Find(rows[1], "upsertSyncGroupThreadsRange")); got != 1 {
		t.Errorf("%d ranges, want 1", got)
	}
	if got := len(webclient.Find(rows[2], "deleteThenInsertContact")); got != 6 {
		t.Errorf("%d contacts, want 6", got)
	}
	r.say(r.alice, r.own, "live")
	r.push("insertMessage")
	r.gateway.Close()
	for i := range 5 {
		r.say(r.alice, r.own, fmt.Sprint("missed ", i))
	}
	if got := webclient.Find(r.connect()[1], "insertMessage"); len(got) != 5 || got[4].Text(0) != "missed 4" {
		t.Errorf("%d messages after the gap", len(got))
	}
}

func TestPushesAreNeitherLostNorRepeated(t *testing.T) {
	r := newRig(t, server.Config{})
	r.connect()
	r.say(r.alice, r.own, "one")
	rows, row := r.push("insertMessage")
	if row.Text(0) != "one" || row.Int(10) != number(r.alice.ID) || len(webclient.Find(rows, "deleteThenInsertThread")) != 1 {
		t.Errorf("pushed %s", names(rows))
	}
	r.say(r.alice, r.own, "two")
	if rows, row = r.push("insertMessage"); row.Text(0) != "two" || len(webclient.Find(rows, "verifyThreadExists")) != 1 {
		t.Errorf("pushed %s", names(rows))
	}
	r.gateway.Close()
	r.say(r.alice, r.own, "three")
	rows = r.connect()[1]
	if got := webclient.Find(rows, "insertMessage"); len(got) != 1 || got[0].Text(0) != "three" {
		t.Errorf("after the reconnect: %s", names(rows))
	}
	r.quiet("insertMessage")
}

func TestFirstBlocks(t *testing.T) {
	r := newRig(t, server.Config{})
	f := r.fault(control.Fault{Kind: "v4_block"})
	rows := r.connect()
	if got := webclient.Find(rows[1], "executeFirstBlockForSyncTransactionV4"); len(got) == 0 || len(got[0].Args) != 10 {
		t.Errorf("sync: %s", names(rows[1]))
	}
	r.say(r.alice, r.own, "newer")
	if rows, _ := r.push("insertMessage"); rows[0].Name != "executeFirstBlockForSyncTransactionV4" {
		t.Errorf("push: %s", names(rows))
	}
	r.server.Faults().Remove(f.ID)
	r.fault(control.Fault{Kind: "no_block"})
	r.say(r.alice, r.own, "none")
	if rows, _ := r.push("insertMessage"); strings.HasPrefix(rows[0].Name, "executeFirst") {
		t.Errorf("push: %s", names(rows))
	}
}

func TestSyncFaults(t *testing.T) {
	r := newRig(t, server.Config{})
	r.connect()
	r.fault(control.Fault{Kind: "stale_cursor", Stanza: "query/1"})
	rows, err := r.gateway.Query(r.ctx, 1, "")
	if err != nil || names(rows) != "handleSyncFailure" || rows[0].Int(0) != 1 {
		t.Errorf("got %s, error %v", names(rows), err)
	}
	r.fault(control.Fault{Kind: "sync_failure", Stanza: "query/2", Args: map[string]string{"message": "no"}})
	if rows, err = r.gateway.Query(r.ctx, 2, ""); err != nil || len(rows) != 1 || rows[0].Text(1) != "no" {
		t.Errorf("got %s, error %v", names(rows), err)
	}
	r.fault(control.Fault{Kind: "send_sync", Stanza: "query/1"})
	if rows, err = r.gateway.Query(r.ctx, 1, ""); err != nil || !rows[0].Bool(5) {
		t.Errorf("got %v, error %v", rows, err)
	}
	r.gateway.Close()
	r.fault(control.Fault{Kind: "catchup_upserts"})
	r.say(r.alice, r.own, "missed")
	rows = r.connect()[1]
	upserts := webclient.Find(rows, "upsertMessage")
	if len(upserts) != 1 || len(upserts[0].Args) != 82 || len(webclient.Find(rows, "insertNewMessageRange")) != 1 {
		t.Errorf("got %s", names(rows))
	}
}

func TestCursorOfAnotherAccount(t *testing.T) {
	r := newRig(t, server.Config{})
	r.connect()
	cursors := map[int]string{1: r.gateway.Cursor(1)}
	r.client = r.login(r.alice)
	r.load()
	r.cursors = cursors
	r.dial()
	rows, err := r.gateway.Query(r.ctx, 1, "")
	if err != nil || names(rows) != "handleSyncFailure" {
		t.Errorf("got %s, error %v", names(rows), err)
	}
	r.expectUnexpected("cursor")
}

func TestSilentStallIsHealedByAQuery(t *testing.T) {
	r := newRig(t, server.Config{})
	r.connect()
	r.fault(control.Fault{Kind: "stall", Stanza: "push/1"})
	r.say(r.alice, r.own, "one")
	r.say(r.alice, r.own, "two")
	rows, err := r.gateway.Sync(r.ctx, 1, "")
	if got := webclient.Find(rows, "insertMessage"); err != nil || len(got) != 2 {
		t.Errorf("got %s, error %v", names(rows), err)
	}
	r.quiet("insertMessage")
	r.say(r.alice, r.own, "three")
	if _, row := r.push("insertMessage"); row.Text(0) != "three" {
		t.Errorf("got %q", row.Text(0))
	}
}

func TestPushFaults(t *testing.T) {
	r := newRig(t, server.Config{})
	r.connect()
	r.fault(control.Fault{Kind: "duplicate_push"})
	r.say(r.alice, r.own, "twice")
	_, first := r.push("insertMessage")
	if _, again := r.push("insertMessage"); first.Text(8) != again.Text(8) {
		t.Errorf("got %q and %q", first.Text(8), again.Text(8))
	}
	r.fault(control.Fault{Kind: "extended_push"})
	r.say(r.alice, r.own, "extended")
	r.push("insertMessage")
	r.fault(control.Fault{Kind: "delay_push", Args: map[string]string{"ms": "20"}})
	r.say(r.alice, r.own, "late")
	if _, row := r.push("insertMessage"); row.Text(0) != "late" {
		t.Errorf("got %q", row.Text(0))
	}
	r.fault(control.Fault{Kind: "bare_thread", Person: r.own.ID})
	bob := r.person("Bob")
	r.say(bob, r.own, "who")
	if rows, _ := r.push("insertMessage"); len(webclient.Find(rows, "deleteThenInsertThread")) != 0 {
		t.Errorf("got %s", names(rows))
	}
	r.fault(control.Fault{Kind: "drain", Args: map[string]string{"reason": "5"}})
	r.fault(control.Fault{Kind: "deauth"})
	r.fault(control.Fault{Kind: "end_stream", Args: map[string]string{"reason": "8"}})
	r.say(r.alice, r.own, "unheard")
	rows, err := r.gateway.Query(r.ctx, 2, "")
	if err != nil {
		t.Fatalf("got %s, error %v", names(rows), err)
	}
	kinds := ""
	for _, f := range r.gateway.Other() {
		kinds += fmt.Sprintf("%d/%d ", f.Type, f.Reason)
	}
	if kinds != "3/5 4/0 16/8 " {
		t.Errorf("frames %q", kinds)
	}
	r.quiet("insertMessage")
}

func TestGarbageEndsOurClientOnly(t *testing.T) {
	r := newRig(t, server.Config{})
	r.connect()
	r.fault(control.Fault{Kind: "garbage_push", Args: map[string]string{"payload": `{"step":[1,[5`}})
	r.say(r.alice, r.own, "unreadable")
	<-r.gateway.Ended
	if _, err := r.server.Log().Await(r.ctx, control.LogMatch{Contains: "gateway ended"}); err != nil {
		t.Fatal(err)
	}
	r.connect()
	r.fault(control.Fault{Kind: "raw", Args: map[string]string{"hex": "ff00"}})
	<-r.gateway.Ended
	if r.gateway.Err == nil {
		t.Error("no error")
	}
	r.connect()
}

func TestCloseFaults(t *testing.T) {
	for _, c := range []struct {
		kind, point string
		code        int
		do          func(r *rig)
	}{
		{"close", "", 4000, func(*rig) {}},
		{"close", "", -1, func(*rig) {}},
		{"close_before", "push/1", 4002, func(r *rig) { r.say(r.alice, r.own, "x") }},
		{"close_after", "push/1", -1, func(r *rig) { r.say(r.alice, r.own, "x") }},
		{"close_before", "task/46", -1, func(r *rig) { r.gateway.Run(r.ctx, r.text("x")) }},   //nolint:errcheck // it ends
		{"close_after", "task/46", 4001, func(r *rig) { r.gateway.Run(r.ctx, r.text("x")) }},  //nolint:errcheck // it ends
		{"close_before", "query/1", 4004, func(r *rig) { r.gateway.Query(r.ctx, 1, "") }},     //nolint:errcheck // it ends
		{"close_before", "establish", -1, func(r *rig) { r.gateway.Run(r.ctx, r.text("x")) }}, //nolint:errcheck // it ends
	} {
		t.Run(c.kind+" "+c.point, func(t *testing.T) {
			r := newRig(t, server.Config{})
			r.say(r.alice, r.own, "first")
			r.connect()
			args := map[string]string{}
			if c.code > 0 {
				args["code"] = fmt.Sprint(c.code)
			}
			r.fault(control.Fault{Kind: c.kind, Stanza: c.point, Args: args})
			c.do(r)
			if got := r.gateway.CloseCode(); got != c.code {
				t.Errorf("closed with %d, want %d", got, c.code)
			}
		})
	}
}

// text is a send to alice.
func (r *rig) text(text string) webclient.Task {
	return webclient.Task{Label: 46, Queue: r.alice.ID, Payload: r.sendPayload(r.alice, text, nil)}
}

func TestConnectFaults(t *testing.T) {
	r := newRig(t, server.Config{})
	r.load()
	r.fault(control.Fault{Kind: "close_before", Stanza: "connect", Args: map[string]string{"code": "4002"}})
	if got := r.dial().CloseCode(); got != 4002 {
		t.Errorf("closed with %d", got)
	}
	r.fault(control.Fault{Kind: "http_status", Stanza: "gateway"})
	if _, err := r.client.Connect(r.ctx, r.client.Parameters(), r.cursors); err == nil {
		t.Error("connected")
	}
	for name, change := range map[string]struct{ key, value string }{
		"account": {"x-dgw-uuid", r.alice.ID}, "app": {"x-dgw-appid", "1"}, "version": {"x-dgw-version", "4"},
		"device": {"x-dgw-deviceid", "x"}, "tier": {"x-dgw-tier", ""}, "logging": {"x-dgw-loggingid", ""},
	} {
		parameters := r.client.Parameters()
		parameters.Set(change.key, change.value)
		g, err := r.client.Connect(r.ctx, parameters, r.cursors)
		if err != nil {
			t.Fatal(err)
		}
		want := 4005
		if name == "account" {
			want = 4003
		}
		if got := g.CloseCode(); got != want {
			t.Errorf("%s: closed with %d, want %d", name, got, want)
		}
	}
	r.expectUnexpected("gateway parameter")
}

func TestSilenceClosesTheGateway(t *testing.T) {
	r := newRig(t, server.Config{Patience: 50 * time.Millisecond})
	r.load()
	if got := r.dial().CloseCode(); got != dgw.CloseKeepalive {
		t.Errorf("closed with %d, want %d", got, dgw.CloseKeepalive)
	}
}

func TestPing(t *testing.T) {
	r := newRig(t, server.Config{})
	r.load()
	g := r.dial()
	r.check(g.Write(r.ctx, dgw.Frame{Type: dgw.TypePing}))
	f := r.fault(control.Fault{Kind: "no_pong"})
	r.check(g.Write(r.ctx, dgw.Frame{Type: dgw.TypePing}))
	if _, err := g.Query(r.ctx, 1, ""); err != nil {
		t.Fatal(err)
	}
	hits := 0
	for _, listed := range r.server.Faults().List() {
		if listed.ID == f.ID {
			hits = listed.Hits
		}
	}
	if hits == 2 {
		return // the first ping was read after the fault was there
	}
	if pongs := len(g.Other()); pongs+hits != 2 || hits < 1 {
		t.Errorf("%d pongs, %d withheld", pongs, hits)
	}
}

func TestBadFramesCloseTheGateway(t *testing.T) {
	establish := dgw.Frame{Type: dgw.TypeEstablish, Stream: 9, Payload: []byte("{}")}
	data := dgw.Frame{Type: dgw.TypeData, Stream: 9, AckRequired: true}
	with := func(payload string) []dgw.Frame {
		f := data
		f.Payload = []byte(payload)
		return []dgw.Frame{establish, f}
	}
	const query = `{\"database\":1,\"last_applied_cursor\":null,\"sync_params\":null,\"epoch_id\":1,\"version\":%s,\"failure_count\":null}`
	envelope := func(payload, id, kind string) []dgw.Frame {
		return with(`{"app_id":"2220391788200892","payload":` + payload + `,"request_id":` + id + `,"type":` + kind + `}`)
	}
	for name, frames := range map[string][]dgw.Frame{
		"data without a stream":   {data},
		"stream used twice":       {establish, establish},
		"parameters are not JSON": {{Type: dgw.TypeEstablish, Stream: 9, Payload: []byte("{")}},
		"frame of the server":     {{Type: dgw.TypeDrain, Reason: 1}},
		"request id 0":            envelope(`"{}"`, "0", "2"),
		"payload is an object":    envelope(`{}`, "1", "2"),
		"unknown type":            envelope(`"{}"`, "1", "9"),
		"version as text":         envelope(`"`+fmt.Sprintf(query, `\"26160000000000123\"`)+`"`, "1", "2"),
		"other version":           envelope(`"`+fmt.Sprintf(query, `1`)+`"`, "1", "2"),
		"params in a cursor query": envelope(`"`+strings.Replace(fmt.Sprintf(query, `26160000000000123`),
			`\"sync_params\":null`, `\"sync_params\":\"{}\"`, 1)+`"`, "1", "2"),
		"version as number in tasks": envelope(`"{\"epoch_id\":1,\"tasks\":[{\"failure_count\":null,\"label\":\"46\",\"payload\":\"{}\",\"queue_name\":\"1\",\"task_id\":0}],\"version_id\":26160000000000123}"`, "1", "3"),
		"other app":                  with(`{"app_id":"1","payload":"{}","request_id":1,"type":2}`),
		"no JSON":                    with(`hello`),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, server.Config{})
			r.clean = true
			r.load()
			g := r.dial()
			r.check(g.Write(r.ctx, frames...))
			if got := g.CloseCode(); got != dgw.CloseBadRequest {
				t.Errorf("closed with %d, want %d", got, dgw.CloseBadRequest)
			}
		})
	}
	for name, write := range map[string]func(r *rig) error{
		"text message": func(r *rig) error { return r.gateway.WriteText(r.ctx, "{}") },
		"wrong length": func(r *rig) error {
			return r.gateway.Write(r.ctx, dgw.Frame{Type: dgw.TypeEndOfData}, dgw.Frame{Type: 99})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, server.Config{})
			r.load()
			g := r.dial()
			r.check(write(r))
			if got := g.CloseCode(); got != dgw.CloseBadRequest {
				t.Errorf("closed with %d, want %d", got, dgw.CloseBadRequest)
			}
		})
	}
}
