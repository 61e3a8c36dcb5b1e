package instagram_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
	"crosschat/simulator/instagram/dgw"
)

var search = map[string]any{"search_text": "x"}

// TestRequestFaults breaks requests in all the ways that any request knows.
func TestRequestFaults(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	on := func(kind string, args map[string]string) control.Fault {
		return r.fault(control.Fault{Kind: kind, Person: r.own.ID, Stanza: "graphql/search", Args: args})
	}
	status := on("http_status", map[string]string{"status": "429", "retry_after": "7"})
	if got := b.graphql("search", search); got.StatusCode != 429 || got.Header.Get("Retry-After") != "7" {
		t.Errorf("status: %s", got.Status)
	}
	if r.hits(status) != 1 {
		t.Errorf("%d hits", r.hits(status))
	}
	on("http_html", nil)
	if got := b.graphql("search", search); !bytes.HasPrefix(got.body, []byte("<!DOCTYPE html>")) || got.StatusCode != 200 {
		t.Errorf("html: %s %s", got.Status, got.body)
	}
	on("http_drop", nil)
	if _, err := b.try(b.xhr("/api/graphql", b.graphqlForm("search", search))); err == nil {
		t.Error("the request was answered")
	}
	on("redirect", nil)
	if got := b.graphql("search", search); got.StatusCode != 302 || !strings.HasPrefix(got.Header.Get("Location"), "/challenge/") {
		t.Errorf("redirect: %s", got.Status)
	}
	on("body", map[string]string{"body": `{"message":"feedback_required","spam":true}`, "status": "400"})
	if got := b.graphql("search", search); got.StatusCode != 400 || !bytes.Contains(got.body, []byte("feedback_required")) {
		t.Errorf("body: %s %s", got.Status, got.body)
	}
	on("error", map[string]string{"code": "1357053"})
	if code := b.code("search", search); code != 1357053 {
		t.Errorf("error: %d", code)
	}
	on("http_delay", map[string]string{"ms": "30"})
	start := time.Now()
	if code := b.code("search", search); code != 0 || time.Since(start) < 30*time.Millisecond {
		t.Errorf("delay: %d after %v", code, time.Since(start))
	}
	on("stale_tokens", nil)
	if code := b.code("search", search); code != 1357004 {
		t.Errorf("stale tokens: %d", code)
	}
	b.load()
	if code := b.code("search", search); code != 0 {
		t.Errorf("after reloading: %d", code)
	}
	// Two pages' tokens are good, those of a third are not.
	old := b.page
	b.load()
	b.page.dtsg, b.page.lsd = old.dtsg, old.lsd
	if code := b.code("search", search); code != 0 {
		t.Errorf("tokens of the page before: %d", code)
	}
	b.load()
	b.load()
	b.page.dtsg, b.page.lsd = old.dtsg, old.lsd
	if code := b.code("search", search); code != 1357004 {
		t.Errorf("tokens of an old page: %d", code)
	}
	r.expectUnexpected(0)
}

// TestAnswerFaults changes the answers of GraphQL.
func TestAnswerFaults(t *testing.T) {
	r := newRig(t)
	b, _, short := r.mediaThread()
	on := func(kind string, args map[string]string) {
		r.fault(control.Fault{Kind: kind, Stanza: "graphql", Args: args})
	}
	on("errors", map[string]string{"code": "1675004", "transient": "1", "reauth": "1", "partial": "1"})
	if out := b.parse(b.graphql("search", search)); len(out.Errors) != 1 || out.Errors[0].Code != 1675004 || !out.Errors[0].Transient || !out.Errors[0].Reauth || string(out.Data["xfb_combinedIGSearchQuery"]) == "null" {
		t.Errorf("errors: %+v", out)
	}
	on("null_root", nil)
	if out := b.parse(b.graphql("search", search)); string(out.Data["xfb_combinedIGSearchQuery"]) != "null" || len(out.Errors) != 0 {
		t.Errorf("null root: %+v", out)
	}
	on("prefix", nil)
	if got := b.graphql("search", search); !bytes.HasPrefix(got.body, []byte("for (;;);{")) {
		t.Errorf("prefix: %.60s", got.body)
	}
	on("multi_doc", nil)
	if got := b.graphql("search", search); len(bytes.Split(got.body, []byte("\n"))) != 2 {
		t.Errorf("documents: %s", got.body)
	}
	before := b.cookies["csrftoken"]
	on("rotate_csrf", nil)
	if code := b.code("search", search); code != 0 || b.cookies["csrftoken"] == before {
		t.Errorf("csrf token after %d is %q", code, b.cookies["csrftoken"])
	}
	if code := b.code("search", search); code != 0 {
		t.Errorf("with the new csrf token: %d", code)
	}
	sent := r.send(r.alice, r.own.ID, "x")
	on("nested_reactions", nil)
	got := b.graphql("react", map[string]any{"input": map[string]any{
		"emoji": "❤", "item_id": "", "message_id": sent.ID, "reaction_status": "created", "thread_id": short,
	}})
	if !bytes.Contains(got.body, []byte(`"slide_message":{`)) {
		t.Errorf("nested: %s", got.body)
	}
}

// TestLostAnswer repeats a text whose answer was lost.
func TestLostAnswer(t *testing.T) {
	r := newRig(t)
	b, f, short := r.mediaThread()
	r.fault(control.Fault{Kind: "http_drop", Stanza: "graphql/sendText", Args: map[string]string{"point": "after"}})
	vars := map[string]any{"ig_thread_igid": short, "offline_threading_id": "42", "text": map[string]any{"sensitive_string_value": "once"}}
	req := b.xhr("/api/graphql", b.graphqlForm("sendText", vars))
	req.Header.Set("X-Fb-Friendly-Name", names["sendText"])
	if _, err := b.try(req); err == nil {
		t.Error("the request was answered")
	}
	e := f.deltas("NewMessage")[0]
	if again := b.say(short, "once", "42"); again.ID != e.Message.ID {
		t.Errorf("repetition is %s, want %s", again.ID, e.Message.ID)
	}
	r.send(r.alice, r.own.ID, "next")
	if e := f.deltas("NewMessage")[0]; e.Message.Text != "next" {
		t.Errorf("a second message: %s", e.raw)
	}
	events, err := r.net.Timeline(r.ctx, r.alice.ID, 0)
	r.must(err)
	if len(events) != 2 {
		t.Errorf("events are %+v", events)
	}
}

// TestEchoOrder has the echo of a text come before and after its answer.
func TestEchoOrder(t *testing.T) {
	r := newRig(t)
	b, f, short := r.mediaThread()
	answered := make(chan sentAnswer, 1)
	say := func(otid string) {
		go func() { answered <- b.say(short, "x", otid) }()
	}
	r.fault(control.Fault{Kind: "echo_first", Stanza: "graphql/sendText"})
	say("1")
	f.noAck = true
	frame := f.expect(dgw.Data)
	select {
	case <-answered:
		t.Error("answered before the echo was acknowledged")
	case <-time.After(30 * time.Millisecond):
	}
	f.write(dgw.Frame{Type: dgw.Ack, Stream: frame.Stream, AckID: frame.AckID})
	<-answered
	f.noAck = false

	r.fault(control.Fault{Kind: "echo_late", Stanza: "graphql/sendText", Args: map[string]string{"ms": "30"}})
	came := make(chan entry, 1)
	say("2")
	go func() { came <- f.deltas("NewMessage")[0] }()
	select {
	case <-came:
		t.Error("the echo came before the answer")
	case sent := <-answered:
		if e := <-came; e.Message.ID != sent.ID {
			t.Errorf("echo is %s", e.raw)
		}
	}
	// Nobody listens: the answer comes nevertheless.
	r.fault(control.Fault{Kind: "echo_first", Stanza: "graphql/sendText", Args: map[string]string{"ms": "20"}})
	f.noAck = true
	b.say(short, "y", "3")
}

// TestDeltaFaults breaks deltas on their way.
func TestDeltaFaults(t *testing.T) {
	r := newRig(t)
	b, f, _ := r.mediaThread()
	on := func(kind string, args map[string]string) {
		r.fault(control.Fault{Kind: kind, Person: r.own.ID, Stanza: "push/SlideUQPPNewMessage", Args: args})
	}
	text := func(text string) control.Sent { return r.send(r.alice, r.own.ID, text) }
	next := func(want string) entry {
		t.Helper()
		e := f.deltas("NewMessage")[0]
		if e.Message.Text != want {
			t.Fatalf("delta is %q, want %q", e.Message.Text, want)
		}
		return e
	}
	on("duplicate", nil)
	text("twice")
	if a, b := next("twice"), next("twice"); a.Seq != b.Seq {
		t.Errorf("duplicates have %d and %d", a.Seq, b.Seq)
	}
	on("swap", nil)
	text("second")
	text("first")
	if a, b := next("first"), next("second"); a.Seq < b.Seq {
		t.Errorf("swapped have %d and %d", a.Seq, b.Seq)
	}
	on("delay", map[string]string{"ms": "30"})
	text("late")
	text("early")
	next("early")
	next("late")
	on("lose", nil)
	lost := text("lost")
	text("kept")
	kept := next("kept")
	if kept.Seq != f.cursor || lost.ID == "" {
		t.Errorf("cursor is %d", f.cursor)
	}
	f = b.resubscribe(f, kept.Seq-2)
	next("lost")
	next("kept")

	on("malformed", map[string]string{"json": `[{"data":`})
	text("broken")
	if op := f.operation(); op.member != 3 || op.malform == nil {
		t.Errorf("malformed delta is %+v", op)
	}
	on("split_frame", nil)
	text("split")
	if _, err := f.next(); err == nil {
		t.Error("the frame came as a whole")
	}
	f = b.resubscribe(f, f.cursor)
	next("broken")
	next("split")

	on("close_before", nil)
	text("one")
	if code := f.closed(); code != -1 {
		t.Errorf("closed with %d", code)
	}
	f, _ = b.subscribe(f.cursor)
	on("close_after", nil)
	next("one")
	text("two")
	next("two")
	if code := f.closed(); code != -1 {
		t.Errorf("closed with %d", code)
	}
	r.expectUnexpected(0)
}

// TestBatchCut breaks the connection off in the middle of what is replayed; nothing is lost or doubled but what wasn't
// acknowledged.
func TestBatchCut(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	for i := range 30 {
		r.send(r.alice, r.own.ID, fmt.Sprint(i))
	}
	r.fault(control.Fault{Kind: "close_before", Stanza: "push", Skip: 13})
	f, _ := b.subscribe(18134)
	got := 0
	for ; got < 13; got++ {
		f.delta()
	}
	if code := f.closed(); code != -1 {
		t.Errorf("closed with %d", code)
	}
	f, _ = b.subscribe(f.cursor)
	for ; got < 30; got++ {
		if e := f.delta(); e.Message.Text != fmt.Sprint(got) {
			t.Errorf("delta %d is %s", got, e.raw)
		}
	}
}

// TestSocketFaults breaks the sync socket as a whole.
func TestSocketFaults(t *testing.T) {
	r := newRig(t)
	b, f, _ := r.mediaThread()
	on := func(kind string, args map[string]string) control.Fault {
		return r.fault(control.Fault{Kind: kind, Person: r.own.ID, Args: args})
	}
	on("noop", nil)
	if op := f.operation(); op.member != 4 {
		t.Errorf("noop is %+v", op)
	}
	on("unknown_op", nil)
	if op := f.operation(); op.member != 15 {
		t.Errorf("unknown operation is %+v", op)
	}
	on("resnapshot", map[string]string{"type": "2"})
	if op := f.operation(); op.member != 2 || op.numbers[3] != 2 {
		t.Errorf("resnapshot is %+v", op)
	}
	on("sync_failure", nil)
	if op := f.operation(); op.member != 5 || op.text == "" {
		t.Errorf("failure is %+v", op)
	}
	on("drain", map[string]string{"reason": "3"})
	if got := f.expect(dgw.Drain); got.Reason != 3 {
		t.Errorf("drain is %+v", got)
	}
	on("deauth", nil)
	f.expect(dgw.Deauth)
	on("raw_frame", map[string]string{"hex": hex.EncodeToString([]byte{byte(dgw.Empty)})})
	f.expect(dgw.Empty)
	on("end_of_data", map[string]string{"stay": "1"})
	f.expect(dgw.EndOfData)
	on("end_of_data", nil)
	f.expect(dgw.EndOfData)
	if code := f.closed(); code != 4000 {
		t.Errorf("closed with %d", code)
	}
	// One that isn't connected is struck when it is.
	on("close", map[string]string{"code": "4002"})
	f, _ = b.subscribe(f.cursor)
	if code := f.closed(); code != 4002 {
		t.Errorf("closed with %d", code)
	}
	f, _ = b.subscribe(f.cursor)
	on("close", nil)
	if code := f.closed(); code != -1 {
		t.Errorf("closed with %d", code)
	}

	// Deaf and mute, until it connects again.
	f, _ = b.subscribe(f.cursor)
	on("deaf", nil)
	r.send(r.alice, r.own.ID, "unheard")
	f.write(dgw.Frame{Type: dgw.Ping})
	if _, message, err := f.ws.Read(f.ctx); err != nil || !bytes.Equal(message, []byte{byte(dgw.Pong)}) {
		t.Errorf("deaf socket says %x, %v", message, err)
	}
	other := b.resubscribe(f, f.cursor)
	if e := other.deltas("NewMessage")[0]; e.Message.Text != "unheard" {
		t.Errorf("delta is %s", e.raw)
	}
	mute := on("no_pong", nil)
	other.write(dgw.Frame{Type: dgw.Ping})
	r.send(r.alice, r.own.ID, "no pong before this")
	if _, message, err := other.ws.Read(other.ctx); err != nil || bytes.Equal(message, []byte{byte(dgw.Pong)}) || r.hits(mute) != 1 {
		t.Errorf("mute socket says %x, %v", message, err)
	}

	r.fault(control.Fault{Kind: "close_subscribing"})
	cut := b.socket("lightspeed")
	cut.write(dgw.Frame{Type: dgw.EstabStream},
		dgw.Frame{Type: dgw.Data, Payload: []byte(b.subscription(cut.device, f.cursor, b.docs[names["delta"]]))})
	if code := cut.closed(); code != -1 {
		t.Errorf("closed with %d", code)
	}
	r.fault(control.Fault{Kind: "stream_refused"})
	refused := b.socket("lightspeed")
	refused.write(dgw.Frame{Type: dgw.EstabStream})
	if got := refused.expect(dgw.EstabStream); string(got.Payload) != `{"code":403}` {
		t.Errorf("stream answered %s", got.Payload)
	}
	r.fault(control.Fault{Kind: "no_ack"})
	unacked := b.socket("lightspeed")
	unacked.write(dgw.Frame{Type: dgw.EstabStream},
		dgw.Frame{Type: dgw.Data, WantAck: true, Payload: []byte(b.subscription(unacked.device, f.cursor, b.docs[names["delta"]]))})
	unacked.expect(dgw.EstabStream)
	if got, err := unacked.next(); err != nil || got.Type != dgw.Data {
		t.Errorf("instead of the subscription came %+v, %v", got, err)
	}
	r.fault(control.Fault{Kind: "http_status", Stanza: "socket"})
	if _, err := b.dial("lightspeed", b.query("lightspeed")); err == nil {
		t.Error("socket opened")
	}
	r.expectUnexpected(0)
}

// TestRotation gives operations new ids.
func TestRotation(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	old := b.docs[names["search"]]
	r.fault(control.Fault{Kind: "rotate_doc", Args: map[string]string{"op": "search"}})
	if code := b.code("search", search); code != 1675002 {
		t.Errorf("old id answered %d", code)
	}
	b.load()
	b.discover()
	if b.docs[names["search"]] == old || b.code("search", search) != 0 {
		t.Errorf("new id %s does not work", b.docs[names["search"]])
	}
	kept := b.docs[names["search"]]
	r.fault(control.Fault{Kind: "rotate_doc", Args: map[string]string{"op": names["search"], "keep": "1", "lazy": "1", "needs": "new,newer"}})
	if code := b.code("search", search); code != 0 {
		t.Errorf("kept id answered %d", code)
	}
	b.load()
	b.discover()
	if id := b.docs[names["search"]]; id != "" {
		t.Errorf("a bundle has the id %s", id)
	}
	r.fault(control.Fault{Kind: "rotate_doc", Args: map[string]string{"op": "search", "needs": "new"}})
	b.load()
	b.discover()
	if code := b.code("search", search); code != 1357054 {
		t.Errorf("without the new variable: %d", code)
	}
	if code := b.code("search", map[string]any{"search_text": "x", "new": nil}); code != 0 {
		t.Errorf("with the new variable: %d", code)
	}
	b.docs[names["search"]] = kept
	if code := b.code("search", search); code != 0 {
		t.Errorf("the first one that was kept: %d", code)
	}
	for name, f := range map[string]control.Fault{
		"no operation": {Kind: "rotate_doc"}, "no person": {Kind: "forget_log"}, "no kind": {Kind: "x"},
	} {
		if _, err := r.net.AddFault(r.ctx, f); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	f := r.fault(control.Fault{Kind: "http_html", Times: -1})
	r.must(r.net.RemoveFault(r.ctx, f.ID))
	if err := r.net.RemoveFault(r.ctx, f.ID); err == nil {
		t.Error("removed twice")
	}
	if code := b.code("search", search); code != 0 {
		t.Errorf("after the fault was removed: %d", code)
	}
}

// TestCheckpoint sends everything of an account to a challenge until it is over.
func TestCheckpoint(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	other := r.ready(r.alice)
	f := r.fault(control.Fault{Kind: "redirect", Person: r.own.ID, Times: -1, Args: map[string]string{"to": "/challenge/AX/"}})
	for _, got := range []answer{b.do(b.navigate("/direct/inbox/")), b.graphql("search", search), b.upload("a.jpg", "image/jpeg", []byte("x"))} {
		if got.StatusCode != http.StatusFound || got.Header.Get("Location") != "/challenge/AX/" {
			t.Errorf("answered %s", got.Status)
		}
	}
	if code := other.code("search", search); code != 0 {
		t.Errorf("somebody else's call: %d", code)
	}
	r.must(r.net.RemoveFault(r.ctx, f.ID))
	b.load()
}

// TestUnknownDelta tells clients something that nobody knows.
func TestUnknownDelta(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	f := b.follow()
	special[struct{}](r, r.own, "delta", map[string]any{"__typename": "SlideUQPPFuture", "thread_fbid": "", "x": 1})
	if e := f.deltas("Future")[0]; e.Seq != 18135 {
		t.Errorf("delta is %s", e.raw)
	}
	if _, err := r.net.Special(r.ctx, r.own.ID, "delta", []byte("null")); err == nil {
		t.Error("no delta was told")
	}
	if _, err := r.net.Special(r.ctx, r.own.ID, "account", []byte(`{"x":1}`)); err == nil {
		t.Error("an unknown argument was accepted")
	}
	if _, err := r.net.Special(r.ctx, r.own.ID, "fly", nil); err == nil {
		t.Error("an unknown call was made")
	}
	for what, folder := range map[string]instagram.Folder{"folder": {Chat: r.alice.ID, To: "x"}, "chat": {Chat: "x"}} {
		if _, err := r.net.Special(r.ctx, r.own.ID, "folder", []byte(fmt.Sprintf(`{"chat":%q,"to":%q}`, folder.Chat, folder.To))); err == nil {
			t.Errorf("an unknown %s was accepted", what)
		}
	}
}
