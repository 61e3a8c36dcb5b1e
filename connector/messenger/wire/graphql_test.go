package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"crosschat/connector/metaweb/web"
)

func mustVector(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err = json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// assertForm compares a form with a vector's, whose random fields are in angle brackets.
func assertForm(t *testing.T, got url.Values, want map[string]string) {
	t.Helper()
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("fields %v, want %v", g, w)
	}
	for name, value := range want {
		if !strings.HasPrefix(value, "<") && got.Get(name) != value {
			t.Errorf("%s is %q, want %q", name, got.Get(name), value)
		}
	}
}

// TestInitialSyncOverGraphQL has a page without a payload.
func TestInitialSyncOverGraphQL(t *testing.T) {
	var vector struct {
		Form     map[string]string `json:"request_form_db95_third_query"`
		Response json.RawMessage
	}
	mustVector(t, "graphql-lightspeed.json", &vector)
	n, r := newNetwork(t), newRecorder()
	n.payload = ""
	var forms []url.Values
	n.graphQL = func(form url.Values) string {
		forms = append(forms, form)
		if len(forms) == 1 {
			return string(vector.Response)
		}
		return "for (;;);" + `{"data":{"viewer":{"lightspeed_web_request":{"payload":` +
			quote(program(block([]int64{0, 0, 2, 95}[len(forms)], "", "g1"), row("verifyContactRowExists", 7, 1, "", "Greta"))) + `,"target":""}}}}`
	}
	mustConnect(t, n.client(r, State{}, nil), r)
	if len(forms) != 3 {
		t.Fatalf("%d queries, want 3", len(forms))
	}
	assertForm(t, forms[2], vector.Form)
	r.waitFor(t, "the inbox", func(d Delivery) bool { return d.Origin == FromPage && len(d.Table.Threads) == 1 })
	r.waitFor(t, "the contacts", func(d Delivery) bool { return d.Origin == FromPage && d.Database == DatabaseContacts })
	waitUntil(t, "cursors are stored", func() bool {
		return r.cursor(1) == "cur-1-0001" && r.cursor(2) == "g1" && r.cursor(95) == "g1"
	})
}

func TestGraphQLErrors(t *testing.T) {
	var vector struct {
		Error json.RawMessage `json:"error_response"`
	}
	mustVector(t, "graphql-lightspeed.json", &vector)
	var reload *ReloadError
	var stop *web.StopError
	var graphQL *GraphQLError
	for name, test := range map[string]struct {
		answer string
		as     any
		is     error
		action Action
	}{
		"reload":             {string(vector.Error), &reload, nil, TryAgain},
		"refused":            {`{"error":1357053}`, &stop, nil, LogIn},
		"code as text":       {`{"error":"1357004"}`, &reload, nil, TryAgain},
		"other code":         {`{"error":1357046,"errorSummary":"x"}`, &graphQL, nil, TryAgain},
		"errors":             {`{"errors":[{"message":"x","code":1675012}]}`, &graphQL, nil, TryAgain},
		"wants a login":      {`{"errors":[{"message":"x","requires_reauth":true}]}`, &reload, nil, TryAgain},
		"to a checkpoint":    {`{"error":1,"redirectTo":"/checkpoint/5"}`, &stop, nil, AskUser},
		"to another site":    {`{"error":1,"redirectTo":"https://evil.example/checkpoint/5"}`, &graphQL, nil, TryAgain},
		"no data":            {`{}`, &graphQL, nil, TryAgain},
		"null data":          {`{"data":null}`, &graphQL, nil, TryAgain},
		"data of another":    {`{"data":{"viewer":7}}`, nil, nil, TryAgain},
		"HTML":               {`<!DOCTYPE html><html>`, nil, ErrNotJSON, TryAgain},
		"cut off":            {`{"data":{"vie`, nil, ErrNotJSON, TryAgain},
		"empty":              {``, nil, ErrNotJSON, TryAgain},
		"payload is no JSON": {`{"data":{"viewer":{"lightspeed_web_request":{"payload":"<html>"}}}}`, nil, nil, TryAgain},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.payload = ""
			n.graphQL = func(url.Values) string { return test.answer }
			err := n.client(newRecorder(), State{}, nil).Serve(t.Context())
			if err == nil || test.as != nil && !errors.As(err, test.as) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got %v, want %T %v", err, test.as, test.is)
			}
			if got := Advise(err).Action; got != test.action {
				t.Errorf("advice for %v is %d, want %d", err, got, test.action)
			}
		})
	}
}

func TestDataWithErrorsIsSuccess(t *testing.T) {
	if answer, err := readGraphQL([]byte(`for (;;);{"data":{"a":1},"errors":[{"message":"warning"}]}`)); err != nil || string(answer.Data) != `{"a":1}` {
		t.Errorf("got %v and %v", answer, err)
	}
}

func TestUploadVectors(t *testing.T) {
	var vector struct {
		Requests []struct {
			ContentType string            `json:"content_type"`
			Fields      map[string]string `json:"fields_before_file"`
			File        string
			Filename    string
			Query       map[string]string
		}
		Responses []struct {
			Body, Name string
			ID         string
			Error      int
		}
	}
	mustVector(t, "mercury-upload.json", &vector)
	var request *http.Request
	var fields map[string]string
	var file, contentType, filename string
	answer := ""
	n := newNetwork(t)
	n.upload = func(w http.ResponseWriter, r *http.Request) {
		request, fields = r, map[string]string{}
		parts, err := r.MultipartReader()
		if err != nil {
			t.Error(err)
			return
		}
		for part, err := parts.NextPart(); err == nil; part, err = parts.NextPart() {
			data, readErr := io.ReadAll(part)
			if readErr != nil {
				t.Error(readErr)
			}
			if part.FormName() == "farr" {
				file, filename, contentType = string(data), part.FileName(), part.Header.Get("Content-Type")
			} else {
				fields[part.FormName()] = string(data)
			}
		}
		_, _ = fmt.Fprint(w, answer)
	}
	c := n.client(newRecorder(), State{}, nil)
	if _, err := c.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	upload := func(i int) (int64, error) {
		want := vector.Requests[i]
		u := Upload{ThreadID: 1002, Filename: want.Filename, MimeType: want.ContentType, Size: int64(len(want.File)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(want.File)), nil }}
		if i == 1 {
			u.Voice, u.Waveform, u.Size = true, []float64{0, 0.5, 1}, -1
		}
		return c.Upload(t.Context(), u)
	}
	for i, want := range vector.Requests {
		answer = vector.Responses[0].Body
		if _, err := upload(i); err != nil {
			t.Fatal(err)
		}
		assertForm(t, request.URL.Query(), want.Query)
		if file != want.File || filename != want.Filename || contentType != want.ContentType || !maps.Equal(fields, want.Fields) {
			t.Errorf("uploaded %q as %q of %q with %v", file, filename, contentType, fields)
		}
		if !strings.Contains(request.Header.Get("Content-Type"), "boundary=----WebKitFormBoundary") ||
			request.Header.Get("Sec-Fetch-Site") != "same-origin" || !strings.HasSuffix(request.Header.Get("Referer"), "/messages/t/1002/") {
			t.Errorf("upload has headers %v", request.Header)
		}
	}
	for _, response := range vector.Responses {
		if response.Error != 0 {
			continue
		}
		answer = response.Body
		if id, err := upload(0); err != nil || fmt.Sprint(id) != response.ID {
			t.Errorf("%s: got %d and %v, want %s", response.Name, id, err, response.ID)
		}
	}
	for _, bad := range []string{`{"payload":{"metadata":{}}}`, `{"payload":{"metadata":[]}}`, `{"payload":null}`, `{}`, `<html>`,
		`{"payload":{"metadata":[{"image_id":0}]}}`, `{"payload":{"metadata":"x"}}`, `{"error":1357004}`} {
		answer = bad
		if id, err := upload(0); err == nil {
			t.Errorf("%s: got %d, want an error", bad, id)
		}
	}
}

func TestUploadReloadsPageOnce(t *testing.T) {
	tries := 0
	n := newNetwork(t)
	n.upload = func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if tries++; tries == 1 {
			_, _ = fmt.Fprint(w, `for (;;);{"error":1357004}`)
			return
		}
		_, _ = fmt.Fprint(w, `for (;;);{"payload":{"metadata":[{"image_id":5}]}}`)
	}
	c := n.client(newRecorder(), State{}, nil)
	if _, err := c.Upload(t.Context(), Upload{}); !errors.Is(err, ErrNotConnected) {
		t.Errorf("before the page was loaded got %v, want %v", err, ErrNotConnected)
	}
	if _, err := c.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	u := Upload{Filename: `a"b.jpg`, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil }, Size: 1}
	if id, err := c.Upload(t.Context(), u); err != nil || id != 5 || n.loads != 2 {
		t.Errorf("got %d and %v after %d loads, want 5 after 2", id, err, n.loads)
	}
}

func TestCAT(t *testing.T) {
	var vector struct {
		CAT json.RawMessage `json:"cat_response"`
	}
	mustVector(t, "graphql-lightspeed.json", &vector)
	n := newNetwork(t)
	queries := 0
	n.graphQL = func(form url.Values) string {
		queries++
		if form.Get("variables") != "{}" || form.Get("doc_id") != Default().CATDocID || form.Get("__jssesw") != "1" {
			t.Errorf("asked %v", form)
		}
		return strings.Replace(string(vector.CAT), "c2ltLWNhdA", "bmV3", 1)
	}
	c := n.client(newRecorder(), State{}, nil)
	if _, err := c.CAT(); !errors.Is(err, ErrNoCAT) {
		t.Errorf("before the page was loaded got %v, want %v", err, ErrNoCAT)
	}
	if err := c.RefreshCAT(t.Context()); !errors.Is(err, ErrNoCAT) {
		t.Errorf("before the page was loaded got %v, want %v", err, ErrNoCAT)
	}
	if _, err := c.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if token, err := c.CAT(); err != nil || token != "c2ltLWNhdA" {
		t.Errorf("got %q and %v, want the page's", token, err)
	}
	// The token is fresh: the first and third time nothing happens, from the fourth on it is an error.
	for i, want := range []struct {
		queries int
		err     error
	}{{0, nil}, {1, nil}, {1, nil}, {1, ErrCATRefused}, {1, ErrCATRefused}} {
		if err := c.RefreshCAT(t.Context()); !errors.Is(err, want.err) || queries != want.queries {
			t.Errorf("time %d: got %v after %d queries, want %v after %d", i+1, err, queries, want.err, want.queries)
		}
	}
	if token, _ := c.CAT(); token != "bmV3" {
		t.Errorf("got %q, want the new one", token)
	}
	c.CATAccepted()
	c.mu.Lock()
	c.cat.expires = time.Now().Add(time.Hour)
	c.mu.Unlock()
	if err := c.RefreshCAT(t.Context()); err != nil || queries != 2 {
		t.Errorf("near its end got %v after %d queries, want a renewal", err, queries)
	}
}
