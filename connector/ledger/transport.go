package ledger

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Transport wraps the HTTP transport by which the bridge talks to its homeserver; nil wraps http.DefaultTransport. While
// Deliver hands an event over, it replaces the random transaction ids of what the event sends by ones made from the
// event (client API, "Transaction identifiers": the homeserver answers a repeat with the first event's id), and notes
// for Deliver whether the homeserver was there. All other requests pass untouched.
func Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return transport{next}
}

type transport struct {
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	try := attemptIn(req.Context())
	if try == nil {
		return t.next.RoundTrip(req)
	}
	if made, ok := txnIDOf(req.URL, req.Method); ok {
		if txnID, ok := try.txnID(made); ok {
			req = req.Clone(req.Context())
			req.URL.RawPath = strings.TrimSuffix(req.URL.EscapedPath(), made) + txnID
			req.URL.Path = strings.TrimSuffix(req.URL.Path, made) + txnID
		}
	}
	resp, err := t.next.RoundTrip(req)
	switch {
	case err != nil:
		try.fail(err)
	case resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests:
		try.fail(fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, resp.Status))
	}
	return resp, err
}

// txnIDOf is the last segment of PUT …/rooms/{room}/send/{type}/{txn}.
func txnIDOf(target *url.URL, method string) (string, bool) {
	if method != http.MethodPut {
		return "", false
	}
	parts := strings.Split(target.EscapedPath(), "/")
	if len(parts) < 5 || parts[len(parts)-5] != "rooms" || parts[len(parts)-3] != "send" {
		return "", false
	}
	txnID := parts[len(parts)-1]
	return txnID, txnID != ""
}
