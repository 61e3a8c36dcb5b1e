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

// talking is a rig whose client is connected and has a chat with alice.
func talking(t *testing.T, cfg server.Config) *rig {
	t.Helper()
	r := newRig(t, cfg)
	r.say(r.alice, r.own, "first")
	r.connect()
	return r
}

func TestSendText(t *testing.T) {
	r := talking(t, server.Config{})
	id := r.send(r.alice, "hello 👋")
	if !strings.HasPrefix(id, "mid.$c") || len(id) != 34 {
		t.Errorf("message id %q", id)
	}
	_, echo := r.push("insertMessage")
	if echo.Text(8) != id || echo.Text(9) != strconv.FormatInt(r.otid, 10) || echo.Int(10) != number(r.own.ID) || len(echo.Args) != 81 {
		t.Errorf("echo %v", echo.Args)
	}
	if e := r.await(r.alice, control.Match{ID: id}); e.Text != "hello 👋" || e.Chat != r.own.ID || e.FromMe {
		t.Errorf("event %+v", e)
	}
	if e := r.await(r.own, control.Match{ID: id}); !e.FromMe || e.Chat != r.alice.ID {
		t.Errorf("own event %+v", e)
	}
	if _, row := r.push("updateDeliveryReceipt"); row.Int(1) != number(r.alice.ID) {
		t.Errorf("receipt %v", row.Args)
	}
}

func TestSendTwiceWithTheSameOTID(t *testing.T) {
	r := talking(t, server.Config{})
	r.fault(control.Fault{Kind: "drop_answer", Stanza: "task/46"})
	task := r.text("once")
	if _, _, err := r.gateway.Start(r.ctx, task); err != nil {
		t.Fatal(err)
	}
	_, echo := r.push("insertMessage")
	rows, err := r.gateway.Run(r.ctx, task)
	if err != nil || rows[0].Text(1) != echo.Text(8) {
		t.Errorf("got %v, error %v", rows, err)
	}
	r.quiet("insertMessage")
	events, err := r.server.Timeline(r.ctx, r.alice.ID, 0)
	if err != nil || len(events) != 3 { // her own, its delivery, ours
		t.Errorf("%d events, error %v", len(events), err)
	}
}

func TestSendReplyAndMention(t *testing.T) {
	r := talking(t, server.Config{})
	first := r.await(r.own, control.Match{Text: "first"}).ID
	rows := r.task(46, r.alice.ID, r.sendPayload(r.alice, "👋 @Alice hi", map[string]any{
		"reply_metadata": map[string]any{"reply_source_id": first, "reply_source_type": 1, "reply_type": 0},
		"mention_data":   map[string]any{"mention_ids": r.alice.ID, "mention_offsets": "3", "mention_lengths": "6", "mention_types": "p"},
	}))
	_, echo := r.push("insertMessage")
	if echo.Text(23) != first || echo.Int(25) != 1 || echo.Text(19) != "3" || echo.Text(20) != "6" || echo.Text(21) != r.alice.ID || echo.Text(22) != "p" {
		t.Errorf("echo %v", echo.Args)
	}
	e := r.await(r.alice, control.Match{ID: rows[0].Text(1)})
	if e.ReplyTo != first || len(e.Mentions) != 1 || e.Mentions[0] != r.alice.ID {
		t.Errorf("event %+v", e)
	}
}

func TestRefusedSends(t *testing.T) {
	r := talking(t, server.Config{})
	blocker := r.person("Blocker")
	r.check(r.server.Block(r.ctx, blocker.ID, r.own.ID, true))
	encrypted := r.person("Encrypted")
	yes := true
	r.special(r.own, "thread", server.ThreadChange{Chat: encrypted.ID, Encrypted: &yes})
	for name, c := range map[string]struct {
		to     control.Person
		text   string
		change map[string]any
	}{
		"unknown thread":     {control.Person{ID: "4711"}, "x", nil},
		"encrypted thread":   {encrypted, "x", nil},
		"blocked":            {blocker, "x", nil},
		"too long":           {r.alice, strings.Repeat("x", 20001), nil},
		"unknown attachment": {r.alice, "", map[string]any{"send_type": 3, "text": nil, "attachment_fbids": []int{12}}},
		"unknown reply":      {r.alice, "x", map[string]any{"reply_metadata": map[string]any{"reply_source_id": "mid.$x", "reply_source_type": 1, "reply_type": 0}}},
		"unknown forward":    {r.alice, "", map[string]any{"send_type": 5, "text": nil, "forwarded_msg_id": "mid.$x"}},
	} {
		t.Run(name, func(t *testing.T) {
			rows := r.task(46, c.to.ID, r.sendPayload(c.to, c.text, c.change))
			if len(rows) != 1 || rows[0].Name != "markOptimisticMessageFailed" || rows[0].Text(0) != strconv.FormatInt(r.otid, 10) || rows[0].Text(1) == "" {
				t.Errorf("got %v", rows)
			}
		})
	}
	r.send(r.alice, strings.Repeat("x", 20000))
}

func TestMalformedTasks(t *testing.T) {
	r := talking(t, server.Config{})
	r.clean = true
	for name, task := range map[string]webclient.Task{
		"unknown label":     {Label: 9999, Queue: "x", Payload: struct{}{}},
		"unknown field":     {Label: 46, Queue: r.alice.ID, Payload: r.sendPayload(r.alice, "x", map[string]any{"surprise": 1})},
		"missing field":     {Label: 46, Queue: r.alice.ID, Payload: r.sendPayload(r.alice, "x", map[string]any{"multitab_env": nil})},
		"otid is a number":  {Label: 46, Queue: r.alice.ID, Payload: r.sendPayload(r.alice, "x", map[string]any{"otid": 7})},
		"thread is text":    {Label: 46, Queue: r.alice.ID, Payload: r.sendPayload(r.alice, "x", map[string]any{"thread_id": r.alice.ID})},
		"wrong queue":       {Label: 46, Queue: "other", Payload: r.sendPayload(r.alice, "x", nil)},
		"empty text":        {Label: 46, Queue: r.alice.ID, Payload: r.sendPayload(r.alice, "", nil)},
		"mention too far":   {Label: 46, Queue: r.alice.ID, Payload: r.sendPayload(r.alice, "@A", map[string]any{"mention_data": map[string]any{"mention_ids": r.alice.ID, "mention_offsets": "1", "mention_lengths": "2", "mention_types": "p"}})},
		"somebody's actor":  {Label: 29, Queue: `["reaction","x"]`, Payload: map[string]any{"thread_key": 1, "timestamp_ms": 1, "message_id": "x", "actor_id": 5, "reaction": "", "reaction_style": nil, "sync_group": 1, "send_attribution": 65537}},
		"payload no object": {Label: 33, Queue: "unsend_message", Payload: `[]`},
		"huge number":       {Label: 21, Queue: "1", Payload: `{"thread_id":99999999999999999999,"last_read_watermark_ts":1,"sync_group":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(r.server.Log().Unexpected())
			rows := r.task(task.Label, task.Queue, task.Payload)
			if len(rows) != 1 || rows[0].Name != "handleFailedTask" {
				t.Errorf("got %v", rows)
			}
			if got := len(r.server.Log().Unexpected()); got != before+1 {
				t.Errorf("%d noted, want 1", got-before)
			}
		})
	}
}

func TestTaskFaults(t *testing.T) {
	r := talking(t, server.Config{})
	for how, want := range map[string]string{
		"": "markOptimisticMessageFailed", "optimistic": "markOptimisticMessageFailed", "task": "handleFailedTask",
		"error": "issueNewError", "silent": "",
	} {
		r.fault(control.Fault{Kind: "task_fail", Stanza: "task/46", Args: map[string]string{"how": how, "message": "No."}})
		if got := names(r.task(46, r.alice.ID, r.sendPayload(r.alice, "x", nil))); got != want {
			t.Errorf("%q: got %q, want %q", how, got, want)
		}
	}
	webclient.Patience = 100 * time.Millisecond
	defer func() { webclient.Patience = 5 * time.Second }()
	r.fault(control.Fault{Kind: "drop_ack"})
	if _, err := r.gateway.Run(r.ctx, r.text("no ack")); err == nil {
		t.Error("ack came")
	}
	r.fault(control.Fault{Kind: "establish", Args: map[string]string{"code": "0"}})
	if _, err := r.gateway.Run(r.ctx, r.text("not established")); err == nil {
		t.Error("stream was established")
	}
	r.fault(control.Fault{Kind: "establish", Args: map[string]string{"code": "503"}})
	if _, err := r.gateway.Run(r.ctx, r.text("refused")); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("error %v", err)
	}
	webclient.Patience = 5 * time.Second
	r.fault(control.Fault{Kind: "merge_frames"})
	r.fault(control.Fault{Kind: "early_push"})
	r.send(r.alice, "merged")
	r.fault(control.Fault{Kind: "delay_answer", Args: map[string]string{"ms": "20"}})
	r.send(r.alice, "late")
}

func TestReactions(t *testing.T) {
	r := talking(t, server.Config{})
	first := r.await(r.own, control.Match{Text: "first"}).ID
	react := func(emoji string) []webclient.Row {
		return r.task(29, `["reaction","`+first+`"]`, map[string]any{
			"thread_key": number(r.alice.ID), "timestamp_ms": 1, "message_id": first, "actor_id": number(r.own.ID), "reaction": emoji,
			"reaction_style": nil, "sync_group": 1, "send_attribution": 65537,
		})
	}
	if rows := react("❤"); names(rows) != "replaceOptimisticReaction" {
		t.Errorf("got %v", rows)
	}
	if _, row := r.push("upsertReaction"); row.Text(2) != first || row.Int(3) != number(r.own.ID) || row.Text(4) != "❤" {
		t.Errorf("pushed %v", row.Args)
	}
	r.await(r.alice, control.Match{Kind: control.KindReaction, Ref: first, Text: "❤"})
	react("")
	if _, row := r.push("deleteReaction"); row.Text(1) != first {
		t.Errorf("pushed %v", row.Args)
	}
	_, err := r.server.React(r.ctx, r.alice.ID, control.ReactRequest{Target: control.Target{ID: first}, Emoji: "😆"})
	r.check(err)
	if _, row := r.push("upsertReaction"); row.Int(3) != number(r.alice.ID) || row.Text(4) != "😆" {
		t.Errorf("pushed %v", row.Args)
	}
}

func TestEdits(t *testing.T) {
	now := time.Now()
	r := talking(t, server.Config{Now: func() time.Time { return now }})
	id := r.send(r.alice, "old")
	edit := func(text string) webclient.Row {
		rows := r.task(742, "edit_message", map[string]any{"message_id": id, "text": text})
		if len(rows) != 1 || rows[0].Name != "editMessage" || rows[0].Text(0) != id {
			t.Fatalf("got %v", rows)
		}
		return rows[0]
	}
	if row := edit("new"); row.Text(2) != "new" || row.Int(3) != 1 {
		t.Errorf("got %v", row.Args)
	}
	if _, row := r.push("editMessage"); row.Text(2) != "new" {
		t.Errorf("pushed %v", row.Args)
	}
	r.await(r.alice, control.Match{Kind: control.KindEdit, Ref: id, Text: "new"})
	r.fault(control.Fault{Kind: "edit_lie"})
	if row := edit("truth"); row.Text(2) != "new" {
		t.Errorf("got %v", row.Args)
	}
	if _, row := r.push("editMessage"); row.Text(2) != "truth" {
		t.Errorf("pushed %v", row.Args)
	}
	r.fault(control.Fault{Kind: "edit_lie", Args: map[string]string{"then": "revert"}})
	if row := edit("never"); row.Text(2) != "truth" {
		t.Errorf("got %v", row.Args)
	}
	for i := range 3 {
		edit(fmt.Sprint("edit ", i))
	}
	if row := edit("sixth"); row.Text(2) != "edit 2" {
		t.Errorf("a sixth edit: %v", row.Args)
	}
	id = r.send(r.alice, "aged")
	now = now.Add(16 * time.Minute)
	if row := edit("too late"); row.Text(2) != "aged" {
		t.Errorf("a late edit: %v", row.Args)
	}
	id = r.await(r.own, control.Match{Text: "first"}).ID
	if row := edit("hers"); row.Text(2) != "first" {
		t.Errorf("somebody else's: %v", row.Args)
	}
}

func TestUnsend(t *testing.T) {
	r := talking(t, server.Config{})
	id := r.send(r.alice, "oops")
	if rows := r.task(33, "unsend_message", map[string]any{"message_id": id}); len(rows) != 0 {
		t.Errorf("got %v", rows)
	}
	if _, row := r.push("deleteThenInsertMessage"); row.Text(8) != id || !row.Bool(17) || len(row.Args) != 80 {
		t.Errorf("pushed %v", row.Args)
	}
	r.await(r.alice, control.Match{Kind: control.KindRevoke, Ref: id})
	first := r.await(r.own, control.Match{Text: "first"}).ID
	if rows := r.task(33, "unsend_message", map[string]any{"message_id": first}); names(rows) != "handleFailedTask" {
		t.Errorf("somebody else's: %v", rows)
	}
	_, err := r.server.Revoke(r.ctx, r.alice.ID, control.Target{ID: first})
	r.check(err)
	if _, row := r.push("deleteThenInsertMessage"); row.Text(8) != first {
		t.Errorf("pushed %v", row.Args)
	}
	r.task(155, "155", map[string]any{"thread_key": number(r.alice.ID), "message_id": id})
	r.push("deleteMessage")
}

func TestReceiptsAndTyping(t *testing.T) {
	r := talking(t, server.Config{})
	id := r.send(r.alice, "read me")
	r.check(r.server.Receipt(r.ctx, r.alice.ID, control.ReceiptRequest{Chat: r.own.ID, IDs: []string{id}, Type: "read"}))
	if _, row := r.push("updateReadReceipt"); row.Int(2) != number(r.alice.ID) {
		t.Errorf("pushed %v", row.Args)
	}
	sent := r.say(r.alice, r.own, "and you?")
	r.task(21, r.alice.ID, map[string]any{"thread_id": number(r.alice.ID), "last_read_watermark_ts": sent.Time.UnixMilli(), "sync_group": 1})
	r.push("markThreadReadV2")
	r.await(r.alice, control.Match{Kind: control.KindReceipt, Ref: sent.ID, Text: "read"})
	r.check(r.server.Typing(r.ctx, r.alice.ID, control.TypingRequest{Chat: r.own.ID, Typing: true}))
	if rows, row := r.push("updateTypingIndicator"); !row.Bool(2) || len(rows) != 1 {
		t.Errorf("pushed %v", rows)
	}
	typing := map[string]any{
		"thread_key": number(r.alice.ID), "is_group_thread": 0, "is_typing": 1, "attribution": 0, "sync_group": 1, "thread_type": 1,
	}
	r.check(r.gateway.Stateless(r.ctx, 3, typing))
	r.await(r.alice, control.Match{Kind: control.KindTyping, Text: "composing"})
	typing["is_typing"] = 0
	r.check(r.gateway.Stateless(r.ctx, 3, typing))
	r.await(r.alice, control.Match{Kind: control.KindTyping, Text: "paused"})
	typing["thread_type"] = 2
	r.check(r.gateway.Stateless(r.ctx, 3, typing))
	r.expectUnexpected("typing")
}
