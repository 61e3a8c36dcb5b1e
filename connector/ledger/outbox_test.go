package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
)

func TestOutboxOverHTTP(t *testing.T) {
	wire := newWire()
	refused := errors.New("the chat is closed")
	wire.send = func(text string) error {
		if text == "poison" {
			return bridgev2.WrapErrorInStatus(refused).WithErrorAsMessage().WithIsCertain(true).WithSendNotice(true)
		}
		return nil
	}
	s := mustSet(t, t.TempDir(), wire)
	s.start()
	other, err := s.ledger.bridge.GetUserByMXID(t.Context(), id.UserID("@eve:"+fakematrix.Server))
	s.must(err)
	router := http.NewServeMux()
	s.ledger.serveOutbox(router, func(r *http.Request) *bridgev2.User {
		if r.Header.Get("User") == "eve" {
			return other
		}
		return s.user
	})
	ask := func(user, method, path string) (status int, entries []Entry) {
		t.Helper()
		req := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		req.Header.Set("User", user)
		answer := httptest.NewRecorder()
		router.ServeHTTP(answer, req)
		var body struct {
			Entries []Entry `json:"entries"`
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
			t.Errorf("%s %s answered %q: %v", method, path, answer.Body, err)
		}
		return answer.Code, body.Entries
	}
	s.hand("1", message("$1", "poison"), message("$2", "poison"))
	if failed := s.empty(); len(failed) != 2 {
		t.Fatalf("failed are %+v, want two", failed)
	}
	status, entries := ask("alice", http.MethodGet, "/v1/outbox")
	if status != http.StatusOK || len(entries) != 2 || entries[0].State != "failed" || entries[0].Direction != "to_network" ||
		entries[0].MessageID != "$1" || entries[0].RoomID != chatRoom || entries[0].Reason != refused.Error() {
		t.Fatalf("the list is %+v (status %d)", entries, status)
	}
	first, second := entries[0].Number, entries[1].Number
	for _, test := range []struct {
		user, method, path string
		want               int
	}{
		{"eve", http.MethodDelete, fmt.Sprintf("/v1/outbox/%d", first), http.StatusNotFound},
		{"eve", http.MethodPost, fmt.Sprintf("/v1/outbox/%d/resend", first), http.StatusNotFound},
		{"alice", http.MethodDelete, "/v1/outbox/first", http.StatusBadRequest},
		{"alice", http.MethodPost, "/v1/outbox/99999/resend", http.StatusNotFound},
		{"alice", http.MethodDelete, fmt.Sprintf("/v1/outbox/%d", first), http.StatusOK},
		{"alice", http.MethodDelete, fmt.Sprintf("/v1/outbox/%d", first), http.StatusNotFound},
	} {
		if status, _ = ask(test.user, test.method, test.path); status != test.want {
			t.Errorf("%s %s of %s: status %d, want %d", test.method, test.path, test.user, status, test.want)
		}
	}
	wire.lock.Lock()
	wire.send = nil
	wire.lock.Unlock()
	if status, _ = ask("alice", http.MethodPost, fmt.Sprintf("/v1/outbox/%d/resend", second)); status != http.StatusOK {
		t.Errorf("resend: status %d", status)
	}
	s.awaitTexts("poison")
	s.empty()
	if _, entries = ask("alice", http.MethodGet, "/v1/outbox"); len(entries) != 0 {
		t.Errorf("the list is %+v, want none", entries)
	}
	if _, entries = ask("eve", http.MethodGet, "/v1/outbox"); entries == nil {
		t.Error("an empty list is not a list")
	}
}

func TestCounts(t *testing.T) {
	wire := newWire()
	wire.setOnline(false)
	s := mustSet(t, t.TempDir(), wire)
	s.start()
	s.hand("1", message("$1", "a"), message("$2", "b"))
	s.await("the messages to be pending", func() bool { return len(s.matrix.Statuses()) == 2 })
	counts, err := s.ledger.Counts(t.Context())
	if err != nil || counts.Waiting != 2 || counts.Oldest <= 0 || counts.Accepted != 2 || counts.Sent != 0 {
		t.Errorf("while the network is away: %+v (%v)", counts, err)
	}
	s.hand("2", redaction("$3", "$2"))
	wire.setOnline(true)
	s.awaitTexts("a")
	s.empty()
	counts, err = s.ledger.Counts(t.Context())
	if err != nil || counts.Waiting != 0 || counts.Oldest != 0 || counts.Sent != 1 || counts.Cancelled != 1 || counts.Expired != 0 {
		t.Errorf("after it: %+v (%v)", counts, err)
	}
}
