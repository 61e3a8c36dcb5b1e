package ledger

import (
	"context"
	"sync/atomic"
	"time"
)

// Counts is what the ledger has done and has to do, for metrics.
type Counts struct {
	// Waiting events have no outcome yet; Oldest is how long the first of them has waited. Failed and Undelivered are
	// those that are kept for the user to see.
	Waiting     int           `json:"waiting"`
	Oldest      time.Duration `json:"oldest"`
	Failed      int           `json:"failed"`
	Undelivered int           `json:"undelivered"`

	// Since the start.
	Accepted       int64 `json:"accepted"`        // events that the homeserver handed over
	Deduplicated   int64 `json:"deduplicated"`    // those that it handed over again, or that were found sent
	Resumed        int64 `json:"resumed"`         // taken up from an earlier run
	Sent           int64 `json:"sent"`            // the network has them
	Ignored        int64 `json:"ignored"`         // nothing was to be done
	Retried        int64 `json:"retried"`         // tries without an outcome
	Cancelled      int64 `json:"cancelled"`       // redacted while they waited
	Expired        int64 `json:"expired"`         // waited too long
	FailedSince    int64 `json:"failed_since"`    // for good
	Redelivered    int64 `json:"redelivered"`     // tries to hand a network's event to Matrix that came to nothing
	UndeliveredNow int64 `json:"undelivered_now"` // network's messages that Matrix did not take
}

type counters struct {
	accepted, deduplicated, resumed, sent, ignored, retried, cancelled, expired, failed, redelivered, undelivered atomic.Int64
}

// Counts is the state of things. It asks the database.
func (l *Ledger) Counts(ctx context.Context) (Counts, error) {
	c := Counts{
		Accepted: l.counts.accepted.Load(), Deduplicated: l.counts.deduplicated.Load(), Resumed: l.counts.resumed.Load(),
		Sent: l.counts.sent.Load(), Ignored: l.counts.ignored.Load(), Retried: l.counts.retried.Load(),
		Cancelled: l.counts.cancelled.Load(), Expired: l.counts.expired.Load(), FailedSince: l.counts.failed.Load(),
		Redelivered: l.counts.redelivered.Load(), UndeliveredNow: l.counts.undelivered.Load(),
	}
	size, err := l.store.Size(ctx)
	if err != nil {
		return c, err
	}
	c.Waiting, c.Failed, c.Undelivered = size.Waiting, size.Failed, size.Undelivered
	if !size.Oldest.IsZero() {
		c.Oldest = time.Since(size.Oldest)
	}
	return c, nil
}
