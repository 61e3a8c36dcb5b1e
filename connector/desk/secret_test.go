package desk

import "testing"

func TestLooksSecret(t *testing.T) {
	for message, want := range map[string]bool{
		`{"c_user":"1","xs":"2"}`:                            true,
		" {\n  \"sessionid\": \"x\"":                         true, // cut off
		`curl 'https://www.facebook.com/' -H 'Cookie: xs=1'`: true,
		`curl.exe "https://x/" -b "xs=1"`:                    true,
		"curl https://example.com":                           false,
		"login messenger-cookies":                            false,
		"{}":                                                 false,
		"":                                                   false,
	} {
		if got := looksSecret(message); got != want {
			t.Errorf("%q: %t, want %t", message, got, want)
		}
	}
}
