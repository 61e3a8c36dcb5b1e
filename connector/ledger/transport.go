package ledger

import (
	"bytes"
	"context"
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
// for Deliver whether the homeserver was there. Requests that give encryption keys away wait until settle, if there is
// one, says that what the database holds survives a power cut. All other requests pass untouched.
func Transport(next http.RoundTripper, settle func(context.Context) error) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{next: next, settle: settle, uncertain: make(map[string]bool), looked: make(map[string]bool)}
}

type transport struct {
	next   http.RoundTripper
	settle func(context.Context) error

	lock sync.Mutex
	// looked are the rooms in which this run has looked for what an earlier one may have sent, see alreadySent.
	looked map[string]bool
	// uncertain are transaction ids of ours whose request failed, so that nobody knows whether it was carried out. The
	// homeserver may have been restarted since, and Synapse keeps the ids of appservices only in memory.
	uncertain map[string]bool
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.settle != nil && givesKeysAway(req) {
		if err := t.settle(req.Context()); err != nil {
			if req.Body != nil {
				_ = req.Body.Close()
			}
			return nil, fmt.Errorf("keep keys before they are given away: %w", err)
		}
	}
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
const recentEvents = "100"

// givesKeysAway is whether a request hands out keys whose other half is in the database (client API, POST /keys/upload,
// PUT /sendToDevice): if that were lost, nobody could decrypt what is encrypted with them.
func givesKeysAway(req *http.Request) bool {
	path := req.URL.EscapedPath()
	return req.Method == http.MethodPut && strings.Contains(path, "/sendToDevice/") ||
		req.Method == http.MethodPost && strings.HasSuffix(path, "/keys/upload")
}

// alreadySent answers a request in the homeserver's place if an earlier one with its transaction id was carried out all
// the same: the homeserver shows appservices the ids of what they sent (client API, unsigned.transaction_id). It looks if
// an earlier request failed, and for the first one of each room, since that may be what an earlier run had sent when it
// ended: a login's messages come one after the other. It is nil if the request has to be made.
func (t *transport) alreadySent(req *http.Request, txnID string) *http.Response {
	path := strings.Split(req.URL.EscapedPath(), "/")
	if txnID == "" || len(path) < 4 {
		return nil
	}
	room := path[len(path)-4]
	t.lock.Lock()
	doubtful := t.uncertain[txnID] || !t.looked[room]
	t.lock.Unlock()
	if !doubtful {
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
	t.lock.Lock()
	t.looked[room] = true
	t.lock.Unlock()
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
