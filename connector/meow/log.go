package meow

import (
	"fmt"
	"strings"

	"github.com/rs/zerolog"
	waBinary "go.mau.fi/whatsmeow/binary"
	waLog "go.mau.fi/whatsmeow/util/log"
)

// libraryLog gives whatsmeow's log lines to ours. Stanzas hold keys, pairing codes, names and descriptions: what the library
// received and sent goes to trace level, and a line that has a stanza in it gets its outline only.
type libraryLog struct {
	zerolog.Logger
	wire bool
}

// NewLog is a logger for whatsmeow that writes to log.
func NewLog(log zerolog.Logger) waLog.Logger {
	return libraryLog{Logger: log.With().Str("component", "whatsmeow").Logger()}
}

// Warnf implements waLog.Logger.
func (l libraryLog) Warnf(msg string, args ...any) { l.Warn().Msgf(msg, outlined(args)...) }

// Errorf implements waLog.Logger. An error of the library is a warning here: what someone must act on becomes a bridge
// state.
func (l libraryLog) Errorf(msg string, args ...any) { l.Warn().Msgf(msg, outlined(args)...) }

// Infof implements waLog.Logger. What the library tells of each connection is for who looks for a fault: the life of a
// login is told by its bridge states.
func (l libraryLog) Infof(msg string, args ...any) { l.Debugf(msg, args...) }

// Debugf implements waLog.Logger.
func (l libraryLog) Debugf(msg string, args ...any) {
	if l.wire {
		l.Trace().Msgf(msg, args...)
	} else {
		l.Debug().Msgf(msg, outlined(args)...)
	}
}

// Sub implements waLog.Logger.
func (l libraryLog) Sub(module string) waLog.Logger {
	return libraryLog{
		Logger: l.With().Str("module", module).Logger(),
		wire:   l.wire || module == "Recv" || module == "Send",
	}
}

// told are the attributes of a stanza that say what happened and to nobody's harm.
var told = []string{"id", "type", "code", "reason", "expire", "location", "retry"}

// outlined is what may be printed of a line's arguments: stanzas become their names with what is told of them.
func outlined(args []any) []any {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch node := arg.(type) {
		case *waBinary.Node:
			if node != nil {
				arg = outline(node)
			}
		case waBinary.Node:
			arg = outline(&node)
		}
		safe[i] = arg
	}
	return safe
}

func outline(node *waBinary.Node) string {
	var out strings.Builder
	out.WriteString("<" + node.Tag)
	for _, name := range told {
		if value, ok := node.Attrs[name]; ok {
			fmt.Fprintf(&out, " %s=%q", name, fmt.Sprint(value))
		}
	}
	for i, child := range node.GetChildren() {
		if i == 0 {
			out.WriteString(" with")
		}
		out.WriteString(" " + child.Tag)
	}
	out.WriteString(">")
	return out.String()
}
