package web

import (
	"net/http"
	"strings"
)

// Browser answers what every request with cookies carries beside the identity: the viewport, as the cookie wd has it, and the
// site's own number asbd.
func (i Identity) Browser(cookies *Cookies, asbd string) http.Header {
	width := "1920"
	if w, _, ok := strings.Cut(cookies.Get("wd"), "x"); ok && w != "" && len(w) < 6 && strings.Trim(w, "0123456789") == "" {
		width = w
	}
	header := http.Header{"X-Asbd-Id": {asbd}}
	if i.Brands != "" {
		// Only browsers that send the one kind of hints send the other.
		header["Viewport-Width"], header["Dpr"] = []string{width}, []string{"1"}
	}
	return header
}

// Navigation answers the headers of a page that the user opens. Without them sites answer with a page for nobody.
func Navigation() http.Header {
	return headers(map[string]string{
		"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8," +
			"application/signed-exchange;v=b3;q=0.7",
		"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Sec-Fetch-User": "?1",
		"Upgrade-Insecure-Requests": "1",
	})
}

// Script answers the headers of a request that a page's programs make; referer is the page's path.
func Script(site, referer string, more map[string]string) http.Header {
	header := headers(map[string]string{
		"Accept": "*/*", "Origin": site, "Referer": site + referer, "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors",
		"Sec-Fetch-Site": "same-origin",
	})
	for name, value := range more {
		if value != "" {
			header.Set(name, value)
		}
	}
	return header
}

// Socket answers the headers of a websocket to the site's gateway.
func (i Identity) Socket(cookies *Cookies, site string) http.Header {
	return headers(map[string]string{
		"Cookie": cookies.Header(), "User-Agent": i.UserAgent, "Origin": site, "Accept-Language": i.Languages,
		"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "websocket", "Sec-Fetch-Site": "same-site",
	})
}

// headers leaves empty values out.
func headers(values map[string]string) http.Header {
	header := make(http.Header, len(values))
	for name, value := range values {
		if value != "" {
			header.Set(name, value)
		}
	}
	return header
}
