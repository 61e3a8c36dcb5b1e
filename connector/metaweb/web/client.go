package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rs/zerolog"
)

// Options of a Client. Transport, Site, Hosts and Cookies must be set.
type Options struct {
	Transport http.RoundTripper // decides about TLS and proxies
	Site      string            // "https://www.facebook.com": scheme and host of the network
	Hosts     []string          // the network's own hosts, subdomains included; cookies go nowhere else
	Cookies   *Cookies
	Identity  Identity
	// Header is added to every request with cookies, for example the viewport's width.
	Header http.Header
	// Rules say what redirects mean; SessionCookie is the cookie whose deletion ends the session.
	Rules         []Rule
	SessionCookie string
	// CookiesChanged is called, from the goroutine of the request, after a response changed the jar.
	CookiesChanged func()

	Timeout time.Duration // of one try, 60 s if zero
	Retries int           // after network errors, 5xx and 429
	// LimitIsFinal keeps a request from being tried again after 429: its maker leaves the site alone by itself.
	LimitIsFinal bool
	RetryWait    time.Duration // times the number of the try, twice that after 429
	Interval     time.Duration // least time between two requests
	Log          zerolog.Logger
}

// Client makes requests as the user's browser.
type Client struct {
	opts Options
	site *url.URL
	pace Pacer
}

// NewClient fails only on a Site that is no address.
func NewClient(opts Options) (*Client, error) {
	site, err := url.Parse(opts.Site)
	if err != nil || site.Host == "" {
		return nil, fmt.Errorf("parse site %q: not an address", opts.Site)
	}
	if opts.Timeout <= 0 {
		opts.Timeout = time.Minute
	}
	return &Client{
		opts: opts,
		site: site,
		pace: Pacer{Interval: opts.Interval},
	}, nil
}

// Identity answers how the client presents itself.
func (c *Client) Identity() Identity { return c.opts.Identity }

// Request is one request. Headers of the browser, and cookies for the network's own hosts, are added to its own.
type Request struct {
	Method string // GET if empty
	URL    string
	Header http.Header
	// Body opens the body, once for each try; nil for none. Size is its length, -1 if that is not known.
	Body func() (io.ReadCloser, error)
	Size int64
	// Anonymous requests carry no cookies and may go to other hosts.
	Anonymous bool
	// Once keeps the request from being tried again: what it does must not be done twice.
	Once    bool
	MaxBody int64         // of the response, 64 MiB if zero
	Timeout time.Duration // instead of the client's
}

// Response is an answer with a status below 400, its body read.
type Response struct {
	URL    *url.URL // after redirects
	Header http.Header
	Body   []byte
}

const (
	maxRedirects   = 5
	defaultMaxBody = 64 << 20
	maxRetryAfter  = 5 * time.Minute
	errorBody      = 4 << 10
)

// Do makes a request and follows no redirect: one is a *StopError or ErrRedirected. Network errors, 5xx and 429 are retried as the
// options say; what remains of them, and other statuses of 400 and above, is returned.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	response, next, err := c.try(ctx, r)
	if err == nil && next != nil {
		return nil, ErrRedirected
	}
	return response, err
}

// Page loads a page and follows redirects on the network's own hosts, each judged first.
func (c *Client) Page(ctx context.Context, r Request) (*Response, error) {
	for range maxRedirects + 1 {
		response, next, err := c.try(ctx, r)
		if err != nil || next == nil {
			return response, err
		}
		r.URL = next.String()
	}
	return nil, &StopError{Kind: RedirectLoop}
}

// try makes a request until it succeeds, is a redirect (then next says where to), or can't be helped.
func (c *Client) try(ctx context.Context, r Request) (response *Response, next *url.URL, err error) {
	for attempt := 1; ; attempt++ {
		if err = c.pace.Wait(ctx); err != nil {
			return nil, nil, err
		}
		response, next, err = c.once(ctx, r)
		if err == nil || ctx.Err() != nil || r.Once || attempt > c.opts.Retries || !c.retryable(err) {
			return response, next, err
		}
		wait := c.wait(attempt, err)
		c.opts.Log.Debug().Err(err).Int("attempt", attempt).Dur("wait", wait).Msg("Request will be tried again")
		if sleepErr := sleep(ctx, wait); sleepErr != nil {
			return nil, nil, err
		}
	}
}

// networkError is a failure on the way, which another try may not meet.
type networkError struct{ err error }

func (e *networkError) Error() string { return e.err.Error() }
func (e *networkError) Unwrap() error { return e.err }

func retryable(err error) bool {
	var network *networkError
	var status *StatusError
	return errors.As(err, &network) || errors.As(err, &status) && status.temporary()
}

func (c *Client) retryable(err error) bool {
	var status *StatusError
	if c.opts.LimitIsFinal && errors.As(err, &status) && status.Status == http.StatusTooManyRequests {
		return false
	}
	return retryable(err)
}

func (c *Client) wait(attempt int, err error) time.Duration {
	wait := time.Duration(attempt) * c.opts.RetryWait
	var status *StatusError
	if errors.As(err, &status) {
		if status.Status == http.StatusTooManyRequests {
			wait *= 2
		}
		wait = max(wait, min(status.RetryAfter, maxRetryAfter))
	}
	return wait
}

func (c *Client) once(ctx context.Context, r Request) (*Response, *url.URL, error) {
	timeout := c.opts.Timeout
	if r.Timeout > 0 {
		timeout = r.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := c.request(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	// Not by an http.Client, which has its own mind about redirects.
	response, err := c.opts.Transport.RoundTrip(request)
	if err != nil {
		return nil, nil, &networkError{fmt.Errorf("%s %s: %w", request.Method, request.URL.Host, withoutURL(err))}
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= 300 && response.StatusCode < 400 {
		next, err := c.classify(request.URL, response)
		return nil, next, err
	}
	if response.StatusCode >= 400 {
		return nil, nil, statusError(response)
	}
	body, err := readBody(response.Body, r.MaxBody)
	if err != nil {
		return nil, nil, err
	}
	if err = c.keepCookies(r, response); err != nil {
		return nil, nil, err
	}
	return &Response{request.URL, response.Header, body}, nil, nil
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	var body io.ReadCloser
	if r.Body != nil {
		var err error
		if body, err = r.Body(); err != nil {
			return nil, fmt.Errorf("open request body: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, r.URL, body)
	if err == nil && !r.Anonymous && !c.own(request.URL) {
		err = fmt.Errorf("host %q is not the network's", request.URL.Host)
	}
	if err != nil {
		if body != nil {
			_ = body.Close()
		}
		return nil, fmt.Errorf("make request: %w", withoutURL(err))
	}
	request.ContentLength = r.Size
	c.opts.Identity.Apply(request.Header)
	for name, values := range r.Header {
		request.Header[name] = values
	}
	if !r.Anonymous {
		for name, values := range c.opts.Header {
			request.Header[name] = values
		}
		request.Header.Set("Cookie", c.opts.Cookies.Header())
	}
	return request, nil
}

// keepCookies takes over what a good response sets. One that takes the session away ends it.
func (c *Client) keepCookies(r Request, response *http.Response) error {
	if r.Anonymous {
		return nil
	}
	if c.endsSession(response) {
		return &StopError{LoggedOut, c.opts.Site}
	}
	if c.opts.Cookies.Update(response, time.Now()) && c.opts.CookiesChanged != nil {
		c.opts.CookiesChanged()
	}
	return nil
}

func statusError(response *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, errorBody)) // whatever came of it will do
	e := &StatusError{Status: response.StatusCode, Body: body}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	}
	return e
}

func readBody(body io.Reader, limit int64) ([]byte, error) {
	if limit <= 0 {
		limit = defaultMaxBody
	}
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, &networkError{fmt.Errorf("read response: %w", err)}
	}
	if int64(len(data)) > limit {
		return nil, ErrTooLarge
	}
	return data, nil
}

// Form makes a request's body and size of form data.
func (r *Request) Form(form url.Values) {
	data := []byte(form.Encode())
	r.Method = http.MethodPost
	r.Size = int64(len(data))
	r.Body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
}
