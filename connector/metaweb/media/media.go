// Package media downloads the unencrypted media of Meta's networks: signed links on their content hosts, which expire. It
// fetches from allow-listed hosts only, follows redirects one by one under the same rule, and sends no cookies.
//
// A Fetcher keeps no state and may be used from any goroutine. Bodies are streamed; the caller closes them.
package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"crosschat/connector/metaweb/web"
)

// Kind is what the browser would load the media as.
type Kind string

// Kinds of media.
const (
	Image Kind = "image"
	Video Kind = "video"
	Audio Kind = "audio"
	Other Kind = "empty"
)

// Errors of Fetch.
var (
	// ErrExpired means that the link is no longer good; a new one may be.
	ErrExpired = errors.New("media link has expired")
	// ErrNotAllowed is an address that media is never fetched from.
	ErrNotAllowed = errors.New("media address is not on the network's content hosts")
	// ErrTooLarge is media beyond the caller's limit.
	ErrTooLarge = errors.New("media is too large")
)

// TooLarge and NotAllowed ask whether an error is that one.
func TooLarge(err error) bool   { return errors.Is(err, ErrTooLarge) }
func NotAllowed(err error) bool { return errors.Is(err, ErrNotAllowed) }

// Fetcher downloads media. Transport must refuse private addresses, see web.RefusePrivate.
type Fetcher struct {
	Transport http.RoundTripper
	// Hosts may be fetched from, subdomains included.
	Hosts []string
	// ChunkHosts want large files fetched in parts. They are named without subdomains.
	ChunkHosts []string
	Identity   web.Identity
	// Insecure allows plain http and any port, for a simulated network.
	Insecure bool
	// Chunk is the size of such a part, 1 MiB if zero.
	Chunk int64
}

// Body is a download under way.
type Body struct {
	io.ReadCloser
	Size        int64 // -1 if the server doesn't say
	ContentType string
}

const (
	maxRedirects = 5
	defaultChunk = 1 << 20
)

// Fetch opens a link. limit bounds its size: what is known to be larger is refused with ErrTooLarge, what turns out to be
// fails with it while it is read. Other errors are ErrExpired, ErrNotAllowed, a *web.StatusError, and the network's.
func (f *Fetcher) Fetch(ctx context.Context, link string, kind Kind, limit int64) (*Body, error) {
	address, err := f.check(link)
	if err != nil {
		return nil, err
	}
	for hop := 0; hop <= maxRedirects; hop++ {
		if hop > 0 && web.HostIn(address.Hostname(), f.ChunkHosts) {
			return f.fetchChunked(ctx, address, kind, limit)
		}
		response, err := f.do(ctx, http.MethodGet, address, kind, "")
		if err != nil {
			return nil, err
		}
		if response.StatusCode < 300 || response.StatusCode >= 400 {
			return newBody(response, limit)
		}
		_ = response.Body.Close()
		next, err := address.Parse(response.Header.Get("Location"))
		if err != nil {
			return nil, ErrNotAllowed
		}
		if address, err = f.check(next.String()); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("media link redirects too often")
}

// check parses a link and refuses all but https to the allowed hosts by name.
func (f *Fetcher) check(link string) (*url.URL, error) {
	u, err := url.Parse(link)
	if err != nil || u.User != nil || !web.HostIn(u.Hostname(), f.Hosts) {
		return nil, ErrNotAllowed
	}
	if f.Insecure && (u.Scheme == "http" || u.Scheme == "https") {
		return u, nil
	}
	if _, err = netip.ParseAddr(u.Hostname()); err == nil || u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
		return nil, ErrNotAllowed
	}
	return u, nil
}

func (f *Fetcher) do(ctx context.Context, method string, address *url.URL, kind Kind, byteRange string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, address.String(), nil)
	if err != nil {
		return nil, ErrNotAllowed
	}
	f.Identity.ApplyMedia(request.Header)
	request.Header.Set("Accept", "*/*")
	if kind == Image {
		request.Header.Set("Accept", "image/avif,image/webp,*/*")
	}
	request.Header.Set("Sec-Fetch-Dest", string(kind))
	request.Header.Set("Sec-Fetch-Mode", "no-cors")
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	if byteRange != "" {
		request.Header.Set("Range", byteRange)
	}
	// Not by an http.Client, which would follow redirects by its own rules.
	response, err := f.Transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("fetch media from %s: %w", address.Host, err)
	}
	return response, nil
}

// newBody takes a response that is no redirect.
func newBody(response *http.Response, limit int64) (*Body, error) {
	err := statusError(response.StatusCode)
	if err == nil && response.ContentLength > limit {
		err = ErrTooLarge
	}
	if err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	return &Body{
		ReadCloser:  &limited{response.Body, limit},
		Size:        response.ContentLength,
		ContentType: response.Header.Get("Content-Type"),
	}, nil
}

func statusError(status int) error {
	switch {
	case status == http.StatusForbidden || status == http.StatusNotFound || status == http.StatusGone:
		return ErrExpired
	case status != http.StatusOK && status != http.StatusPartialContent:
		return &web.StatusError{Status: status}
	}
	return nil
}

// limited fails where io.LimitReader would end as if all had been read.
type limited struct {
	io.ReadCloser
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// Expiry answers until when a link is good: what its row says in Unix milliseconds, else what its query says. It is zero
// if neither does.
func Expiry(link string, rowExpires int64) time.Time {
	if rowExpires > 0 {
		return time.UnixMilli(rowExpires)
	}
	u, err := url.Parse(link)
	if err != nil {
		return time.Time{}
	}
	seconds, err := strconv.ParseInt(u.Query().Get("oe"), 16, 64)
	if err != nil || seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// PictureID answers what identifies a picture: links to one change their signatures, not their last path element.
func PictureID(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Path[strings.LastIndexByte(u.Path, '/')+1:]
}
