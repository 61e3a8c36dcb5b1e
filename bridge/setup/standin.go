package setup

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"maunium.net/go/mautrix/event"
)

// trialEvent is what doctor sends to the bot. The bridge ignores it if it gets to see it.
var trialEvent = event.Type{Type: "app.crosschat.doctor", Class: event.ToDeviceEventType}

// standIn listens in the bridge's place while doctor tries the way from the homeserver to here. It
// answers pings and takes doctor's own trial message. All else it puts off with 503, since a success
// would tell the homeserver that the bridge has the events that wait for it.
type standIn struct {
	token  string
	server *http.Server
	done   chan struct{}

	mu         sync.Mutex
	pings      []string
	otherToken bool
	putOff     bool
	trials     chan trial
}

// standIn starts to listen. It returns nil if the bridge listens nowhere; the error wraps errPortInUse
// if the bridge, or something else, is there already.
func (x *examination) standIn() (*standIn, error) {
	listener, err := listen(x.cfg)
	if err != nil || listener == nil {
		return nil, err
	}
	s := &standIn{token: x.cfg.AppService.HSToken, done: make(chan struct{}), trials: make(chan trial, 1)}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: probeTimeout}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener)
	}()
	return s, nil
}

// Close stops listening and waits until nothing runs any more. A nil stand-in needs no closing.
func (s *standIn) Close() {
	if s != nil {
		s.server.Close()
		<-s.done
	}
}

// ServeHTTP implements http.Handler for the homeserver's calls.
func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	right := subtle.ConstantTimeCompare([]byte(given), []byte(s.token)) == 1
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !right:
		s.otherToken = true
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"errcode":"M_FORBIDDEN","error":"wrong token"}`)
	case strings.HasSuffix(r.URL.Path, "/_matrix/app/v1/ping"):
		var ping struct {
			TransactionID string `json:"transaction_id"`
		}
		_ = json.Unmarshal(body, &ping)
		s.pings = append(s.pings, ping.TransactionID)
		_, _ = io.WriteString(w, "{}")
	case strings.Contains(r.URL.Path, "/_matrix/app/v1/transactions/") && s.takeTrial(body):
		_, _ = io.WriteString(w, "{}")
	default:
		s.putOff = true
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"errcode":"M_UNKNOWN","error":"the bridge is not running yet"}`)
	}
}

// takeTrial looks for doctor's message in a transaction (MSC4203, MSC3202, or as they are called
// before they are in the specification) and says whether there is nothing else in it.
func (s *standIn) takeTrial(body []byte) bool {
	type messages []struct {
		Type string `json:"type"`
	}
	var txn struct {
		Events         []json.RawMessage `json:"events"`
		Ephemeral      []json.RawMessage `json:"ephemeral"`
		ToDevice       messages          `json:"to_device"`
		ToDevice2409   messages          `json:"de.sorunome.msc2409.to_device"`
		KeyCounts      json.RawMessage   `json:"device_one_time_keys_count"`
		KeyCounts3202  json.RawMessage   `json:"org.matrix.msc3202.device_one_time_keys_count"`
		Fallbacks3202  json.RawMessage   `json:"org.matrix.msc3202.device_unused_fallback_key_types"`
		DeviceList3202 json.RawMessage   `json:"org.matrix.msc3202.device_lists"`
	}
	if json.Unmarshal(body, &txn) != nil {
		return false
	}
	ours, others := 0, len(txn.Events)+len(txn.Ephemeral)
	for _, message := range slices.Concat(txn.ToDevice, txn.ToDevice2409) {
		if message.Type == trialEvent.Type {
			ours++
		} else {
			others++
		}
	}
	if ours > 0 {
		seen := noCounts
		if txn.KeyCounts != nil || txn.KeyCounts3202 != nil || txn.Fallbacks3202 != nil || txn.DeviceList3202 != nil {
			seen = wholeWay
		}
		select {
		case s.trials <- seen:
		default:
		}
	}
	return others == 0
}

// heard says whether a ping came, and whether anything came with a token that isn't ours.
func (s *standIn) heard(txn string) (heard, otherToken bool) {
	if s == nil {
		return false, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.pings, txn), s.otherToken
}

// awaitTrial waits until doctor's message has come or the context ends.
func (s *standIn) awaitTrial(ctx context.Context) trial {
	select {
	case seen := <-s.trials:
		return seen
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.putOff {
		return undecided
	}
	return nothing
}
