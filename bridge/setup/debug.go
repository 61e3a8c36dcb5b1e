package setup

import (
	"fmt"
	"io"
	"os"

	"crosschat/connector/metaweb/redact"
)

// mostCaptured bounds what is read at once; pages have a few megabytes.
const mostCaptured = 256 << 20

// Debug runs what helps those who work on the bridge: so far redact only.
func (p *Program) Debug(args []string, stdin io.Reader) int {
	if len(args) == 0 || args[0] != "redact" || len(args) > 2 {
		return p.usage("debug wants: redact [file]", "debug")
	}
	in := stdin
	if len(args) == 2 {
		file, err := os.Open(args[1])
		if err != nil {
			return p.wrong(fmt.Sprintf("open the captured payload: %v", err), "")
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, mostCaptured))
	if err != nil {
		return p.wrong(fmt.Sprintf("read the captured payload: %v", err), "")
	}
	out, err := redact.New().Payload(data)
	if err != nil {
		return p.wrong(fmt.Sprintf("redact the captured payload: %v", err), "Save the body of an answer, or the page's source, and try with that.")
	}
	if _, err = fmt.Fprintf(p.stdout(), "%s\n", out); err != nil {
		return p.wrong(fmt.Sprintf("write the fixture: %v", err), "")
	}
	return exitOK
}
