package main

import (
	signallogger "go.mau.fi/libsignal/logger"

	"github.com/rs/zerolog"
)

// signalLog takes what libsignal has to say into our log; left to itself the library prints it to standard output, where
// only the line that says ready belongs. Decryption failures are part of many tests, so all of it is debug.
type signalLog struct{ log zerolog.Logger }

// routeSignalLog must be called before the first phone exists: the library's logger is one variable.
func routeSignalLog(log zerolog.Logger) {
	var target signallogger.Loggable = signalLog{log}
	signallogger.Setup(&target)
}

// Debug drops the message: it may hold key material.
func (l signalLog) Debug(string, string) {}

// Info, Warning and Error log at debug.
func (l signalLog) Info(caller, msg string) { l.say(caller, msg) }

// Warning logs at debug.
func (l signalLog) Warning(caller, msg string) { l.say(caller, msg) }

// Error logs at debug.
func (l signalLog) Error(caller, msg string) { l.say(caller, msg) }

// Configure has nothing to configure.
func (l signalLog) Configure(string) {}

func (l signalLog) say(caller, msg string) {
	l.log.Debug().Str("caller", caller).Str("text", msg).Msg("Signal library spoke")
}
