package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"maunium.net/go/mautrix/bridgev2/status"

	"crosschat/connector/ledger"
	"crosschat/connector/remoteid"
)

// loginState is how one login is.
type loginState struct {
	network remoteid.Network
	event   status.BridgeStateEvent
}

// collector looks up what nobody counts all the time.
type collector struct {
	states func() []loginState
	counts func(context.Context) (ledger.Counts, error)
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("crosschat_"+name, help, labels, nil)
}

var (
	logins = describe("logins", "Logins by network and state, as in bridge states (CONNECTED, BAD_CREDENTIALS, …).", "network", "state")

	waiting     = describe("ledger_waiting", "Events from Matrix that have no outcome yet.")
	oldest      = describe("ledger_oldest_seconds", "How long the first of the waiting events has waited.")
	failed      = describe("ledger_failed", "Failed events that are kept for their users to see.")
	undelivered = describe("ledger_undelivered", "Messages of networks that Matrix did not take, kept for their users to see.")

	accepted     = describe("ledger_accepted_total", "Events that the homeserver handed over.")
	deduplicated = describe("ledger_deduplicated_total", "Events that were handed over again or found sent.")
	resumed      = describe("ledger_resumed_total", "Events taken up from an earlier run.")
	retried      = describe("ledger_retried_total", "Tries towards a network without an outcome.")
	expired      = describe("ledger_expired_total", "Events that waited for too long.")
	redelivered  = describe("ledger_redelivered_total", "Tries towards Matrix that came to nothing.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		logins, waiting, oldest, failed, undelivered, accepted, deduplicated, resumed, retried, expired, redelivered,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector. While the database is away there is nothing of the ledger.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	count := make(map[loginState]int)
	for _, s := range c.states() {
		count[s]++
	}
	for s, n := range count {
		out <- prometheus.MustNewConstMetric(logins, prometheus.GaugeValue, float64(n), string(s.network), string(s.event))
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkLimit) // the library gives none
	defer cancel()
	counts, err := c.counts(ctx)
	if err != nil {
		return
	}
	for _, m := range []struct {
		desc  *prometheus.Desc
		kind  prometheus.ValueType
		value float64
	}{
		{waiting, prometheus.GaugeValue, float64(counts.Waiting)},
		{oldest, prometheus.GaugeValue, counts.Oldest.Seconds()},
		{failed, prometheus.GaugeValue, float64(counts.Failed)},
		{undelivered, prometheus.GaugeValue, float64(counts.Undelivered)},
		{accepted, prometheus.CounterValue, float64(counts.Accepted)},
		{deduplicated, prometheus.CounterValue, float64(counts.Deduplicated)},
		{resumed, prometheus.CounterValue, float64(counts.Resumed)},
		{retried, prometheus.CounterValue, float64(counts.Retried)},
		{expired, prometheus.CounterValue, float64(counts.Expired)},
		{redelivered, prometheus.CounterValue, float64(counts.Redelivered)},
	} {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value)
	}
}
