package setup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/rs/zerolog"
	"go.mau.fi/zeroconfig"
)

// unspoken are the log fields that hold what people wrote: the body of each request to the homeserver, which mautrix-go
// logs at debug level. Text may be in the log at trace level only.
var unspoken = []string{"req_body"}

// What a user writes to the bot that is no command may be anything, cookies that were pasted too early for example; the
// library logs its first word in this field, with this message.
const (
	unknownCommand  = `"message":"Received unknown command"`
	unknownCommands = "mx_command"
)

// quietWriters wraps each writer of a logging config in one that leaves unspoken fields out.
func quietWriters(cfg *zeroconfig.Config) {
	for i, writer := range cfg.Writers {
		kind := zeroconfig.WriterType(fmt.Sprintf("quiet-%d", i))
		zeroconfig.RegisterWriter(kind, func(*zeroconfig.WriterConfig) (io.Writer, error) {
			inner, err := writer.Compile()
			return quietWriter{inner}, err
		})
		cfg.Writers[i] = zeroconfig.WriterConfig{Type: kind}
	}
}

// quietWriter implements zerolog.LevelWriter over lines of JSON.
type quietWriter struct{ io.Writer }

// WriteLevel implements zerolog.LevelWriter. It says that all of line was written, since less would be an error.
func (q quietWriter) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	shown := line
	if level != zerolog.TraceLevel {
		for _, field := range unspoken {
			shown = withoutField(shown, field)
		}
		if bytes.Contains(shown, []byte(unknownCommand)) {
			shown = withoutField(shown, unknownCommands)
		}
	}
	var err error
	if w, ok := q.Writer.(zerolog.LevelWriter); ok {
		_, err = w.WriteLevel(level, shown)
	} else {
		_, err = q.Write(shown)
	}
	return len(line), err
}

// withoutField cuts a top-level field out of a line of JSON as zerolog writes it, everywhere that it stands. A line that
// is no JSON behind such a field is cut off there.
func withoutField(line []byte, field string) []byte {
	key := []byte(`,"` + field + `":`)
	for {
		start := bytes.Index(line, key)
		if start < 0 {
			return line
		}
		var value json.RawMessage
		rest := line[start+len(key):]
		decoder := json.NewDecoder(bytes.NewReader(rest))
		if err := decoder.Decode(&value); err != nil {
			return append(bytes.Clone(line[:start]), "}\n"...)
		}
		line = append(bytes.Clone(line[:start]), rest[decoder.InputOffset():]...)
	}
}
