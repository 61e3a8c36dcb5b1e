package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Credentials are what a login is made of. They are stored with the login and never logged.
type Credentials struct {
	Cookies  *Cookies `json:"cookies"`
	Identity Identity `json:"identity,omitzero"`
}

// IdentityOr is the browser identity that the login brought, or the given one.
func (c *Credentials) IdentityOr(standard Identity) Identity {
	if c.Identity == (Identity{}) {
		return standard
	}
	return c.Identity
}

// HasAccount fails if the cookie of that name does not hold an account's number.
func (c *Credentials) HasAccount(cookie string) error {
	if id, err := strconv.ParseInt(c.Cookies.Get(cookie), 10, 64); err != nil || id <= 0 {
		return fmt.Errorf("cookie %s is not an account's number", cookie)
	}
	return nil
}

// Errors of ParseCredentials. None of them quotes the input.
var (
	ErrNotCredentials = errors.New("this is neither a JSON object of cookies nor a copied cURL command")
	ErrNoCookies      = errors.New("the copied request has no cookies")
)

// WrongSiteError is a copied request to another site.
type WrongSiteError struct {
	Host string
}

func (e *WrongSiteError) Error() string {
	return fmt.Sprintf("the copied request is to another site, %q", e.Host)
}

// MissingCookiesError says which of the needed cookies are not there.
type MissingCookiesError struct {
	Names []string
}

func (e *MissingCookiesError) Error() string {
	return "these cookies are missing: " + strings.Join(e.Names, ", ")
}

const maxCredentials = 256 << 10

// ParseCredentials reads what a user pasted: a JSON object of cookie names and values, or a request copied "as cURL"
// (bash or Windows), whose browser headers become the identity. A copied request must be to one of the hosts, each of
// which stands for its subdomains too; needed lists the cookies that can't be missing.
func ParseCredentials(input string, hosts, needed []string) (*Credentials, error) {
	input = strings.TrimSpace(input)
	var credentials *Credentials
	var err error
	switch {
	case len(input) > maxCredentials:
		return nil, ErrNotCredentials
	case strings.HasPrefix(input, "{"):
		credentials, err = parseJSON(input)
	case strings.HasPrefix(input, "curl"):
		credentials, err = parseCURL(input, hosts)
	default:
		return nil, ErrNotCredentials
	}
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, name := range needed {
		if credentials.Cookies.Get(name) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, &MissingCookiesError{missing}
	}
	return credentials, nil
}

func parseJSON(input string) (*Credentials, error) {
	var raw map[string]any
	decoder := json.NewDecoder(strings.NewReader(input))
	decoder.UseNumber()
	if err := decoder.Decode(&raw); err != nil || decoder.More() {
		return nil, ErrNotCredentials
	}
	values := make(map[string]string, len(raw))
	for name, value := range raw {
		switch value := value.(type) {
		case string:
			values[name] = value
		case json.Number:
			values[name] = value.String()
		default:
			return nil, ErrNotCredentials
		}
	}
	return newCredentials(values, Identity{})
}

func parseCURL(input string, hosts []string) (*Credentials, error) {
	words, err := splitShell(input)
	if err != nil || len(words) == 0 || words[0] != "curl" && words[0] != "curl.exe" {
		return nil, ErrNotCredentials
	}
	header := make(http.Header)
	var address, cookies string
	for i := 1; i < len(words); i++ {
		word := words[i]
		takes := optionsWithValue[word]
		if !takes {
			if address == "" && strings.HasPrefix(word, "http") {
				address = word
			}
			continue
		}
		if i++; i == len(words) {
			return nil, ErrNotCredentials
		}
		switch word {
		case "-H", "--header":
			if name, value, ok := strings.Cut(words[i], ":"); ok {
				header.Set(name, strings.TrimSpace(value))
			}
		case "-b", "--cookie":
			cookies = words[i]
		case "-A", "--user-agent":
			header.Set("User-Agent", words[i])
		case "--url":
			address = words[i]
		}
	}
	if err = checkSite(address, hosts); err != nil {
		return nil, err
	}
	if cookies == "" {
		cookies = header.Get("Cookie")
	}
	values, err := parseCookieHeader(cookies)
	if err != nil {
		return nil, err
	}
	return newCredentials(values, identityOf(header))
}

// optionsWithValue are cURL's options whose next word is theirs, as far as browsers write them.
var optionsWithValue = map[string]bool{
	"-H": true, "--header": true, "-b": true, "--cookie": true, "-A": true, "--user-agent": true, "--url": true,
	"-X": true, "--request": true, "-d": true, "--data": true, "--data-raw": true, "--data-binary": true,
	"--data-urlencode": true, "-e": true, "--referer": true, "-x": true, "--proxy": true,
}

func checkSite(address string, hosts []string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ErrNotCredentials
	}
	if !HostIn(u.Hostname(), hosts) {
		return &WrongSiteError{u.Hostname()}
	}
	return nil
}

func parseCookieHeader(header string) (map[string]string, error) {
	values := make(map[string]string)
	for pair := range strings.SplitSeq(header, ";") {
		if name, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && name != "" {
			values[name] = value
		}
	}
	if len(values) == 0 {
		return nil, ErrNoCookies
	}
	return values, nil
}

// newCredentials refuses what could not be sent as a header.
func newCredentials(values map[string]string, identity Identity) (*Credentials, error) {
	if len(values) == 0 || len(values) > maxCookies {
		return nil, ErrNotCredentials
	}
	for name, value := range values {
		if strings.ContainsAny(name, " =;,\t\r\n\x00") || strings.ContainsAny(value, ";\r\n\x00") ||
			len(name)+len(value) > maxCookieSize {
			return nil, ErrNotCredentials
		}
	}
	for _, value := range identity.headers() {
		if strings.ContainsAny(*value, "\r\n\x00") || len(*value) > maxCookieSize {
			return nil, ErrNotCredentials
		}
	}
	return &Credentials{NewCookies(values), identity}, nil
}

// HostIn says whether a host is one of the hosts or a subdomain of one.
func HostIn(host string, hosts []string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, h := range hosts {
		if host == h || strings.HasSuffix(host, "."+h) {
			return true
		}
	}
	return false
}
