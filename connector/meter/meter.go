// Package meter is what the bridge counts of its own work, for Prometheus. It holds the instruments that code everywhere
// uses; what is only looked up when somebody asks (states of logins, queues) is in bridge/metrics, which also serves all of
// it. No label ever holds an id, a name or a text of a user. All functions may be called from any goroutine and never block.
package meter

import (
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"crosschat/connector/remoteid"
)

// Registry has all instruments of this process.
var Registry = prometheus.NewRegistry()

var factory = promauto.With(Registry)

// seconds has buckets from a quick database query to a message that waited for its network.
var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}

var (
	messages = factory.NewCounterVec(prometheus.CounterOpts{
		Name: "crosschat_messages_total",
		Help: "Messages and other events that got their outcome, by network, direction (in: to Matrix, out: to the network), kind (message or event) and result.",
	}, []string{"network", "direction", "kind", "result"})
	messageSeconds = factory.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "crosschat_message_seconds",
		Help:    "Time from taking a message over to its outcome, waiting included, by network and direction.",
		Buckets: seconds,
	}, []string{"network", "direction"})
	stageSeconds = factory.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "crosschat_stage_seconds",
		Help:    "Time that one step of a message took: transaction (store what the homeserver handed over), homeserver (a request to it), database (a query).",
		Buckets: seconds,
	}, []string{"stage"})
	failures = factory.NewCounterVec(prometheus.CounterOpts{
		Name: "crosschat_stage_failures_total",
		Help: "Steps that failed, by the stages of crosschat_stage_seconds.",
	}, []string{"stage"})
	alerts = factory.NewCounterVec(prometheus.CounterOpts{
		Name: "crosschat_alerts_total",
		Help: "Things that whoever runs the bridge should look at, by network and kind (stale_document: a query that the network has retired; unreadable: something that could not be read and was left out; professional: an account with an inbox of which parts are not listed).",
	}, []string{"network", "kind"})
	mediaBytes = factory.NewCounterVec(prometheus.CounterOpts{
		Name: "crosschat_media_bytes_total",
		Help: "Bytes of media exchanged with the homeserver, by direction (in: uploaded for a network, out: downloaded for one).",
	}, []string{"direction"})
)

// Alert counts something that only whoever runs the bridge can mend. kind is one of a few words; the network is the prefix
// of id.
func Alert[T ~string](id T, kind string) {
	network, _, _ := remoteid.Cut(id)
	alerts.WithLabelValues(string(network), kind).Inc()
}

// Direction is which way something goes.
type Direction string

// Directions.
const (
	In  Direction = "in"  // from a network to Matrix
	Out Direction = "out" // from Matrix to a network
)

// Kind is what has its outcome.
type Kind string

// Kinds.
const (
	Message Kind = "message"
	Event   Kind = "event" // an edit, a reaction, a deletion, a receipt, a change of the chat
)

// Result is an outcome.
type Result string

// Results. Stored and Undelivered are of In, the others of Out.
const (
	Stored      Result = "stored"      // it is in Matrix
	Undelivered Result = "undelivered" // Matrix did not take it, and the user was told
	Sent        Result = "sent"        // the network has it
	Ignored     Result = "ignored"     // there was nothing to do
	Failed      Result = "failed"      // for good, and the user was told
	Expired     Result = "expired"     // the network was away for too long, and the user was told
	Cancelled   Result = "cancelled"   // redacted while it waited
)

// Outcome counts that something got its outcome, so long after it was taken over. The network is the prefix of id.
func Outcome[T ~string](id T, direction Direction, kind Kind, result Result, took time.Duration) {
	network, _, ok := remoteid.Cut(id)
	if !ok {
		network = "none"
	}
	messages.WithLabelValues(string(network), string(direction), string(kind), string(result)).Inc()
	if kind == Message {
		messageSeconds.WithLabelValues(string(network), string(direction)).Observe(took.Seconds())
	}
}

// Stage is a step of a message's way.
type Stage string

// Stages.
const (
	Transaction Stage = "transaction"
	Homeserver  Stage = "homeserver"
	Database    Stage = "database"
)

// Took counts a step.
func (s Stage) Took(d time.Duration, err error) {
	stageSeconds.WithLabelValues(string(s)).Observe(d.Seconds())
	if err != nil {
		failures.WithLabelValues(string(s)).Inc()
	}
}

// Media counts the bytes of body as they are read. A nil body stays nil.
func Media(direction Direction, body io.ReadCloser) io.ReadCloser {
	if body == nil {
		return nil
	}
	return &counted{body, mediaBytes.WithLabelValues(string(direction))}
}

type counted struct {
	io.ReadCloser
	bytes prometheus.Counter
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes.Add(float64(n))
	return n, err
}
