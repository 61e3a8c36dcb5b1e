package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"crosschat/connector/instagram/wire/iris"
	"crosschat/connector/metaweb/dgw"
	"crosschat/connector/metaweb/page"
	"crosschat/connector/metaweb/web"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The account of the vectors.
const (
	vectorIGID  = 34000000001
	vectorFBID  = 111000111
	vectorShort = 17900000000000001
	vectorLong  = "340282366841710300949128132112345678901"
	vectorPeer  = 222000222
)

func vectorFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustVector(t testing.TB, name string, into any) {
	t.Helper()
	if err := json.Unmarshal(vectorFile(t, name), into); err != nil {
		t.Fatal(err)
	}
}

func vectorCookies() *web.Cookies {
	return web.NewCookies(map[string]string{
		"sessionid": "34000000001%3Atok%3A1%3Axyz", "csrftoken": "csrfCSRFcsrf", "ds_user_id": "34000000001", "mid": "ZmidZmid",
		"ig_did": "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE",
	})
}

// script is a site in a function: it answers status, header and body.
type script func(r *http.Request, body []byte) (int, http.Header, []byte)

func (s script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		if err = r.Body.Close(); err != nil {
			return nil, err
		}
	}
	status, header, answer := s(r, body)
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(answer)), Request: r,
		ContentLength: int64(len(answer))}, nil
}

// scripted is a client of the vectors' account on a scripted site, whose session page is the vectors'.
func scripted(t testing.TB, answer script) *Client {
	t.Helper()
	page := vectorFile(t, "page.html")
	site := script(func(r *http.Request, body []byte) (int, http.Header, []byte) {
		if r.URL.Path == inboxPath {
			return 200, nil, page
		}
		return answer(r, body)
	})
	c, err := New(Options{Config: hasty(), Credentials: &web.Credentials{Cookies: vectorCookies()},
		Transports: web.Transports{Pages: site, Sockets: site, Media: site}, Handler: newRecorder(), Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPageVector(t *testing.T) {
	var want map[string]string
	mustVector(t, "page-expected.json", &want)
	cfg := Default()
	got, _, err := readPage(vectorFile(t, "page.html"), vectorIGID, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{
		"__ccg": got.ConnectionClass, "__comet_req": got.CometReq, "__csr": got.CSR, "__dyn": got.Dyn, "__hs": got.HasteSession,
		"__hsi": got.HSI, "__rev": got.SpinR, "__spin_b": got.SpinB, "__spin_r": got.SpinR, "__spin_t": got.SpinT,
		"__user": got.UserID, "device_id": got.DeviceID, "dgw_app_id": got.DGWAppID, "dpr": got.DPR, "fb_dtsg": got.DTSG,
		"jazoest": got.Jazoest, "lsd": got.LSD, "own_fbid": got.FBID.String(), "routing_namespace": got.Namespace,
		"username": got.Username, "viewer_1784_id": got.ViewerID, "viewer_igid": got.IGID.String(), "x-ig-app-id": got.AppID,
	}
	for name, value := range want {
		if have[name] != value {
			t.Errorf("%s is %q, want %q", name, have[name], value)
		}
	}
	if got.FullName != "Me Myself" || !strings.HasSuffix(got.Picture, "me_hd.jpg") || got.Revision != "1026000000" {
		t.Errorf("got %+v", got)
	}
	if _, _, err = readPage(vectorFile(t, "page-anonymous.html"), vectorIGID, &cfg); Advise(err).Action != LogIn {
		t.Errorf("page of nobody: got %v, want a login", err)
	}
}

func TestIDVectors(t *testing.T) {
	var want struct {
		Bitmaps []struct {
			Coded string
			IDs   []int64
		}
	}
	mustVector(t, "ids.json", &want)
	for _, b := range want.Bitmaps {
		if got := page.Bitmap(b.IDs); got != b.Coded {
			t.Errorf("%v is %q, want %q", b.IDs, got, b.Coded)
		}
	}
}

// golden compares what was made of a vector with what was found good.
func golden(t *testing.T, name string, got any) {
	t.Helper()
	data, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "golden", name)
	data = append(data, '\n')
	if *update {
		if err = os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(data, want) {
		t.Errorf("%s: got\n%s, want\n%s (%v)", name, data, want, err)
	}
}

func kindOf(v any) string { return strings.TrimPrefix(fmt.Sprintf("%T", v), "wire.") }

func TestDeltaVectors(t *testing.T) {
	entries, err := os.ReadDir("testdata/vectors/deltas")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range entries {
		e := readEntry(vectorFile(t, "deltas/"+file.Name()))
		if e.err != nil || e.seq == 0 {
			t.Errorf("%s: %v (number %d)", file.Name(), e.err, e.seq)
			continue
		}
		result := struct {
			Kind, Content string `json:",omitempty"`
			Event         Event
		}{Kind: kindOf(e.event), Event: e.event}
		if m, ok := e.event.(NewMessage); ok {
			result.Content = kindOf(m.Message.Content)
		}
		golden(t, file.Name(), result)
	}
}

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

// TestFullRequestVectors compares everything that a request carries.
func TestFullRequestVectors(t *testing.T) {
	image := Upload{Thread: vectorPeer, Filename: "a.jpg", MimeType: "image/jpeg", Size: 4,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("jpeg")), nil }}
	for name, call := range map[string]func(*testing.T, *Client){
		"full-request-sendText": func(t *testing.T, c *Client) {
			_, _ = c.SendText(t.Context(), Text{OTID: 7530142980347265066, Thread: vectorShort, Text: "hello 👋"})
		},
		"full-request-navigation":   func(t *testing.T, c *Client) { _, _ = c.Resolve(t.Context(), vectorPeer) },
		"full-request-upload-image": func(t *testing.T, c *Client) { _, _ = c.Upload(t.Context(), image) },
	} {
		t.Run(name, func(t *testing.T) {
			var want struct{ Fields, Headers map[string]string }
			mustVector(t, "http/"+name+".json", &want)
			asked := 0
			c := scripted(t, func(r *http.Request, body []byte) (int, http.Header, []byte) {
				asked++
				fields := r.URL.Query()
				if len(fields) == 0 {
					fields, _ = url.ParseQuery(string(body))
				}
				// Drawn anew each time; told by the connection; and null for an empty list, which the server takes too.
				for _, key := range []string{"__req", "__s", "variables"} {
					delete(fields, key)
					delete(want.Fields, key)
				}
				header := map[string]string{}
				for key, values := range r.Header {
					header[strings.ToLower(key)] = values[0]
				}
				for _, key := range []string{"content-length", "accept-encoding", "cookie"} {
					delete(header, key)
					delete(want.Headers, key)
				}
				for _, m := range []map[string]string{header, want.Headers} {
					m["content-type"], _, _ = strings.Cut(m["content-type"], "Boundary")
				}
				got := map[string]string{}
				for key := range fields {
					got[key] = fields.Get(key)
				}
				assertSame(t, "field", got, want.Fields)
				assertSame(t, "header", header, want.Headers)
				return 500, nil, nil
			})
			c.cfg.RetryCount = 0
			call(t, c)
			if asked == 0 {
				t.Error("nothing was asked")
			}
		})
	}
}

func assertSame(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s %s is %q, want %q", what, key, got[key], value)
		}
	}
	for key, value := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s %s is %q, want none", what, key, value)
		}
	}
}

func TestNavigationVector(t *testing.T) {
	var want struct{ Response json.RawMessage }
	mustVector(t, "http/navigation.json", &want)
	c := scripted(t, func(*http.Request, []byte) (int, http.Header, []byte) {
		return 200, nil, append([]byte("for (;;);"), want.Response...)
	})
	got, err := c.Resolve(t.Context(), vectorPeer)
	if wantIDs := (ThreadIDs{vectorPeer, vectorShort, vectorLong}); err != nil || got != wantIDs {
		t.Errorf("got %+v and %v, want %+v", got, err, wantIDs)
	}
	c = scripted(t, func(*http.Request, []byte) (int, http.Header, []byte) { return 404, nil, []byte("<html>") })
	if _, err = c.Resolve(t.Context(), vectorPeer); err == nil || !strings.Contains(err.Error(), ErrNotFound.Error()) {
		t.Errorf("404: got %v, want %v", err, ErrNotFound)
	}
}

func TestUploadVectors(t *testing.T) {
	for _, kind := range []string{"image", "video", "gif", "voice"} {
		var want struct{ Response json.RawMessage }
		mustVector(t, "http/upload-"+kind+".json", &want)
		var sent []byte
		c := scripted(t, func(_ *http.Request, body []byte) (int, http.Header, []byte) {
			sent = body
			return 200, nil, append([]byte("for (;;);"), want.Response...)
		})
		u := Upload{Thread: vectorPeer, Filename: "a.mp4", MimeType: "audio/mp4", Size: 3, Voice: kind == "voice",
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("aac")), nil }}
		if u.Voice {
			u.Waveform = []float64{0, 0.5, 1}
		}
		if id, err := c.Upload(t.Context(), u); err != nil || id < 900000000000000 {
			t.Errorf("%s: got %d and %v, want an id", kind, id, err)
		}
		if want := vectorFile(t, "http/upload-voice-body.bin"); u.Voice && !bytes.Equal(withoutBoundary(sent), withoutBoundary(want)) {
			t.Errorf("body is\n%s, want\n%s", sent, want)
		}
	}
}

// withoutBoundary replaces the random part of a multipart body's boundary.
func withoutBoundary(body []byte) []byte {
	first, _, _ := bytes.Cut(body, []byte("\r\n"))
	return bytes.ReplaceAll(body, first, []byte("--boundary"))
}

func TestErrorVectors(t *testing.T) {
	want := map[string]string{
		"tokens stale": "*failure.ReloadError", "not logged in": "*web.StopError", "session invalid": "*web.StopError",
		"field error": "*failure.RejectedError", "unknown doc id (assumed form)": "*wire.StaleDocumentError",
		"root field missing": "*errors.errorString", "html shell": "*failure.ReloadError", "upload: consent": "*web.StopError",
		"upload: stale tokens": "*failure.ReloadError", "navigation: no props": "*errors.errorString",
		"navigation: null ids": "*errors.errorString",
	}
	var vectors []struct {
		Name   string
		Status int `json:"http_status"`
		Body   string
	}
	mustVector(t, "http/errors.json", &vectors)
	for _, v := range vectors {
		c := scripted(t, func(r *http.Request, _ []byte) (int, http.Header, []byte) { return v.Status, nil, []byte(v.Body) })
		var err error
		switch kind, _, _ := strings.Cut(v.Name, ":"); kind {
		case "upload":
			_, err = c.Upload(t.Context(), Upload{Open: func() (io.ReadCloser, error) { return http.NoBody, nil }})
		case "navigation":
			_, err = c.Resolve(t.Context(), vectorPeer)
		default:
			_, err = c.Search(t.Context(), "x")
		}
		found := false
		for e := err; e != nil; e = unwrap(e) {
			found = found || fmt.Sprintf("%T", e) == want[v.Name]
		}
		if !found {
			t.Errorf("%s: got %v, want %s", v.Name, err, want[v.Name])
		}
	}
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

func TestRedirectVectors(t *testing.T) {
	want := map[string]web.Kind{"challenge required": web.Challenge, "checkpoint required": web.Checkpoint,
		"consent required": web.Consent, "account suspended": web.Suspended, "token invalidated": web.LoggedOut}
	var vectors []struct {
		Location string
		Deletes  bool   `json:"deletes_sessionid"`
		ClientA  string `json:"client_a"`
	}
	mustVector(t, "http/redirects.json", &vectors)
	for _, v := range vectors {
		kind, ok := want[v.ClientA]
		if strings.HasPrefix(v.ClientA, "NOT classified") {
			kind, ok = web.LoggedOut, true
		}
		hops := 0
		site := script(func(*http.Request, []byte) (int, http.Header, []byte) {
			hops++
			header := http.Header{"Location": {strings.Replace(v.Location, "<n> (each answers with another redirect)", strconv.Itoa(hops), 1)}}
			if v.Deletes {
				header.Set("Set-Cookie", "sessionid=; Max-Age=0; Path=/")
			}
			return 302, header, nil
		})
		if !ok {
			kind = web.RedirectLoop
		}
		c, err := New(Options{Config: hasty(), Credentials: &web.Credentials{Cookies: vectorCookies()}, Handler: newRecorder(),
			Transports: web.Transports{Pages: site, Sockets: site, Media: site}, Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Load(t.Context())
		if got := Advise(err).Kind; got != kind {
			t.Errorf("to %s: got %q (%v), want %q", v.Location, got, err, kind)
		}
	}
}

func TestConnectVectors(t *testing.T) {
	c := scripted(t, nil)
	s, err := c.ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for socket, extra := range map[string]url.Values{
		"lightspeed": nil, "streamcontroller": {"x-dgw-app-stream-group": {"group1"}}, "mqttbypass": {"x-dgw-loggingid": {"x"}},
	} {
		var want struct{ Query, Headers map[string]string }
		mustVector(t, "dgw/connect-"+socket+".json", &want)
		got := c.gatewayOptions(s, socket, s.DeviceID, extra)
		u, err := url.Parse(got.URL)
		if err != nil || u.Host != "gateway.instagram.com" || u.Path != "/ws/"+socket {
			t.Errorf("address is %q (%v)", got.URL, err)
		}
		query := map[string]string{}
		for key := range u.Query() {
			query[key] = u.Query().Get(key)
		}
		for _, m := range []map[string]string{query, want.Query} {
			for _, key := range []string{"x-dgw-loggingid", "x-dgw-deviceid"} {
				if m[key] != "" {
					m[key] = "any"
				}
			}
		}
		assertSame(t, socket+" query", query, want.Query)
		for key, value := range want.Headers {
			if slices.Contains([]string{"accept-encoding", "connection", "cookie", "sec-websocket-version", "upgrade"}, key) {
				continue
			}
			if got.Header.Get(key) != value {
				t.Errorf("%s: header %s is %q, want %q", socket, key, got.Header.Get(key), value)
			}
		}
	}
}

func TestFrameVectors(t *testing.T) {
	var vectors []struct {
		Name, Hex string
		Type      byte
		Stream    uint16
		AckID     uint16  `json:"ack_id"`
		AckWanted bool    `json:"ack_wanted"`
		Payload   *string `json:"payload_text"`
	}
	mustVector(t, "dgw/frames.json", &vectors)
	for _, v := range vectors {
		raw, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := dgw.Parse(raw)
		if err != nil || len(frames) != 1 {
			t.Errorf("%s: got %+v and %v, want one frame", v.Name, frames, err)
			continue
		}
		f := frames[0]
		if byte(f.Type) != v.Type || f.Stream != v.Stream || f.AckID != v.AckID || f.WantAck != v.AckWanted ||
			v.Payload != nil && string(f.Payload) != *v.Payload {
			t.Errorf("%s: got %+v", v.Name, f)
		}
		if back, err := dgw.Append(nil, f); err != nil || !bytes.Equal(back, raw) {
			t.Errorf("%s: written as %x (%v), want %x", v.Name, back, err, raw)
		}
	}
}

// TestWireLogVector reads what the server of the log says, and compares the first thing that the client does.
func TestWireLogVector(t *testing.T) {
	var log map[string][]struct{ From, Hex string }
	mustVector(t, "dgw/wire-log.json", &log)
	first := log["lightspeed first connection"]
	sent, err := hex.DecodeString(first[0].Hex)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := dgw.Parse(sent)
	if err != nil || len(frames) != 2 {
		t.Fatalf("got %+v and %v, want two frames", frames, err)
	}
	want, err := iris.Subscription{AppID: "936619743392459", DeviceID: "11111111-2222-3333-4444-555555555555",
		DocumentID: opDelta.id, Seq: 18134, SnapshotAt: 1795325989629, Database: 223, Version: -3, RequestID: 4}.Encode()
	if err != nil || !bytes.Equal(frames[1].Payload, want) {
		t.Errorf("subscription is %s (%v), want %s", want, err, frames[1].Payload)
	}
	deltas := 0
	for _, message := range first {
		raw, err := hex.DecodeString(message.Hex)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := dgw.Parse(raw)
		if err != nil {
			t.Errorf("frame: %v", err)
		}
		for _, f := range frames {
			if message.From != "server" || f.Type != dgw.TypeData {
				continue
			}
			operations, err := iris.Decode(f.Payload)
			if err != nil {
				t.Errorf("data %s: %v", f.Payload, err)
			}
			for _, o := range operations {
				if d, ok := o.(iris.Delta); ok {
					entries, err := readDelta(d.JSON)
					if err != nil || len(entries) == 0 || entries[0].err != nil {
						t.Errorf("delta %s: %v", d.JSON, err)
					}
					deltas++
				}
			}
		}
	}
	if deltas == 0 {
		t.Error("no delta in the log")
	}
}
