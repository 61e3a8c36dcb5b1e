package wire

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"crosschat/connector/metaweb/media"
)

func TestIDsAreReadLeniently(t *testing.T) {
	for wire, want := range map[string]int64{
		`"9007199254740993"`: 9007199254740993, `9007199254740993`: 9007199254740993, `null`: 0, `""`: 0, `"x"`: 0, `-5`: 0,
		`1e3`: 0, `{"a":1}`: 0, `[1]`: 0, `true`: 0, `99999999999999999999`: 0,
	} {
		var got struct {
			F FBID
			I IGID
			K ThreadKey
			S ShortID
			O OTID
		}
		data := `{"F":` + wire + `,"I":` + wire + `,"K":` + wire + `,"S":` + wire + `,"O":` + wire + `}`
		if err := json.Unmarshal([]byte(data), &got); err != nil {
			t.Errorf("%s: %v", wire, err)
		}
		for _, id := range []int64{int64(got.F), int64(got.I), int64(got.K), int64(got.S), int64(got.O)} {
			if id != want {
				t.Errorf("%s: got %+v, want %d", wire, got, want)
				break
			}
		}
	}
	for wire, want := range map[string]LongID{
		`"` + vectorLong + `"`: vectorLong, vectorLong: vectorLong, `null`: "", `"12x"`: "", `"` + strings.Repeat("1", 65) + `"`: "",
		`{"a":1}`: "",
	} {
		var got LongID
		if err := json.Unmarshal([]byte(wire), &got); err != nil || got != want {
			t.Errorf("%s: got %q and %v, want %q", wire, got, err, want)
		}
	}
}

func TestHostileDeltas(t *testing.T) {
	message := func(fields string) string {
		return `{"__typename":"SlideUQPPNewMessage","uq_seq_id":"7","thread_fbid":"5","message":{` + fields + `}}`
	}
	for name, test := range map[string]struct {
		entry string
		want  any // the type of the event; nil: none, but no error either
		fails bool
	}{
		"not an object":          {`7`, nil, true},
		"nothing":                {`{}`, nil, true},
		"no number":              {`{"__typename":"SlideUQPPDeleteThread","thread_fbid":"5"}`, nil, true},
		"number of nought":       {`{"__typename":"SlideUQPPDeleteThread","uq_seq_id":"0"}`, nil, true},
		"number as a number":     {`{"__typename":"SlideUQPPDeleteThread","uq_seq_id":7}`, ThreadHidden{}, false},
		"type of a number":       {`{"__typename":7,"uq_seq_id":"7"}`, nil, false},
		"message of a text":      {`{"__typename":"SlideUQPPNewMessage","uq_seq_id":"7","message":"x"}`, nil, true},
		"no message":             {`{"__typename":"SlideUQPPNewMessage","uq_seq_id":"7"}`, nil, true},
		"message without an id":  {message(`"text_body":"x"`), nil, true},
		"sender of a text":       {message(`"id":"m","sender_fbid":"x"`), nil, true},
		"empty sender":           {message(`"id":"m","sender_fbid":""`), NewMessage{}, false},
		"no sender":              {message(`"id":"m"`), NewMessage{}, false},
		"message in no thread":   {`{"__typename":"SlideUQPPNewMessage","uq_seq_id":"7","message":{"id":"m"}}`, nil, true},
		"content of a list":      {message(`"id":"m","content":[1]`), NewMessage{}, false},
		"attachments of a text":  {message(`"id":"m","content":{"__typename":"SlideMessageImageContent","attachments":"x"}`), NewMessage{}, false},
		"attachments of null":    {message(`"id":"m","content":{"__typename":"SlideMessageImageContent","attachments":[null,7,{}]}`), NewMessage{}, false},
		"clips of null":          {message(`"id":"m","content":{"__typename":"SlideMessageAudiosContent","audio_attachments":[null,{"waveform_data":[-1,2,"x"],"playable_duration_ms":1e99}]}`), NewMessage{}, false},
		"animations of null":     {message(`"id":"m","content":{"__typename":"SlideMessageAnimatedMediaContent","animated_media":[null]}`), NewMessage{}, false},
		"share of null":          {message(`"id":"m","content":{"__typename":"SlideMessageXMAContent","xma":null}`), NewMessage{}, false},
		"view mode of a text":    {message(`"id":"m","content":{"__typename":"SlideMessageRavenImageContent","view_mode":"x"}`), NewMessage{}, false},
		"mentions out of range":  {message(`"id":"m","mentions":[{"offset":-1,"length":5},{"offset":1,"length":0},{"offset":1e99,"length":1}]`), NewMessage{}, false},
		"time far away":          {message(`"id":"m","timestamp_ms":"9223372036854775807"`), NewMessage{}, false},
		"reaction without emoji": {`{"__typename":"SlideUQPPCreateReaction","uq_seq_id":"7","message_id":"m","reaction":{"sender_fbid":"1"}}`, nil, true},
		"removal of nothing":     {`{"__typename":"SlideUQPPDeleteReaction","uq_seq_id":"7"}`, nil, true},
		"receipt of nobody":      {`{"__typename":"SlideUQPPReadReceipt","uq_seq_id":"7","read_receipt":null}`, nil, true},
		"unsend of nothing":      {`{"__typename":"SlideUQPPDeleteMessage","uq_seq_id":"7","message_id":null}`, nil, true},
		"unknown with a message": {strings.Replace(message(`"id":"m"`), "NewMessage", "Future", 1), NewMessage{}, false},
		"quotes in quotes": {message(`"id":"m","replied_to_message":` + strings.Repeat(`{"id":"q","replied_to_message":`, 500) + `null` +
			strings.Repeat("}", 500)), NewMessage{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := readEntry(json.RawMessage(test.entry))
			if (e.err != nil) != test.fails || !test.fails && reflect.TypeOf(e.event) != reflect.TypeOf(test.want) {
				t.Errorf("got %#v and %v, want %T, an error: %t", e.event, e.err, test.want, test.fails)
			}
		})
	}
	for _, delta := range []string{``, `{}`, `7`, `[7]`, `[{"data":{"slide_delta_processor":"x"}}]`, strings.Repeat("[", 100_000)} {
		if _, err := readDelta([]byte(delta)); err == nil {
			t.Errorf("%.30s: want an error", delta)
		}
	}
}

func TestDeepContentIsCut(t *testing.T) {
	e := readEntry(json.RawMessage(`{"__typename":"SlideUQPPNewMessage","uq_seq_id":"7","thread_fbid":"5","message":{"id":"m","content":` +
		strings.Repeat(`{"content":`, 20_000) + `1` + strings.Repeat("}", 20_000) + `}}`))
	if e.err == nil {
		t.Error("20,000 levels were read")
	}
}

func TestContentDetails(t *testing.T) {
	read := func(content string) *Message {
		t.Helper()
		m, err := readMessage(json.RawMessage(`{"id":"m","thread_fbid":"5","igd_snippet":"snippet","content":`+content+`}`), 0)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for content, want := range map[string]Content{
		`null`: nil,
		`{}`:   nil,
		`{"__typename":"SlideMessageImageContent","attachments":[null,{"preview_cdn_url":"p"}]}`: ImagesContent{
			[]Attachment{{}, {URL: "p", PreviewURL: "p"}}},
		`{"__typename":"SlideMessageAudiosContent","audio_attachments":[{"waveform_data":[-1,0.5,2],"playable_duration_ms":"1500"}]}`: VoiceContent{
			[]Clip{{Duration: 1500 * time.Millisecond, Waveform: []float64{0, 0.5, 1}}}},
		`{"__typename":"SlideMessageRavenVideoContent","view_mode":1,"attachment":{}}`:                  ViewOnceContent{ViewTwice, true, nil},
		`{"__typename":"SlideMessageAdminText","text_fragments":[{"plaintext":"a"},{"plaintext":"b"}]}`: AdminContent{Text: "ab"},
		`{"__typename":"SlideMessageAdminText"}`:                                                        AdminContent{Text: "snippet"},
		`{"__typename":"SlideMessageGenAIRichResponseXMAContent","unified_response":{"a":1}}`:           AIContent{"snippet"},
		`{"__typename":"SlideMessageXMAContent"}`:                                                       ShareContent{Share{Kind: ShareUnavailable}},
		`{"__typename":"SlideMessageXMAContent","xma":{"target_url":"javascript:alert(1)","title_text":"x"}}`: ShareContent{
			Share{Kind: ShareOther, Title: "x"}},
		`{"__typename":"SlideMessageXMAContent","xma":{"target_url":"https://www.instagram.com/p/Cx/?carousel_share_child_media_id=12_3","target_id":"77"}}`: ShareContent{
			Share{Kind: SharePost, TargetURL: "https://www.instagram.com/p/Cx/?carousel_share_child_media_id=12_3", TargetID: "77",
				Media: PostRef{ID: "77", Code: "Cx", Child: "12"}}},
		// Whoever is not Instagram has no posts there.
		`{"__typename":"SlideMessageXMAContent","xma":{"target_url":"https://evil.example/stories/a/12?reel_id=5","title_text":"x"}}`: ShareContent{
			Share{Kind: ShareOther, TargetURL: "https://evil.example/stories/a/12?reel_id=5", Title: "x"}},
		`{"__typename":"SlideMessageXMAContent","xma":{"eyebrow_text":"quote"},"xma_text_body":"reply to an instant"}`: ShareContent{
			Share{Kind: ShareOther, Text: "reply to an instant", Eyebrow: "quote"}},
	} {
		if got := read(content).Content; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v", content, got, want)
		}
	}
}

func TestWebURL(t *testing.T) {
	shim := "https://l.instagram.com/?u=https%3A%2F%2Fl.facebook.com%2Fl.php%3Fu%3Dhttps%253A%252F%252Fexample.com%252F"
	for address, want := range map[string]string{
		"https://example.com/": "https://example.com/", shim: "https://example.com/", "javascript:x": "", "//example.com": "", "": "",
		"https://l.instagram.com/?u=javascript:x":  "",
		"https://l.instagram.com/":                 "https://l.instagram.com/",
		"https://l.facebook.com/other?u=https://x": "https://l.facebook.com/other?u=https://x",
	} {
		if got := webURL(address); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
}

func TestTypingNotices(t *testing.T) {
	notice := func(path, value string) []byte {
		quoted, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(`{"data":{"xdt_direct_realtime_event":{"event":"patch","data":[{"op":"add","path":"` + path + `","value":` + string(quoted) + `}]}}}`)
	}
	good := "/direct_v2/threads/" + vectorLong + "/activity_indicator_id/x"
	for name, test := range map[string]struct {
		data []byte
		want []Typing
	}{
		"typing":        {notice(good, `{"sender_id":34000000002,"ttl":12000,"activity_status":1}`), []Typing{{vectorLong, 34000000002, true, 12 * time.Second}}},
		"stopped":       {notice(good, `{"sender_id":"34000000002","activity_status":0}`), []Typing{{vectorLong, 34000000002, false, 12 * time.Second}}},
		"absurd TTL":    {notice(good, `{"sender_id":1,"ttl":9223372036854775807,"activity_status":1}`), []Typing{{vectorLong, 1, true, time.Minute}}},
		"nobody":        {notice(good, `{"activity_status":1}`), nil},
		"another path":  {notice("/direct_v2/threads/x/activity_indicator_id/x", `{"sender_id":1}`), nil},
		"something new": {notice("/direct_v2/threads/"+vectorLong+"/items/x", `{"sender_id":1}`), nil},
		"not JSON":      {[]byte("<html>"), nil},
		"value no JSON": {notice(good, "<html>"), nil},
	} {
		if got := readTyping(test.data); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
}

func TestReadDocuments(t *testing.T) {
	found := map[string]string{}
	readDocuments([]byte(`__d("IGDThreadDetailQuery_instagramRelayOperation",[],(function(a,b,c,d,e){e.exports="12345678901234567"}),null);`+
		`__d("useIGDPinThreadMutation_instagramRelayOperation",[],function(e){`+strings.Repeat(" ", 200)+`e.exports="12345678901234567"});`+
		`x.require("IGDirectTextSendMutation_instagramRelayOperation");`+strings.Repeat(" ", 200)+
		`__d("IGDirectTextSendMutation_instagramRelayOperation",[],function(e){e.exports='76543210987654321'});`), found)
	if want := map[string]string{"thread": "12345678901234567", "send_text": "76543210987654321"}; !reflect.DeepEqual(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
}

// TestMediaIsFetchedFromItsHostsOnly tries addresses that a message could name.
func TestMediaIsFetchedFromItsHostsOnly(t *testing.T) {
	c := scripted(t, func(r *http.Request, _ []byte) (int, http.Header, []byte) {
		if r.Header.Get("Cookie") != "" {
			t.Error("cookies were sent for media")
		}
		if r.URL.Path == "/redirect" {
			return 302, http.Header{"Location": {"http://169.254.169.254/latest/"}}, nil
		}
		return 200, nil, []byte("x")
	})
	for _, link := range []string{"https://evil.example/a.jpg", "http://scontent.cdninstagram.com/a.jpg", "https://127.0.0.1/a.jpg",
		"https://cdninstagram.com.evil.example/a", "file:///etc/passwd", "https://u:p@scontent.cdninstagram.com/a",
		"https://scontent.cdninstagram.com:8443/a", "https://scontent.cdninstagram.com/redirect", ""} {
		if _, err := c.Download(t.Context(), link, media.Image, 10); !errors.Is(err, media.ErrNotAllowed) {
			t.Errorf("%s: got %v, want %v", link, err, media.ErrNotAllowed)
		}
	}
	body, err := c.Download(t.Context(), "https://scontent.cdninstagram.com/a.jpg", media.Image, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err = body.Close(); err != nil {
		t.Error(err)
	}
}

func TestHostileAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"root of a text":       `{"data":{"%s":"x"}}`,
		"root of a list":       `{"data":{"%s":[1]}}`,
		"empty root":           `{"data":{"%s":{}}}`,
		"data of a list":       `{"data":[1]}`,
		"thread of null":       `{"data":{"%s":{"as_ig_direct_thread":null,"threads_by_folder":{"edges":[{"node":null},{"node":{"as_ig_direct_thread":{"id":"x"}}}]}}}}`,
		"deep":                 `{"data":{"%s":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + `}}`,
		"messages of a number": `{"data":{"%s":{"as_ig_direct_thread":{"id":"5","slide_messages":7}}}}`,
		"edges of null":        `{"data":{"%s":{"as_ig_direct_thread":{"id":"5","slide_messages":{"edges":[null,{"node":null},{"node":{"id":""}}]}}}}}`,
	} {
		for root, call := range map[string]func(*Client) error{
			rootMailbox:                 func(c *Client) error { _, err := c.Inbox(t.Context()); return err },
			"fetch__SlideMailbox":       func(c *Client) error { _, err := c.InboxPage(t.Context(), &Inbox{}); return err },
			"get_slide_thread_nullable": func(c *Client) error { _, err := c.Thread(t.Context(), 5); return err },
			"fetch__SlideThread":        func(c *Client) error { _, err := c.History(t.Context(), 5, "", ""); return err },
			"xfb_combinedIGSearchQuery": func(c *Client) error { _, err := c.Search(t.Context(), "x"); return err },
			"user":                      func(c *Client) error { _, err := c.Profile(t.Context(), 5); return err },
			rootText: func(c *Client) error {
				_, err := c.SendText(t.Context(), Text{OTID: 1, Thread: 5})
				return err
			},
		} {
			c := scripted(t, func(*http.Request, []byte) (int, http.Header, []byte) {
				return 200, nil, []byte(strings.Replace(answer, "%s", root, 1))
			})
			err := call(c)
			t.Logf("%s, %s: %v", name, root, err) // whatever it says: it must not panic, and a send without an id is no success
			if root == rootText && err == nil {
				t.Errorf("%s: sending succeeded", name)
			}
		}
	}
}

func FuzzEntry(f *testing.F) {
	entries, err := os.ReadDir("testdata/vectors/deltas")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		f.Add(vectorFile(f, "deltas/"+e.Name()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e := readEntry(data)
		if m, ok := e.event.(NewMessage); ok && e.err == nil && (m.Message.ID == "" || m.Thread == 0) {
			t.Errorf("message without id or thread: %+v", m)
		}
		if e.event != nil && e.err == nil && e.seq <= 0 {
			t.Errorf("event without a number: %+v", e)
		}
	})
}

func FuzzThread(f *testing.F) {
	var v callVector
	mustVector(f, "http/thread.json", &v)
	var answer struct {
		Data struct {
			Node rawNode `json:"get_slide_thread_nullable"`
		}
	}
	if err := json.Unmarshal(v.Response, &answer); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(answer.Data.Node.Thread))
	f.Fuzz(func(t *testing.T, data []byte) {
		var raw rawThread
		if unmarshal(data, &raw) != nil {
			return
		}
		thread, err := raw.thread(false, func(error) {})
		if err == nil && thread.IDs.Short == 0 {
			t.Error("thread without an id")
		}
		if err == nil {
			thread.Peer()
		}
	})
}

func FuzzPage(f *testing.F) {
	f.Add(vectorFile(f, "page.html"))
	f.Add(vectorFile(f, "page-anonymous.html"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg := Default()
		if s, _, err := readPage(data, vectorIGID, &cfg); err == nil && (s.FBID == 0 || s.DTSG == "" || s.IGID != vectorIGID) {
			t.Errorf("page of nobody's was taken: %+v", s)
		}
	})
}

func FuzzTyping(f *testing.F) {
	f.Add([]byte(`{"data":{"xdt_direct_realtime_event":{"data":[{"path":"/direct_v2/threads/1/activity_indicator_id/x","value":"{\"sender_id\":1}"}]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, typing := range readTyping(data) {
			if typing.User == 0 || typing.Thread == "" || typing.TTL <= 0 {
				t.Errorf("notice of nobody: %+v", typing)
			}
		}
	})
}

func FuzzDocuments(f *testing.F) {
	f.Add([]byte(`__d("IGDThreadDetailQuery_instagramRelayOperation",[],(function(a,b,c,d,e){e.exports="12345678901234567"}),null);`))
	f.Fuzz(func(t *testing.T, data []byte) {
		found := map[string]string{}
		readDocuments(data, found)
		for _, id := range found {
			if !digits(id) {
				t.Errorf("found %q", id)
			}
		}
	})
}
