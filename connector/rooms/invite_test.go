package rooms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
)

// TestInvitationOfAMember shows that to invite somebody who is in the room already is no error, and that other refusals are.
func TestInvitationOfAMember(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.Contains(r.URL.Path, "/m.room.member/@in:x"):
			_, _ = w.Write([]byte(`{"membership":"join"}`))
		case strings.Contains(r.URL.Path, "/m.room.member/@banned:x"):
			_, _ = w.Write([]byte(`{"membership":"ban"}`))
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"errcode":"M_NOT_FOUND"}`))
		}
	}))
	defer server.Close()
	client, err := mautrix.NewClient(server.URL, "@bot:x", "token")
	if err != nil {
		t.Fatal(err)
	}
	client.StateStore = mautrix.NewMemoryStateStore()
	h := newHouse(t, t.TempDir())
	h.library = &matrix.Connector{Bot: &appservice.IntentAPI{Client: client}}
	forbidden := fmt.Errorf("refused: %w", mautrix.MForbidden)
	for _, test := range []struct {
		user    id.UserID
		refusal error
		fine    bool
	}{
		{"@in:x", forbidden, true},
		{"@in:x", errors.New("away"), false},
		{"@banned:x", forbidden, false},
		{"@unknown:x", forbidden, false},
	} {
		h.matrix.Intercept = func(_ context.Context, call fakematrix.Call) error { return test.refusal }
		content := &event.Content{Parsed: &event.MemberEventContent{Membership: event.MembershipInvite}}
		_, err := h.bridge.Bot.SendState(t.Context(), "!a:x", event.StateMember, test.user.String(), content, time.Time{})
		if (err == nil) != test.fine {
			t.Errorf("the invitation of %s that was refused with %v ends with %v", test.user, test.refusal, err)
		}
	}
	if got, err := client.StateStore.GetMember(t.Context(), "!a:x", "@in:x"); err != nil || got.Membership != event.MembershipJoin {
		t.Errorf("who was in the room is known as %+v, %v", got, err)
	}
}
