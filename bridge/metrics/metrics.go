package metrics

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix"

	"crosschat/connector/ledger"
	"crosschat/connector/meter"
	"crosschat/connector/remoteid"
)

// Attach has the bridge's requests counted and its health answered at the appservice's port. It returns what serves
// metrics and health elsewhere, see Serve. started is whether the networks have: before, the bridge is not ready.
func Attach(bridge *bridgev2.Bridge, mx *matrix.Connector, l *ledger.Ledger, started func() bool) http.Handler {
	next := mx.AS.HTTPClient.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	mx.AS.HTTPClient.Transport = homeserver{next}

	states := func() []loginState { return statesOf(bridge) }
	h := &health{started: started, states: states, checks: map[string]func(context.Context) error{
		"homeserver": func(ctx context.Context) error { return askHomeserver(ctx, mx) },
		"database":   func(ctx context.Context) error { return writeDatabase(ctx, bridge) },
	}}
	meter.Registry.MustRegister(
		&collector{states: states, counts: l.Counts},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)

	router := http.NewServeMux()
	router.Handle("/", mx.AS.Router)
	router.HandleFunc("GET /_matrix/mau/live", serveLive)
	router.HandleFunc("GET /_matrix/mau/ready", h.serveReady)
	mx.AS.Router = router

	own := http.NewServeMux()
	own.Handle("GET /metrics", promhttp.HandlerFor(meter.Registry, promhttp.HandlerOpts{}))
	own.HandleFunc("GET /live", serveLive)
	own.HandleFunc("GET /ready", h.serveReady)
	return own
}

// Serve answers at an address until the process ends, or nowhere if it is empty. The error is one of the address.
func Serve(address string, handler http.Handler, log zerolog.Logger) error {
	if address == "" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Msg("Metrics are not served any more")
		}
	}()
	log.Info().Stringer("address", listener.Addr()).Msg("Serving metrics")
	return nil
}

func statesOf(bridge *bridgev2.Bridge) []loginState {
	var states []loginState
	for _, login := range bridge.GetAllCachedUserLogins() {
		network, _, _ := remoteid.Cut(login.ID)
		// GetPrevUnsent would panic for a login whose state of an earlier run was kept (SetPrev).
		states = append(states, loginState{network, login.BridgeState.GetPrev().StateEvent})
	}
	return states
}

func askHomeserver(ctx context.Context, mx *matrix.Connector) error {
	_, err := mx.Bot.Versions(ctx)
	return err
}

// writeDatabase writes something, since a full or read-only disk can still be read.
func writeDatabase(ctx context.Context, bridge *bridgev2.Bridge) error {
	_, err := bridge.DB.KV.Exec(ctx, `
		INSERT INTO kv_store (bridge_id, key, value) VALUES ($1, 'crosschat_last_health_check', $2)
		ON CONFLICT (bridge_id, key) DO UPDATE SET value = excluded.value
	`, bridge.ID, time.Now().UTC().Format(time.RFC3339))
	return err
}
