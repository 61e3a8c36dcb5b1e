package waglobals

import (
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"
	"go.mau.fi/libsignal/logger"
)

var (
	signalLogOnce sync.Once
	signalLogTo   atomic.Pointer[zerolog.Logger]
)

// RouteSignalLog sends what libsignal has to say to log; left to itself the library prints it to standard output. There
// is one such logger in a process: the last caller gets it. A message that can't be decrypted is the business of who
// asked for it, so all of it is debug.
func RouteSignalLog(log zerolog.Logger) {
	log = log.With().Str("component", "libsignal").Logger()
	signalLogTo.Store(&log)
	signalLogOnce.Do(func() {
		var target logger.Loggable = signalLog{}
		logger.Setup(&target)
	})
}

// signalLog implements libsignal's logger.
type signalLog struct{}

// Debug drops the message: it may hold key material.
func (signalLog) Debug(string, string) {}

// Info implements logger.Loggable.
func (l signalLog) Info(caller, msg string) { l.say(caller, msg) }

// Warning implements logger.Loggable.
func (l signalLog) Warning(caller, msg string) { l.say(caller, msg) }

// Error implements logger.Loggable.
func (l signalLog) Error(caller, msg string) { l.say(caller, msg) }

// Configure implements logger.Loggable; there is nothing to configure.
func (signalLog) Configure(string) {}

func (signalLog) say(caller, msg string) {
	signalLogTo.Load().Debug().Str("caller", caller).Str("text", msg).Msg("Signal library spoke")
}
