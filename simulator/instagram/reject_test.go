package instagram_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/dgw"
	"crosschat/simulator/instagram/server"
)

// TestPageRejections loads the session page in ways that get no session.
func TestPageRejections(t *testing.T) {
	r := newRig(t)
	for name, change := range map[string]func(b *browser){
		"no cookies":       func(b *browser) { b.cookies = map[string]string{} },
		"unknown session":  func(b *browser) { b.cookies["sessionid"] = "x" },
		"another's number": func(b *browser) { b.cookies["ds_user_id"] = r.alice.ID },
		"no number":        func(b *browser) { delete(b.cookies, "ds_user_id") },
	} {
		b := r.browser(r.own)
		change(b)
		got := b.do(b.navigate("/direct/inbox/"))
		if got.StatusCode != http.StatusFound || got.Header.Get("Location") != "/accounts/login/?next=/direct/inbox/" ||
			!strings.Contains(strings.Join(got.Header.Values("Set-Cookie"), ";"), "Max-Age=0") {
			t.Errorf("%s: %s %v", name, got.Status, got.Header)
		}
	}
	r.expectUnexpected(0)
	b := r.browser(r.own)
	req := b.request(http.MethodGet, "https://www.instagram.com/direct/inbox/", nil)
	shell := string(b.do(req).body)
	if !strings.Contains(shell, `"DTSGInitData",[],{"async_get_token":"","token":""}`) || strings.Contains(shell, "PolarisViewer") || !strings.Contains(shell, `"USER_ID":"0"`) {
		t.Errorf("anonymous shell is %s", shell)
	}
	r.expectUnexpected(1)
	for what, gone := range map[string]string{
		"dtsg": `"token":"NA`, "fbid": "IG_USER_EIMU", "viewer": `"id":"` + r.own.ID + `"`, "numbers": "__eqmc", "usual_name": `"DTSGInitData"`,
	} {
		r.fault(control.Fault{Kind: "page_without", Args: map[string]string{"what": what}})
		if got := b.do(b.navigate("/direct/inbox/")); bytes.Contains(got.body, []byte(gone)) || got.StatusCode != http.StatusOK {
			t.Errorf("page without %s has %s", what, gone)
		}
	}
	r.fault(control.Fault{Kind: "page_without", Args: map[string]string{"what": "lsd"}})
	if got := b.do(b.navigate("/direct/inbox/")); !bytes.Contains(got.body, []byte(`"LSD",[],{"token":""}`)) {
		t.Error("page has lsd")
	}
}

// TestCallRejections makes calls that lack what the service checks (section 22.4).
func TestCallRejections(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	make := func() (*http.Request, url.Values) {
		form := b.graphqlForm("search", map[string]any{"search_text": "x"})
		return b.xhr("/api/graphql", form), form
	}
	for name, test := range map[string]struct {
		header, value string
		field, is     string
		want          string
		status        int
	}{
		"no fetch site":      {header: "Sec-Fetch-Site", want: "1357004"},
		"another fetch site": {header: "Sec-Fetch-Site", value: "cross-site", want: "1357004"},
		"wrong token":        {field: "fb_dtsg", is: "x", want: "1357004"},
		"empty token":        {field: "fb_dtsg", want: "<!DOCTYPE html>"},
		"wrong lsd":          {field: "lsd", is: "x", want: "1357004"},
		"wrong lsd header":   {header: "X-Fb-Lsd", value: "x", want: "1357004"},
		"wrong csrf":         {header: "X-Csrftoken", value: "x", want: "1357004"},
		"no csrf":            {header: "X-Csrftoken", want: "1357004"},
		"dead session":       {header: "Cookie", value: "sessionid=x; ds_user_id=1", want: "1357001"},
		"no form":            {header: "Content-Type", value: "application/json", status: 400},
		"no content type":    {header: "Content-Type", status: 400},
		"broken form":        {header: "Content-Type", value: "application/x-www-form-urlencoded", field: "raw", is: "%", status: 400},
		"unknown document":   {field: "doc_id", is: "1", want: "1675002"},
		"subscription":       {field: "doc_id", is: b.docs[names["delta"]], want: "1675002"},
		"another name":       {field: "fb_api_req_friendly_name", is: "Other", want: "1357054"},
		"no variables":       {field: "variables", is: "[]", want: "1357054"},
		"missing variable":   {field: "variables", is: "{}", want: `"error":1357054`},
		"wrong form":         {field: "variables", is: `{"search_text":1}`, want: "1675012"},
	} {
		req, form := make()
		if test.field != "" {
			form.Set(test.field, test.is)
			body := form.Encode()
			if test.field == "raw" {
				body = "%"
			}
			kind := req.Header.Get("Content-Type")
			req = b.xhr("/api/graphql", form)
			if test.field == "raw" {
				req, _ = http.NewRequestWithContext(b.ctx, http.MethodPost, req.URL.String(), strings.NewReader(body))
			}
			req.Header.Set("Content-Type", kind)
		}
		if test.header != "" {
			req.Header.Del(test.header)
			if test.value != "" {
				req.Header.Set(test.header, test.value)
			}
		}
		got := b.do(req)
		if want := max(test.status, 200); test.status == 0 && got.StatusCode != 200 || test.status != 0 && got.StatusCode != want || !bytes.Contains(got.body, []byte(test.want)) {
			t.Errorf("%s: %s %.300s", name, got.Status, got.body)
		}
	}
	get := b.request(http.MethodGet, "https://www.instagram.com/api/graphql", nil)
	if got := b.do(get); got.StatusCode != http.StatusBadRequest {
		t.Errorf("GET: %s", got.Status)
	}
}

// TestWrongIDs names threads by the wrong one of their ids, which is answered by null.
func TestWrongIDs(t *testing.T) {
	r := newRig(t)
	r.history(2)
	b := r.ready(r.own)
	ids := b.ids(r.account(r.alice).FBID)
	key := r.account(r.alice).FBID
	last := call[threadNode](b, "thread", map[string]any{"thread_fbid": ids.Short}).Thread.Messages.Edges[0].Node.ID
	text := map[string]any{"sensitive_string_value": "x"}
	for name, test := range map[string]struct {
		op   string
		vars map[string]any
	}{
		"text by long id":    {"sendText", map[string]any{"ig_thread_igid": ids.Long, "offline_threading_id": "1", "text": text}},
		"text by key":        {"sendText", map[string]any{"ig_thread_igid": key, "offline_threading_id": "2", "text": text}},
		"thread by long id":  {"thread", map[string]any{"thread_fbid": ids.Long}},
		"messages by key":    {"messages", map[string]any{"id": key}},
		"unsend by short id": {"unsend", map[string]any{"message_id": last, "send_data": map[string]any{"thread_id": ids.Short}}},
		"read by short id": {"markRead", map[string]any{
			"metadata": map[string]any{"ig_thread_igid": ids.Short}, "data": map[string]any{"message_id": last},
		}},
		"mute by key":    {"mute", map[string]any{"thread_fbid": key, "mute_seconds": 0, "offline_threading_id": "3"}},
		"pin by long id": {"pinThread", map[string]any{"thread_fbid": ids.Long, "pin": true}},
		"edit by long id": {"edit", map[string]any{
			"thread_id": ids.Long, "target_item_id": "", "target_message_id": last, "body": text, "offline_threading_id": "4",
		}},
		"react by key": {"react", map[string]any{"input": map[string]any{
			"emoji": "x", "item_id": "", "message_id": last, "reaction_status": "created", "thread_id": key,
		}}},
	} {
		out := b.parse(b.graphql(test.op, test.vars))
		for root, value := range out.Data {
			if string(value) != "null" {
				t.Errorf("%s: %s is %s", name, root, value)
			}
		}
		if len(out.Data) != 1 || len(out.Errors) != 0 || out.Error != 0 {
			t.Errorf("%s: %+v", name, out)
		}
	}
	r.expectUnexpected(0)
}

// TestRefusals asks for what is not allowed.
func TestRefusals(t *testing.T) {
	now := time.Now()
	r := newRigWith(t, server.Config{Now: func() time.Time { return now }})
	b, _, short := r.mediaThread()
	theirs := r.send(r.alice, r.own.ID, "theirs").ID
	mine := b.say(short, "mine", "1").ID
	long := b.ids(r.account(r.alice).FBID).Long
	edit := func(id, text string) int {
		return b.code("edit", map[string]any{
			"thread_id": short, "target_item_id": "", "target_message_id": id, "offline_threading_id": "9",
			"body": map[string]any{"sensitive_string_value": text},
		})
	}
	if code := edit(theirs, "x"); code != 1675030 {
		t.Errorf("edit of a foreign message: %d", code)
	}
	for i := range 6 {
		if code := edit(mine, fmt.Sprint("edit ", i)); (code != 0) != (i == 5) {
			t.Errorf("edit %d: %d", i, code)
		}
	}
	late := b.say(short, "late", "2").ID
	now = now.Add(16 * time.Minute)
	if code := edit(late, "x"); code != 1675030 {
		t.Errorf("late edit: %d", code)
	}
	if code := edit("mid.$cx", "x"); code != 1675030 {
		t.Errorf("edit of nothing: %d", code)
	}
	for id, text := range map[string]string{theirs: "foreign", "mid.$cx": "no"} {
		if code := b.code("unsend", map[string]any{"message_id": id, "send_data": map[string]any{"thread_id": long}}); code != 1675030 {
			t.Errorf("unsend of %s message: %d", text, code)
		}
	}
	send := func(vars map[string]any) int {
		vars["offline_threading_id"] = fmt.Sprint(time.Now().UnixNano())
		return b.code("sendText", vars)
	}
	if code := send(map[string]any{"ig_thread_igid": short, "text": map[string]any{"sensitive_string_value": strings.Repeat("ä", 20_000)}}); code != 0 {
		t.Errorf("text at the limit: %d", code)
	}
	for name, vars := range map[string]map[string]any{
		"too long":     {"ig_thread_igid": short, "text": map[string]any{"sensitive_string_value": strings.Repeat("ä", 20_001)}},
		"empty":        {"ig_thread_igid": short, "text": map[string]any{"sensitive_string_value": ""}},
		"no text":      {"ig_thread_igid": short, "text": map[string]any{}},
		"nowhere":      {"text": map[string]any{"sensitive_string_value": "x"}},
		"to nobody":    {"recipient_igids": []any{"1"}, "text": map[string]any{"sensitive_string_value": "x"}},
		"to a FBID":    {"recipient_igids": []any{r.account(r.alice).FBID}, "text": map[string]any{"sensitive_string_value": "x"}},
		"number as id": {"ig_thread_igid": 1, "text": map[string]any{"sensitive_string_value": "x"}},
	} {
		if code := send(vars); code == 0 {
			t.Errorf("text %s was sent", name)
		}
	}
	if code := b.code("sendText", map[string]any{
		"ig_thread_igid": short, "offline_threading_id": "", "text": map[string]any{"sensitive_string_value": "x"},
	}); code != 1357054 {
		t.Errorf("text without a nonce: %d", code)
	}
	if code := b.code("react", map[string]any{"input": map[string]any{
		"emoji": "", "item_id": "", "message_id": theirs, "reaction_status": "created", "thread_id": short,
	}}); code != 1357054 {
		t.Errorf("reaction without emoji: %d", code)
	}
	if code := b.code("messages", map[string]any{"id": short, "before": "x"}); code != 1357054 {
		t.Errorf("unknown paging: %d", code)
	}
	if code := b.code("createGroup", map[string]any{
		"recipient_eimu_fbids": []any{"1"}, "offline_threading_id": "5", "entry_point": nil,
	}); code != 1675030 {
		t.Errorf("group of nobody: %d", code)
	}
}

// TestOddities makes requests that work but that no browser makes.
func TestOddities(t *testing.T) {
	for name, odd := range map[string]func(r *rig, b *browser){
		"another browser": func(_ *rig, b *browser) {
			form := b.graphqlForm("search", map[string]any{"search_text": "x"})
			req := b.xhr("/api/graphql", form)
			req.Header.Set("X-Fb-Friendly-Name", "x")
			req.Header.Set("User-Agent", "curl")
			b.do(req)
		},
		"header missing": func(_ *rig, b *browser) {
			req := b.xhr("/api/graphql", b.graphqlForm("search", map[string]any{"search_text": "x"}))
			b.do(req)
		},
		"field missing": func(_ *rig, b *browser) {
			form := b.graphqlForm("search", map[string]any{"search_text": "x"})
			form.Del("__spin_r")
			req := b.xhr("/api/graphql", form)
			req.Header.Set("X-Fb-Friendly-Name", "x")
			b.do(req)
		},
		"variation selector": func(r *rig, b *browser) {
			sent := r.send(r.alice, r.own.ID, "x")
			short := b.ids(r.account(r.alice).FBID).Short
			b.code("react", map[string]any{"input": map[string]any{
				"emoji": "❤️", "item_id": "", "message_id": sent.ID, "reaction_status": "created", "thread_id": short,
			}})
		},
		"mention outside of the text": func(r *rig, b *browser) {
			r.send(r.alice, r.own.ID, "x")
			b.code("sendText", map[string]any{
				"ig_thread_igid": b.ids(r.account(r.alice).FBID).Short, "offline_threading_id": "1",
				"text":     map[string]any{"sensitive_string_value": "👋 @a"},
				"mentions": []any{map[string]any{"offset": 4, "length": 2, "fbid": r.account(r.alice).FBID}}, "mentioned_user_ids": []any{"x"},
			})
		},
		"bundle with cookies": func(_ *rig, b *browser) { b.do(b.request(http.MethodGet, b.page.bundles[0], nil)) },
		"wrong host": func(_ *rig, b *browser) {
			b.do(b.request(http.MethodGet, "https://i.instagram.com/direct/inbox/", nil))
		},
		"unknown path": func(_ *rig, b *browser) { b.do(b.request(http.MethodGet, "https://www.instagram.com/a/b/c", nil)) },
		"socket of a script": func(_ *rig, b *browser) {
			b.do(b.request(http.MethodGet, "https://gateway.instagram.com/ws/lightspeed", nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			odd(r, r.ready(r.own))
			r.expectUnexpected(1)
		})
	}
}

func TestRateLimit(t *testing.T) {
	now := time.Now()
	r := newRigWith(t, server.Config{RateLimit: 3, Now: func() time.Time { return now }})
	b := r.browser(r.own)
	b.load()
	search := map[string]any{"search_text": "x"}
	b.docs = map[string]string{names["search"]: "27248216181454285"}
	b.graphql("search", search)
	b.graphql("search", search)
	if got := b.graphql("search", search); got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") != "60" {
		t.Errorf("fourth request: %s", got.Status)
	}
	now = now.Add(61 * time.Second)
	if got := b.graphql("search", search); got.StatusCode != http.StatusOK {
		t.Errorf("a minute later: %s", got.Status)
	}
}

// TestSocketRejections opens sockets and streams in ways that are refused.
func TestSocketRejections(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	for name, test := range map[string]struct{ kind, key, value string }{
		"another application": {"lightspeed", "x-dgw-appid", "1"},
		"another version":     {"lightspeed", "x-dgw-version", "4"},
		"no device":           {"lightspeed", "x-dgw-deviceid", ""},
		"no stream group":     {"streamcontroller", "x-dgw-app-stream-group", ""},
		"no logging id":       {"mqttbypass", "x-dgw-loggingid", ""},
	} {
		q := b.query(test.kind)
		q.Set(test.key, test.value)
		s, err := b.dial(test.kind, q)
		r.must(err)
		if code := s.closed(); code != 4005 {
			t.Errorf("%s: closed with %d", name, code)
		}
	}
	estab := dgw.Frame{Type: dgw.EstabStream}
	data := func(text string) dgw.Frame { return dgw.Frame{Type: dgw.Data, Payload: []byte(text)} }
	good := b.subscription(b.page.device, 18134, b.docs[names["delta"]])
	for name, test := range map[string]struct {
		kind   string
		frames []dgw.Frame
	}{
		"data on no stream":         {"lightspeed", []dgw.Frame{data(good)}},
		"parameters no JSON":        {"lightspeed", []dgw.Frame{{Type: dgw.EstabStream, Payload: []byte("{")}}},
		"stream opened twice":       {"lightspeed", []dgw.Frame{estab, estab}},
		"subscription no JSON":      {"lightspeed", []dgw.Frame{estab, data("{")}},
		"another device":            {"lightspeed", []dgw.Frame{estab, data(b.subscription("x", 18134, "1"))}},
		"drain by the client":       {"lightspeed", []dgw.Frame{{Type: dgw.Drain}}},
		"publish before connect":    {"mqttbypass", []dgw.Frame{estab, data("\x2c\x18\x02{}\x18\x01x\x00\x00")}},
		"request that is no thrift": {"mqttbypass", []dgw.Frame{estab, data("x")}},
		"connect of another device": {"mqttbypass", []dgw.Frame{estab, data("\x1c\x16\x00\x16\x00\x18\x00\x18\x01x\x18\x00\x1c\x19\x08\x00\x00\x00")}},
	} {
		s := b.socket(test.kind)
		s.write(test.frames...)
		if code := s.closed(); code != 4005 {
			t.Errorf("%s: closed with %d", name, code)
		}
	}
	s := b.socket("lightspeed")
	r.must(s.ws.Write(s.ctx, 2, []byte{7}))
	if code := s.closed(); code != 4005 {
		t.Errorf("deprecated frame: closed with %d", code)
	}
	s = b.socket("streamcontroller")
	s.write(estab)
	if f := s.expect(dgw.EstabStream); string(f.Payload) != `{"code":400}` {
		t.Errorf("stream without parameters answered %s", f.Payload)
	}
}

// TestCursors subscribes from places that lead to a resnapshot.
func TestCursors(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	for _, cursor := range []int64{0, -1, 18133, 18135} {
		if _, op := b.subscribe(cursor); op.member != 2 || op.numbers[1] != 223 || op.numbers[3] != 1 {
			t.Errorf("cursor %d answered %+v", cursor, op)
		}
	}
	for i := range 25 {
		r.send(r.alice, r.own.ID, fmt.Sprint("text ", i))
	}
	f, op := b.subscribe(18139)
	if op.numbers[2] != 18139 || op.numbers[3] != 18159 {
		t.Errorf("subscription answered %+v", op)
	}
	for i := 5; i < 25; i++ {
		if e := f.deltas("NewMessage")[0]; e.Message.Text != fmt.Sprint("text ", i) || e.Seq != int64(18135+i) {
			t.Errorf("delta %d is %s", i, e.raw)
		}
	}
	r.fault(control.Fault{Kind: "forget_log", Person: r.own.ID})
	if _, op := b.subscribe(18159); op.member != 2 {
		t.Errorf("after the window passed: %+v", op)
	}
	b.follow()
	b.docs[names["delta"]] = "1"
	if _, op := b.subscribe(18160); op.member != 5 {
		t.Errorf("unknown document answered %+v", op)
	}
}

func TestKeepalive(t *testing.T) {
	r := newRigWith(t, server.Config{Patience: 50 * time.Millisecond, PingEvery: 20 * time.Millisecond})
	b := r.ready(r.own)
	s := b.socket("lightspeed")
	s.silent = true
	if code := s.closed(); code != 4001 {
		t.Errorf("silent socket closed with %d", code)
	}
	f := b.follow() // answers pings
	r.send(r.alice, r.own.ID, "x")
	f.deltas("NewMessage")
	// Frames other than ping and pong don't count.
	f.silent = true
	if code := f.closed(); code != 4001 {
		t.Errorf("socket without pongs closed with %d", code)
	}
}
