package metalogin

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/metaweb/failure"
	"crosschat/connector/metaweb/web"
)

func testSite() *Site {
	return &Site{
		Names:  Names{Key: "example", Network: "Example", Company: "Example Inc.", Home: "https://www.example.org/"},
		Domain: "example.org", Needed: []string{"user", "session"}, Account: "user",
		Parse: func(pasted string) (*web.Credentials, error) {
			return web.ParseCredentials(pasted, []string{"example.org"}, []string{"user", "session"})
		},
		Advise: func(err error) failure.Advice {
			advice, _ := failure.Advise(err)
			return advice
		},
	}
}

func TestCredentials(t *testing.T) {
	s := testSite()
	good := map[string]string{"user": "1", "session": "secret", "extra": "kept", "empty": ""}
	credentials, err := s.Credentials(good)
	if err != nil {
		t.Fatal(err)
	}
	if got := credentials.Cookies.Header(); got != "extra=kept; session=secret; user=1" {
		t.Errorf("the cookies are %q", got)
	}
	with := func(pairs ...string) map[string]string {
		values := maps.Clone(good)
		for i := 0; i < len(pairs); i += 2 {
			values[pairs[i]] = pairs[i+1]
		}
		return values
	}
	if credentials, err = s.Credentials(with("user_agent", "Firefox/143.0", "accept_language", "de", "sec_ch_ua", "a\r\nCookie: b")); err != nil {
		t.Fatal(err)
	}
	if want := (web.Identity{UserAgent: "Firefox/143.0", Languages: "de"}); credentials.Identity != want {
		t.Errorf("the browser is %+v, want %+v", credentials.Identity, want)
	}
	if credentials, err = s.Credentials(with("accept_language", "de")); err != nil || credentials.Identity != (web.Identity{}) {
		t.Errorf("headers without a browser's name make %+v (%v), want none", credentials.Identity, err)
	}
	s.Encoded = []string{"session"}
	for _, session := range []string{"1:a b:2", "1%3Aa+b%3A2"} {
		if credentials, err = s.Credentials(with("session", session)); err != nil || credentials.Cookies.Get("session") != "1%3Aa+b%3A2" {
			t.Errorf("the session %q became %q (%v)", session, credentials.Cookies.Get("session"), err)
		}
	}
	s = testSite()
	for name, test := range map[string]struct {
		values     map[string]string
		code, want string
	}{
		"nothing":          {nil, "NOT_COOKIES", "neither"},
		"one missing":      {with("session", ""), "COOKIES_MISSING", "session. Copy"},
		"no number":        {with("user", "me"), "COOKIES_WRONG", "the cookie user is not an account's number"},
		"header injection": {with("session", "a\r\nX: y"), "NOT_COOKIES", "neither"},
	} {
		var answer bridgev2.RespError
		if _, err := s.Credentials(test.values); !errors.As(err, &answer) || !strings.Contains(answer.Err, test.want) || answer.ErrCode != "CROSSCHAT.EXAMPLE.LOGIN_"+test.code {
			t.Errorf("%s: %v, want %s with %q", name, err, test.code, test.want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the answer %q repeats a cookie", name, err)
		}
	}
}

func TestExplain(t *testing.T) {
	s := testSite()
	const checkpoint = "https://www.example.org/checkpoint/1"
	for _, test := range []struct {
		err  error
		want string
	}{
		{&web.StopError{Kind: web.LoggedOut}, "expired"},
		{&web.StopError{Kind: web.WrongAccount}, "two different accounts"},
		{&web.StopError{Kind: web.Checkpoint, URL: checkpoint}, "Open " + checkpoint + " in the browser"},
		{&web.StopError{Kind: web.Consent}, "do what it says. Then log in again."},
		{&web.StopError{Kind: web.Elsewhere}, "new version"},
		{errors.New("no route"), "Example Inc. can't be reached"},
	} {
		if got := s.explain(t.Context(), test.err).Error(); !strings.Contains(got, test.want) {
			t.Errorf("%v is told as %q, want %q in it", test.err, got, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := s.explain(ctx, ctx.Err()); !errors.Is(got, s.fail(codeCancelled)) {
		t.Errorf("a cancelled login is told as %q", got)
	}
}

// Each kind of stop must be one that the connection does not try again by itself.
func TestJudge(t *testing.T) {
	w := Watch{Advise: func(err error) failure.Advice {
		if advice, ok := failure.Advise(err); ok {
			return advice
		}
		return failure.Advice{AtOnce: true}
	}}
	for kind, stop := range map[web.Kind]bool{
		web.Challenge: true, web.Suspended: true, web.Consent: true, web.Checkpoint: true, web.LoggedOut: true,
		web.WrongAccount: true, web.RedirectLoop: false, web.Elsewhere: false,
	} {
		verdict := w.Judge(&web.StopError{Kind: kind})
		if verdict.Stop != stop {
			t.Errorf("%s: stop is %t, want %t", kind, verdict.Stop, stop)
		}
		if !stop && verdict.After <= 0 {
			t.Errorf("%s is tried again after %s", kind, verdict.After)
		}
	}
	if verdict := w.Judge(errors.New("x")); verdict.Stop || !verdict.AtOnce {
		t.Errorf("advice to go on at once gives %+v", verdict)
	}
}

func TestStopText(t *testing.T) {
	n := testSite().Names
	for _, test := range []struct {
		kind web.Kind
		url  string
		want string
	}{
		{web.Checkpoint, "https://www.example.org/checkpoint/1", "checkpoint. Open https://www.example.org/checkpoint/1 in"},
		{web.Consent, "", "agree to something. Open https://www.example.org/ in"},
		{"odd", "", "Example Inc. has stopped this session. Open"},
	} {
		if got := n.StopText(test.kind, test.url); !strings.Contains(got, test.want) {
			t.Errorf("%s is told as %q, want %q in it", test.kind, got, test.want)
		}
	}
}
