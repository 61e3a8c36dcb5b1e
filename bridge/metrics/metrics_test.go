package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/ledger"
	"crosschat/connector/meter"
	"crosschat/connector/remoteid"
)

func fine(context.Context) error { return nil }

func none() []loginState { return nil }

func always() bool { return true }

// answer is what somebody who asks for health gets.
func answer(t *testing.T, h *health) (code int, got Health) {
	t.Helper()
	w := httptest.NewRecorder()
	h.serveReady(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ready", nil))
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("read %q: %v", w.Body, err)
	}
	return w.Code, got
}

func TestReady(t *testing.T) {
	broken := func(context.Context) error { return errors.New("no route") }
	hanging := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, test := range map[string]struct {
		check func(context.Context) error
		code  int
		word  string
	}{
		"fine":    {fine, http.StatusOK, "ok"},
		"broken":  {broken, http.StatusServiceUnavailable, "no route"},
		"hanging": {hanging, http.StatusServiceUnavailable, "context deadline exceeded"},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := &health{started: always, states: none, checks: map[string]func(context.Context) error{"database": fine, "homeserver": test.check}}
			code, got := answer(t, h)
			if code != test.code || got.Ready != (code == http.StatusOK) || got.Checks["homeserver"] != test.word || got.Checks["database"] != "ok" {
				t.Errorf("%s: status %d with %+v, want %d and %q", name, code, got, test.code, test.word)
			}
		})
	}
}

// Before the networks have started the bridge is not ready, and the database, which may have no tables yet, is left alone.
func TestReadyAwaitsTheStart(t *testing.T) {
	started := false
	asked := 0
	h := &health{started: func() bool { return started }, states: none, checks: map[string]func(context.Context) error{
		"database": func(context.Context) error { asked++; return nil },
	}}
	code, got := answer(t, h)
	if code != http.StatusServiceUnavailable || got.Ready || got.Checks["start"] == "ok" || asked != 0 {
		t.Errorf("before the start: status %d with %+v after %d checks, want %d and none", code, got, asked, http.StatusServiceUnavailable)
	}
	started = true
	if code, got = answer(t, h); code != http.StatusOK || got.Checks["start"] != "ok" || asked != 1 {
		t.Errorf("after the start: status %d with %+v after %d checks, want %d and one", code, got, asked, http.StatusOK)
	}
}

// Whoever asks often gets the last answer, and a new one after a while.
func TestReadyIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		h := &health{started: always, states: none, checks: map[string]func(context.Context) error{"homeserver": func(context.Context) error {
			asked++
			return nil
		}}}
		for range 3 {
			answer(t, h)
		}
		if asked != 1 {
			t.Errorf("asked %d times, want once", asked)
		}
		time.Sleep(checkAge + 1) // time of the bubble
		answer(t, h)
		if asked != 2 {
			t.Errorf("asked %d times, want again after %s", asked, checkAge)
		}
	})
}

func TestLoginsAreWarnings(t *testing.T) {
	h := &health{started: always, states: func() []loginState {
		return []loginState{
			{remoteid.WhatsApp, status.StateConnected}, {remoteid.WhatsApp, status.StateBadCredentials},
			{remoteid.Messenger, status.StateTransientDisconnect}, {remoteid.Messenger, status.StateTransientDisconnect},
		}
	}}
	code, got := answer(t, h)
	want := []string{"1 login of whatsapp: BAD_CREDENTIALS", "2 logins of messenger: TRANSIENT_DISCONNECT"}
	if code != http.StatusOK || !slices.Equal(got.Warnings, want) {
		t.Errorf("status %d with warnings %q, want %d and %q", code, got.Warnings, http.StatusOK, want)
	}
}

// names are the names of all metrics there are, with what a histogram adds.
func names(t *testing.T, registry *prometheus.Registry) map[string]bool {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for _, family := range families {
		for _, ending := range []string{"", "_bucket", "_sum", "_count"} {
			found[family.GetName()+ending] = true
		}
	}
	return found
}

func TestCollector(t *testing.T) {
	registry := prometheus.NewRegistry()
	var failure error
	registry.MustRegister(&collector{
		states: func() []loginState { return []loginState{{remoteid.WhatsApp, status.StateConnected}} },
		counts: func(context.Context) (ledger.Counts, error) { return ledger.Counts{Waiting: 3}, failure },
	})
	if got := names(t, registry); !got["crosschat_logins"] || !got["crosschat_ledger_waiting"] {
		t.Errorf("there are %v, want logins and ledger", got)
	}
	failure = errors.New("no database")
	if got := names(t, registry); !got["crosschat_logins"] || got["crosschat_ledger_waiting"] {
		t.Errorf("without a database there are %v, want logins alone", got)
	}
}

// The dashboard asks for nothing that is not there.
func TestDashboard(t *testing.T) {
	data, err := os.ReadFile("../../docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err = json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	// Instruments show when something was counted.
	meter.Outcome("whatsapp-1", meter.In, meter.Message, meter.Stored, time.Second)
	meter.Database.Took(time.Second, errors.New("no disk"))
	_ = meter.Media(meter.In, http.NoBody)
	meter.Registry.MustRegister(&collector{
		states: func() []loginState { return []loginState{{remoteid.WhatsApp, status.StateConnected}} },
		counts: func(context.Context) (ledger.Counts, error) { return ledger.Counts{}, nil },
	})
	known := names(t, meter.Registry)
	asked := regexp.MustCompile(`crosschat_[a-z_]+`).FindAllString(string(data), -1)
	if len(asked) < 10 {
		t.Errorf("the dashboard asks for %q only", asked)
	}
	for _, name := range asked {
		if !known[name] {
			t.Errorf("the dashboard asks for %s, which is not measured", name)
		}
	}
	for name := range known {
		if base := strings.TrimSuffix(name, "_total"); base != name && !slices.Contains(asked, name) && strings.HasPrefix(name, "crosschat_") {
			t.Logf("not on the dashboard: %s", name)
		}
	}
}

func ExampleHealth() {
	data, _ := json.Marshal(Health{Ready: true, Checks: map[string]string{"database": "ok", "homeserver": "ok"}, Warnings: []string{"1 login of whatsapp: BAD_CREDENTIALS"}})
	fmt.Println(string(data))
	// Output: {"ready":true,"checks":{"database":"ok","homeserver":"ok"},"warnings":["1 login of whatsapp: BAD_CREDENTIALS"]}
}
