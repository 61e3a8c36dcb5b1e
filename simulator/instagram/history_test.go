package instagram_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
	"crosschat/simulator/instagram/server"
)

// messagePage is a page of messages.
type messagePage struct {
	Edges []struct {
		Cursor string
		Node   struct {
			ID        string
			Text      string           `json:"text_body"`
			At        int64            `json:"timestamp_ms,string"`
			Content   *json.RawMessage `json:"content"`
			Reactions []any
			ReplyTo   *string `json:"replied_to_message_id"`
		}
	}
	Info struct {
		End  string `json:"end_cursor"`
		More bool   `json:"has_next_page"`
	} `json:"page_info"`
}

// threadNode is a thread in any answer.
type threadNode struct {
	ID     string
	Thread struct {
		ID       string
		Key      string      `json:"thread_key"`
		Subtype  string      `json:"thread_subtype"`
		Title    string      `json:"thread_title"`
		Image    *string     `json:"thread_image_url"`
		Messages messagePage `json:"slide_messages"`
		Admins   []string    `json:"admin_user_ids"`
		Users    []any
		Folder   string `json:"folder"`
	} `json:"as_ig_direct_thread"`
}

// TestBackfill pages 50 messages back, by both ways to begin.
func TestBackfill(t *testing.T) {
	r := newRig(t)
	last := r.history(50)
	b := r.ready(r.own)
	short := b.ids(r.account(r.alice).FBID).Short
	thread := call[threadNode](b, "thread", map[string]any{"thread_fbid": short})
	if byKey := call[threadNode](b, "thread", map[string]any{"thread_fbid": thread.Thread.Key}); byKey.ID != short {
		t.Errorf("by its key the thread is %q", byKey.ID)
	}
	page := thread.Thread.Messages
	if len(page.Edges) != 20 || !page.Info.More || page.Edges[0].Node.At != last.UnixMilli() || page.Edges[0].Node.Content == nil {
		t.Fatalf("first page: %d messages, %+v", len(page.Edges), page.Info)
	}
	var texts []string
	collect := func(p messagePage) {
		for _, e := range p.Edges {
			texts = append(texts, e.Node.Text)
		}
	}
	collect(page)
	oldest := page.Edges[19].Node.ID
	older := call[threadNode](b, "messages", map[string]any{"id": short, "older_than_message_id": oldest, "first": 500}).Thread.Messages
	collect(older)
	for len(older.Edges) > 0 && older.Info.More {
		older = call[threadNode](b, "messages", map[string]any{"id": short, "after": older.Info.End}).Thread.Messages
		collect(older)
	}
	if len(texts) != 50 {
		t.Fatalf("%d messages", len(texts))
	}
	for i, text := range texts {
		if want := fmt.Sprintf("old %d", 49-i); text != want {
			t.Errorf("message %d is %q, want %q", i, text, want)
		}
	}
	for what, vars := range map[string]map[string]any{
		"unknown cursor": {"id": short, "after": "cur:mid.$cx"}, "no cursor": {"id": short, "after": "x"},
		"unknown anchor": {"id": short, "older_than_message_id": "mid.$cx"},
	} {
		if got := call[threadNode](b, "messages", vars); len(got.Thread.Messages.Edges) != 0 {
			t.Errorf("%s gave %d messages", what, len(got.Thread.Messages.Edges))
		}
	}
	r.expectUnexpected(0)
}

// TestHistoryKinds gives old messages files, replies and reactions.
func TestHistoryKinds(t *testing.T) {
	r := newRig(t)
	at := time.Now().Add(-time.Hour)
	raw := func(v instagram.Raw) json.RawMessage {
		data, err := json.Marshal(v)
		r.must(err)
		return data
	}
	r.must(r.net.AddHistory(r.ctx, r.own.ID, []control.HistoryMessage{
		{Chat: r.alice.ID, Sender: r.alice.ID, ID: "one", Text: "one", Time: at},
		{Chat: r.alice.ID, Sender: r.own.ID, ID: "two", Text: "two", Time: at.Add(time.Second), Raw: raw(instagram.Raw{
			ReplyTo: "one", Reactions: map[string]string{r.alice.ID: "❤"},
		})},
		{Chat: r.alice.ID, Sender: r.alice.ID, Time: at.Add(2 * time.Second), Raw: raw(instagram.Raw{
			Media: &control.Media{Kind: "image", Data: []byte("x"), MIMEType: "image/jpeg"},
		})},
		{Chat: r.alice.ID, Sender: r.alice.ID, Time: at.Add(3 * time.Second), Raw: raw(instagram.Raw{
			Content: json.RawMessage(`{"__typename":"SlideMessageFutureContent"}`), ContentType: "FUTURE", Snippet: "?",
		})},
	}))
	b := r.ready(r.own)
	short := b.ids(r.account(r.alice).FBID).Short
	edges := call[threadNode](b, "thread", map[string]any{"thread_fbid": short}).Thread.Messages.Edges
	if len(edges) != 4 {
		t.Fatalf("%d messages", len(edges))
	}
	two, one := edges[2].Node, edges[3].Node
	if two.ReplyTo == nil || *two.ReplyTo != one.ID || len(two.Reactions) != 1 {
		t.Errorf("second message is %+v", two)
	}
	for what, bad := range map[string]control.HistoryMessage{
		"no time":        {Chat: r.alice.ID, Sender: r.own.ID, Text: "x"},
		"unknown sender": {Chat: r.alice.ID, Sender: "1", Text: "x", Time: at},
		"unknown chat":   {Chat: "x", Sender: r.own.ID, Text: "x", Time: at},
		"no member":      {Chat: r.alice.ID, Sender: r.person("Third").ID, Text: "x", Time: at},
		"broken raw":     {Chat: r.alice.ID, Sender: r.own.ID, Time: at, Raw: json.RawMessage(`[]`)},
		"no content":     {Chat: r.alice.ID, Sender: r.own.ID, Time: at, Raw: json.RawMessage(`{"content":{}}`)},
		"missing file": {Chat: r.alice.ID, Sender: r.own.ID, Time: at,
			Raw: json.RawMessage(`{"content":{"__typename":"x","a":["file:none"]}}`)},
		"nobody reacts": {Chat: r.alice.ID, Sender: r.own.ID, Time: at, Raw: json.RawMessage(`{"reactions":{"1":"x"}}`)},
	} {
		if err := r.net.AddHistory(r.ctx, r.own.ID, []control.HistoryMessage{bad}); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
}

// TestInboxPages lists more threads than fit on a page.
func TestInboxPages(t *testing.T) {
	r := newRigWith(t, server.Config{InboxPage: 3})
	for i := range 7 {
		r.send(r.person(fmt.Sprintf("Friend %d", i)), r.own.ID, fmt.Sprint("from ", i))
	}
	b := r.ready(r.own)
	type mailbox struct {
		ID      string
		Threads struct {
			Edges []struct{ Node threadNode }
			Info  struct {
				End  string `json:"end_cursor"`
				More bool   `json:"has_next_page"`
			} `json:"page_info"`
		} `json:"threads_by_folder"`
		Pinned []threadNode `json:"pinned_threads_v2"`
	}
	vars := map[string]any{"device_id_for_iris_subscription": b.page.device}
	got := call[mailbox](b, "inbox", vars)
	seen := map[string]bool{}
	for pages := 1; ; pages++ {
		for _, e := range got.Threads.Edges {
			if stub := e.Node.Thread.Messages.Edges[0].Node; stub.Content != nil || stub.Text == "" {
				t.Errorf("stub is %+v", stub)
			}
			seen[e.Node.ID] = true
		}
		if !got.Threads.Info.More {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		got = call[mailbox](b, "inboxPage", map[string]any{
			"count": 3, "cursor": got.Threads.Info.End, "folder": "INBOX", "newer_than_timestamp_ms": nil, "id": got.ID,
		})
	}
	if len(seen) != 7 {
		t.Errorf("%d threads", len(seen))
	}
	if out := b.parse(b.graphql("inboxPage", map[string]any{
		"count": 3, "cursor": nil, "folder": "INBOX", "newer_than_timestamp_ms": nil, "id": "1",
	})); string(out.Data["fetch__SlideMailbox"]) != "null" {
		t.Errorf("another mailbox answered %s", out.Data)
	}
	yes := true
	_, err := r.net.SetChat(r.ctx, r.own.ID, control.ChatSettings{Chat: "34000000005", Pinned: &yes})
	r.must(err)
	if got := call[mailbox](b, "inbox", vars); len(got.Pinned) != 1 {
		t.Errorf("%d pinned threads", len(got.Pinned))
	}
	// What a professional account keeps in its second folder is in neither list.
	pro := true
	special[instagram.Account](r, r.own, "account", instagram.Account{Professional: &pro})
	special[instagram.Folder](r, r.own, "folder", instagram.Folder{Chat: "34000000005", To: "general"})
	got = call[mailbox](b, "inbox", vars)
	if len(got.Pinned) != 0 || got.Threads.Edges[0].Node.Thread.Subtype != "IG_BUSINESS_ACCOUNT_ONE_TO_ONE" {
		t.Errorf("professional inbox is %+v", got)
	}
	r.expectUnexpected(0)
}

// TestGroup makes and changes a group from both sides.
func TestGroup(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	f := b.follow()
	third, fourth := r.person("Third"), r.person("Fourth")
	made := call[map[string]json.RawMessage](b, "createGroup", map[string]any{
		"recipient_eimu_fbids": []string{r.account(r.alice).FBID, r.account(third).FBID}, "offline_threading_id": "81", "entry_point": nil,
	})
	var id string
	r.must(json.Unmarshal(made["id"], &id))
	if e := f.deltas("AdminTextMessage")[0]; e.Thread != id || e.Message.OTID != "81" || !strings.HasPrefix(e.Message.ID, "mid.$g") {
		t.Errorf("creation is %s", e.raw)
	}
	again := call[map[string]json.RawMessage](b, "createGroup", map[string]any{
		"recipient_eimu_fbids": []string{r.account(r.alice).FBID, r.account(third).FBID}, "offline_threading_id": "81", "entry_point": nil,
	})
	if string(again["id"]) != string(made["id"]) {
		t.Errorf("repetition made %s", again["id"])
	}
	call[any](b, "renameGroup", map[string]any{"thread_fbid": id, "new_title": "Friends"})
	f.deltas("ThreadName")
	sent, err := r.net.Send(r.ctx, third.ID, control.SendRequest{To: id, Text: "hello all"})
	r.must(err)
	if e := f.deltas("NewMessage")[0]; e.Message.Sender != r.account(third).FBID {
		t.Errorf("message is %s", e.raw)
	}
	call[any](b, "pinMessage", map[string]any{"thread_fbid": id, "message_id": sent.ID})
	call[any](b, "unpinMessage", map[string]any{"thread_fbid": id, "message_id": sent.ID})
	f.deltas("PinUnpinMessage", "PinUnpinMessage")
	b.say(id, "hello third", "82")
	f.deltas("NewMessage")
	r.await(r.alice, control.Match{Chat: id, Text: "hello third"})
	r.await(third, control.Match{Chat: id, Text: "hello third"})

	change := func(p control.Person, c control.GroupChange) control.Group {
		t.Helper()
		g, err := r.net.ChangeGroup(r.ctx, p.ID, id, c)
		r.must(err)
		return g
	}
	change(r.own, control.GroupChange{Promote: []string{r.alice.ID}})
	name := "Old friends"
	change(r.alice, control.GroupChange{Subject: &name, Add: []string{fourth.ID}, Remove: []string{third.ID}, Demote: []string{r.own.ID}})
	f.deltas("GenericMapAdminsKeyMutation", "ThreadName", "ParticipantsAddedToGroupThread", "ParticipantLeftGroupThread", "GenericMapAdminsKeyMutation")
	thread := call[threadNode](b, "thread", map[string]any{"thread_fbid": id})
	if got := thread.Thread; got.Title != "Old friends" || got.Key != id || got.Subtype != "IGD_GROUP" || len(got.Users) != 2 || len(got.Admins) != 1 || got.Admins[0] != r.alice.ID {
		t.Errorf("thread is %+v", got)
	}
	if g := change(fourth, control.GroupChange{Leave: true}); len(g.Members) != 2 {
		t.Errorf("group is %+v", g)
	}
	f.deltas("ParticipantLeftGroupThread")
	if _, err := r.net.Group(r.ctx, fourth.ID, id); err == nil {
		t.Error("who left sees the group")
	}
	topic := "x"
	for what, c := range map[string]control.GroupChange{
		"no admin removes": {Remove: []string{r.alice.ID}}, "topic": {Topic: &topic}, "nobody added": {Add: []string{"1"}},
		"no admin promotes": {Promote: []string{r.own.ID}},
	} {
		if _, err := r.net.ChangeGroup(r.ctx, r.own.ID, id, c); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	// Whoever is removed is told and can't write any more.
	change(r.alice, control.GroupChange{Remove: []string{r.own.ID}})
	f.deltas("ParticipantLeftGroupThread")
	if out := b.parse(b.graphql("sendText", map[string]any{
		"ig_thread_igid": id, "offline_threading_id": "83", "text": map[string]any{"sensitive_string_value": "x"},
	})); string(out.Data["xig_direct_text_send_with_slide_messaging_response"]) != "null" {
		t.Errorf("text of somebody removed answered %s", out.Data)
	}
	r.expectUnexpected(0)
}

// TestRest asks what is left of the REST calls.
func TestRest(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	get := func(path string) answer {
		req := b.request(http.MethodGet, "https://www.instagram.com"+path, nil)
		b.xhrHeaders(req)
		return b.do(req)
	}
	r.send(r.alice, r.own.ID, "unread")
	var badge struct {
		Seq   int64 `json:"seq_id"`
		Badge int   `json:"badge_count"`
	}
	r.must(json.Unmarshal(get("/api/v1/direct_v2/get_badge_count/?no_raven=1").body, &badge))
	if badge.Seq != 18135 || badge.Badge != 1 {
		t.Errorf("badge is %+v", badge)
	}
	if got := get("/api/v1/users/web_profile_info/?username=alice"); !strings.Contains(string(got.body), `"eimu_id":"`+r.account(r.alice).FBID) {
		t.Errorf("profile is %s", got.body)
	}
	if got := get("/api/v1/users/web_profile_info/?username=nobody"); got.StatusCode != http.StatusNotFound {
		t.Errorf("nobody's profile: %s", got.Status)
	}
	r.expectUnexpected(0)
	if got := get("/api/v1/direct_v2/inbox/"); got.StatusCode != http.StatusNotFound || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/html") {
		t.Errorf("old inbox: %s", got.Status)
	}
	if got := get("/nobody/"); got.StatusCode != http.StatusNotFound {
		t.Errorf("nobody's page: %s", got.Status)
	}
	b.cookies = map[string]string{}
	for _, path := range []string{
		"/api/v1/direct_v2/get_badge_count/", "/api/v1/users/web_profile_info/?username=alice", "/api/v1/media/1/info/",
		"/api/v1/feed/reels_media/",
	} {
		if got := get(path); got.StatusCode != http.StatusForbidden || !strings.Contains(string(got.body), "login_required") {
			t.Errorf("%s without a session: %s %s", path, got.Status, got.body)
		}
	}
}
