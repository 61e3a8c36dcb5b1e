package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Rule says what a redirect to a path means. A Path that ends in * stands for all that start so.
type Rule struct {
	Path string
	Kind Kind
}

func (r Rule) matches(path string) bool {
	if prefix, ok := strings.CutSuffix(r.Path, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return path == r.Path
}

// classify judges a redirect before it is followed: by the rules first, then by whether it ends the session. It returns
// where to go, or why not to.
func (c *Client) classify(from *url.URL, response *http.Response) (*url.URL, error) {
	to, err := from.Parse(response.Header.Get("Location"))
	if err != nil || response.Header.Get("Location") == "" {
		return nil, &StopError{Kind: Elsewhere}
	}
	if !c.own(to) {
		return nil, &StopError{Kind: Elsewhere}
	}
	for _, rule := range c.opts.Rules {
		if rule.matches(to.Path) {
			return nil, &StopError{rule.Kind, to.String()}
		}
	}
	if c.endsSession(response) {
		return nil, &StopError{LoggedOut, c.opts.Site}
	}
	return to, nil
}

// own says whether an address is the network's: its site's scheme and port, on one of its hosts.
func (c *Client) own(u *url.URL) bool {
	return u.Scheme == c.site.Scheme && u.Port() == c.site.Port() && u.User == nil && HostIn(u.Hostname(), c.opts.Hosts)
}

// endsSession says whether a response takes the session's cookie away.
func (c *Client) endsSession(response *http.Response) bool {
	for _, cookie := range setCookies(response.Header) {
		if cookie.Name == c.opts.SessionCookie && deletes(cookie, time.Now()) {
			return true
		}
	}
	return false
}

// Judge says what an address means that a good answer names as where to go: a *StopError if a rule matches it, nil
// otherwise.
func (c *Client) Judge(target string) error {
	to, err := c.site.Parse(target)
	if err != nil || !c.own(to) {
		return nil
	}
	for _, rule := range c.opts.Rules {
		if rule.matches(to.Path) {
			return &StopError{rule.Kind, to.String()}
		}
	}
	return nil
}
