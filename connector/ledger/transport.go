package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Transport wraps the HTTP transport by which the bridge talks to its homeserver; nil wraps http.DefaultTransport. While
// Deliver hands an event over, it replaces the random transaction ids of what the event sends by ones made from the
// event (client API, "Transaction identifiers": the homeserver answers a repeat with the first event's id), and notes
// for Deliver whether the homeserver was there. All other requests pass untouched.
func Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{next: next, uncertain: make(map[string]bool)}
}

type transport struct {
	next http.RoundTripper

	lock sync.Mutex
	// uncertain are transaction ids of ours whose request failed, so that nobody knows whether it was carried out. The
	// homeserver may have been restarted since, and Synapse keeps the ids of appservices only in memory.
	uncertain map[string]bool
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	try := attemptIn(req.Context())
	if try == nil {
		return t.next.RoundTrip(req)
	}
	ours := ""
	if kind, made, ok := txnIDOf(req.URL, req.Method); ok {
		if txnID, ok := try.txnID(kind, made); ok {
			ours = txnID
			req = req.Clone(req.Context())
			req.URL.RawPath = strings.TrimSuffix(req.URL.EscapedPath(), made) + txnID
			req.URL.Path = strings.TrimSuffix(req.URL.Path, made) + txnID
		}
	}
	if resp := t.alreadySent(req, ours); resp != nil {
		return resp, nil
	}
	Passing("matrix.sending")
	resp, err := t.next.RoundTrip(req)
	Passing("matrix.sent")
	t.note(ours, err != nil || resp.StatusCode >= http.StatusInternalServerError)
	switch {
	case err != nil:
		try.fail(err)
	case resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests:
		try.fail(fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, resp.Status))
	}
	return resp, err
}

// note remembers whether it is known what became of a request.
func (t *transport) note(txnID string, uncertain bool) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if uncertain && txnID != "" {
		t.uncertain[txnID] = true
	} else {
		delete(t.uncertain, txnID)
	}
}

// recentEvents is how far back a room is searched for an event that may have been sent.
const recentEvents = "200"

// alreadySent answers a request in the homeserver's place if an earlier one with its transaction id failed but was carried
// out all the same: the homeserver shows appservices the ids of what they sent (client API, unsigned.transaction_id). It
// is nil if the request has to be made.
func (t *transport) alreadySent(req *http.Request, txnID string) *http.Response {
	t.lock.Lock()
	uncertain := t.uncertain[txnID]
	t.lock.Unlock()
	path := strings.Split(req.URL.EscapedPath(), "/")
	if !uncertain || len(path) < 4 {
		return nil
	}
	search := req.Clone(req.Context())
	search.Method, search.Body, search.ContentLength, search.GetBody = http.MethodGet, nil, 0, nil
	search.URL.RawPath = strings.Join(path[:len(path)-3], "/") + "/messages"
	plain, err := url.PathUnescape(search.URL.RawPath)
	if err != nil {
		return nil
	}
	search.URL.Path = plain
	query := url.Values{"dir": {"b"}, "limit": {recentEvents}}
	if user := req.URL.Query().Get("user_id"); user != "" {
		query.Set("user_id", user)
	}
	search.URL.RawQuery = query.Encode()
	resp, err := t.next.RoundTrip(search)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	var page struct {
		Chunk []struct {
			ID       string `json:"event_id"`
			Unsigned struct {
				TxnID string `json:"transaction_id"`
			} `json:"unsigned"`
		} `json:"chunk"`
	}
	if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&page) != nil {
		return nil
	}
	for _, evt := range page.Chunk {
		if evt.Unsigned.TxnID == txnID && evt.ID != "" {
			t.note(txnID, false)
			body, _ := json.Marshal(map[string]string{"event_id": evt.ID}) // strings can always be encoded
			return &http.Response{
				Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
				Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
				Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
			}
		}
	}
	return nil
}

// kindRedact begins the kind of a redaction; the rest is the event that it redacts.
const kindRedact = "redact "

// txnIDOf is the last segment of PUT …/rooms/{room}/send/{type}/{txn} and PUT …/rooms/{room}/redact/{event}/{txn}, and what
// kind of event that sends.
func txnIDOf(target *url.URL, method string) (kind, txnID string, ok bool) {
	if method != http.MethodPut {
		return "", "", false
	}
	parts := strings.Split(target.EscapedPath(), "/")
	if len(parts) < 5 || parts[len(parts)-5] != "rooms" {
		return "", "", false
	}
	txnID = parts[len(parts)-1]
	switch parts[len(parts)-3] {
	case "send":
		kind = parts[len(parts)-2]
	case "redact":
		kind = kindRedact + parts[len(parts)-2]
	default:
		return "", "", false
	}
	return kind, txnID, txnID != ""
}
