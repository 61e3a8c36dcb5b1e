package instagram_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram"
	"crosschat/simulator/instagram/dgw"
)

// TestLogin loads the page, finds everything of section 4.2 and 6.1, and subscribes.
func TestLogin(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	account := r.account(r.own)
	if b.page.igid != r.own.ID || b.page.fbid != account.FBID || b.page.viewer != account.Viewer {
		t.Errorf("page is of %s, %s, %s; want %s, %+v", b.page.igid, b.page.fbid, b.page.viewer, r.own.ID, account)
	}
	if len(b.page.dtsg) < 80 || b.page.lsd == "" || b.page.namespace == "" || b.page.device == "" || b.page.appID != "936619743392459" {
		t.Errorf("page has %+v", b.page)
	}
	for key, name := range names {
		if b.docs[name] == "" {
			t.Errorf("no bundle has the id of %s", key)
		}
	}
	b.follow()
	people, err := r.net.People(r.ctx)
	r.must(err)
	if c := people[0].Companions; len(c) != 1 || !c[0].Connected || !c[0].Active || c[0].Device != b.device {
		t.Errorf("companions are %+v", c)
	}
	r.expectUnexpected(0)
}

// TestText sends texts both ways, with replies and mentions.
func TestText(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	f := b.follow()

	first := r.send(r.alice, r.own.ID, "hello 👋")
	e := f.deltas("NewMessage")[0]
	alice := r.account(r.alice)
	if e.Message.ID != first.ID || e.Message.Text != "hello 👋" || e.Message.Sender != alice.FBID || e.Thread != e.Message.Thread {
		t.Errorf("delta is %s", e.raw)
	}
	got := b.ids(alice.FBID)
	if got == nil || got.Short != e.Thread || len(got.Long) != 39 {
		t.Fatalf("ids are %+v", got)
	}

	answer := call[sentAnswer](b, "sendText", map[string]any{
		"ig_thread_igid": e.Thread, "offline_threading_id": "7489288824422400042", "reply_to_message_id": first.ID,
		"text":               map[string]any{"sensitive_string_value": "👋 @alice hi"},
		"mentions":           []any{map[string]any{"offset": 3, "length": 6, "fbid": alice.FBID}},
		"mentioned_user_ids": []any{alice.FBID},
	})
	echo := f.deltas("NewMessage")[0]
	if echo.Message.ID != answer.ID || echo.Message.OTID != "7489288824422400042" {
		t.Errorf("echo is %s, answer %+v", echo.raw, answer)
	}
	events := r.await(r.alice, control.Match{ID: answer.ID})
	if ev := events[0]; ev.Text != "👋 @alice hi" || ev.ReplyTo != first.ID || !slices.Equal(ev.Mentions, []string{r.alice.ID}) ||
		ev.Sender != r.own.ID || ev.Chat != r.own.ID || ev.FromMe {
		t.Errorf("event is %+v", ev)
	}
	own := r.await(r.own, control.Match{ID: answer.ID})
	if !own[0].FromMe || own[0].Device != b.device || own[0].Chat != r.alice.ID {
		t.Errorf("own event is %+v", own[0])
	}
	// The same nonce is the same message.
	if again := b.say(e.Thread, "twice", "7489288824422400042"); again.ID != answer.ID {
		t.Errorf("repetition made %s, want %s", again.ID, answer.ID)
	}
	r.expectUnexpected(0)
}

func TestMentionIn(t *testing.T) {
	r := newRig(t)
	f := r.ready(r.own).follow()
	sent, err := r.net.Send(r.ctx, r.alice.ID, control.SendRequest{
		To: r.own.ID, Text: "👋 @" + r.alice.ID + " and @" + r.own.ID, Mentions: []string{r.own.ID, r.alice.ID}, ID: "mine",
	})
	r.must(err)
	var m struct {
		Message struct {
			Text     string `json:"text_body"`
			Mentions []struct {
				Offset, Length int
				Kind           string `json:"profile_range_type"`
				FBID           string `json:"user_fbid"`
			} `json:"mentions"`
		} `json:"message"`
	}
	r.must(json.Unmarshal(f.deltas("NewMessage")[0].raw, &m))
	if m.Message.Text != "👋 @alice and @own" || len(m.Message.Mentions) != 2 {
		t.Fatalf("message is %+v", m.Message)
	}
	for i, want := range []struct{ offset, length int }{{14, 4}, {3, 6}} {
		if got := m.Message.Mentions[i]; got.Offset != want.offset || got.Length != want.length || got.Kind != "PROFILE" {
			t.Errorf("mention %d is %+v, want %+v", i, got, want)
		}
	}
	r.await(r.own, control.Match{ID: "mine"})
	if _, err := r.net.Edit(r.ctx, r.alice.ID, control.EditRequest{Target: control.Target{Chat: r.own.ID, ID: "mine"}, Text: "x"}); err != nil {
		t.Errorf("edit by given name: %v", err)
	}
	if e := f.deltas("EditMessage")[0]; e.ID != sent.ID {
		t.Errorf("edit of %s, want %s", e.ID, sent.ID)
	}
}

// TestChanges edits, reacts, reads and unsends from both sides.
func TestChanges(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	f := b.follow()
	theirs := r.send(r.alice, r.own.ID, "theirs")
	short := f.deltas("NewMessage")[0].Thread
	long := b.ids(r.account(r.alice).FBID).Long
	mine := b.say(short, "mine", "1001")
	f.deltas("NewMessage")

	// From Own's browser.
	call[sentAnswer](b, "edit", map[string]any{
		"thread_id": short, "target_item_id": "", "target_message_id": mine.ID, "offline_threading_id": "1002",
		"body": map[string]any{"sensitive_string_value": "edited"},
	})
	r.await(r.alice, control.Match{Kind: control.KindEdit, Ref: mine.ID, Text: "edited"})
	react := func(emoji, status string) {
		call[any](b, "react", map[string]any{"input": map[string]any{
			"emoji": emoji, "item_id": "", "message_id": theirs.ID, "reaction_status": status, "thread_id": short,
		}})
	}
	react("❤", "created")
	react("😀", "created")
	r.await(r.alice, control.Match{Kind: control.KindReaction, Ref: theirs.ID, Text: "😀"})
	react("😀", "deleted")
	r.await(r.alice, control.Match{Kind: control.KindReaction, Ref: theirs.ID, Count: 3})
	call[any](b, "markRead", map[string]any{
		"metadata": map[string]any{"ig_thread_igid": long}, "data": map[string]any{"message_id": theirs.ID, "item_id": ""},
	})
	if valid := call[bool](b, "markReadValidate", map[string]any{
		"metadata": map[string]any{"ig_thread_igid": long},
		"data":     map[string]any{"message_id": theirs.ID, "message_timestamp_ms": fmt.Sprint(theirs.Time.UnixMilli())},
	}); !valid {
		t.Error("the read mark is not valid")
	}
	if ok := call[bool](b, "unsend", map[string]any{"message_id": mine.ID, "send_data": map[string]any{"thread_id": long}}); !ok {
		t.Error("unsend answered false")
	}
	r.await(r.alice, control.Match{Kind: control.KindRevoke, Ref: mine.ID})
	// The read mark stood already behind the own message, so that reading an older one changes nothing.
	f.deltas("EditMessage", "AdminTextMessage", "CreateReaction", "AdminTextMessage", "CreateReaction", "DeleteReaction", "DeleteMessage")

	// From Alice's app.
	target := control.Target{Chat: r.own.ID, ID: theirs.ID}
	_, err := r.net.React(r.ctx, r.alice.ID, control.ReactRequest{Target: target, Emoji: "❤️"})
	r.must(err)
	if e := f.deltas("AdminTextMessage", "CreateReaction")[1]; !strings.Contains(string(e.raw), `"reaction":"❤"`) {
		t.Errorf("reaction is %s", e.raw)
	}
	_, err = r.net.React(r.ctx, r.alice.ID, control.ReactRequest{Target: target})
	r.must(err)
	if e := f.deltas("DeleteReaction")[0]; strings.Contains(string(e.raw), "sender_fbid") || e.ID == theirs.ID {
		t.Errorf("the second removal names its sender: %s", e.raw)
	}
	last := b.say(short, "read me", "1003")
	f.deltas("NewMessage")
	r.must(r.net.Receipt(r.ctx, r.alice.ID, control.ReceiptRequest{Chat: r.own.ID, IDs: []string{last.ID}, Type: "read"}))
	if e := f.deltas("ReadReceipt")[0]; !strings.Contains(string(e.raw), last.At) {
		t.Errorf("receipt is %s", e.raw)
	}
	_, err = r.net.Revoke(r.ctx, r.alice.ID, target)
	r.must(err)
	if e := f.deltas("DeleteMessage")[0]; e.ID != theirs.ID {
		t.Errorf("unsent %s", e.ID)
	}
	r.expectUnexpected(0)
}

// TestReadOut reads in the browser what Alice wrote.
func TestReadOut(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	f := b.follow()
	sent := r.send(r.alice, r.own.ID, "read this")
	f.deltas("NewMessage")
	long := b.ids(r.account(r.alice).FBID).Long
	call[any](b, "markRead", map[string]any{
		"metadata": map[string]any{"ig_thread_igid": long}, "data": map[string]any{"message_id": sent.ID, "item_id": ""},
	})
	f.deltas("MarkRead")
	r.await(r.alice, control.Match{Kind: control.KindReceipt, Ref: sent.ID, Text: "read"})
}

// TestNewThread starts a chat with somebody by user name (section 6.15).
func TestNewThread(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	f := b.follow()
	found := call[struct {
		Contacts []struct {
			FBID     string `json:"interop_messaging_user_fbid"`
			PK       string `json:"pk"`
			Username string `json:"username"`
		} `json:"search_messenger_contact_v2"`
	}](b, "search", map[string]any{"search_text": "ALI"})
	if len(found.Contacts) != 1 || found.Contacts[0].Username != "alice" || found.Contacts[0].PK != r.alice.ID {
		t.Fatalf("found %+v", found)
	}
	fbid := found.Contacts[0].FBID
	if ids := b.ids(fbid); ids != nil {
		t.Errorf("thread exists before the first message: %+v", ids)
	}
	user := call[map[string]any](b, "userByFbid", map[string]any{"messaging_user_fbid": fbid})
	if user["id"] != r.alice.ID {
		t.Errorf("user is %+v", user)
	}
	call[sentAnswer](b, "sendText", map[string]any{
		"recipient_igids": []any{r.alice.ID}, "offline_threading_id": "77", "text": map[string]any{"sensitive_string_value": "first"},
	})
	e := f.deltas("Create1To1Thread", "NewMessage")
	if e[0].Thread != "" || e[1].Thread == "" {
		t.Errorf("threads are %q and %q", e[0].Thread, e[1].Thread)
	}
	r.await(r.alice, control.Match{Text: "first", Chat: r.own.ID})
	if ids := b.ids(fbid); ids == nil || ids.Short != e[1].Thread {
		t.Errorf("ids are %+v", ids)
	}
	profile := b.parse(b.graphql("profile", map[string]any{"id": r.alice.ID}))
	if !strings.Contains(string(profile.Data["user"]), `"fbid_v2":"`+r.account(r.alice).Viewer) {
		t.Errorf("profile is %s", profile.Data["user"])
	}
	page := b.do(b.navigate("/alice/"))
	if !strings.Contains(string(page.body), `"profile_id":"`+r.alice.ID+`"`) {
		t.Errorf("profile page is %s", page.body)
	}
	r.expectUnexpected(0)
}

// TestRequest lets a stranger write: nothing is told until the request is accepted.
func TestRequest(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	f := b.follow()
	stranger := r.person("Stranger")
	r.must(r.net.SetContact(r.ctx, r.own.ID, control.Contact{ID: stranger.ID}))
	r.send(stranger, r.own.ID, "do you know me?")
	type mailbox struct {
		Threads struct {
			Edges []struct {
				Node struct {
					ID     string
					Thread struct {
						Folder string `json:"system_folder"`
					} `json:"as_ig_direct_thread"`
				}
			}
		} `json:"threads_by_folder"`
	}
	vars := map[string]any{"device_id_for_iris_subscription": b.page.device}
	if inbox := call[mailbox](b, "inbox", vars); len(inbox.Threads.Edges) != 0 {
		t.Errorf("the request is in the inbox: %+v", inbox)
	}
	pending := call[mailbox](b, "requests", vars)
	if len(pending.Threads.Edges) != 1 || pending.Threads.Edges[0].Node.Thread.Folder != "PENDING" {
		t.Fatalf("requests are %+v", pending)
	}
	short := pending.Threads.Edges[0].Node.ID
	accepted := call[map[string]string](b, "accept", map[string]any{
		"thread_fbid": short, "ig_inbox_folder": nil, "offline_threading_id": "5",
	})
	if accepted["system_folder"] != "INBOX" || accepted["id"] != short {
		t.Errorf("accepted %+v", accepted)
	}
	// The first delta about the thread is the move, not the message.
	if e := f.deltas("UpdateThreadFolder")[0]; e.Thread != short {
		t.Errorf("moved %s", e.raw)
	}
	r.send(stranger, r.own.ID, "again")
	f.deltas("NewMessage")

	other := r.person("Other")
	r.must(r.net.SetContact(r.ctx, r.own.ID, control.Contact{ID: other.ID}))
	r.send(other, r.own.ID, "buy")
	short = b.ids(r.account(other).FBID).Short
	call[any](b, "deleteThread", map[string]any{"thread_fbid": short, "should_move_future_requests_to_spam": true})
	f.deltas("DeleteThread")
	if got := special[instagram.Folder](r, r.own, "folder", instagram.Folder{Chat: other.ID}); got.To != "deleted" {
		t.Errorf("declined request is in %q", got.To)
	}
	r.expectUnexpected(0)

	// Answering accepts as well; reading before that is what no client does.
	third := r.person("Third")
	r.must(r.net.SetContact(r.ctx, r.own.ID, control.Contact{ID: third.ID}))
	sent := r.send(third, r.own.ID, "hi")
	ids := b.ids(r.account(third).FBID)
	call[any](b, "markRead", map[string]any{
		"metadata": map[string]any{"ig_thread_igid": ids.Long}, "data": map[string]any{"message_id": sent.ID, "item_id": ""},
	})
	r.expectUnexpected(1)
	b.say(ids.Short, "hello", "6")
	f.deltas("UpdateThreadFolder", "NewMessage")
}

// TestSettings mutes, pins and so on, from both sides.
func TestSettings(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	r.history(2)
	f := b.follow()
	short := b.ids(r.account(r.alice).FBID).Short
	mute := call[map[string]any](b, "mute", map[string]any{"thread_fbid": short, "mute_seconds": -1, "offline_threading_id": "1"})
	if mute["ig_direct_mute_thread"] != true || mute["mute_until"] != float64(-1) {
		t.Errorf("mute answered %+v", mute)
	}
	call[any](b, "pinThread", map[string]any{"thread_fbid": short, "pin": true})
	call[any](b, "markUnread", map[string]any{"thread_fbid": short, "marked": true})
	f.deltas("ChangeMuteSettings", "PinnedThread", "IGMarkThreadUnread")
	chat, err := r.net.Chat(r.ctx, r.own.ID, r.alice.ID)
	r.must(err)
	if *chat.MutedUntil != -1 || !*chat.Pinned || !*chat.Unread {
		t.Errorf("chat is %+v", chat)
	}
	never, no := int64(0), false
	_, err = r.net.SetChat(r.ctx, r.own.ID, control.ChatSettings{Chat: r.alice.ID, MutedUntil: &never, Pinned: &no, Unread: &no})
	r.must(err)
	f.deltas("ChangeMuteSettings", "PinnedThread", "IGMarkThreadUnread")
	special[instagram.Folder](r, r.own, "folder", instagram.Folder{Chat: r.alice.ID, To: "general"})
	f.deltas("UpdateThreadFolder")
	r.expectUnexpected(0)
}

// TestTyping shows typing both ways (section 14).
func TestTyping(t *testing.T) {
	r := newRig(t)
	r.history(2)
	b := r.ready(r.own)
	in := b.typingIn()
	r.must(r.net.Typing(r.ctx, r.alice.ID, control.TypingRequest{Chat: r.own.ID, Typing: true}))
	long := b.ids(r.account(r.alice).FBID).Long
	if notice := in.notice(); !strings.Contains(notice, "/direct_v2/threads/"+long+"/") ||
		!strings.Contains(notice, `\"sender_id\":`+r.alice.ID) || !strings.Contains(notice, `\"activity_status\":1`) {
		t.Errorf("notice is %s", notice)
	}
	r.must(r.net.Typing(r.ctx, r.alice.ID, control.TypingRequest{Chat: r.own.ID}))
	if notice := in.notice(); !strings.Contains(notice, `\"activity_status\":0`) {
		t.Errorf("notice is %s", notice)
	}
	r.fault(control.Fault{Kind: "terminate"})
	if payload := b.typingIn().expect(dgw.Data).Payload; !strings.HasPrefix(string(payload), "\x5c\x29\x1c\x5c\x15\xa0\x01") {
		t.Errorf("termination is %x", payload)
	}
	out := b.typingOut()
	out.indicate(long, 1)
	r.await(r.alice, control.Match{Kind: control.KindTyping, Text: "composing"})
	out.indicate(b.ids(r.account(r.alice).FBID).Short, 0)
	r.await(r.alice, control.Match{Kind: control.KindTyping, Text: "paused"})
	r.expectUnexpected(0)
}

// TestBehaviour lets Alice's app do things by itself.
func TestBehaviour(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	f := b.follow()
	yes, no := true, false
	r.must(r.net.SetBehaviour(r.ctx, r.alice.ID, control.Behaviour{AutoRead: &yes, Echo: &yes, Online: &no}))
	call[sentAnswer](b, "sendText", map[string]any{
		"recipient_igids": []any{r.alice.ID}, "offline_threading_id": "9", "text": map[string]any{"sensitive_string_value": "echo"},
	})
	f.deltas("Create1To1Thread", "NewMessage")
	if events, err := r.net.Timeline(r.ctx, r.alice.ID, 0); err != nil || len(events) != 0 {
		t.Errorf("closed app has %+v, %v", events, err)
	}
	r.must(r.net.SetBehaviour(r.ctx, r.alice.ID, control.Behaviour{Online: &yes}))
	f.deltas("ReadReceipt", "NewMessage")
	r.must(r.net.SetBehaviour(r.ctx, r.alice.ID, control.Behaviour{ReadReceipts: &no, Echo: &no}))
	r.must(r.net.Block(r.ctx, r.alice.ID, r.own.ID, true))
	short := b.ids(r.account(r.alice).FBID).Short
	if code := b.code("sendText", map[string]any{
		"ig_thread_igid": short, "offline_threading_id": "10", "text": map[string]any{"sensitive_string_value": "x"},
	}); code != 1545041 {
		t.Errorf("text to somebody who blocked answered %d", code)
	}
}

// TestUnlink revokes the cookies: sockets close and nothing works any more.
func TestUnlink(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	f := b.follow()
	r.must(r.net.Unlink(r.ctx, r.own.ID, b.device))
	if code := f.closed(); code != 4003 {
		t.Errorf("socket closed with %d", code)
	}
	if code := b.code("search", map[string]any{"search_text": "x"}); code != 1357001 {
		t.Errorf("call answered %d", code)
	}
	got := b.do(b.navigate("/direct/inbox/"))
	if got.StatusCode != http.StatusFound || !strings.HasPrefix(got.Header.Get("Location"), "/accounts/login/") || b.cookies["sessionid"] != "" {
		t.Errorf("page answered %s to %q with %v", got.Status, got.Header.Get("Location"), b.cookies)
	}
	if err := r.net.Unlink(r.ctx, r.own.ID, b.device); err == nil {
		t.Error("revoked twice")
	}
	s := b.socket("lightspeed")
	if code := s.closed(); code != 4003 {
		t.Errorf("socket without a session closed with %d", code)
	}
}
