package web

import "testing"

func TestBrowserHeader(t *testing.T) {
	for cookie, want := range map[string]string{"1280x720": "1280", "": "1920", "x": "1920", "1e9x5": "1920", "123456x5": "1920", "1280\r\nx5": "1920"} {
		got := DefaultIdentity().Browser(NewCookies(map[string]string{"wd": cookie}), "7")
		if got.Get("Viewport-Width") != want || got.Get("X-Asbd-Id") != "7" || got.Get("Dpr") != "1" {
			t.Errorf("wd of %q: got %v, want width %s", cookie, got, want)
		}
	}
	if got := (Identity{UserAgent: "Mozilla/5.0"}).Browser(NewCookies(nil), "7"); got.Get("Viewport-Width") != "" || got.Get("Dpr") != "" {
		t.Errorf("browser without hints sends %v", got)
	}
}

func TestScriptAndSocketHeaders(t *testing.T) {
	got := Script("https://site", "/page/", map[string]string{"X-A": "1", "X-B": ""})
	if _, there := got["X-B"]; there || got.Get("X-A") != "1" || got.Get("Referer") != "https://site/page/" || got.Get("Sec-Fetch-Site") != "same-origin" {
		t.Errorf("got %v", got)
	}
	socket := (Identity{UserAgent: "u"}).Socket(NewCookies(map[string]string{"a": "b"}), "https://site")
	if _, there := socket["Accept-Language"]; there || socket.Get("Cookie") != "a=b" || socket.Get("User-Agent") != "u" {
		t.Errorf("got %v", socket)
	}
	if page := Navigation(); page.Get("Sec-Fetch-Mode") != "navigate" {
		t.Errorf("got %v", page)
	}
}
