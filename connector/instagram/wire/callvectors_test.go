package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"
)

// callVector is a call with its answer.
type callVector struct {
	DocID     string `json:"doc_id"`
	Friendly  string `json:"friendly_name"`
	Variables map[string]any
	Response  json.RawMessage
	Guarded   bool `json:"response_has_for_prefix"`
}

// vectorCalls are the client's calls that lead to the vectors' requests. loose names variables in which the client differs
// from client A on purpose, or that are drawn anew each time.
var vectorCalls = map[string]struct {
	call  func(*testing.T, *Client) (any, error)
	loose []string
}{
	"inbox": {func(t *testing.T, c *Client) (any, error) { return c.Inbox(t.Context()) }, nil},
	"inboxPage": {func(t *testing.T, c *Client) (any, error) {
		return c.InboxPage(t.Context(), &Inbox{Cursor: "thr:17900000000000001", mailbox: "111000111"})
	}, []string{"count"}},
	"thread":           {func(t *testing.T, c *Client) (any, error) { return c.Thread(t.Context(), vectorShort) }, nil},
	"thread-not-found": {func(t *testing.T, c *Client) (any, error) { return c.Thread(t.Context(), vectorShort) }, []string{"thread_fbid"}},
	"messages-older-than": {func(t *testing.T, c *Client) (any, error) {
		return c.History(t.Context(), vectorShort, "mid.$cAAAAAAumznGl7ndR6GfvTIGAQAAq", "")
	}, nil},
	"messages-after-cursor": {func(t *testing.T, c *Client) (any, error) {
		return c.History(t.Context(), vectorShort, "x", "cur:mid.$cAAAAAAumznGl7ndR6GfvTIGAQAAq")
	}, []string{"after"}},
	"sendText": {func(t *testing.T, c *Client) (any, error) {
		return c.SendText(t.Context(), Text{OTID: 7530142980347265066, Thread: vectorShort, Text: "hello 👋"})
	}, []string{"mentions", "mentioned_user_ids"}},
	"sendText-reply-mention": {func(t *testing.T, c *Client) (any, error) {
		return c.SendText(t.Context(), Text{OTID: 7530142980351459370, Thread: vectorShort, Text: "@peer yes",
			ReplyTo: "mid.$cAAAAAAumznGl7ndOAGfvTIGAAAAq", Mentions: []Mention{{Offset: 0, Length: 5, User: vectorPeer}}})
	}, nil},
	"sendText-new-thread": {func(t *testing.T, c *Client) (any, error) {
		return c.SendText(t.Context(), Text{OTID: 7530142980389208106, To: User{IGID: 34000000003, FBID: 333000333}, Text: "first"})
	}, []string{"mentions", "mentioned_user_ids"}},
	"sendMedia": {func(t *testing.T, c *Client) (any, error) {
		return c.SendMedia(t.Context(), Media{OTID: 7530142980372430890, Thread: ThreadIDs{Short: vectorShort, Long: vectorLong}, Attachment: 900000000000002})
	}, nil},
	"edit": {func(t *testing.T, c *Client) (any, error) {
		return c.Edit(t.Context(), vectorShort, "mid.$cAAAAAAumznGoMwnbrmiAcSTrgAAq", "hello, edited", 7530142980351463466)
	}, nil},
	"edit-refused": {func(t *testing.T, c *Client) (any, error) {
		return c.Edit(t.Context(), vectorShort, "x", "x", 1)
	}, []string{"target_message_id", "body", "offline_threading_id", "thread_id"}},
	"sendMedia-unknown-attachment": {func(t *testing.T, c *Client) (any, error) {
		return c.SendMedia(t.Context(), Media{OTID: 1, Thread: ThreadIDs{Short: vectorShort}, Attachment: 1})
	}, []string{"attachment_fbid", "offline_threading_id"}},
	"unsend": {func(t *testing.T, c *Client) (any, error) {
		return nil, c.Unsend(t.Context(), vectorLong, "mid.$cAAAAAAumznGoMwnbrmiAcSTrgAAq")
	}, nil},
	"react-created": {func(t *testing.T, c *Client) (any, error) {
		return nil, c.React(t.Context(), vectorShort, "mid.$cAAAAAAumznGl7ndOAGfvTIGAAAAq", "❤️")
	}, nil},
	"react-deleted": {func(t *testing.T, c *Client) (any, error) {
		return nil, c.Unreact(t.Context(), vectorShort, "mid.$cAAAAAAumznGl7ndOAGfvTIGAAAAq", "❤")
	}, nil},
	"mute-8h":            {func(t *testing.T, c *Client) (any, error) { return nil, c.Mute(t.Context(), vectorShort, 8*time.Hour) }, []string{"offline_threading_id"}},
	"mute-forever":       {func(t *testing.T, c *Client) (any, error) { return nil, c.Mute(t.Context(), vectorShort, MuteForever) }, []string{"offline_threading_id"}},
	"mute-off":           {func(t *testing.T, c *Client) (any, error) { return nil, c.Mute(t.Context(), vectorShort, 0) }, []string{"offline_threading_id"}},
	"pinThread":          {func(t *testing.T, c *Client) (any, error) { return nil, c.PinThread(t.Context(), vectorShort, true) }, nil},
	"deleteThread":       {func(t *testing.T, c *Client) (any, error) { return nil, c.DeleteThread(t.Context(), 17900000000000004) }, nil},
	"accept":             {func(t *testing.T, c *Client) (any, error) { return nil, c.Accept(t.Context(), 17900000000000004) }, []string{"offline_threading_id"}},
	"search":             {func(t *testing.T, c *Client) (any, error) { return c.Search(t.Context(), "quiet") }, nil},
	"userByFbid":         {func(t *testing.T, c *Client) (any, error) { return c.User(t.Context(), 333000333) }, nil},
	"userByFbid-unknown": {func(t *testing.T, c *Client) (any, error) { return c.User(t.Context(), 999) }, nil},
	"profile":            {func(t *testing.T, c *Client) (any, error) { return c.Profile(t.Context(), 34000000003) }, nil},
	"markRead": {func(t *testing.T, c *Client) (any, error) {
		return nil, c.MarkRead(t.Context(), vectorLong, "mid.$cAAAAAAumznGl7ndOAGfvTIGAAAAq", time.UnixMilli(1785585600000))
	}, nil},
	"markReadValidate": {func(t *testing.T, c *Client) (any, error) {
		return nil, c.MarkRead(t.Context(), vectorLong, "mid.$cAAAAAAumznGl7ndOAGfvTIGAAAAq", time.UnixMilli(1785585600000))
	}, nil},
}

func TestCallVectors(t *testing.T) {
	for name, v := range vectorCalls {
		t.Run(name, func(t *testing.T) {
			var want callVector
			mustVector(t, "http/"+name+".json", &want)
			var got url.Values
			c := scripted(t, func(r *http.Request, body []byte) (int, http.Header, []byte) {
				form, err := url.ParseQuery(string(body))
				if err != nil || r.URL.Path != "/api/graphql" || r.Header.Get("X-Fb-Friendly-Name") != form.Get("fb_api_req_friendly_name") {
					t.Errorf("asked %s with %q (%v)", r.URL.Path, body, err)
				}
				if form.Get("doc_id") != want.DocID {
					return 200, nil, []byte(`{"data":{"xig_direct_item_seen_mutation_with_slide_messaging_response":{}}}`)
				}
				got = form
				if want.Guarded {
					return 200, nil, append([]byte("for (;;);"), want.Response...)
				}
				return 200, nil, want.Response
			})
			result, err := v.call(t, c)
			if got.Get("fb_api_req_friendly_name") != want.Friendly {
				t.Errorf("called %q, want %q", got.Get("fb_api_req_friendly_name"), want.Friendly)
			}
			assertVariables(t, got.Get("variables"), want.Variables, v.loose)
			failed := ""
			if err != nil {
				failed = err.Error()
			}
			golden(t, "call-"+name+".json", struct {
				Result any
				Error  string `json:",omitempty"`
			}{result, failed})
		})
	}
}

func assertVariables(t *testing.T, text string, want map[string]any, loose []string) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("variables %q: %v", text, err)
	}
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("variables %v, want %v", g, w)
	}
	for key, value := range want {
		if g, w := fmt.Sprintf("%v", got[key]), fmt.Sprintf("%v", value); g != w && !slices.Contains(loose, key) {
			t.Errorf("variable %s is %s, want %s", key, g, w)
		}
	}
}
