package messenger

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/metaweb/web"
)

func TestCredentials(t *testing.T) {
	n := New()
	good := map[string]string{"c_user": "100000000001002", "xs": "1:secret", "datr": "d", "extra": "kept", "sb": ""}
	credentials, err := n.site().Credentials(good)
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
	credentials, err = n.site().Credentials(with("user_agent", "Firefox/143.0", "accept_language", "de", "sec_ch_ua", "a\r\nCookie: b"))
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
		_, err := n.site().Credentials(test.values)
		if !errors.As(err, new(bridgev2.RespError)) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an answer with %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the answer %q repeats a cookie", name, err)
		}
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
