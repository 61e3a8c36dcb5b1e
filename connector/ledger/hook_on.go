//go:build crosschat_testhooks

package ledger

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// end is where CROSSCHAT_KILL_AT=<step>[:<n>] says: the process kills itself when it passes the step for the n-th time.
type end struct {
	step string
	left atomic.Int64
}

var killAt = parseEnd(os.Getenv("CROSSCHAT_KILL_AT"))

func parseEnd(text string) *end {
	step, count, counted := strings.Cut(text, ":")
	at := &end{step: step}
	at.left.Store(1)
	if n, err := strconv.ParseInt(count, 10, 64); counted && err == nil {
		at.left.Store(n)
	}
	return at
}

// Passing names a step that a message has reached. If it is the one to end at, nothing after it is run.
func Passing(step string) {
	if step != killAt.step || killAt.left.Add(-1) != 0 {
		return
	}
	fmt.Fprintf(os.Stderr, "killed at step %s\n", step)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// switchedOff is for measurements: CROSSCHAT_LEDGER=off hands the homeserver's transactions to the library as they come.
func switchedOff() bool { return os.Getenv("CROSSCHAT_LEDGER") == "off" }
