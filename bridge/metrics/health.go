package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"maunium.net/go/mautrix/bridgev2/status"
)

const (
	// checkLimit is how long a check may take before what it asks counts as away.
	checkLimit = 3 * time.Second
	// checkAge is how long an answer holds, so that asking often costs nothing.
	checkAge = 5 * time.Second
)

// Health is the answer to whether the bridge is ready: an object of JSON, with status 200 if it is and 503 if not.
type Health struct {
	Ready bool `json:"ready"`
	// Checks has "ok" or what is wrong, for what the bridge can't do without.
	Checks map[string]string `json:"checks"`
	// Warnings are about networks. They do not make the bridge unready: nothing is lost meanwhile.
	Warnings []string `json:"warnings,omitempty"`
}

// health finds out how the bridge is.
type health struct {
	started func() bool // whether the networks take logins and messages
	checks  map[string]func(context.Context) error
	states  func() []loginState

	lock    sync.Mutex
	last    Health
	checked time.Time
}

// serveReady answers whether the networks have started, the homeserver can be reached and the database can be written to.
func (h *health) serveReady(w http.ResponseWriter, r *http.Request) {
	now := h.now(context.WithoutCancel(r.Context()))
	w.Header().Set("Content-Type", "application/json")
	if !now.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(now) // whoever asked has gone
}

// serveLive answers that the process handles requests. An orchestrator should end it if it does not.
func serveLive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte("{}\n"))
}

func (h *health) now(ctx context.Context) Health {
	if !h.started() {
		// Nothing else is asked: the database may not have its tables yet.
		return Health{Checks: map[string]string{"start": "the networks have not started yet"}}
	}
	h.lock.Lock()
	defer h.lock.Unlock()
	if time.Since(h.checked) > checkAge {
		h.last = h.check(ctx)
		h.checked = time.Now()
	}
	return h.last
}

func (h *health) check(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	result := Health{Ready: true, Checks: make(map[string]string, len(h.checks)+1), Warnings: warnings(h.states())}
	result.Checks["start"] = "ok"
	var lock sync.Mutex
	var running sync.WaitGroup
	for name, check := range h.checks {
		running.Go(func() {
			err := check(ctx)
			lock.Lock()
			defer lock.Unlock()
			result.Checks[name] = "ok"
			if err != nil {
				result.Checks[name], result.Ready = err.Error(), false
			}
		})
	}
	running.Wait()
	return result
}

// warnings counts the logins of each network that do not work. Who they are is nobody's business who can't see the log.
func warnings(states []loginState) []string {
	count := make(map[loginState]int)
	for _, s := range states {
		if s.event != status.StateConnected && s.event != status.StateConnecting && s.event != status.StateBackfilling {
			count[s]++
		}
	}
	var words []string
	for s, n := range count {
		logins := "1 login"
		if n > 1 {
			logins = strconv.Itoa(n) + " logins"
		}
		words = append(words, fmt.Sprintf("%s of %s: %s", logins, s.network, s.event))
	}
	slices.Sort(words)
	return words
}
