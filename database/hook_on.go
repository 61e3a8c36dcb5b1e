//go:build crosschat_testhooks

package database

import (
	"encoding/binary"
	"fmt"
	"os"
)

// noteSynced is whether CROSSCHAT_NOTE_SYNCED wants to know what a power cut leaves. It takes more time than a sync.
var noteSynced = os.Getenv("CROSSCHAT_NOTE_SYNCED") != ""

// syncing counts the frames of SQLite's write-ahead log (sqlite.org/fileformat2.html#walformat) before it is synced; synced
// notes them beside it, in a file with the ending .synced, as those that a power cut leaves. A test destroys of the others as
// many as it likes. The log has a header of 32 bytes with the size of a page at 8 and the salts at 16, and frames with a header of
// 24 bytes, the salts at 8; frames of an earlier use have other salts.
func syncing(path string) (synced func()) {
	if !noteSynced {
		return func() {}
	}
	data, err := os.ReadFile(path)
	if err != nil || len(data) < 32 {
		return func() {}
	}
	salts, page := binary.BigEndian.Uint64(data[16:]), int(binary.BigEndian.Uint32(data[8:]))
	frames := 0
	for at := 32; at+24+page <= len(data) && binary.BigEndian.Uint64(data[at+8:]) == salts; at += 24 + page {
		frames++
	}
	return func() { _ = os.WriteFile(path+".synced", fmt.Appendf(nil, "%016x %d", salts, frames), 0o600) }
}
