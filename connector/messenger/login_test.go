package messenger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/messenger/wire"
	pagewire "crosschat/connector/messenger/wire/page"
	"crosschat/connector/metaweb/web"
)

func TestCredentials(t *testing.T) {
	n := New()
	good := map[string]string{"c_user": "100000000001002", "xs": "1:secret", "datr": "d", "extra": "kept", "sb": ""}
	credentials, err := n.credentialsOf(good)
	if err != nil {
		t.Fatal(err)
	}
	if got := credentials.Cookies.Header(); got != "c_user=100000000001002; datr=d; extra=kept; xs=1:secret" {
		t.Errorf("the cookies are %q", got)
	}
	if credentials.Identity != (web.Identity{}) {
		t.Errorf("without headers the browser is %+v", credentials.Identity)
	}
	with := func(pairs ...string) map[string]string {
		values := maps.Clone(good)
		for i := 0; i < len(pairs); i += 2 {
			values[pairs[i]] = pairs[i+1]
		}
		return values
	}
	credentials, err = n.credentialsOf(with("user_agent", "Firefox/143.0", "accept_language", "de", "sec_ch_ua", "a\r\nCookie: b"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (web.Identity{UserAgent: "Firefox/143.0", Languages: "de"}); credentials.Identity != want {
		t.Errorf("the browser is %+v, want %+v", credentials.Identity, want)
	}
	if strings.Contains(credentials.Cookies.Header(), "Firefox") {
		t.Error("the browser's name is among the cookies")
	}
	for name, test := range map[string]struct {
		values map[string]string
		want   string
	}{
		"nothing":           {nil, "neither"},
		"two missing":       {with("xs", "", "datr", ""), "xs, datr"},
		"no account number": {with("c_user", "me"), "c_user"},
		"header injection":  {with("xs", "a\r\nX: y"), "neither"},
	} {
		_, err := n.credentialsOf(test.values)
		if !errors.As(err, new(bridgev2.RespError)) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an answer with %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the answer %q repeats a cookie", name, err)
		}
	}
}

func TestLoadError(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{&web.StopError{Kind: web.LoggedOut}, "expired"},
		{&web.StopError{Kind: web.WrongAccount}, "two different accounts"},
		{&web.StopError{Kind: web.Checkpoint, URL: "https://www.facebook.com/checkpoint/1"}, "https://www.facebook.com/checkpoint/1"},
		{&web.StopError{Kind: web.Consent}, "agree"},
		{&web.StopError{Kind: web.Elsewhere}, "new version"},
		{fmt.Errorf("load: %w", &pagewire.MissingError{}), "new version"},
		{errors.New("no route"), "can't be reached"},
	} {
		if got := loadError(t.Context(), test.err).Error(); !strings.Contains(got, test.want) {
			t.Errorf("%v is told as %q, want %q in it", test.err, got, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := loadError(ctx, ctx.Err()); !errors.Is(got, errLoginCancelled) {
		t.Errorf("a cancelled login is told as %q", got)
	}
}

// Each kind of stop must be one that the connection does not try again by itself.
func TestJudge(t *testing.T) {
	for kind, stop := range map[web.Kind]bool{
		web.Challenge: true, web.Suspended: true, web.Consent: true, web.Checkpoint: true, web.LoggedOut: true,
		web.WrongAccount: true, web.RedirectLoop: false, web.Elsewhere: false,
	} {
		verdict := judge(&web.StopError{Kind: kind})
		if verdict.Stop != stop {
			t.Errorf("%s: stop is %t, want %t", kind, verdict.Stop, stop)
		}
		if !stop && verdict.After <= 0 {
			t.Errorf("%s is tried again after %s", kind, verdict.After)
		}
	}
	if verdict := judge(wire.ErrPageTooOld); verdict.Stop || !verdict.AtOnce {
		t.Errorf("an old page gives %+v, want a new try at once", verdict)
	}
}

func TestSendError(t *testing.T) {
	for _, test := range []struct {
		err     error
		pending bool
		want    string
	}{
		{&wire.RejectedError{Message: "You blocked this person."}, false, "You blocked this person."},
		{&wire.RejectedError{}, false, "no reason"},
		{wire.ErrNotConnected, true, "no connection"},
		{&wire.UncertainError{Err: errors.New("lost")}, true, "did not confirm"},
		{&web.StopError{Kind: web.Checkpoint}, false, "checkpoint"},
	} {
		var status bridgev2.MessageStatus
		if err := sendError(test.err); !errors.As(err, &status) {
			t.Errorf("%v is no message status", err)
			continue
		}
		if pending := status.Status == "PENDING"; pending != test.pending || !strings.Contains(status.Message, test.want) {
			t.Errorf("%v: pending %t, %q; want pending %t, %q in it", test.err, pending, status.Message, test.pending, test.want)
		}
	}
}
