package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Transport wraps the HTTP transport by which the bridge talks to its homeserver; nil wraps http.DefaultTransport. While
// Deliver hands an event over, it replaces the random transaction ids of what the event sends by ones made from the
// event (client API, "Transaction identifiers": the homeserver answers a repeat with the first event's id), and notes
// for Deliver whether the homeserver was there. All other requests pass untouched, if the guards let them.
func Transport(next http.RoundTripper, guards Guards) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{
		next: next, guards: guards, began: time.Now(), uncertain: make(map[string]bool), looked: make(map[string]map[string]string), plain: make(map[string]bool),
	}
}

// Guards are asked before requests that would do harm if the database did not hold what it should. Each may be nil.
type Guards struct {
	// Keep makes the other halves of keys survive a power cut; it is called before they are given away.
	Keep func(context.Context) error
	// Learn is called when a message was about to go into an encrypted room in the clear, which is then refused: the
	// bridge does not know the room's state.
	Learn func(context.Context, id.RoomID) error
	// Fence returns when all that was asked of the homeserver in a room is to be seen there, as far as it will ever be.
	Fence func(context.Context, id.RoomID) error
	// Missed is called when the homeserver did not answer.
	Missed func()
}

type transport struct {
	next   http.RoundTripper
	guards Guards
	began  time.Time

	lock sync.Mutex
	// plain are the rooms of which the homeserver has said that they are not encrypted. Who encrypts one later tells us.
	plain map[string]bool
	// looked are the rooms in which this run has looked for what an earlier one may have sent, with the event of each
	// transaction id of ours that it found and that did not come up yet.
	looked map[string]map[string]string
	// uncertain are transaction ids of ours that were used, of events that are not stored yet. If one is used again, the
	// homeserver may have been restarted since, and Synapse keeps the ids of appservices only in memory.
	uncertain map[string]bool
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.roundTrip(req)
	if t.guards.Missed != nil && req.Context().Err() == nil && (errors.As(err, new(*net.OpError)) || errors.Is(err, io.EOF)) {
		t.guards.Missed()
	}
	return resp, err
}

func (t *transport) roundTrip(req *http.Request) (*http.Response, error) {
	if err := t.guard(req); err != nil {
		discard(req)
		return nil, err
	}
	try := attemptIn(req.Context())
	if try == nil {
		return t.next.RoundTrip(req)
	}
	ours := ""
	kind, made, ok := txnIDOf(req.URL, req.Method)
	if ok {
		if txnID, ok := try.txnID(kind, made); ok {
			ours = txnID
			var err error
			if req, err = renamed(req, kind, made, txnID); err != nil {
				return nil, err
			}
		}
	}
	if ours != "" {
		try.whenStored(func() { t.note(ours, false) })
		if resp, err := t.alreadySent(req, ours, strings.HasPrefix(kind, kindRedact)); resp != nil || err != nil {
			if err != nil {
				try.fail(err)
			}
			discard(req)
			return resp, err
		}
		t.note(ours, true)
		Passing("matrix.sending")
	}
	resp, err := t.next.RoundTrip(req)
	if ours != "" {
		Passing("matrix.sent")
	}
	if strings.HasSuffix(req.URL.Path, "/createRoom") {
		Passing("room.made")
	}
	switch {
	case err != nil:
		try.fail(err)
	case resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests:
		try.fail(fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, resp.Status))
	}
	return resp, err
}

// keyTxnID is where an event's content bears the transaction id by which it was sent, beside what is encrypted. Dendrite v0.15
// does not tell appservices the ids of what they sent, and forgets one whose request was cut short, though the event is there.
const keyTxnID = "app.crosschat.transaction_id"

// renamed is a request with a transaction id of ours in the place of the library's.
func renamed(req *http.Request, kind, made, txnID string) (*http.Request, error) {
	renamed := req.Clone(req.Context())
	renamed.URL.RawPath = strings.TrimSuffix(req.URL.EscapedPath(), made) + txnID
	renamed.URL.Path = strings.TrimSuffix(req.URL.Path, made) + txnID
	if req.Body == nil || strings.HasPrefix(kind, kindRedact) {
		return renamed, nil
	}
	defer req.Body.Close()
	var content map[string]json.RawMessage
	if err := json.NewDecoder(req.Body).Decode(&content); err != nil || content == nil {
		return nil, fmt.Errorf("read the content of an event: want a JSON object, error %v", err)
	}
	content[keyTxnID] = json.RawMessage(strconv.Quote(txnID))
	body, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("write the content of an event: %w", err)
	}
	renamed.ContentLength = int64(len(body))
	renamed.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	renamed.Body, _ = renamed.GetBody()
	return renamed, nil
}

// discard closes the body of a request that is not made, as an http.RoundTripper must.
func discard(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// note remembers whether a transaction id was used that must not be used again without looking.
func (t *transport) note(txnID string, uncertain bool) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if uncertain {
		t.uncertain[txnID] = true
	} else {
		delete(t.uncertain, txnID)
	}
}

// echoLimit is how long after its start the bridge allows for requests of an earlier run that are still to be carried out.
const echoLimit = time.Minute

// recentEvents is how far back a room is searched for an event that may have been sent.
const recentEvents = "100"

// guard lets a request pass, or says why not.
func (t *transport) guard(req *http.Request) error {
	if t.guards.Keep != nil && givesKeysAway(req) {
		if err := t.guards.Keep(req.Context()); err != nil {
			return fmt.Errorf("keep keys before they are given away: %w", err)
		}
	}
	kind, _, ok := txnIDOf(req.URL, req.Method)
	if !ok || kind != event.EventMessage.Type || t.guards.Learn == nil {
		return nil
	}
	path := strings.Split(req.URL.EscapedPath(), "/")
	room, err := url.PathUnescape(path[len(path)-4])
	if err != nil {
		return nil
	}
	t.lock.Lock()
	plain := t.plain[room]
	t.lock.Unlock()
	if plain {
		return nil
	}
	resp, err := t.ask(req, nil, append(path[:len(path)-3], "state", event.StateEncryption.Type)...)
	if err != nil {
		return fmt.Errorf("ask whether room %s is encrypted: %w", room, err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return errors.Join(fmt.Errorf("room %s is encrypted, and the bridge did not know", room), t.guards.Learn(req.Context(), id.RoomID(room)))
	}
	if resp.StatusCode == http.StatusNotFound {
		t.lock.Lock()
		defer t.lock.Unlock()
		t.plain[room] = true
	}
	return nil
}

// ask reads something as the one who sends a request.
func (t *transport) ask(req *http.Request, query url.Values, path ...string) (*http.Response, error) {
	ask := req.Clone(req.Context())
	ask.Method, ask.Body, ask.ContentLength, ask.GetBody = http.MethodGet, nil, 0, nil
	ask.URL.RawPath = strings.Join(path, "/")
	var err error
	if ask.URL.Path, err = url.PathUnescape(ask.URL.RawPath); err != nil {
		return nil, fmt.Errorf("path of a request: %w", err)
	}
	if query == nil {
		query = url.Values{}
	}
	if user := req.URL.Query().Get("user_id"); user != "" {
		query.Set("user_id", user)
	}
	ask.URL.RawQuery = query.Encode()
	return t.next.RoundTrip(ask)
}

// givesKeysAway is whether a request hands out keys whose other half is in the database (client API, POST /keys/upload,
// PUT /sendToDevice): if that were lost, nobody could decrypt what is encrypted with them.
func givesKeysAway(req *http.Request) bool {
	path := req.URL.EscapedPath()
	return req.Method == http.MethodPut && strings.Contains(path, "/sendToDevice/") ||
		req.Method == http.MethodPost && strings.HasSuffix(path, "/keys/upload")
}

// alreadySent answers a request in the homeserver's place if an earlier one with its transaction id was carried out: the
// homeserver shows appservices the ids of what they sent (client API, unsigned.transaction_id), or the event does (keyTxnID;
// what others write there counts for nothing). It looks if an id is used again, and before the first request of each room,
// since an earlier run may have sent something when it ended. What may still be carried out is waited for, unless a repeat is
// harmless. Without error and answer the request has to be made.
func (t *transport) alreadySent(req *http.Request, txnID string, harmless bool) (*http.Response, error) {
	path := strings.Split(req.URL.EscapedPath(), "/")
	if len(path) < 4 {
		return nil, nil
	}
	room := path[len(path)-4]
	t.lock.Lock()
	found, looked := t.looked[room]
	event := found[txnID]
	delete(found, txnID)
	uncertain := t.uncertain[txnID]
	t.lock.Unlock()
	if event != "" {
		return answer(req, event), nil
	}
	if looked && !uncertain {
		return nil, nil
	}
	if t.guards.Fence != nil && !harmless && (uncertain || time.Since(t.began) < echoLimit) {
		name, err := url.PathUnescape(room)
		if err != nil {
			return nil, fmt.Errorf("room of a request: %w", err)
		}
		if err = t.guards.Fence(req.Context(), id.RoomID(name)); err != nil {
			return nil, err
		}
	}
	resp, err := t.ask(req, url.Values{"dir": {"b"}, "limit": {recentEvents}}, append(path[:len(path)-3], "messages")...)
	if err != nil {
		return nil, fmt.Errorf("look whether an event was sent: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests {
		return nil, fmt.Errorf("look whether an event was sent: %s", resp.Status)
	}
	var page struct {
		Chunk []struct {
			ID      string `json:"event_id"`
			Sender  string `json:"sender"`
			Content struct {
				TxnID any `json:"app.crosschat.transaction_id"`
			} `json:"content"`
			Unsigned struct {
				TxnID string `json:"transaction_id"`
			} `json:"unsigned"`
		} `json:"chunk"`
	}
	if resp.StatusCode == http.StatusOK { // else it won't say, as to one who is not in the room
		if err = json.NewDecoder(resp.Body).Decode(&page); err != nil {
			return nil, fmt.Errorf("look whether an event was sent: %w", err)
		}
	}
	found = make(map[string]string)
	for _, evt := range page.Chunk {
		used := evt.Unsigned.TxnID
		if written, ok := evt.Content.TxnID.(string); ok && used == "" && evt.Sender == req.URL.Query().Get("user_id") {
			used = written
		}
		if evt.ID != "" && strings.HasPrefix(used, ownTxnID) {
			found[used] = evt.ID
		}
	}
	event = found[txnID]
	delete(found, txnID)
	t.lock.Lock()
	if !looked {
		t.looked[room] = found
	}
	t.lock.Unlock()
	if event != "" {
		return answer(req, event), nil
	}
	return nil, nil
}

// answer is the homeserver's answer to a request that sent an event.
func answer(req *http.Request, event string) *http.Response {
	body, _ := json.Marshal(map[string]string{"event_id": event}) // strings can always be encoded
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
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
