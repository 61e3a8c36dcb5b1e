package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"
)

// recorder is a homeserver that answers all requests alike. Searches of rooms do not count.
type recorder struct {
	paths  []string
	status int
	err    error
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet {
		r.paths = append(r.paths, req.URL.EscapedPath())
	}
	if r.err != nil {
		return nil, r.err
	}
	return &http.Response{StatusCode: r.status, Status: http.StatusText(r.status), Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

func mustPut(t *testing.T, next *recorder, try *attempt, path string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://hs.localhost"+path, nil)
	if err != nil {
		t.Fatalf("make request: %v", err)
	}
	if try != nil {
		req = req.WithContext(try.into(t.Context()))
	}
	resp, err := Transport(next, Guards{}).RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if got := req.URL.EscapedPath(); got != path {
		t.Errorf("the caller's request was changed to %q", got)
	}
}

func parts(ids ...networkid.PartID) *bridgev2.ConvertedMessage {
	converted := &bridgev2.ConvertedMessage{}
	for _, id := range ids {
		converted.Parts = append(converted.Parts, &bridgev2.ConvertedMessagePart{ID: id})
	}
	return converted
}

const room = "/_matrix/client/v3/rooms/%21a%2Fb:hs.localhost"

func TestTransportMakesTheSameIDsInEachTry(t *testing.T) {
	var tries [2][]string
	for i := range tries {
		hs := &recorder{status: 200}
		try := newAttempt("login", "chat", "message", "1")
		mustPut(t, hs, try, room+"/send/m.room.message/notice") // before the message is converted: not ours
		try.expect(parts("a", "b"))
		mustPut(t, hs, try, room+"/send/m.room.encrypted/x1")
		mustPut(t, hs, try, room+"/send/m.room.encrypted/x1") // the library's own repeat
		mustPut(t, hs, try, room+"/send/m.room.encrypted/x2")
		mustPut(t, hs, try, room+"/send/m.room.message/x3") // one more than there are parts: not ours
		tries[i] = hs.paths
	}
	got := tries[0]
	if got[0] != room+"/send/m.room.message/notice" || got[4] != room+"/send/m.room.message/x3" {
		t.Errorf("requests of others changed: %q", got)
	}
	if got[1] != got[2] || got[1] == got[3] || !strings.HasPrefix(got[1], room+"/send/m.room.encrypted/crosschat-") {
		t.Errorf("parts were sent as %q", got[1:4])
	}
	for i := range got {
		if got[i] != tries[1][i] {
			t.Errorf("request %d was %q, in the second try %q", i, got[i], tries[1][i])
		}
	}
}

func TestTransportLeavesTheRestAlone(t *testing.T) {
	for _, path := range []string{
		room + "/state/m.room.name/",
		room + "/redact/$event/x1",
		"/_matrix/client/v3/sendToDevice/m.room.encrypted/x1",
		"/send/x1",
		"/",
	} {
		hs := &recorder{status: 200}
		try := newAttempt("key")
		try.expect(parts("a"))
		mustPut(t, hs, try, path)
		mustPut(t, hs, nil, room+"/send/m.room.message/x1")
		if hs.paths[0] != path || hs.paths[1] != room+"/send/m.room.message/x1" {
			t.Errorf("requests became %q", hs.paths)
		}
	}
}

func TestTransportNotesWhenTheHomeserverIsAway(t *testing.T) {
	for _, test := range []struct {
		name string
		hs   recorder
		away bool
	}{
		{"answers", recorder{status: 200}, false},
		{"refuses", recorder{status: 403}, false},
		{"rate limit", recorder{status: 429}, true},
		{"bad gateway", recorder{status: 502}, true},
		{"no connection", recorder{err: errors.New("connection refused")}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			try := newAttempt("key")
			mustPut(t, &test.hs, try, room+"/send/m.room.message/x1")
			if failed := try.trouble(); errors.As(failed, new(awayError)) != test.away {
				t.Errorf("failure noted: %v, want one: %v", failed, test.away)
			}
		})
	}
}

// forgetful is a homeserver that carries a request out, does not answer it, and then knows nothing of its transaction id.
type forgetful struct {
	tells    bool     // which transaction id an event was sent by
	sent     []string // transaction ids
	contents []string // what was sent by them
	sender   string
	searches int
	silent   bool
	hidden   bool // what was sent is not to be seen yet
}

func (f *forgetful) RoundTrip(req *http.Request) (*http.Response, error) {
	path := strings.Split(req.URL.EscapedPath(), "/")
	body := `{"event_id":"$new"}`
	switch {
	case path[len(path)-1] == "messages":
		f.searches++
		body = `{"chunk":[{"event_id":"$other","sender":"@ghost","content":{"app.crosschat.transaction_id":5}}`
		for i, txnID := range f.sent {
			if f.hidden {
				break
			}
			body += fmt.Sprintf(`,{"event_id":"$of-%s","sender":%q,"content":%s`, txnID, f.sender, f.contents[i])
			if f.tells {
				body += fmt.Sprintf(`,"unsigned":{"transaction_id":%q}`, txnID)
			}
			body += "}"
		}
		body += `]}`
	default:
		content, err := io.ReadAll(req.Body)
		if err != nil || int64(len(content)) != req.ContentLength {
			return nil, fmt.Errorf("content of %d bytes, said were %d (%w)", len(content), req.ContentLength, err)
		}
		f.sent, f.contents = append(f.sent, path[len(path)-1]), append(f.contents, string(content))
		if f.silent {
			return nil, errors.New("connection reset")
		}
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// sendText sends a text, each time the same.
func sendText(t *testing.T, transport http.RoundTripper) (answer string, try *attempt, err error) {
	t.Helper()
	try = newAttempt("login", "chat", "message", "1")
	try.expect(parts("a"))
	req, err := http.NewRequestWithContext(try.into(t.Context()), http.MethodPut,
		"http://hs.localhost"+room+"/send/m.room.message/x1?user_id=%40ghost", strings.NewReader(`{"body":"text"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", try, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), try, err
}

func TestTransportLooksForWhatWasSentWithoutAnAnswer(t *testing.T) {
	for _, tells := range []bool{false, true} {
		t.Run(fmt.Sprintf("told %t", tells), func(t *testing.T) {
			hs := &forgetful{silent: true, tells: tells, sender: "@ghost"}
			transport := Transport(hs, Guards{})
			var try *attempt
			send := func() (answer string, err error) {
				answer, try, err = sendText(t, transport)
				return answer, err
			}
			if _, err := send(); err == nil || hs.searches != 1 {
				t.Fatalf("the first request: %v, %d searches", err, hs.searches)
			}
			if want := fmt.Sprintf(`{"app.crosschat.transaction_id":%q,"body":"text"}`, hs.sent[0]); hs.contents[0] != want {
				t.Errorf("sent was %s, want %s", hs.contents[0], want)
			}
			hs.silent = false
			got, err := send()
			want := `{"event_id":"$of-` + hs.sent[0] + `"}`
			if err != nil || got != want || len(hs.sent) != 1 || hs.searches != 2 {
				t.Errorf("the second request: %q (%v), sent %q, %d searches; want %q", got, err, hs.sent, hs.searches, want)
			}
			// As long as its row is not stored, the homeserver may be restarted in between, and not know the id.
			if got, err = send(); err != nil || got != want || len(hs.sent) != 1 {
				t.Errorf("the third request: %q (%v), sent %q; want %q", got, err, hs.sent, want)
			}
			try.stored()
			searches := hs.searches
			if _, err = send(); err != nil || hs.searches != searches {
				t.Errorf("of what is stored: %v, %d searches more; want none", err, hs.searches-searches)
			}
			// A run that begins anew can't know what the one before it had sent to a room when it ended.
			transport, hs.sent = Transport(hs, Guards{}), hs.sent[:1]
			if got, err = send(); err != nil || got != want || len(hs.sent) != 1 {
				t.Errorf("after a restart: %q (%v), sent %q; want %q", got, err, hs.sent, want)
			}
			// What somebody else writes must not keep the bridge from sending.
			if tells {
				return
			}
			transport, hs.sender = Transport(hs, Guards{}), "@mallory"
			if got, err = send(); err != nil || got != `{"event_id":"$new"}` || len(hs.sent) != 2 {
				t.Errorf("after somebody else wrote our id: %q (%v), sent %q", got, err, hs.sent)
			}
		})
	}
}

// TestTransportWaitsForWhatIsCarriedOutLate shows that a homeserver that carries out a request after it was cut short is not
// asked a second time, neither by the same run nor by the next.
func TestTransportWaitsForWhatIsCarriedOutLate(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %t", restart), func(t *testing.T) {
			hs := &forgetful{silent: true, hidden: true, sender: "@ghost"}
			fences := 0
			guards := Guards{Fence: func(_ context.Context, at id.RoomID) error {
				if fences++; at != "!a/b:hs.localhost" {
					t.Errorf("the fence is in %q", at)
				}
				hs.hidden = len(hs.sent) == 0
				return nil
			}}
			transport := Transport(hs, guards)
			if _, _, err := sendText(t, transport); err == nil {
				t.Fatal("the first request had an answer")
			}
			if hs.silent = false; restart {
				transport = Transport(hs, guards)
			}
			if got, _, err := sendText(t, transport); err != nil || got != `{"event_id":"$of-`+hs.sent[0]+`"}` || len(hs.sent) != 1 || fences != 2 {
				t.Errorf("the second request: %q (%v), sent %q, %d fences", got, err, hs.sent, fences)
			}
		})
	}
}

func TestTransportKeepsKeysBeforeTheyAreGivenAway(t *testing.T) {
	for _, test := range []struct {
		method, path string
		want         bool
	}{
		{http.MethodPut, "/_matrix/client/v3/sendToDevice/m.room.encrypted/x1", true},
		{http.MethodPost, "/_matrix/client/v3/keys/upload", true},
		{http.MethodPost, "/_matrix/client/v3/keys/query", false},
		{http.MethodPut, room + "/send/m.room.encrypted/x1", false},
	} {
		for _, fault := range []error{nil, errors.New("disk full")} {
			hs, settled := &recorder{status: 200}, 0
			transport := Transport(hs, Guards{Keep: func(context.Context) error { settled++; return fault }})
			req, err := http.NewRequestWithContext(t.Context(), test.method, "http://hs.localhost"+test.path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := transport.RoundTrip(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			if (settled == 1) != test.want {
				t.Errorf("%s %s: settled %d times, want it: %t", test.method, test.path, settled, test.want)
			}
			if refused := test.want && fault != nil; refused != (err != nil) || refused != (len(hs.paths) == 0) {
				t.Errorf("%s %s, settling fails with %v: %v, requests %q", test.method, test.path, fault, err, hs.paths)
			}
		}
	}
}

func TestTransportKeepsClearTextOutOfEncryptedRooms(t *testing.T) {
	for _, test := range []struct {
		name     string
		status   int // of the question whether the room is encrypted
		kind     string
		want     int // requests that were let through, of two
		learn    int
		question int
	}{
		{"encrypted room", 200, "m.room.message", 0, 2, 2},
		{"plain room", 404, "m.room.message", 2, 0, 1},
		{"homeserver won't say", 403, "m.room.message", 2, 0, 2},
		{"encrypted message", 200, "m.room.encrypted", 2, 0, 0},
		{"reaction", 200, "m.reaction", 2, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			hs := &recorder{status: test.status}
			var learnt, asked int
			transport := Transport(counting{hs, &asked}, Guards{Learn: func(_ context.Context, room id.RoomID) error {
				if learnt++; room != "!a/b:hs.localhost" {
					t.Errorf("learn of %q", room)
				}
				return nil
			}})
			for range 2 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://hs.localhost"+room+"/send/"+test.kind+"/x1?user_id=%40ghost", nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp, err := transport.RoundTrip(req); err == nil {
					_ = resp.Body.Close()
				}
			}
			if len(hs.paths) != test.want || learnt != test.learn || asked != test.question {
				t.Errorf("%d sent, %d learnt, %d asked; want %d, %d, %d", len(hs.paths), learnt, asked, test.want, test.learn, test.question)
			}
		})
	}
}

// counting counts the questions about encryption.
type counting struct {
	http.RoundTripper
	asked *int
}

func (c counting) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.EscapedPath(), room+"/state/m.room.encryption") {
		*c.asked++
	}
	return c.RoundTripper.RoundTrip(req)
}

func TestTransportLooksOnceWhereItIsNotTold(t *testing.T) {
	hs := &recorder{status: http.StatusNotFound}
	searches := 0
	transport := Transport(roundTripper(func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "/messages") {
			searches++
		}
		return hs.RoundTrip(req)
	}), Guards{})
	for _, message := range []string{"1", "2"} {
		try := newAttempt("login", "chat", "message", message)
		try.expect(parts("a"))
		req, err := http.NewRequestWithContext(try.into(t.Context()), http.MethodPut, "http://hs.localhost"+room+"/send/m.room.encrypted/x1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := transport.RoundTrip(req); err == nil {
			_ = resp.Body.Close()
		}
	}
	if searches != 1 || len(hs.paths) != 2 {
		t.Errorf("%d searches, %d requests; want 1 and 2", searches, len(hs.paths))
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
