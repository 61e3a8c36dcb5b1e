package graphql

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"crosschat/connector/metaweb/failure"
	"crosschat/connector/metaweb/web"
)

func TestRead(t *testing.T) {
	for name, test := range map[string]struct {
		body, data string
		code       int64
		fails      bool
	}{
		"data":              {`{"data":{"a":1},"extensions":{"is_final":true}}`, `{"a":1}`, 0, false},
		"behind the guard":  {"for (;;); {\"data\":7}", `7`, 0, false},
		"two documents":     {"{\"data\":1}\n{\"data\":2}", `1`, 0, false},
		"data with errors":  {`{"data":{},"errors":[{"code":5,"message":"x"},{"code":6}]}`, `{}`, 5, false},
		"null data":         {`{"data":null,"errors":[{"code":"1675002"}]}`, "", 1675002, false},
		"error for all":     {`for (;;);{"error":1357001,"errorSummary":"x","payload":null}`, "", 1357001, false},
		"odd error":         {`{"error":{"a":1},"data":1}`, "1", 0, false},
		"page":              {"<!DOCTYPE html><html>", "", 0, true},
		"guard alone":       {"for (;;);", "", 0, true},
		"cut off":           {`{"data":{"a`, "", 0, true},
		"list":              {`[1]`, "", 0, true},
		"errors of a shape": {`{"errors":"x"}`, "", 0, true},
	} {
		e, err := Read([]byte(test.body))
		if test.fails {
			if !errors.Is(err, ErrNotJSON) {
				t.Errorf("%s: got %v, want %v", name, err, ErrNotJSON)
			}
			continue
		}
		if err != nil || string(e.Data) != test.data {
			t.Errorf("%s: got %q and %v, want %q", name, e.Data, err, test.data)
			continue
		}
		code := int64(0)
		if e.Failure != nil {
			code = e.Failure.Code
		}
		if code != test.code {
			t.Errorf("%s: code %d, want %d", name, code, test.code)
		}
	}
}

func TestJudge(t *testing.T) {
	var reload *failure.ReloadError
	var stop *web.StopError
	if err := Judge(&Error{Code: 1357004}); !errors.As(err, &reload) {
		t.Errorf("got %v, want a reload", err)
	}
	if err := Judge(&Error{Code: 1, Reauth: true}); !errors.As(err, &reload) {
		t.Errorf("got %v, want a reload", err)
	}
	if err := Judge(&Error{Code: 1357053}); !errors.As(err, &stop) || stop.Kind != web.LoggedOut {
		t.Errorf("got %v, want a stop", err)
	}
	if err := Judge(&Error{Code: 7}); errors.As(err, &reload) || errors.As(err, &stop) {
		t.Errorf("got %v, want the error itself", err)
	}
}

func TestTarget(t *testing.T) {
	client, err := web.NewClient(web.Options{Transport: http.DefaultTransport, Site: "https://www.example.com",
		Hosts: []string{"example.com"}, Rules: []web.Rule{{Path: "/checkpoint/*", Kind: web.Checkpoint}}})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]bool{
		`{"redirectTo":"/checkpoint/5"}`:                     true,
		`{"redirect":"https://www.example.com/checkpoint/"}`: true,
		`{"redirectTo":"https://evil.example/checkpoint/5"}`: false,
		`{"redirectTo":"/elsewhere"}`:                        false,
		`{}`:                                                 false,
	} {
		e, err := Read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Target(client); (got != nil) != want {
			t.Errorf("%s: got %v, want a stop: %t", body, got, want)
		}
	}
}

func TestFill(t *testing.T) {
	form := url.Values{}
	if err := (Call{"Name", "42", map[string]string{"a": "<&>"}}).Fill(form); err != nil {
		t.Fatal(err)
	}
	if got := form.Get("variables"); got != `{"a":"<&>"}` || form.Get("doc_id") != "42" {
		t.Errorf("form is %v", form)
	}
	if err := (Call{Variables: func() {}}).Fill(form); err == nil {
		t.Error("encoded a function")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`for (;;);{"data":{},"errors":[{"code":"1","is_transient":true}],"extensions":{"server_metadata":{"request_start_time_ms":1}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if e, err := Read(body); err == nil && e == nil {
			t.Error("neither answer nor error")
		}
	})
}
