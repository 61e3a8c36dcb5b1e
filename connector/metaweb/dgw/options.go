package dgw

import (
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

// Options are what a connection needs. URL and Client must be set; zero times mean the defaults.
type Options struct {
	URL    string // ws or wss, with its query
	Header http.Header
	// Client dials. Its transport decides about TLS and must speak HTTP/1.1 for websockets; its jar is not used.
	Client *http.Client
	Log    zerolog.Logger

	// Strict ends the connection when a frame is cut off or malformed: for those who would not notice that what was in it is
	// missing. One of a type that is not known is only logged.
	Strict bool

	HandshakeTimeout time.Duration // 20 s
	WriteTimeout     time.Duration // 20 s
	EstablishTimeout time.Duration // 5 s: for the answer to an EstablishStream
	AckTimeout       time.Duration // 5 s: for the Ack of Data that wants one
	ResponseTimeout  time.Duration // 20 s: for the answer on a one-off stream
	PingInterval     time.Duration // 10 s
	DeadAfter        time.Duration // 30 s without any frame from the server
	CloseTimeout     time.Duration // 1 s: for the websocket's closing handshake

	// ReadLimit bounds one websocket message, 64 MiB if zero.
	ReadLimit int64
	// WriteBacklog bounds what waits to be written, 64 MiB if zero. Beyond it the connection ends.
	WriteBacklog int
}

const defaultLimit = 64 << 20

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		at   *time.Duration
		want time.Duration
	}{
		{&o.HandshakeTimeout, 20 * time.Second},
		{&o.WriteTimeout, 20 * time.Second},
		{&o.EstablishTimeout, 5 * time.Second},
		{&o.AckTimeout, 5 * time.Second},
		{&o.ResponseTimeout, 20 * time.Second},
		{&o.PingInterval, 10 * time.Second},
		{&o.DeadAfter, 30 * time.Second},
		{&o.CloseTimeout, time.Second},
	} {
		if *d.at <= 0 {
			*d.at = d.want
		}
	}
	if o.ReadLimit <= 0 {
		o.ReadLimit = defaultLimit
	}
	if o.WriteBacklog <= 0 {
		o.WriteBacklog = defaultLimit
	}
	return o
}
