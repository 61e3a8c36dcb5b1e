package wire

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rs/zerolog"

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
