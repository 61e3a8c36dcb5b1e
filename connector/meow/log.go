package meow

import (
	"github.com/rs/zerolog"
	waLog "go.mau.fi/whatsmeow/util/log"
)

// libraryLog gives whatsmeow's log lines to ours. What it received and sent as a whole goes to trace level: those stanzas
// hold keys and pairing codes.
type libraryLog struct {
	zerolog.Logger
	wire bool
}

// NewLog is a logger for whatsmeow that writes to log.
func NewLog(log zerolog.Logger) waLog.Logger {
	return libraryLog{Logger: log.With().Str("component", "whatsmeow").Logger()}
}

// Warnf implements waLog.Logger.
func (l libraryLog) Warnf(msg string, args ...any) { l.Warn().Msgf(msg, args...) }

// Errorf implements waLog.Logger. An error of the library is a warning here: what someone must act on becomes a bridge
// state.
func (l libraryLog) Errorf(msg string, args ...any) { l.Warn().Msgf(msg, args...) }

// Infof implements waLog.Logger.
func (l libraryLog) Infof(msg string, args ...any) { l.Info().Msgf(msg, args...) }

// Debugf implements waLog.Logger.
func (l libraryLog) Debugf(msg string, args ...any) {
	if l.wire {
		l.Trace().Msgf(msg, args...)
	} else {
		l.Debug().Msgf(msg, args...)
	}
}

// Sub implements waLog.Logger.
func (l libraryLog) Sub(module string) waLog.Logger {
	return libraryLog{
		Logger: l.With().Str("module", module).Logger(),
		wire:   l.wire || module == "Recv" || module == "Send",
	}
}
