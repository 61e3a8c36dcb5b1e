package lightspeed

import (
	"encoding/json"
	"os"
	"reflect"
	"strconv"
	"testing"
)

type rowVector struct {
	SP    string
	Count int
	Args  map[string]any
}

func mustVector(t testing.TB, name string) (payload []byte, rows []rowVector) {
	t.Helper()
	data, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var vector struct {
		Response struct{ Payload string }
		Rows     []rowVector
	}
	if err = json.Unmarshal(data, &vector); err != nil {
		t.Fatal(err)
	}
	return []byte(vector.Response.Payload), vector.Rows
}

// value turns a vector's argument into the value it stands for.
func (v rowVector) value(t *testing.T, arg any) Value {
	t.Helper()
	switch arg := arg.(type) {
	case string:
		return text(arg)
	case bool:
		return boolean(arg)
	case map[string]any:
		i, err := strconv.ParseInt(arg["i64"].(string), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return integer(i)
	}
	t.Fatalf("argument %v of %s is of no kind this test knows", arg, v.SP)
	return Value{}
}

func TestRunVectors(t *testing.T) {
	for _, name := range []string{"ls-initial-one-thread.json", "ls-push-text.json", "ls-push-v4-block.json",
		"ls-rows-misc.json", "ls-opcodes.json"} {
		t.Run(name, func(t *testing.T) {
			payload, rows := mustVector(t, name)
			program, err := Run(payload)
			if err != nil {
				t.Fatal(err)
			}
			if program.Malformed != 0 || len(program.Operations) != 0 {
				t.Errorf("%d malformed, unknown operations %v, want none", program.Malformed, program.Operations)
			}
			var calls []Call
			for _, call := range program.Calls {
				// A call that the envelope does not list is kept here and not in the vector.
				if call.Name != "notListed" {
					calls = append(calls, call)
				}
			}
			if len(calls) != len(rows) {
				t.Fatalf("%d calls, want %d", len(calls), len(rows))
			}
			for i, row := range rows {
				assertCall(t, calls[i], row)
			}
		})
	}
}

func assertCall(t *testing.T, got Call, want rowVector) {
	t.Helper()
	if got.Name != want.SP {
		t.Fatalf("called %q, want %q", got.Name, want.SP)
	}
	if want.Count != 0 && len(got.Args) != want.Count {
		t.Errorf("%s has %d arguments, want %d", got.Name, len(got.Args), want.Count)
	}
	for i, arg := range got.Args {
		expected, defined := want.Args[strconv.Itoa(i)]
		if !defined {
			if arg.Kind != Undefined {
				t.Errorf("%s/%d is %+v, want undefined", got.Name, i, arg)
			}
		} else if !reflect.DeepEqual(arg, want.value(t, expected)) {
			t.Errorf("%s/%d is %+v, want %v", got.Name, i, arg, expected)
		}
	}
}

func mustDecode(t *testing.T, payload []byte) *Table {
	t.Helper()
	table, report, err := Decode(payload)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Empty() {
		t.Errorf("not understood: %+v", report)
	}
	return table
}

const (
	firstMessage = "mid.$cAABa8xB6QAOm9ZW0AGgxFBsAAAAq"
	replyMessage = "mid.$cAABa8xB6QAOm9ZW36GgxFBv6AAAq"
	ownID        = 100000000001001
)

func TestDecodeInitial(t *testing.T) {
	payload, _ := mustVector(t, "ls-initial-one-thread.json")
	got := mustDecode(t, payload)
	history := Message{ThreadKey: 1002, ID: firstMessage, OTID: "7507804160000000042", Sender: 1002,
		Text: "hello from history", Timestamp: 1790000000000, PrimarySortKey: 1790000000000, DisplayedContent: 1}
	picture := "https://scontent.xx.fbcdn.net/v/p"
	want := &Table{
		FirstBlocks:   []FirstBlock{{Database: 1, Epoch: 7001, NextCursor: "cur-1-0001", SyncChannel: 1}},
		FinallyBlocks: []FinallyBlock{{Database: 1, Epoch: 7001}},
		ThreadRanges: []ThreadRange{{SyncGroup: 1, ParentThreadKey: -1, MinActivity: 1790000000000, MoreBefore: true,
			MinThreadKey: 1002}},
		RangeQueries: []RangeQuery{{ParentThreadKey: -1}},
		Contacts: []Contact{
			{ID: 1002, Name: "Alice Example", FirstName: "Alice Example", PictureURL: picture + "1002.jpg?oe=7fffffff",
				Type: 1, CanMessage: true},
			{ID: ownID, Name: "Own Example", FirstName: "Own Example",
				PictureURL: picture + "100000000001001.jpg?oe=7fffffff", Type: 1, CanMessage: true},
		},
		Threads: []Thread{{Key: 1002, Type: ThreadOneToOne, Folder: FolderInbox, ParentKey: -1,
			LastActivity: 1790000000000, LastRead: 1789999995000, SyncGroup: 1, UnsendLimit: -1,
			Snippet: "hello from history"}},
		Participants: []Participant{{ThreadKey: 1002, Contact: 1002, ReadWatermark: 1790000000000},
			{ThreadKey: 1002, Contact: ownID, ReadWatermark: 1789999995000}},
		MessageRanges: []MessageRange{{ThreadKey: 1002, MinTemplate: 1790000000000, MaxTemplate: 1790000000000,
			MinMessageID: firstMessage, MaxMessageID: firstMessage, MinTimestamp: 1790000000000,
			MaxTimestamp: 1790000000000, MoreBefore: true}},
		History: []Message{history},
	}
	assertTable(t, got, want)
}

func TestDecodePushes(t *testing.T) {
	live := Message{ThreadKey: 1002, ID: replyMessage, OTID: "7507804164194304042", Sender: 1002, Text: "live text",
		Timestamp: 1790000001000, PrimarySortKey: 1790000001000, DisplayedContent: 1, ReplyTo: firstMessage,
		ReplySourceType: 1}
	tests := map[string]*Table{
		"ls-push-text.json": {
			FirstBlocks:   []FirstBlock{{Database: 1, Epoch: 7001, CurrentCursor: "cur-1-0001", NextCursor: "cur-1-0002", SyncChannel: 1}},
			FinallyBlocks: []FinallyBlock{{Database: 1, Epoch: 7001}},
			KnownThreads:  []KnownThread{{Key: 1002, Type: ThreadOneToOne, Folder: FolderInbox, ParentKey: -1, SyncGroup: 1}},
			Messages:      []Message{live},
		},
		"ls-push-v4-block.json": {
			FirstBlocks:   []FirstBlock{{Database: 1, Epoch: 7001, CurrentCursor: "cur-1-0002", NextCursor: "cur-1-0003", SyncChannel: 1}},
			FinallyBlocks: []FinallyBlock{{Database: 1, Epoch: 7001}},
			Messages:      []Message{live},
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			payload, _ := mustVector(t, name)
			assertTable(t, mustDecode(t, payload), want)
		})
	}
}

func TestDecodeMisc(t *testing.T) {
	payload, _ := mustVector(t, "ls-rows-misc.json")
	got := mustDecode(t, payload)
	link := "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.com%2F"
	want := &Table{
		FirstBlocks:   []FirstBlock{{Database: 1, Epoch: 7001, CurrentCursor: "cur-1-0002", NextCursor: "cur-1-0003", SyncChannel: 1}},
		FinallyBlocks: []FinallyBlock{{Database: 1, Epoch: 7001}},
		SyncFailures:  []SyncFailure{{Database: 2, Message: "Invalid argument supplied for foreach()"}},
		Reactions: []Reaction{
			{ThreadKey: 1002, MessageID: firstMessage, Actor: 1002, Emoji: "❤", Timestamp: 1790000002000},
			{ThreadKey: 1002, MessageID: firstMessage, Actor: ownID, Removed: true},
		},
		Reads:      []Read{{ThreadKey: 1002, Contact: 1002, Watermark: 1790000002000, At: 1790000002001}},
		Deliveries: []DeliveryReceipt{{ThreadKey: 1002, Contact: 1002, Watermark: 1790000002000}},
		OwnReads:   []OwnRead{{ThreadKey: 1002, Watermark: 1790000002000}},
		Typing:     []Typing{{ThreadKey: 1002, Sender: 1002, Active: true}},
		Edits:      []Edit{{MessageID: firstMessage, Text: "edited text", Count: 1}},
		Replaced: []Message{{ThreadKey: 1002, ID: replyMessage, OTID: "7507804164194304042", Sender: 1002, Unsent: true,
			Timestamp: 1790000001000, PrimarySortKey: 1790000001000, ReplyTo: firstMessage, ReplySourceType: 1,
			DisplayedContent: 1, EditCount: 2}},
		Blobs: []Blob{{MessageID: firstMessage, ThreadKey: 1002, FBID: "900000000000001", Type: AttachmentImage,
			Filename: "photo.jpg", Size: 12345, MimeType: "image/jpeg", HasMedia: true, Width: 640, Height: 480,
			Playable:  Link{URL: "https://scontent.xx.fbcdn.net/v/p.jpg?oe=7fffffff", Expires: 1790086400000, MimeType: "image/jpeg"},
			Preview:   Link{URL: "https://scontent.xx.fbcdn.net/v/q.jpg?oe=7fffffff", MimeType: "image/jpeg"},
			Timestamp: 1790000000000}},
		Stickers: []Sticker{{MessageID: firstMessage, ThreadKey: 1002, FBID: "369239263222822",
			Playable: Link{URL: "https://scontent.xx.fbcdn.net/v/s.png", MimeType: "image/png"},
			Preview:  Link{URL: "https://scontent.xx.fbcdn.net/v/s.png", MimeType: "image/png"},
			Width:    240, Height: 240, Label: "A sticker", TargetID: 369239263222822, Timestamp: 1790000000000}},
		XMAs: []XMA{{MessageID: firstMessage, ThreadKey: 1002, FBID: "900000000000009", Type: AttachmentXMA, Filename: "x",
			Playable: Link{URL: "https://scontent.xx.fbcdn.net/v/x.jpg"}, Preview: Link{URL: "https://scontent.xx.fbcdn.net/v/x.jpg"},
			ActionURL: link, Title: "Example", Subtitle: "example.com", Source: "example.com", DefaultCTA: 5,
			Timestamp: 1790000000000}},
		CTAs: []CTA{{ID: 5, Attachment: "900000000000009", ThreadKey: 1002, MessageID: firstMessage, Title: "Open",
			Type: "xma_web_url", ActionURL: link}},
		Sent:          []Sent{{OTID: "7507804160000000042", MessageID: firstMessage}},
		SendFails:     []SendFail{{OTID: "123", Message: "could not send"}},
		TaskFails:     []TaskFail{{TaskID: 4, OTID: "123", Message: "rejected"}},
		Errors:        []TaskError{{TaskID: 4, Code: 1545012, Title: "Title", Message: "Message"}},
		IssuedTasks:   []IssuedTask{{Queue: "queue", Label: 209, Payload: `{"thread_fbid":1003}`}},
		ThreadMoves:   []ThreadMove{{ThreadKey: 1002, To: MovedToEncrypted}},
		HybridThreads: []HybridThread{{ThreadKey: 5555, JID: 1003, Type: ThreadEncryptedOneToOne}, {ThreadKey: 5555, JID: 1003}},
		Requests:      []MessageRequest{{ThreadKey: 1002, Status: 1}},
		ThreadDeletes: []ThreadDelete{{ThreadKey: 1002}},
	}
	assertTable(t, got, want)
	attachments := got.Attachments()[firstMessage]
	if attachments == nil || len(attachments.Blobs) != 1 || len(attachments.XMAs) != 1 || len(attachments.CTAs) != 1 ||
		len(attachments.Stickers) != 1 {
		t.Errorf("joined %+v, want one of each", attachments)
	}
	if gone := got.Gone(); !reflect.DeepEqual(gone, []int64{1002}) {
		t.Errorf("gone are %v, want 1002", gone)
	}
}

// assertTable compares list by list, so that a difference is readable.
func assertTable(t *testing.T, got, want *Table) {
	t.Helper()
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range g.NumField() {
		if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			t.Errorf("%s\n got %+v\nwant %+v", g.Type().Field(i).Name, g.Field(i), w.Field(i))
		}
	}
}
