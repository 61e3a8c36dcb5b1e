package webclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// UserAgent is what the client says it is.
const UserAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"

const web = "https://www.facebook.com"

// Client is one browser.
type Client struct {
	HTTP    *http.Client
	Cookies map[string]string
	Agent   string
	Page    *Page

	requests int // of GraphQL
	lastID   int // request ids of the gateway
	lastTask int
}

// Redirected is a page load that ended somewhere else.
type Redirected struct {
	Target  string
	Deleted bool // the session cookie was deleted
}

// Error names the target.
func (r *Redirected) Error() string { return "redirected to " + r.Target }

// Status is an answer that is no success.
type Status int

// Error names the status.
func (s Status) Error() string { return "status " + strconv.Itoa(int(s)) }

// Refused is an error in the body of an answer.
type Refused struct {
	Code    int    `json:"error"`
	Summary string `json:"errorSummary"`
}

// Error names the code.
func (r *Refused) Error() string { return fmt.Sprintf("refused with %d: %s", r.Code, r.Summary) }

// New makes a client that reaches all hosts at one address and trusts one authority.
func New(address string, caPEM []byte, cookies map[string]string) *Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(caPEM)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	return &Client{
		HTTP: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		Cookies: cookies, Agent: UserAgent,
	}
}

// Page is what the page told.
type Page struct {
	Configs map[string]map[string]any
	Comet   string
	JazoEst string
	Version string
	DocID   string
	Table   []Row
	HasTable,
	Bitmap bool
}

// Value is a config's field as text.
func (p *Page) Value(config, field string) string {
	switch v := p.Configs[config][field].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatInt(int64(v), 10)
	default:
		return ""
	}
}

func (c *Client) cookieHeader() string {
	var pairs []string
	for name, value := range c.Cookies {
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, "; ")
}

// Load loads and scrapes the page.
func (c *Client) Load(ctx context.Context) (*Page, error) {
	body, err := c.get(ctx, web+"/messages")
	if err != nil {
		return nil, err
	}
	if strings.Contains(body, `"USER_ID":"0"`) {
		return nil, &Redirected{Target: "logged out"}
	}
	if strings.Contains(body, `"is_checkpointed":true`) {
		return nil, &Redirected{Target: "checkpoint in the page"}
	}
	c.Page, err = c.scrape(ctx, body)
	return c.Page, err
}

func (c *Client) get(ctx context.Context, target string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("User-Agent", c.Agent)
	if strings.HasPrefix(target, web) {
		req.Header.Set("Cookie", c.cookieHeader())
		req.Header.Set("Sec-Fetch-Site", "none")
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if location := resp.Header.Get("Location"); location != "" {
		r := &Redirected{Target: location}
		for _, set := range resp.Cookies() {
			r.Deleted = r.Deleted || set.Name == "xs" && set.MaxAge < 0
		}
		return "", r
	}
	if resp.StatusCode != http.StatusOK {
		return "", Status(resp.StatusCode)
	}
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

var (
	scriptPattern  = regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`)
	versionPattern = regexp.MustCompile(`__d\("LSVersion",.*?exports="(\d+)"`)
	linkPattern    = regexp.MustCompile(`as="script" href="([^"]+)"`)
)

func (c *Client) scrape(ctx context.Context, body string) (*Page, error) {
	p := &Page{Configs: map[string]map[string]any{}}
	for _, script := range scriptPattern.FindAllStringSubmatch(body, -1) {
		var content map[string]any
		if json.Unmarshal([]byte(script[2]), &content) != nil {
			continue
		}
		if strings.Contains(script[1], "__eqmc") {
			u, err := url.Parse(fmt.Sprint(content["u"]))
			if err != nil {
				return nil, err
			}
			p.Comet, p.JazoEst = u.Query().Get("__comet_req"), u.Query().Get("jazoest")
			continue
		}
		if err := p.require(content["require"]); err != nil {
			return nil, err
		}
	}
	if link := linkPattern.FindStringSubmatch(body); p.Version == "" && link != nil {
		script, err := c.get(ctx, link[1])
		if err != nil {
			return nil, err
		}
		if found := versionPattern.FindStringSubmatch(script); found != nil {
			p.Version = found[1]
		}
	}
	if p.Version == "" {
		return nil, errors.New("version not found")
	}
	return p, nil
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func field(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}

// require walks the require entries of section 1.4.
func (p *Page) require(v any) error {
	for _, entry := range list(v) {
		parts := list(entry)
		if len(parts) < 4 {
			return fmt.Errorf("require entry of %d elements", len(parts))
		}
		name, _, _ := strings.Cut(fmt.Sprint(parts[0]), "@")
		args := list(parts[3])
		switch name {
		case "ScheduledServerJS":
			for _, arg := range args {
				box := field(arg, "__bbox")
				for _, define := range list(field(box, "define")) {
					p.define(list(define))
				}
				if err := p.require(field(box, "require")); err != nil {
					return err
				}
			}
		case "CometPlatformRootClient":
			if err := p.root(args); err != nil {
				return err
			}
		case "RelayPrefetchedStreamCache":
			if err := p.prefetched(args); err != nil {
				return err
			}
		case "Bootloader":
			p.Bitmap = true
		}
	}
	return nil
}

func (p *Page) define(parts []any) {
	if len(parts) == 4 && fmt.Sprint(parts[3]) != "0" {
		if config, ok := parts[2].(map[string]any); ok {
			p.Configs[fmt.Sprint(parts[0])] = config
		}
	}
}

func (p *Page) root(args []any) error {
	var preloaders []any
	if len(args) > 4 {
		preloaders = list(args[4])
	} else if len(args) > 0 {
		preloaders = list(field(args[0], "expectedPreloaders"))
	}
	for _, preloader := range preloaders {
		if !strings.HasPrefix(fmt.Sprint(field(preloader, "preloaderID")), "adp_LSPlatformGraphQLLightspeedRequest") {
			continue
		}
		p.DocID = fmt.Sprint(field(preloader, "queryID"))
		var payload struct {
			Version json.Number `json:"version"`
		}
		if err := json.Unmarshal([]byte(fmt.Sprint(field(field(preloader, "variables"), "requestPayload"))), &payload); err != nil {
			return err
		}
		p.Version = payload.Version.String()
	}
	return nil
}

func (p *Page) prefetched(args []any) (err error) {
	if len(args) < 2 {
		return errors.New("prefetched query without a result")
	}
	answer := field(field(field(field(field(args[1], "__bbox"), "result"), "data"), "viewer"), "lightspeed_web_request")
	if _, text := field(answer, "target").(string); !text {
		return errors.New("target of a prefetched query is no text")
	}
	p.HasTable = true
	p.Table, err = Evaluate(fmt.Sprint(field(answer, "payload")))
	return err
}

// common are the form fields of section 1.5 that uploads have too.
func (c *Client) common() url.Values {
	c.requests++
	p := c.Page
	return url.Values{
		"__user": {p.Value("CurrentUserInitialData", "USER_ID")}, "__a": {"1"}, "__req": {strconv.FormatInt(int64(c.requests+1), 36)},
		"__hs": {p.Value("SiteData", "haste_session")}, "dpr": {"1"}, "__ccg": {"EXCELLENT"}, "__rev": {p.Value("SiteData", "__spin_r")},
		"__s": {"abcdef:ghijkl:mnopqr"}, "__hsi": {p.Value("SiteData", "hsi")}, "__comet_req": {p.Comet},
		"fb_dtsg": {p.Value("DTSGInitData", "token")}, "jazoest": {p.JazoEst}, "lsd": {p.Value("LSD", "token")},
		"__spin_r": {p.Value("SiteData", "__spin_r")}, "__spin_b": {"trunk"}, "__spin_t": {p.Value("SiteData", "__spin_t")},
		"__aaid": {"0"},
	}
}

// GraphQL runs a query and returns the answer's data.
func (c *Client) GraphQL(ctx context.Context, name, docID string, variables any) (map[string]any, error) {
	encoded, err := json.Marshal(variables)
	if err != nil {
		return nil, err
	}
	form := c.common()
	form.Set("fb_api_caller_class", "RelayModern")
	form.Set("fb_api_req_friendly_name", name)
	form.Set("variables", string(encoded))
	form.Set("server_timestamps", "true")
	form.Set("doc_id", docID)
	req, err := c.post(ctx, web+"/api/graphql/", strings.NewReader(form.Encode()), "application/x-www-form-urlencoded")
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Fb-Friendly-Name", name)
	var answer struct {
		Refused
		Data   map[string]any `json:"data"`
		Errors []struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if err = c.json(req, &answer); err != nil {
		return nil, err
	}
	if answer.Code != 0 {
		return nil, &answer.Refused
	}
	if len(answer.Errors) > 0 {
		return answer.Data, &Refused{Code: answer.Errors[0].Code, Summary: answer.Errors[0].Message}
	}
	return answer.Data, nil
}

// LightspeedQuery asks for a database over GraphQL.
func (c *Client) LightspeedQuery(ctx context.Context, db int, params string) ([]Row, error) {
	payload, err := json.Marshal(map[string]any{
		"database": db, "epoch_id": 0, "sync_params": params, "last_applied_cursor": nil, "version": json.Number(c.Page.Version),
	})
	if err != nil {
		return nil, err
	}
	data, err := c.GraphQL(ctx, "LSPlatformGraphQLLightspeedRequestQuery", c.Page.DocID, map[string]any{
		"deviceId": c.Page.Value("MqttWebDeviceID", "clientID"), "includeChatVisibility": false, "requestId": 0,
		"requestPayload": string(payload), "requestType": 1,
	})
	if err != nil {
		return nil, err
	}
	return Evaluate(fmt.Sprint(field(field(field(data, "viewer"), "lightspeed_web_request"), "payload")))
}

func (c *Client) post(ctx context.Context, target string, body io.Reader, kind string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", c.Agent)
	req.Header.Set("Cookie", c.cookieHeader())
	req.Header.Set("X-Fb-Lsd", c.Page.Value("LSD", "token"))
	req.Header.Set("Origin", web)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return req, nil
}

func (c *Client) json(req *http.Request, into any) error {
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Status(resp.StatusCode)
	}
	for _, set := range resp.Cookies() {
		if set.MaxAge < 0 {
			delete(c.Cookies, set.Name)
		} else {
			c.Cookies[set.Name] = set.Value
		}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if err = json.Unmarshal(bytes.TrimPrefix(body, []byte("for (;;);")), into); err != nil {
		return fmt.Errorf("answer is no JSON: %w", err)
	}
	return nil
}
