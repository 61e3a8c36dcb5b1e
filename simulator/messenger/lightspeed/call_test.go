package lightspeed

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

const (
	own   = 100000000001001
	alice = 1002
	base  = 1790000000000
	oldID = "mid.$cAABa8xB6QAOm9ZW0AGgxFBsAAAAq"
	newID = "mid.$cAABa8xB6QAOm9ZW36GgxFBv6AAAq"
)

type vector struct {
	Response Response `json:"response"`
}

func load(t testing.TB, name string) Response {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var v vector
	if err = json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v.Response
}

func check(t *testing.T, got, want Response) {
	t.Helper()
	if got.Payload != want.Payload {
		at := 0
		for at < min(len(got.Payload), len(want.Payload)) && got.Payload[at] == want.Payload[at] {
			at++
		}
		from := max(0, at-60)
		t.Errorf("payload differs at %d: got …%s, want …%s", at, got.Payload[from:min(at+60, len(got.Payload))],
			want.Payload[from:min(at+60, len(want.Payload))])
	}
	if !slices.Equal(got.Procedures, want.Procedures) {
		t.Errorf("got procedures %q, want %q", got.Procedures, want.Procedures)
	}
	if got.RequestID != want.RequestID || got.Target != want.Target {
		t.Errorf("got request %d target %d, want %d and %d", got.RequestID, got.Target, want.RequestID, want.Target)
	}
}

func contact(id int64, name string) Contact {
	return Contact{
		ID: id, Name: name, FirstName: name, Kind: 1, CanMessage: true,
		Picture: "https://scontent.xx.fbcdn.net/v/p" + itoa(id) + ".jpg?oe=7fffffff",
	}
}

func initialTable() []Call {
	b := Block{Database: Mailbox, Next: "cur-1-0001"}
	return []Call{
		b.First(), contact(alice, "Alice Example").Verify(), contact(own, "Own Example").Verify(),
		Thread{
			Key: alice, Type: OneToOne, Folder: "inbox", SyncGroup: 1, LastActivity: base, LastRead: base - 5000,
			Snippet: "hello from history",
		}.DeleteThenInsert(),
		Participant{Thread: alice, Contact: alice, Read: base}.Add(),
		Participant{Thread: alice, Contact: own, Read: base - 5000}.Add(),
		Range{Thread: alice, MinAt: base, MaxAt: base, MinID: oldID, MaxID: oldID, MoreBefore: true}.Insert(),
		Message{
			Thread: alice, ID: oldID, OTID: "7507804160000000042", Sender: alice, At: base, Text: "hello from history",
		}.Upsert(),
		ThreadsRange(1, -1, base, true, alice), ThreadsRangesQuery(-1), b.Finally(),
	}
}

func TestInitialTable(t *testing.T) {
	check(t, NewResponse(1, initialTable()), load(t, "ls-initial-one-thread.json"))
}

func TestInitialTableOverGraphQL(t *testing.T) {
	data, err := os.ReadFile("testdata/graphql-lightspeed.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Response struct {
			Data struct {
				Viewer struct {
					Answer WebResponse `json:"lightspeed_web_request"`
				} `json:"viewer"`
			} `json:"data"`
		} `json:"response"`
	}
	if err = json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	got, want := NewWebResponse(initialTable()), v.Response.Data.Viewer.Answer
	if got.Payload != want.Payload || got.Target != want.Target || !slices.Equal(got.Dependencies, want.Dependencies) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func liveText() Message {
	return Message{
		Thread: alice, ID: newID, OTID: "7507804164194304042", Sender: alice, At: base + 1000, Text: "live text", ReplyTo: oldID,
	}
}

func TestPushOfText(t *testing.T) {
	b := Block{Database: Mailbox, Current: "cur-1-0001", Next: "cur-1-0002"}
	thread := Thread{Key: alice, Type: OneToOne, Folder: "inbox", SyncGroup: 1}
	check(t, NewResponse(0, []Call{b.First(), thread.Verify(), liveText().Insert(), b.Finally()}), load(t, "ls-push-text.json"))
}

func TestPushWithNewFirstBlock(t *testing.T) {
	b := Block{Database: Mailbox, Current: "cur-1-0002", Next: "cur-1-0003", SequenceID: 12}
	check(t, NewResponse(0, []Call{b.FirstV4(), liveText().Insert(), b.Finally()}), load(t, "ls-push-v4-block.json"))
}

func TestMiscellaneousRows(t *testing.T) {
	b := Block{Database: Mailbox, Current: "cur-1-0002", Next: "cur-1-0003"}
	unsent := liveText()
	unsent.Text, unsent.Unsent, unsent.EditCount = nil, true, 2
	const link = "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.com%2F"
	share := XMA{
		Thread: alice, Message: oldID, At: base, FBID: "900000000000009", Name: "x", URL: "https://scontent.xx.fbcdn.net/v/x.jpg",
		Preview: "https://scontent.xx.fbcdn.net/v/x.jpg", ActionURL: link, Title: "Example", Subtitle: "example.com",
		Source: "example.com", Actions: []Action{{ID: 5, Title: "Open", Type: "xma_web_url", URL: link}},
	}.Insert()
	calls := []Call{
		b.First(), UpsertReaction(alice, base+2000, oldID, alice, "❤"), DeleteReaction(alice, oldID, own),
		ReadReceipt(alice, alice, base+2000, base+2001), DeliveryReceipt(alice, alice, base+2000),
		MarkRead(alice, base+2000), Typing(alice, alice, true), Edit(oldID, "edited text", 1), unsent.DeleteThenInsert(),
		Blob{
			Thread: alice, Message: oldID, At: base, FBID: "900000000000001", Type: TypeImage, Name: "photo.jpg", Size: 12345,
			MIMEType: "image/jpeg", URL: "https://scontent.xx.fbcdn.net/v/p.jpg?oe=7fffffff", Expires: base + 86400000,
			Preview: "https://scontent.xx.fbcdn.net/v/q.jpg?oe=7fffffff", PreviewMIME: "image/jpeg", Width: 640, Height: 480,
		}.Insert(),
		Sticker{
			Thread: alice, Message: oldID, At: base, FBID: "369239263222822", URL: "https://scontent.xx.fbcdn.net/v/s.png",
			MIMEType: "image/png", Width: 240, Height: 240, Label: "A sticker", Target: 369239263222822,
		}.Insert(),
	}
	calls = append(append(calls, share...),
		ReplaceOptimistic("7507804160000000042", oldID), MarkFailed("123", "could not send"),
		HandleFailedTask(4, "123", "rejected"), IssueNewError(4, 1545012, "Title", "Message"),
		IssueNewTask("queue", 209, `{"thread_fbid":1003}`), MoveToE2EE(alice),
		HybridThread(5555, 1003, EncryptedDirect, false, base, base), HybridMapping(1003, 5555),
		MessageRequest(alice, true), DeleteThread(alice),
		HandleSyncFailure(2, "Invalid argument supplied for foreach()"), b.Finally())
	check(t, NewResponse(0, calls), load(t, "ls-rows-misc.json"))
}
