package instagram_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crosschat/simulator/control"
	"crosschat/simulator/instagram/dgw"
)

func mustReadJSON[T any](t *testing.T, path string) T {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// The forms that texts have: whether a text is an id, a link or just words is part of the shape.
var forms = []*regexp.Regexp{regexp.MustCompile(`^-?\d+$`), regexp.MustCompile(`^mid\.\$[cg]`), regexp.MustCompile(`^https://`)}

// optional may be missing on either side: only the vector of the first text has them.
var optional = []string{"bot_response_id", "is_ai_generated", "tombstone_reason"}

// sameShape lists where got differs from want in its keys, types or forms of texts. What is longer in a list is compared
// with the last element wanted.
func sameShape(path string, want, got any) []string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %T, not an object", path, got)}
		}
		var found []string
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if _, ok := got[key]; ok {
				found = append(found, sameShape(path+"."+key, want[key], got[key])...)
			} else if !slices.Contains(optional, key) {
				found = append(found, path+"."+key+" is missing")
			}
		}
		for key := range got {
			if _, ok := want[key]; !ok {
				found = append(found, path+"."+key+" is too much")
			}
		}
		return found
	case []any:
		got, ok := got.([]any)
		if !ok || (len(want) == 0) != (len(got) == 0) {
			return []string{fmt.Sprintf("%s is %v, want %d elements", path, got, len(want))}
		}
		var found []string
		for i, element := range got {
			found = append(found, sameShape(fmt.Sprintf("%s[%d]", path, i), want[min(i, len(want)-1)], element)...)
		}
		return found
	case string:
		got, ok := got.(string)
		if !ok {
			return []string{fmt.Sprintf("%s is %T, not a text", path, got)}
		}
		for _, form := range forms {
			if form.MatchString(want) != form.MatchString(got) {
				return []string{fmt.Sprintf("%s is %q, not like %q", path, got, want)}
			}
		}
		if strings.HasSuffix(path, "__typename") && want != got {
			return []string{fmt.Sprintf("%s is %q, want %q", path, got, want)}
		}
		return nil
	default:
		if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
			return []string{fmt.Sprintf("%s is %T (%v), want %T", path, got, got, want)}
		}
		return nil
	}
}

func checkShape(t *testing.T, name string, want, got any) {
	t.Helper()
	for _, difference := range sameShape("", want, got) {
		t.Errorf("%s: %s", name, difference)
	}
}

// httpVector is one of testdata/http.
type httpVector struct {
	DocID     string         `json:"doc_id"`
	Name      string         `json:"friendly_name"`
	Operation string         `json:"operation"`
	Variables map[string]any `json:"variables"`
	Response  map[string]any `json:"response"`
}

// vectorWorld is the world of the vectors: own is who they call Me, alice the peer, and more.
type vectorWorld struct {
	*rig
	b           *browser
	short, long string
	own, first  string // messages by Own and by Alice
	attachment  string
	quiet       control.Person
	request     string // short id of a thread that is a request
}

func newVectorWorld(t *testing.T) *vectorWorld {
	r := newRig(t)
	w := &vectorWorld{rig: r}
	start := time.UnixMilli(1785585600000)
	for i, sender := range []control.Person{r.alice, r.own, r.alice} {
		r.must(r.net.AddHistory(r.ctx, r.own.ID, []control.HistoryMessage{{
			Chat: r.alice.ID, Sender: sender.ID, ID: strconv.Itoa(i), Text: fmt.Sprintf("history %d", i),
			Time: start.Add(time.Duration(i) * time.Second),
		}}))
	}
	w.quiet = r.person("Quiet One")
	stranger := r.person("Stranger")
	r.must(r.net.SetContact(r.ctx, r.own.ID, control.Contact{ID: stranger.ID}))
	r.send(stranger, r.own.ID, "hi")
	w.b = r.ready(r.own)
	ids := w.b.ids(r.account(r.alice).FBID)
	w.short, w.long = ids.Short, ids.Long
	w.request = w.b.ids(r.account(stranger).FBID).Short
	w.own = w.b.say(w.short, "mine", "7489288824422400042").ID
	w.first = r.send(r.alice, r.own.ID, "theirs").ID
	w.attachment = w.b.attachment(w.b.upload("a.jpg", "image/jpeg", []byte("jpeg")))
	return w
}

// variables puts this world's ids into the places of the vector's.
func (w *vectorWorld) variables(v httpVector) map[string]any {
	text, err := json.Marshal(v.Variables)
	w.must(err)
	message := w.own
	switch v.Operation {
	case "react", "markRead", "markReadValidate", "messages", "sendText":
		message = w.first
	case "edit":
		if slices.Contains([]string{"x"}, fmt.Sprint(v.Variables["body"].(map[string]any)["sensitive_string_value"])) {
			message = w.first // the one that is refused
		}
	}
	replaced := regexp.MustCompile(`mid\.\$[\w-]+`).ReplaceAllLiteralString(string(text), message)
	for from, to := range map[string]string{
		"17900000000000001": w.short, "17900000000000004": w.request, "340282366841710300949128132112345678901": w.long,
		"222000222": w.account(w.alice).FBID, "900000000000002": w.attachment, "34000000003": w.quiet.ID,
		"333000333": w.account(w.quiet).FBID,
	} {
		replaced = strings.ReplaceAll(replaced, `"`+from+`"`, `"`+to+`"`)
	}
	var vars map[string]any
	w.must(json.Unmarshal([]byte(replaced), &vars))
	if v.Operation == "inboxPage" {
		vars["cursor"] = nil // the vector's client forgot to advance it
	}
	return vars
}

// TestHTTPVectors makes every call of the vectors, with their variables, and wants answers of the same shape.
func TestHTTPVectors(t *testing.T) {
	paths, err := filepath.Glob("testdata/http/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d vectors, %v", len(paths), err)
	}
	// The vectors change one world, so that each gets its own here.
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		if slices.Contains([]string{"errors", "redirects"}, name) || strings.HasPrefix(name, "full-request") {
			continue // tests of their own
		}
		t.Run(name, func(t *testing.T) {
			v := mustReadJSON[httpVector](t, path)
			w := newVectorWorld(t)
			var got answer
			switch {
			case v.Operation == "navigation":
				got = w.navigation()
			case v.Operation == "mercury":
				got = w.upload(name)
			default:
				w.b.docs[v.Name] = v.DocID
				req := w.b.xhr("/api/graphql", w.b.graphqlForm(v.Operation, w.variables(v)))
				req.Header.Set("X-Fb-Friendly-Name", v.Name)
				got = w.b.do(req)
			}
			var body map[string]any
			if err := json.Unmarshal(bytes.TrimPrefix(got.body, []byte("for (;;);")), &body); err != nil {
				t.Fatalf("answer %.300q: %v", got.body, err)
			}
			checkShape(t, name, v.Response, body)
			w.expectUnexpected(0)
		})
	}
}

func (w *vectorWorld) navigation() answer {
	form := w.b.form()
	for name, value := range map[string]string{
		"client_previous_actor_id": w.b.page.viewer, "route_url": "/direct/t/" + w.account(w.alice).FBID + "/",
		"routing_namespace": w.b.page.namespace, "__crn": "comet.igweb.PolarisDirectInboxRoute",
	} {
		form.Set(name, value)
	}
	return w.b.do(w.b.xhr("/ajax/navigation/", form))
}

// upload makes the uploads of the vectors. Ids come as texts and as numbers by turns: which one is next is set by another.
func (w *vectorWorld) upload(name string) answer {
	more := func() { w.b.upload("x.png", "image/png", []byte("x")) }
	switch name {
	case "upload-image":
		more()
		return w.b.upload("a.jpg", "image/jpeg", []byte("jpeg"))
	case "upload-gif":
		more()
		return w.b.upload("a.gif", "image/gif", []byte("gif"))
	case "upload-video":
		return w.b.upload("v.mp4", "video/mp4", []byte("mp4"))
	default:
		body, err := os.ReadFile("testdata/http/upload-voice-body.bin")
		w.must(err)
		req := w.b.request(http.MethodPost, "https://www.instagram.com/ajax/mercury/upload.php?"+w.b.form().Encode(), bytes.NewReader(body))
		w.b.xhrHeaders(req)
		boundary, _, _ := strings.Cut(strings.TrimPrefix(string(body), "--"), "\r\n")
		req.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
		return w.b.do(req)
	}
}

// TestFullRequests repeats requests of another client with all their headers and fields: none of it is odd.
func TestFullRequests(t *testing.T) {
	type request struct{ Fields, Headers map[string]string }
	for name, where := range map[string]string{
		"sendText": "/api/graphql", "navigation": "/ajax/navigation/", "upload-image": "/ajax/mercury/upload.php",
	} {
		t.Run(name, func(t *testing.T) {
			w := newVectorWorld(t)
			v := mustReadJSON[request](t, "testdata/http/full-request-"+name+".json")
			form := url.Values{}
			for field, value := range v.Fields {
				form.Set(field, strings.ReplaceAll(value, "17900000000000001", w.short))
			}
			form.Set("fb_dtsg", w.b.page.dtsg)
			form.Set("lsd", w.b.page.lsd)
			form.Set("route_url", "/direct/t/"+w.account(w.alice).FBID+"/")
			body, target := form.Encode(), "https://www.instagram.com"+where
			if name == "upload-image" {
				target += "?" + body
				boundary := strings.TrimPrefix(v.Headers["content-type"], "multipart/form-data; boundary=")
				body = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"farr\"; filename=\"a.jpg\"\r\n" +
					"Content-Type: image/jpeg\r\n\r\njpeg\r\n--" + boundary + "--\r\n"
			}
			req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, target, strings.NewReader(body))
			w.must(err)
			for header, value := range v.Headers {
				if header != "content-length" && header != "accept-encoding" {
					req.Header.Set(header, value)
				}
			}
			req.Header.Set("Cookie", w.b.cookieHeader())
			req.Header.Set("X-Csrftoken", w.b.cookies["csrftoken"])
			req.Header.Set("X-Fb-Lsd", w.b.page.lsd)
			got := w.b.do(req)
			if got.StatusCode != http.StatusOK || bytes.Contains(got.body, []byte(`"error"`+":1")) || bytes.Contains(got.body, []byte(`"errors"`)) {
				t.Errorf("answered %s %s", got.Status, got.body)
			}
			w.expectUnexpected(0)
		})
	}
}

// TestErrorVectors wants the errors of the vectors in their forms.
func TestErrorVectors(t *testing.T) {
	vectors := mustReadJSON[[]struct{ Name, Body string }](t, "testdata/http/errors.json")
	byName := map[string]string{}
	for _, v := range vectors {
		byName[v.Name] = v.Body
	}
	w := newVectorWorld(t)
	search := map[string]any{"search_text": "x"}
	compare := func(name string, got answer) {
		t.Helper()
		want := byName[name]
		guarded := strings.HasPrefix(want, "for (;;);")
		if guarded != bytes.HasPrefix(got.body, []byte("for (;;);")) {
			t.Errorf("%s: guard differs: %s", name, got.body)
		}
		var a, b map[string]any
		errA := json.Unmarshal([]byte(strings.TrimPrefix(want, "for (;;);")), &a)
		errB := json.Unmarshal(bytes.TrimPrefix(got.body, []byte("for (;;);")), &b)
		if errA != nil || errB != nil {
			t.Fatalf("%s: %v, %v in %s", name, errA, errB, got.body)
		}
		if fmt.Sprint(a["error"]) != fmt.Sprint(b["error"]) {
			t.Errorf("%s: error is %v, want %v", name, b["error"], a["error"])
		}
		for key := range a {
			if _, ok := b[key]; !ok && key != "payload" {
				t.Errorf("%s: %s is missing in %s", name, key, got.body)
			}
		}
	}
	w.fault(control.Fault{Kind: "stale_tokens", Stanza: "graphql"})
	compare("tokens stale", w.b.graphql("search", search))
	w.b.load()
	w.fault(control.Fault{Kind: "error"})
	compare("not logged in", w.b.graphql("search", search))
	w.fault(control.Fault{Kind: "error", Args: map[string]string{"code": "1357053"}})
	compare("session invalid", w.b.graphql("search", search))
	w.fault(control.Fault{Kind: "errors"})
	compare("field error", w.b.graphql("search", search))
	known := w.b.docs[names["search"]]
	w.b.docs[names["search"]] = "1"
	compare("unknown doc id (assumed form)", w.b.graphql("search", search))
	w.b.docs[names["search"]] = known
	w.fault(control.Fault{Kind: "upload_refused", Args: map[string]string{"to": "https://www.instagram.com/consent/?flow=x"}})
	compare("upload: consent", w.b.upload("a.jpg", "image/jpeg", []byte("x")))
	w.fault(control.Fault{Kind: "stale_tokens", Stanza: "upload"})
	compare("upload: stale tokens", w.b.upload("a.jpg", "image/jpeg", []byte("x")))
	w.b.load()
	w.fault(control.Fault{Kind: "null_props"})
	compare("navigation: no props", w.navigation())
	w.fault(control.Fault{Kind: "http_html"})
	if got := w.b.graphql("search", search); !bytes.HasPrefix(got.body, []byte("<!DOCTYPE html>")) {
		t.Errorf("html shell is %s", got.body)
	}
}

// TestRedirectVectors plays each redirect of the vectors.
func TestRedirectVectors(t *testing.T) {
	vectors := mustReadJSON[[]struct {
		Location string `json:"location"`
		Deletes  bool   `json:"deletes_sessionid"`
	}](t, "testdata/http/redirects.json")
	for _, v := range vectors {
		r := newRig(t)
		b := r.browser(r.own)
		args := map[string]string{"to": strings.ReplaceAll(v.Location, "/<n> (each answers with another redirect)", "/0")}
		if v.Deletes {
			args["delete"] = "1"
		}
		r.fault(control.Fault{Kind: "redirect", Stanza: "page", Args: args})
		got := b.do(b.navigate("/direct/inbox/"))
		if got.StatusCode != http.StatusFound || got.Header.Get("Location") != args["to"] || (b.cookies["sessionid"] == "") != v.Deletes {
			t.Errorf("%s: %s to %s, cookies %v", v.Location, got.Status, got.Header.Get("Location"), b.cookies)
		}
		target, err := got.Location()
		r.must(err)
		behind := b.do(b.navigate(target.Path))
		if loops := strings.HasPrefix(target.Path, "/loop/"); loops != (behind.StatusCode == http.StatusFound) {
			t.Errorf("behind %s is %s", target.Path, behind.Status)
		}
	}
}

// TestConnectVectors opens sockets with queries and headers of another client.
func TestConnectVectors(t *testing.T) {
	r := newRig(t)
	b := r.ready(r.own)
	for _, kind := range []string{"lightspeed", "streamcontroller", "mqttbypass"} {
		v := mustReadJSON[struct{ Headers, Query map[string]string }](t, "testdata/dgw/connect-"+kind+".json")
		q := url.Values{}
		for name, value := range v.Query {
			q.Set(name, value)
		}
		header := http.Header{"Cookie": {b.cookieHeader()}}
		for _, name := range []string{"origin", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "user-agent"} {
			header.Set(name, v.Headers[name])
		}
		ws, _, err := websocket.Dial(r.ctx, "wss://gateway.instagram.com/ws/"+kind+"?"+q.Encode(),
			&websocket.DialOptions{HTTPClient: b.http, HTTPHeader: header})
		if err != nil {
			t.Fatal(err)
		}
		ping := []byte{byte(dgw.Ping)}
		r.must(ws.Write(r.ctx, websocket.MessageBinary, ping))
		if _, got, err := ws.Read(r.ctx); err != nil || !bytes.Equal(got, []byte{byte(dgw.Pong)}) {
			t.Errorf("%s: ping answered %x, %v", kind, got, err)
		}
		r.must(ws.Close(websocket.StatusNormalClosure, ""))
	}
	r.expectUnexpected(0)
}

// TestWireLog subscribes with the bytes of a recorded connection and wants the bytes of its answers.
func TestWireLog(t *testing.T) {
	log := mustReadJSON[map[string][]struct{ From, Hex string }](t, "dgw/testdata/wire-log.json")
	recorded := log["lightspeed first connection"]
	r := newRig(t)
	b := r.ready(r.own)
	q := b.query("lightspeed")
	q.Set("x-dgw-deviceid", "11111111-2222-3333-4444-555555555555")
	s, err := b.dial("lightspeed", q)
	r.must(err)
	first, err := hex.DecodeString(recorded[0].Hex)
	r.must(err)
	r.must(s.ws.Write(s.ctx, websocket.MessageBinary, first))
	for i, kind := range []dgw.Type{dgw.EstabStream, dgw.Ack, dgw.Data} {
		got := s.expect(kind)
		if wire := hex.EncodeToString(got.Append(nil)); wire != recorded[i+1].Hex {
			t.Errorf("message %d is %s, want %s", i+1, wire, recorded[i+1].Hex)
		}
	}
	r.send(r.alice, r.own.ID, "hello")
	got := s.expect(dgw.Data)
	want, err := hex.DecodeString(recorded[4].Hex)
	r.must(err)
	frames, err := dgw.Parse(want)
	r.must(err)
	if got.AckID != frames[0].AckID || got.WantAck != frames[0].WantAck || got.Stream != frames[0].Stream {
		t.Errorf("delta comes as %+v", got)
	}
	var response struct{ Payload string }
	r.must(json.Unmarshal(frames[0].Payload, &response))
	if decoded, err := base64.StdEncoding.DecodeString(response.Payload); err != nil || !bytes.Contains(decoded, []byte("SlideUQPPNewMessage")) {
		t.Errorf("recorded delta is %q, %v", decoded, err)
	}
	r.expectUnexpected(0)
}
