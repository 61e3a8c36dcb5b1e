package web

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const canary = "canary-7f3a"

var (
	testHosts  = []string{"facebook.com"}
	testNeeded = []string{"c_user", "xs", "datr"}
)

func TestParseCredentials(t *testing.T) {
	want := map[string]string{"c_user": "100", "xs": "1:a%3Ab", "datr": "d"}
	chrome := Identity{UserAgent: "Mozilla/5.0 (X)", Brands: `"Chromium";v="150"`, Mobile: "?0", Languages: "de"}
	tests := []struct {
		name, input string
		identity    Identity
	}{
		{"JSON", ` {"c_user":"100","xs":"1:a%3Ab","datr":"d"} `, Identity{}},
		{"JSON with a number", `{"c_user":100,"xs":"1:a%3Ab","datr":"d"}`, Identity{}},
		{"Chrome for bash", "curl 'https://www.facebook.com/messages/' \\\n  -H 'accept: */*' \\\n" +
			"  -H 'accept-language: de' \\\n  -b 'c_user=100; xs=1:a%3Ab; datr=d' \\\n" +
			"  -H 'sec-ch-ua: \"Chromium\";v=\"150\"' \\\n  -H 'sec-ch-ua-mobile: ?0' \\\n  -H 'user-agent: Mozilla/5.0 (X)'", chrome},
		{"Chrome for Windows", "curl ^\"https://www.facebook.com/messages/^\" ^\r\n -H ^\"accept-language: de^\" ^\r\n" +
			" -b ^\"c_user=100; xs=1:a^%3Ab; datr=d^\" ^\r\n -H ^\"sec-ch-ua: ^\\^\"Chromium^\\^\";v=^\\^\"150^\\^\"^\" ^\r\n" +
			" -H ^\"sec-ch-ua-mobile: ?0^\" ^\r\n -H ^\"user-agent: Mozilla/5.0 (X)^\"", chrome},
		{"Firefox", "curl 'https://www.facebook.com/' --compressed -H 'User-Agent: Mozilla/5.0 (X)' " +
			"-H 'Accept-Language: de' -H 'Cookie: c_user=100; xs=1:a%3Ab; datr=d'", Identity{UserAgent: "Mozilla/5.0 (X)", Languages: "de"}},
		{"ANSI quotes and a body", "curl 'https://web.facebook.com/api' -X POST -H $'cookie: c_user=100; xs=1:a\\u00253Ab; datr=d' " +
			"--data-raw $'it\\'s \\x41'", Identity{}},
		{"double quotes and other options", `curl --url "https://facebook.com/" --header "Cookie: c_user=100; xs=1:a%3Ab; datr=d" -A "Mozilla/5.0 (X)"`,
			Identity{UserAgent: "Mozilla/5.0 (X)"}},
		{"no browser", `curl https://facebook.com/ -b 'c_user=100;xs=1:a%3Ab;datr=d' -H 'User-Agent: tool/1'`, Identity{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseCredentials(test.input, testHosts, testNeeded)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Cookies.values, want) {
				t.Errorf("cookies %q, want %q", got.Cookies.values, want)
			}
			if got.Identity != test.identity {
				t.Errorf("identity %+v, want %+v", got.Identity, test.identity)
			}
		})
	}
}

func TestParseCredentialsRefuses(t *testing.T) {
	good := "c_user=100; xs=" + canary + "; datr=d"
	var wrongSite *WrongSiteError
	var missing *MissingCookiesError
	tests := []struct {
		name, input string
		as          any
		is          error
	}{
		{"nothing", "", nil, ErrNotCredentials},
		{"prose", "my password is " + canary, nil, ErrNotCredentials},
		{"a list", `["` + canary + `"]`, nil, ErrNotCredentials},
		{"cut off JSON", `{"xs":"` + canary, nil, ErrNotCredentials},
		{"two objects", `{"xs":"` + canary + `"}{}`, nil, ErrNotCredentials},
		{"nested value", `{"xs":{"v":"` + canary + `"}}`, nil, ErrNotCredentials},
		{"empty object", `{}`, nil, ErrNotCredentials},
		{"header injection", `{"xs":"` + canary + `\r\nX: y"}`, nil, ErrNotCredentials},
		{"odd name", `{"x s":"` + canary + `"}`, nil, ErrNotCredentials},
		{"huge", `{"xs":"` + strings.Repeat("x", maxCredentials) + `"}`, nil, ErrNotCredentials},
		{"some missing", `{"xs":"` + canary + `","datr":""}`, &missing, nil},
		{"unterminated quote", `curl 'https://facebook.com/ -b ` + canary, nil, ErrNotCredentials},
		{"unterminated ANSI quote", `curl $'https://facebook.com/\`, nil, ErrNotCredentials},
		{"bad escape", `curl $'\xzz' https://facebook.com`, nil, ErrNotCredentials},
		{"short escape", `curl $'\u1'`, nil, ErrNotCredentials},
		{"backslash at the end", `curl https://facebook.com \`, nil, ErrNotCredentials},
		{"option without value", `curl https://facebook.com -b`, nil, ErrNotCredentials},
		{"no address", `curl -b '` + good + `'`, nil, ErrNotCredentials},
		{"no cookies", `curl https://facebook.com/`, nil, ErrNoCookies},
		{"another program", `curly https://facebook.com/ -b '` + good + `'`, nil, ErrNotCredentials},
		{"another site", `curl https://facebook.com.evil.example/ -b '` + good + `'`, &wrongSite, nil},
		{"site in the user part", `curl https://facebook.com@evil.example/ -b '` + good + `'`, &wrongSite, nil},
		{"site as a suffix", `curl https://notfacebook.com/ -b '` + good + `'`, &wrongSite, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseCredentials(test.input, testHosts, testNeeded)
			if test.is != nil && !errors.Is(err, test.is) || test.as != nil && !errors.As(err, test.as) {
				t.Errorf("got %v, want %v %T", err, test.is, test.as)
			}
			if strings.Contains(fmt.Sprint(err), canary) {
				t.Errorf("error quotes the input: %v", err)
			}
		})
	}
	if want := []string{"c_user", "datr"}; missing == nil || !reflect.DeepEqual(missing.Names, want) {
		t.Errorf("missing are %v, want %v", missing, want)
	}
}

func FuzzParseCredentials(f *testing.F) {
	f.Add(`curl ^"https://www.facebook.com/^" ^` + "\r\n" + ` -b ^"c_user=1; xs=2; datr=3^"`)
	f.Add(`curl $'https://facebook.com/' -H $'cookie: a=\u0041\x41\'' \` + "\n -b ''")
	f.Add(`{"c_user":1,"xs":"2","datr":"3"}`)
	f.Fuzz(func(t *testing.T, input string) {
		credentials, err := ParseCredentials(input, testHosts, nil)
		if err == nil && strings.ContainsAny(credentials.Cookies.Header(), "\r\n\x00") {
			t.Errorf("header %q would end early", credentials.Cookies.Header())
		}
	})
}

func TestCredentials(t *testing.T) {
	own := Identity{UserAgent: "own"}
	for _, test := range []struct{ brought, want Identity }{{own, own}, {Identity{}, DefaultIdentity()}} {
		if got := (&Credentials{Identity: test.brought}).IdentityOr(DefaultIdentity()); got != test.want {
			t.Errorf("of %+v got %+v, want %+v", test.brought, got, test.want)
		}
	}
	for value, good := range map[string]bool{"100": true, "": false, "0": false, "-1": false, "x": false, "99999999999999999999": false} {
		err := (&Credentials{Cookies: NewCookies(map[string]string{"account": value})}).HasAccount("account")
		if (err == nil) != good {
			t.Errorf("account %q gives %v", value, err)
		}
	}
}
