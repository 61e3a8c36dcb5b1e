package server_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
	"crosschat/simulator/messenger/server"
	"crosschat/simulator/messenger/webclient"
)

func TestHistoryPages(t *testing.T) {
	r := newRig(t, server.Config{MessagesPage: 3, ThreadsPage: 2})
	start := time.Now().Add(-time.Hour)
	var history []control.HistoryMessage
	for i := range 8 {
		history = append(history, control.HistoryMessage{
			Chat: r.alice.ID, Sender: r.alice.ID, Text: fmt.Sprint("m", i), Time: start.Add(time.Duration(i/2) * time.Second),
		})
	}
	r.check(r.server.AddHistory(r.ctx, r.own.ID, history))
	for i := range 4 {
		r.say(r.person(fmt.Sprint("P", i)), r.own, "x")
	}
	r.connect()
	rng := webclient.Find(r.client.Page.Table, "upsertSyncGroupThreadsRange")[0]
	if len(webclient.Find(r.client.Page.Table, "deleteThenInsertThread")) != 2 || !rng.Bool(3) {
		t.Fatalf("table %s", names(r.client.Page.Table))
	}
	threads := 0
	for rng.Bool(3) {
		rows := r.task(145, "trq", map[string]any{
			"is_after": 0, "parent_thread_key": -1, "reference_thread_key": rng.Int(5), "reference_activity_timestamp": rng.Int(2),
			"additional_pages_to_fetch": 0, "cursor": r.gateway.Cursor(1), "messaging_tag": nil, "sync_group": 1,
		})
		threads += len(webclient.Find(rows, "deleteThenInsertThread"))
		rng = webclient.Find(rows, "upsertSyncGroupThreadsRange")[0]
	}
	if threads != 3 {
		t.Errorf("%d older threads, want 3", threads)
	}
	var texts []string
	at, id := time.Now().UnixMilli(), ""
	for more := true; more; {
		rows := r.task(228, "mrq."+r.alice.ID, map[string]any{
			"thread_key": number(r.alice.ID), "direction": 0, "reference_timestamp_ms": at, "reference_message_id": id,
			"sync_group": 1, "cursor": r.gateway.Cursor(1),
		})
		if len(rows) != 0 {
			t.Errorf("answer %v", rows)
		}
		pushed, page := r.push("insertNewMessageRange")
		if page.Int(2) != at {
			t.Errorf("range up to %d, want %d", page.Int(2), at)
		}
		var part []string
		for _, m := range webclient.Find(pushed, "upsertMessage") {
			part = append(part, m.Text(0))
		}
		texts = append(part, texts...)
		at, id, more = page.Int(5), page.Text(3), page.Bool(7)
	}
	if got, want := strings.Join(texts, " "), "m0 m1 m2 m3 m4 m5 m6 m7"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r.task(228, "mrq."+r.alice.ID, map[string]any{
		"thread_key": number(r.alice.ID), "direction": 0, "reference_timestamp_ms": at, "reference_message_id": id, "sync_group": 1, "cursor": nil,
	})
	r.push("updateExistingMessageRange")
}

func TestThreadTasks(t *testing.T) {
	r := talking(t, server.Config{})
	bob := r.person("Bob Example")
	rows := r.task(209, bob.ID, map[string]any{
		"thread_fbid": number(bob.ID), "force_upsert": 0, "use_open_messenger_transport": 0, "sync_group": 1, "metadata_only": 0, "preview_only": 0,
	})
	if got := webclient.Find(rows, "deleteThenInsertThread"); len(got) != 1 || got[0].Int(7) != number(bob.ID) || got[0].Int(9) != 1 {
		t.Errorf("got %s", names(rows))
	}
	r.send(bob, "hi bob")
	if rows = r.task(207, "cpq_v2", map[string]any{"contact_id": number(bob.ID)}); len(rows) != 1 || rows[0].Text(9) != "Bob Example" {
		t.Errorf("contact %v", rows)
	}
	if rows = r.task(452, `["search_contacts","1"]`, map[string]any{"limit": 2}); len(rows) != 2 {
		t.Errorf("contacts %v", rows)
	}
	search := map[string]any{
		"query": "example", "supported_types": []int{1, 3}, "session_id": nil, "surface_type": 5, "selected_participants": nil,
		"group_id": nil, "community_id": nil, "query_id": nil,
	}
	if rows = r.task(30, `["search_primary",1]`, search); len(rows) != 2 || rows[0].Text(5) != "Alice Example" || rows[0].Int(23) != number(r.alice.ID) {
		t.Errorf("found %v", rows)
	}
	if rows = r.task(31, "search_secondary", search); len(rows) != 0 {
		t.Errorf("found %v", rows)
	}
	r.task(144, bob.ID, map[string]any{"thread_key": number(bob.ID), "mailbox_type": 0, "mute_expire_time_ms": -1, "sync_group": 1})
	if _, row := r.push("updateThreadMuteSetting"); row.Int(1) != -1 {
		t.Errorf("pushed %v", row.Args)
	}
	if chat, err := r.server.Chat(r.ctx, r.own.ID, bob.ID); err != nil || *chat.MutedUntil != -1 {
		t.Errorf("chat %+v, error %v", chat, err)
	}
	r.task(146, bob.ID, map[string]any{"thread_key": number(bob.ID), "remove_type": 0, "sync_group": 1})
	r.push("deleteThread")
	r.say(bob, r.own, "back")
	if rows, _ := r.push("insertMessage"); len(webclient.Find(rows, "deleteThenInsertThread")) != 1 {
		t.Errorf("pushed %s", names(rows))
	}
	r.task(733, "fetch_additional_thread_data_"+bob.ID, map[string]any{"thread_key": number(bob.ID)})
	r.task(123, "ls_presence_report_app_state", map[string]any{"app_state": 1, "request_id": "x"})
	archived := true
	_, err := r.server.SetChat(r.ctx, r.own.ID, control.ChatSettings{Chat: bob.ID, Archived: &archived})
	r.check(err)
	r.push("moveThreadToArchivedFolder")
}

func TestMessageRequests(t *testing.T) {
	r := newRig(t, server.Config{})
	r.check(r.server.SetContact(r.ctx, r.own.ID, control.Contact{ID: r.alice.ID}))
	r.say(r.alice, r.own, "may I?")
	rows := r.connect()
	if got := webclient.Find(rows[95], "deleteThenInsertMessageRequest"); len(got) != 1 || got[0].Int(2) != 1 {
		t.Fatalf("database 95: %s", names(rows[95]))
	}
	if got := webclient.Find(rows[95], "deleteThenInsertThread"); got[0].Text(10) != "pending" || got[0].Int(66) != 95 {
		t.Errorf("thread %v", got[0].Args)
	}
	if got := webclient.Find(r.client.Page.Table, "deleteThenInsertThread"); len(got) != 0 {
		t.Errorf("the inbox has it too: %v", got)
	}
	r.task(66, "message_request", map[string]any{"thread_key": number(r.alice.ID), "sync_group": 95, "ig_folder": nil})
	if _, row := r.push("deleteThenInsertThread"); row.Text(10) != "inbox" || row.Int(66) != 1 {
		t.Errorf("pushed %v", row.Args)
	}
	carol := r.person("Carol")
	r.check(r.server.SetContact(r.ctx, r.own.ID, control.Contact{ID: carol.ID}))
	r.say(carol, r.own, "and I?")
	r.push("deleteThenInsertMessageRequest")
	r.task(146, carol.ID, map[string]any{"thread_key": number(carol.ID), "remove_type": 0, "sync_group": 95})
	if rows, _ := r.push("deleteThread"); len(webclient.Find(rows, "deleteMessageRequest")) != 1 {
		t.Errorf("pushed %s", names(rows))
	}
	r.gateway.Close()
	r.cursors = map[int]string{}
	if got := webclient.Find(r.connect()[95], "deleteThenInsertThread"); len(got) != 0 {
		t.Errorf("a declined request is there again: %v", got)
	}
	bob := r.person("Bob")
	r.special(r.own, "thread", server.ThreadChange{Chat: bob.ID, Folder: "spam"})
	r.say(bob, r.own, "buy!")
	if rows, _ := r.push("insertMessage"); webclient.Find(rows, "deleteThenInsertThread")[0].Text(10) != "spam" {
		t.Errorf("pushed %s", names(rows))
	}
}

func TestGroups(t *testing.T) {
	r := talking(t, server.Config{})
	bob := r.person("Bob")
	rows := r.task(130, "77", map[string]any{
		"participants": []int64{number(r.alice.ID)}, "send_payload": map[string]any{"thread_id": 77, "otid": "5", "source": 0, "send_type": 8},
	})
	if len(rows) != 1 || rows[0].Name != "replaceOptimisticThread" || rows[0].Int(0) != 77 {
		t.Fatalf("got %v", rows)
	}
	key := rows[0].Int(1)
	group := control.Person{ID: strconv.FormatInt(key, 10)}
	r.task(23, group.ID, map[string]any{"thread_key": key, "contact_ids": []int64{number(bob.ID)}, "sync_group": 1})
	r.push("addParticipantIdToGroupThread")
	r.task(32, group.ID, map[string]any{"thread_key": key, "thread_name": "Friends", "sync_group": 1})
	if _, row := r.push("syncUpdateThreadName"); row.Text(0) != "Friends" {
		t.Errorf("pushed %v", row.Args)
	}
	r.task(25, "admin_status", map[string]any{"thread_key": key, "contact_id": number(bob.ID), "is_admin": 1})
	r.push("updateThreadParticipantAdminStatus")
	id := r.send(group, "hello all")
	if e := r.await(bob, control.Match{ID: id}); e.Chat != group.ID {
		t.Errorf("event %+v", e)
	}
	_, err := r.server.Send(r.ctx, bob.ID, control.SendRequest{To: group.ID, Text: "hi @" + r.own.ID, Mentions: []string{r.own.ID}})
	r.check(err)
	if _, row := r.push("insertMessage"); row.Text(8) == id {
		r.push("insertMessage")
	}
	r.task(140, "remove_participant_v2", map[string]any{"thread_id": key, "contact_id": number(r.alice.ID)})
	r.push("removeParticipantFromThread")
	got, err := r.server.Group(r.ctx, bob.ID, group.ID)
	if err != nil || len(got.Members) != 2 || len(got.Admins) != 2 || got.Subject != "Friends" {
		t.Errorf("group %+v, error %v", got, err)
	}
	subject := "Renamed"
	_, err = r.server.ChangeGroup(r.ctx, bob.ID, group.ID, control.GroupChange{Subject: &subject, Remove: []string{r.own.ID}})
	r.check(err)
	if rows := r.task(46, group.ID, r.sendPayload(group, "still here?", nil)); names(rows) != "markOptimisticMessageFailed" {
		t.Errorf("after being removed: %v", rows)
	}
}

func TestEncryptedThreads(t *testing.T) {
	r := talking(t, server.Config{})
	bob := r.person("Bob")
	rows := r.task(388, "99", map[string]any{
		"wa_jid": number(bob.ID), "offline_thread_key": 99, "thread_type": 15, "folder_type": 0, "bump_timestamp_ms": 1, "tam_thread_subtype": 0,
	})
	follow := webclient.Find(rows, "issueNewTask")
	if len(follow) != 1 || webclient.Find(rows, "deleteThenInsertThread")[0].Int(9) != 15 {
		t.Fatalf("got %s", names(rows))
	}
	if rows = r.task(int(follow[0].Int(1)), follow[0].Text(0), follow[0].Text(2)); len(webclient.Find(rows, "deleteThenInsertThread")) != 1 {
		t.Errorf("follow-up: %s", names(rows))
	}
	yes, no := true, false
	r.special(r.own, "thread", server.ThreadChange{Chat: r.alice.ID, Encrypted: &yes})
	r.push("moveThreadToE2EECutoverFolder")
	if rows := r.task(46, r.alice.ID, r.sendPayload(r.alice, "x", nil)); names(rows) != "markOptimisticMessageFailed" {
		t.Errorf("after the cutover: %v", rows)
	}
	r.special(r.own, "thread", server.ThreadChange{Chat: r.alice.ID, Encrypted: &no})
	r.push("moveThreadToInboxAndUpdateParent")
	r.send(r.alice, "plain again")
	key := r.special(r.own, "thread", server.ThreadChange{Chat: bob.ID, Hybrid: true, Announce: true}).(server.ThreadKey).Key
	if _, row := r.push("verifyHybridThreadExists"); row.Int(0) != key || row.Int(1) != number(bob.ID) || key == number(bob.ID) {
		t.Errorf("pushed %v", row.Args)
	}
}

func TestPeopleAndOddRows(t *testing.T) {
	r := talking(t, server.Config{})
	name := "Alice Renamed"
	avatar := []byte("jpeg")
	_, err := r.server.SetProfile(r.ctx, r.alice.ID, control.Profile{Name: &name, Avatar: &avatar})
	r.check(err)
	_, row := r.push("deleteThenInsertContact")
	if row.Text(9) != name || !strings.Contains(row.Text(2), "fbcdn.net") {
		t.Errorf("pushed %v", row.Args)
	}
	if data, err := r.client.Download(r.ctx, row.Text(2)); err != nil || string(data) != "jpeg" {
		t.Errorf("avatar %q, error %v", data, err)
	}
	r.special(r.alice, "page", server.Page{Page: true, Username: "alice.page"})
	if _, row := r.push("deleteThenInsertContact"); row.Int(48) != 1 || row.Text(43) != "alice.page" {
		t.Errorf("pushed %v", row.Args)
	}
	r.special(r.own, "thread", server.ThreadChange{Chat: r.alice.ID, Kind: 5, Parent: 4444, ParentName: "Marketplace", Announce: true})
	if _, row := r.push("deleteThenInsertThread"); row.Int(9) != 5 || row.Int(35) != 4444 {
		t.Errorf("pushed %v", row.Args)
	}
	r.special(r.alice, "live_location", server.Location{Chat: r.own.ID, Latitude: 1.5, Longitude: 2.5, Ends: 7})
	r.push("upsertLiveLocationSharer")
	r.special(r.own, "rows", map[string]any{"database": 1, "calls": [][]any{{"somethingNew", 5, "x", nil, true}}})
	if _, row := r.push("somethingNew"); row.Int(0) != 5 || row.Text(1) != "x" || row.Args[2] != nil || !row.Bool(3) {
		t.Errorf("pushed %v", row.Args)
	}
	online, echo := false, true
	r.check(r.server.SetBehaviour(r.ctx, r.alice.ID, control.Behaviour{Online: &online, Echo: &echo}))
	id := r.send(r.alice, "anybody?")
	if _, err := r.server.Timeline(r.ctx, r.alice.ID, 0); err != nil {
		t.Fatal(err)
	}
	online = true
	r.check(r.server.SetBehaviour(r.ctx, r.alice.ID, control.Behaviour{Online: &online}))
	r.await(r.alice, control.Match{ID: id})
	r.await(r.own, control.Match{Text: "anybody?", Sender: r.alice.ID})
}
