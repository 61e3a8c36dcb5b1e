package control_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crosschat/simulator/control"
)

// fake is a network that only knows what a test needs; the nil interface panics at anything else.
type fake struct {
	control.Network
	seen string
}

func (*fake) Name() string { return "fake" }

func (f *fake) Person(_ context.Context, id string) (control.Person, error) {
	switch id {
	case "nobody":
		return control.Person{}, control.NotFound("no person %q", id)
	case "broken":
		return control.Person{}, errors.New("something broke")
	}
	return control.Person{ID: id}, nil
}

func (f *fake) Send(_ context.Context, id string, req control.SendRequest) (control.Sent, error) {
	f.seen = id + ">" + req.To + ":" + req.Text
	return control.Sent{ID: "X"}, nil
}

func (f *fake) Group(_ context.Context, id, group string) (control.Group, error) {
	return control.Group{ID: group, Members: []string{id}}, nil
}

func (f *fake) Timeline(_ context.Context, _ string, from int) ([]control.Event, error) {
	return []control.Event{{Index: from}}, nil
}

func (f *fake) Await(ctx context.Context, _ string, match control.Match) ([]control.Event, error) {
	<-ctx.Done()
	return nil, control.TimedOut("nothing like %q", match.Text)
}

func (f *fake) RemoveFault(_ context.Context, id string) error {
	f.seen = "removed " + id
	return nil
}

func newAPI(t *testing.T) (*fake, *control.Client) {
	t.Helper()
	f := &fake{}
	web := httptest.NewServer(control.NewServer(f))
	t.Cleanup(web.Close)
	return f, &control.Client{BaseURL: web.URL}
}

func TestCalls(t *testing.T) {
	f, api := newAPI(t)
	ctx := t.Context()
	if p, err := api.Person(ctx, "fake", "anna/ä"); err != nil || p.ID != "anna/ä" {
		t.Errorf("person with an odd id: %+v, %v", p, err)
	}
	sent, err := api.Send(ctx, "fake", "1", control.SendRequest{To: "2", Text: "hi"})
	if err != nil || sent.ID != "X" || f.seen != "1>2:hi" {
		t.Errorf("send: %+v, %v; network saw %q", sent, err, f.seen)
	}
	if g, err := api.Group(ctx, "fake", "1", "5@g.us"); err != nil || g.ID != "5@g.us" {
		t.Errorf("group: %+v, %v", g, err)
	}
	if events, err := api.Timeline(ctx, "fake", "1", 7); err != nil || events[0].Index != 7 {
		t.Errorf("timeline: %+v, %v", events, err)
	}
	if err := api.RemoveFault(ctx, "fake", "f1"); err != nil || f.seen != "removed f1" {
		t.Errorf("remove fault: %v; network saw %q", err, f.seen)
	}
}

func TestErrors(t *testing.T) {
	_, api := newAPI(t)
	ctx := t.Context()
	for _, test := range []struct {
		name   string
		call   func() error
		status int
		says   string
	}{
		{"unknown network", func() error { _, err := api.Person(ctx, "other", "1"); return err }, 404, `no network "other"`},
		{"unknown person", func() error { _, err := api.Person(ctx, "fake", "nobody"); return err }, 404, `no person "nobody"`},
		{"failure inside", func() error { _, err := api.Person(ctx, "fake", "broken"); return err }, 500, "something broke"},
		{"await", func() error {
			_, err := api.Await(ctx, "fake", "1", control.Match{Text: "x"}, time.Millisecond)
			return err
		}, 504, `nothing like "x"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.call()
			var e *control.Error
			if !errors.As(err, &e) || e.Status != test.status || !strings.Contains(e.Error(), test.says) {
				t.Errorf("got %v, want status %d and %q", err, test.status, test.says)
			}
		})
	}
}

func TestMalformedRequests(t *testing.T) {
	_, api := newAPI(t)
	for _, test := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"not JSON", "POST", "/v1/fake/people/1/send", "hello", 400},
		{"truncated", "POST", "/v1/fake/people/1/send", `{"to":"2"`, 400},
		{"unknown field", "POST", "/v1/fake/people/1/send", `{"too":"2"}`, 400},
		{"wrong type", "POST", "/v1/fake/people/1/send", `{"to":2}`, 400},
		{"unknown path", "POST", "/v1/fake/people/1/fly", `{}`, 404},
		{"wrong method", "DELETE", "/v1/fake/people/1/send", ``, 404},
		{"not a number", "GET", "/v1/fake/people/1/timeline?from=x", ``, 400},
		{"negative", "GET", "/v1/fake/people/1/timeline?from=-1", ``, 400},
		{"root", "GET", "/", ``, 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), test.method, api.BaseURL+test.path, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != test.status || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("got %s of %q, want %d in JSON", resp.Status, resp.Header.Get("Content-Type"), test.status)
			}
		})
	}
}

func TestNoServer(t *testing.T) {
	api := &control.Client{BaseURL: "http://127.0.0.1:1"}
	if _, err := api.People(t.Context(), "fake"); err == nil || !strings.Contains(err.Error(), "call the simulator") {
		t.Errorf("got %v", err)
	}
}
