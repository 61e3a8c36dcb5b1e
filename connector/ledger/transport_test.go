package ledger

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
)

// recorder is a homeserver that answers all requests alike.
type recorder struct {
	paths  []string
	status int
	err    error
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.paths = append(r.paths, req.URL.EscapedPath())
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
	resp, err := Transport(next).RoundTrip(req)
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
			if _, _, failed := try.outcome(); (failed != nil) != test.away {
				t.Errorf("failure noted: %v, want one: %v", failed, test.away)
			}
		})
	}
}
