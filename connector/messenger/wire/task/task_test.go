package task

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"
)

type taskVector struct {
	Name  string
	Tasks []struct {
		Label, Payload string
		Queue          string `json:"queue_name"`
	}
}

const (
	message = "mid.$cAABa8xB6QAOm9ZW0AGgxFBsAAAAq"
	own     = 100000000001001
)

func text(s string) *string { return &s }

func mustVectors(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err = json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func TestTaskVectors(t *testing.T) {
	built := map[string][]Task{
		"send text + mark read": {Send(Message{ThreadID: 1002, OTID: 7507804160000000042, Text: "hello"}), MarkRead(1002, 1790000000000)},
		"send reply with mention": {Send(Message{ThreadID: 1002, OTID: 7507804160000004138, Text: "@Alice hi", ReplyTo: message,
			Mentions: Mentions{"1002", "0", "6", "p"}})},
		"send media":                   {Send(Message{ThreadID: 1002, OTID: 7507804160000008234, Attachments: []int64{900000000000001}})},
		"react":                        {React(1002, message, own, "❤", 1795325255351)},
		"remove reaction":              {React(1002, message, own, "", 1795325255352)},
		"edit":                         {Edit(message, "edited")},
		"unsend":                       {Unsend(message)},
		"delete for me":                {DeleteForMe(1002, message)},
		"fetch messages":               {FetchMessages(1002, message, 1790000000000, text("cur-1-0003"))},
		"fetch threads":                {FetchThreads(ThreadsPage{InboxKey, 1002, 1790000000000, text("cur-1-0003"), GroupMailbox})},
		"fetch threads, sync group 95": {FetchThreads(ThreadsPage{InboxKey, 0, FirstPage, nil, GroupRequests})},
		"create thread":                {CreateThread(1002)},
		"create e2ee thread":           {CreateEncrypted(1003, 7507804160000000042, 1790000000000)},
		"accept request":               {AcceptRequest(1002)},
		"delete thread":                {DeleteThread(1002, GroupMailbox)},
		"mute":                         {Mute(1002, Forever)},
		"contact":                      {Contact(1002)},
	}
	var vectors []taskVector
	mustVectors(t, "tasks.json", &vectors)
	for _, vector := range vectors {
		if vector.Tasks == nil {
			continue // a whole request, which the session's test reads
		}
		tasks, ok := built[vector.Name]
		if !ok || len(tasks) != len(vector.Tasks) {
			t.Errorf("%q: built %d tasks, want %d", vector.Name, len(tasks), len(vector.Tasks))
			continue
		}
		for i, want := range vector.Tasks {
			if got := tasks[i]; got != (Task{want.Label, want.Queue, want.Payload}) {
				t.Errorf("%q: got\n%+v, want\n%+v", vector.Name, got, want)
			}
		}
	}
}

func TestSendVariants(t *testing.T) {
	tests := []struct {
		message Message
		want    string
	}{
		{Message{ThreadID: 1, OTID: 2, Text: "<a> & \u2028", Source: SourceRequest},
			`{"thread_id":1,"otid":"2","source":65546,"send_type":1,"sync_group":1,"text":"<a> & \u2028","initiating_source":1,"skip_url_preview_gen":0,"text_has_links":0,"multitab_env":0}`},
		{Message{ThreadID: 1, OTID: 2, StickerID: 369239263222822},
			`{"thread_id":1,"otid":"2","source":65537,"send_type":2,"sync_group":1,"sticker_id":369239263222822,"initiating_source":1,"skip_url_preview_gen":0,"text_has_links":0,"multitab_env":0}`},
		{Message{ThreadID: 1, OTID: 2, Text: "👍", HotEmoji: 3},
			`{"thread_id":1,"otid":"2","source":65537,"send_type":1,"sync_group":1,"text":"👍","hot_emoji_size":3,"initiating_source":1,"skip_url_preview_gen":0,"text_has_links":0,"multitab_env":0}`},
	}
	for _, test := range tests {
		if got := Send(test.message).Payload; got != test.want {
			t.Errorf("got\n%s, want\n%s", got, test.want)
		}
	}
}

func TestOtherTasks(t *testing.T) {
	tests := []struct{ got, want Task }{
		{Typing(1002, 1, false, true), Task{"3", "", `{"thread_key":1002,"is_group_thread":0,"is_typing":1,"attribution":0,"sync_group":1,"thread_type":1}`}},
		{Rename(5, "x"), Task{"32", "5", `{"thread_key":5,"thread_name":"x","sync_group":1}`}},
		{Issued(209, "q", `{"a":1}`), Task{"209", "q", `{"a":1}`}},
		{Search("ali", 17), Task{"30", `["search_primary",17]`, `{"query":"ali","supported_types":[1,3,4,2,6,7,8,9,13],"session_id":null,"surface_type":15,"selected_participants":null,"group_id":null,"community_id":null,"query_id":null}`}},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("got\n%+v, want\n%+v", test.got, test.want)
		}
	}
}

func TestIDs(t *testing.T) {
	var vector struct {
		OTID struct {
			OTID string
			MS   string `json:"unix_ms"`
		}
	}
	mustVectors(t, "ids-and-bitmaps.json", &vector)
	ms, err := strconv.ParseInt(vector.OTID.MS, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(ms)
	var ids IDs
	last := ids.Next(now)
	if got := strconv.FormatInt(last, 10); got != vector.OTID.OTID {
		t.Errorf("first id is %s, want %s", got, vector.OTID.OTID)
	}
	for i := range 5000 {
		// The clock stands, or goes back.
		next := ids.Next(now.Add(-time.Duration(i%2) * time.Second))
		if next <= last || next&(1<<12-1) != idEnd {
			t.Fatalf("id %d after %d, want them to grow and end in %d", next, last, idEnd)
		}
		last = next
	}
}
