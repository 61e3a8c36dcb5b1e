package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
)

// tardy is a homeserver that shows a state event when its room is looked at for the third time.
type tardy struct {
	refuses int // the status with which it refuses such an event
	puts    []string
	looks   int
	after   func() // is called at each look
}

func (h *tardy) RoundTrip(req *http.Request) (*http.Response, error) {
	status, body := http.StatusOK, `{"event_id":"$fence"}`
	switch {
	case req.Method == http.MethodPut && h.refuses != 0:
		status, body = h.refuses, `{"errcode":"M_FORBIDDEN","error":"no"}`
	case req.Method == http.MethodPut:
		h.puts = append(h.puts, req.URL.Path)
	default:
		if h.looks++; h.after != nil {
			h.after()
		}
		body = `{"chunk":[{"event_id":"$other","type":"m.room.message","sender":"@a:b","content":{}}`
		if h.looks >= 3 {
			body += `,{"event_id":"$fence","type":"app.crosschat.fence","sender":"@bot:b","content":{}}`
		}
		body += `]}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

func TestFence(t *testing.T) {
	const room = "!room:hs.localhost"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, test := range []struct {
		name        string
		reticent    bool
		hs          tardy
		puts, looks int
		fails       bool
	}{
		{"a homeserver that does things in order", false, tardy{}, 0, 0, false},
		{"one that does not", true, tardy{}, 1, 3, false},
		{"a room in which the bot may not", true, tardy{refuses: http.StatusForbidden}, 0, 0, false},
		{"the bridge stops meanwhile", true, tardy{after: cancel}, 1, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			registration := appservice.CreateRegistration()
			registration.SenderLocalpart = "bot"
			as, err := appservice.CreateFull(appservice.CreateOpts{
				Registration: registration, HomeserverDomain: "hs.localhost", HomeserverURL: "http://hs.localhost",
			})
			if err != nil {
				t.Fatal(err)
			}
			as.HTTPClient = &http.Client{Transport: &test.hs}
			bot := as.BotIntent()
			err = errors.Join(as.StateStore.MarkRegistered(ctx, bot.UserID), as.StateStore.SetMembership(ctx, room, bot.UserID, event.MembershipJoin))
			if err != nil {
				t.Fatal(err)
			}
			side := librarySide{mx: &matrix.Connector{Bot: bot}, l: &Ledger{reticent: test.reticent}}
			if err = side.fence(ctx, room); (err != nil) != test.fails {
				t.Errorf("error %v, want one: %t", err, test.fails)
			}
			if len(test.hs.puts) != test.puts || test.hs.looks != test.looks {
				t.Errorf("events %q and %d looks, want %d and %d", test.hs.puts, test.hs.looks, test.puts, test.looks)
			}
			if want := fmt.Sprintf("/rooms/%s/state/%s/", room, stateFence.Type); test.puts > 0 && !strings.HasSuffix(test.hs.puts[0], want) {
				t.Errorf("the event went to %q, want …%s", test.hs.puts[0], want)
			}
		})
	}
}
