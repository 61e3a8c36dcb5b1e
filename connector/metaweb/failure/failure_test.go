package failure

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"crosschat/connector/metaweb/web"
)

func TestAdvise(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want Advice
		ok   bool
	}{
		"challenge":     {&web.StopError{Kind: web.Challenge, URL: "u"}, Advice{Action: AskUser, Kind: web.Challenge, URL: "u"}, true},
		"logged out":    {fmt.Errorf("x: %w", &web.StopError{Kind: web.LoggedOut, URL: "u"}), Advice{Action: LogIn, Kind: web.LoggedOut}, true},
		"wrong account": {&web.StopError{Kind: web.WrongAccount}, Advice{Action: LogIn, Kind: web.WrongAccount}, true},
		"elsewhere":     {&web.StopError{Kind: web.Elsewhere}, Advice{Action: GiveUp, After: GiveUpPause, Kind: web.Elsewhere}, true},
		"reload":        {&ReloadError{Reason: "x"}, Advice{AtOnce: true}, true},
		"reload later":  {&ReloadError{Reason: "x", Wait: time.Minute}, Advice{After: time.Minute}, true},
		"status":        {&web.StatusError{Status: 429, RetryAfter: time.Second}, Advice{After: time.Second}, true},
		"another":       {errors.New("x"), Advice{}, false},
	} {
		if got, ok := Advise(test.err); got != test.want || ok != test.ok {
			t.Errorf("%s: got %+v and %t, want %+v", name, got, ok, test.want)
		}
	}
}

func TestText(t *testing.T) {
	for _, test := range [][3]string{{"a", "b", "a: b"}, {"a", "", "a"}, {"", "b", "b"}, {"a", "a", "a"}, {"", "", ""}} {
		if got := Text(test[0], test[1]); got != test[2] {
			t.Errorf("%q and %q give %q, want %q", test[0], test[1], got, test[2])
		}
	}
}
