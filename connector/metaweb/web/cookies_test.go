package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestCookiesUpdate(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name, set, want string
		changed         bool
	}{
		{"session cookie is kept", "new=1", "a=b; new=1", true},
		{"same again", "a=b; Max-Age=100", "a=b", false},
		{"changed", "a=c; Max-Age=100; Expires=Fri, 01 Jan 2027 00:00:00 GMT", "a=c", true},
		{"age of zero", "a=x; Max-Age=0", "", true},
		{"negative age", "a=x; Max-Age=-1", "", true},
		{"expired", "a=x; Expires=Thu, 01 Jan 1970 00:00:01 GMT", "", true},
		{"age wins over expiry", "a=c; Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:01 GMT", "a=c", true},
		{"delete what is not there", "z=x; Max-Age=0", "a=b", false},
		{"quotes and escapes are kept", `a="NCG\054178:01f"; Domain=.example.com; Path=/; Secure`, `a="NCG\054178:01f"`, true},
		{"not a cookie", "=;;", "a=b", false},
		{"too large", "big=" + strings.Repeat("x", maxCookieSize), "a=b", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			jar := NewCookies(map[string]string{"a": "b"})
			changed := jar.Update(&http.Response{Header: http.Header{"Set-Cookie": {test.set}}}, now)
			if changed != test.changed || jar.Header() != test.want {
				t.Errorf("got %q and %t, want %q and %t", jar.Header(), changed, test.want, test.changed)
			}
		})
	}
	var jar Cookies
	for i := range 2 * maxCookies {
		jar.Update(&http.Response{Header: http.Header{"Set-Cookie": {fmt.Sprintf("c%d=1", i)}}}, now)
	}
	if got := len(jar.names()); got != maxCookies {
		t.Errorf("jar took %d cookies, want %d", got, maxCookies)
	}
}

func TestCookiesShowNoValues(t *testing.T) {
	credentials := Credentials{Cookies: NewCookies(map[string]string{"xs": canary})}
	var logged bytes.Buffer
	log := zerolog.New(&logged)
	log.Info().Object("cookies", credentials.Cookies).Msg("x")
	for _, text := range []string{
		logged.String(), fmt.Sprint(credentials), fmt.Sprintf("%+v %#v %v", credentials, credentials, &credentials),
		fmt.Sprintf("%v %+v %#v %s %q %x", credentials.Cookies, credentials.Cookies, credentials.Cookies,
			credentials.Cookies, credentials.Cookies, credentials.Cookies),
	} {
		if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
			t.Errorf("shows the cookie: %s", text)
		}
	}
	stored, err := json.Marshal(credentials)
	if err != nil || !strings.Contains(string(stored), canary) {
		t.Errorf("stored as %s and %v, want the value", stored, err)
	}
	var back Credentials
	if err = json.Unmarshal(stored, &back); err != nil || back.Cookies.Get("xs") != canary {
		t.Errorf("read back %v and %v, want the value", back, err)
	}
}
