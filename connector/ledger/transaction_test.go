package ledger

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"maunium.net/go/mautrix/appservice"
)

// put sends a transaction as the homeserver does and returns the answer's status.
func (s *scene) put(txnID, token, body string) int {
	s.Helper()
	as := appservice.Create()
	as.Registration = &appservice.Registration{ServerToken: "secret"}
	router := http.NewServeMux()
	router.HandleFunc("PUT /_matrix/app/v1/transactions/{txnID}", s.ledger.putTransaction(as))
	req := httptest.NewRequest(http.MethodPut, "/_matrix/app/v1/transactions/"+txnID, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+token)
	answer := httptest.NewRecorder()
	router.ServeHTTP(answer, req)
	return answer.Code
}

func TestTransactionsOverHTTP(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.start()
	for _, test := range []struct {
		name, token, body string
		want              int
	}{
		{"wrong token", "guessed", `{"events":[` + message("$0", "forged") + `]}`, http.StatusUnauthorized},
		{"no JSON", "secret", `{"events":`, http.StatusBadRequest},
		{"nothing", "secret", `{}`, http.StatusOK},
		{"nulls", "secret", `{"events":null,"ephemeral":null,"to_device":null,"device_lists":null}`, http.StatusOK},
		{"events that are none", "secret", `{"events":[1,null,"x",{},{"event_id":"$1"},{"event_id":"$\u0000","room_id":"!r"}]}`, http.StatusOK},
		{"odd content", "secret", `{"events":[{"type":"m.room.message","event_id":"$2","room_id":"` + chatRoom + `","sender":"` + alice + `","content":7}]}`, http.StatusOK},
		{"odd keys", "secret", `{"to_device":{"a":1},"device_lists":[1],"events":[]}`, http.StatusOK},
		{"odd ephemeral", "secret", `{"ephemeral":[{"type":"m.typing","room_id":"` + chatRoom + `","content":{"user_ids":"x"}},3]}`, http.StatusOK},
		{"good", "secret", `{"events":[` + message("$3", "good") + `]}`, http.StatusOK},
		{"good again", "secret", `{"events":[` + message("$3", "good") + `]}`, http.StatusOK},
	} {
		if got := s.put(test.name[:2], test.token, test.body); got != test.want {
			t.Errorf("%s: status %d, want %d", test.name, got, test.want)
		}
	}
	s.awaitTexts("good")
	s.empty()
}

func TestTransactionsAreRefusedWhileTheDatabaseIsAway(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.start()
	body := `{"events":[` + message("$1", "a") + `]}`
	s.must(s.ledger.bridge.DB.Database.RawDB.Close())
	if got := s.put("1", "secret", body); got != http.StatusServiceUnavailable {
		t.Errorf("status %d, want %d: the homeserver has to send it again", got, http.StatusServiceUnavailable)
	}
}
