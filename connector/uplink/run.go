package uplink

import (
	"context"
	"math/rand/v2"
	"time"
)

// Verdict is what is to be done about the end of a connection.
type Verdict struct {
	Stop   bool          // no further try: somebody has to do something first
	AtOnce bool          // no reason to wait before the next try
	After  time.Duration // the least pause before it
}

// Link is a connection that is kept alive by Run. All fields but Pausing must be set.
type Link struct {
	// Serve connects and blocks until the connection ends. Its error is never nil.
	Serve func(ctx context.Context) error
	// Judge says what is to be done about an error of Serve.
	Judge func(err error) Verdict
	// Pausing is told of each pause before it begins.
	Pausing func(err error, pause time.Duration)
	// MaxPause is the ceiling of the growing pauses; Judge may ask for longer ones.
	MaxPause time.Duration
}

const (
	firstPause = time.Second
	// lasting is how long a connection must have stood for the pauses to begin anew.
	lasting = time.Minute
)

// Run serves a connection again and again, with growing pauses, until it is not to be tried any more: then it returns
// Serve's last error, or that of ctx if it has ended.
func Run(ctx context.Context, link Link) error {
	for failures := 0; ; failures++ {
		begun := time.Now()
		err := link.Serve(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		verdict := link.Judge(err)
		if verdict.Stop {
			return err
		}
		if time.Since(begun) >= lasting {
			failures = 0
		}
		pause := max(Backoff(failures, link.MaxPause), verdict.After)
		if verdict.AtOnce && failures == 0 {
			pause = 0 // once only: what fails at once again waits as anything else does
		}
		if link.Pausing != nil {
			link.Pausing(err, pause)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// Backoff is the pause after the given number of failures: doubled each time up to the limit, with a fifth of jitter.
func Backoff(failures int, limit time.Duration) time.Duration {
	pause := min(firstPause<<min(failures, 12), limit)
	return pause - time.Duration(rand.Int64N(int64(pause)/5+1))
}
