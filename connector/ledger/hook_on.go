//go:build crosschat_testhooks

package ledger

import (
	"encoding/binary"
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
	if step == "transaction.stored" || step == "keys.settled" {
		noteSynced()
	}
	if step != killAt.step || killAt.left.Add(-1) != 0 {
		return
	}
	fmt.Fprintf(os.Stderr, "killed at step %s\n", step)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// noteSynced writes down, beside SQLite's write-ahead log CROSSCHAT_WAL, how many frames of it have certainly been synced,
// so that a test can destroy what a power cut may destroy. The log has a header of 32 bytes with the salts at 16, and
// frames with a header of 24 bytes, the salts at 8; frames of an earlier use have other salts.
func noteSynced() {
	path := os.Getenv("CROSSCHAT_WAL")
	if path == "" {
		return
	}
	data, err := os.ReadFile(path)
	if err != nil || len(data) < 32 {
		return
	}
	salts, page := binary.BigEndian.Uint64(data[16:]), int(binary.BigEndian.Uint32(data[8:]))
	frames := 0
	for at := 32; at+24+page <= len(data) && binary.BigEndian.Uint64(data[at+8:]) == salts; at += 24 + page {
		frames++
	}
	_ = os.WriteFile(path+".synced", fmt.Appendf(nil, "%016x %d", salts, frames), 0o600)
}

// switchedOff is for measurements: CROSSCHAT_LEDGER=off hands the homeserver's transactions to the library as they come.
func switchedOff() bool { return os.Getenv("CROSSCHAT_LEDGER") == "off" }
