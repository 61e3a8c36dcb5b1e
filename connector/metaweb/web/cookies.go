package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Bounds of what a jar takes from a server.
const (
	maxCookies    = 100
	maxCookieSize = 8 << 10
)

// Cookies is one login's cookie jar. It may be used from any goroutine. It prints and logs as names only; MarshalJSON
// gives the values, for storing.
type Cookies struct {
	mu     sync.Mutex
	values map[string]string
}

// NewCookies makes a jar of these names and values.
func NewCookies(values map[string]string) *Cookies {
	return &Cookies{values: maps.Clone(values)}
}

// Get answers a cookie's value, or nothing.
func (c *Cookies) Get(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.values[name]
}

// Header answers the value of a Cookie header.
func (c *Cookies) Header() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	pairs := make([]string, 0, len(c.values))
	for _, name := range slices.Sorted(maps.Keys(c.values)) {
		pairs = append(pairs, name+"="+c.values[name])
	}
	return strings.Join(pairs, "; ")
}

// Update takes what a response sets and deletes, and says whether anything changed. A cookie without an age is one of
// the session and is kept.
func (c *Cookies) Update(response *http.Response, now time.Time) (changed bool) {
	for _, cookie := range setCookies(response.Header) {
		if len(cookie.Name)+len(cookie.Value) > maxCookieSize {
			continue
		}
		if c.set(cookie, now) {
			changed = true
		}
	}
	return changed
}

// setCookies reads what a response sets and deletes. Values are taken as they stand, as browsers do: the library leaves out
// those with backslashes, and takes quotes off.
func setCookies(header http.Header) []*http.Cookie {
	var cookies []*http.Cookie
	for _, line := range header.Values("Set-Cookie") {
		pair, attributes, _ := strings.Cut(line, ";")
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || strings.ContainsAny(value, "\r\n\x00") {
			continue
		}
		cookie, err := http.ParseSetCookie(name + "=x;" + attributes)
		if err != nil {
			continue
		}
		cookie.Value = strings.TrimSpace(value)
		cookies = append(cookies, cookie)
	}
	return cookies
}

func (c *Cookies) set(cookie *http.Cookie, now time.Time) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, had := c.values[cookie.Name]
	if deletes(cookie, now) {
		delete(c.values, cookie.Name)
		return had
	}
	if had && old == cookie.Value || !had && len(c.values) >= maxCookies {
		return false
	}
	if c.values == nil {
		c.values = make(map[string]string)
	}
	c.values[cookie.Name] = cookie.Value
	return true
}

// deletes says whether a Set-Cookie takes a cookie away: an age of zero or less, or an expiry in the past.
func deletes(cookie *http.Cookie, now time.Time) bool {
	if cookie.MaxAge != 0 {
		return cookie.MaxAge < 0 // the library says -1 for zero and less
	}
	return !cookie.Expires.IsZero() && !cookie.Expires.After(now)
}

// names lists the cookies without their values.
func (c *Cookies) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.values))
}

// MarshalJSON gives the values too: it is for storing.
func (c *Cookies) MarshalJSON() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return json.Marshal(c.values)
}

// UnmarshalJSON replaces all cookies.
func (c *Cookies) UnmarshalJSON(data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values = nil
	return json.Unmarshal(data, &c.values)
}

// Format prints the names, whatever the verb.
func (c *Cookies) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "cookies %v", c.names())
}

// MarshalZerologObject logs the names.
func (c *Cookies) MarshalZerologObject(e *zerolog.Event) { e.Strs("names", c.names()) }
