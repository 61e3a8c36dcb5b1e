package wire

import (
	"encoding/json"
	"fmt"
	"strings"
)

// row writes one call: integers as the network writes them, nil as undefined.
func row(name string, args ...any) string {
	parts := []string{"5", quote(name)}
	for _, arg := range args {
		switch arg := arg.(type) {
		case nil:
			parts = append(parts, "[9]")
		case int:
			parts = append(parts, fmt.Sprintf(`[19,"%d"]`, arg))
		case int64:
			parts = append(parts, fmt.Sprintf(`[19,"%d"]`, arg))
		default:
			parts = append(parts, quote(arg))
		}
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func quote(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func program(rows ...string) string {
	return `{"name":"test","step":[` + strings.Join(append([]string{"1"}, rows...), ",") + `]}`
}

func block(database int64, current, next string) string {
	return row("executeFirstBlockForSyncTransaction", database, 7001, current, next, 0, false, 0, false, 1)
}

func finally(database int64) string {
	return row("executeFinallyBlockForSyncTransaction", true, database, 7001)
}

// message is a live message of Alice's, or the echo of ours.
func message(id, otid, text string) string {
	return row("insertMessage", text, nil, 80, 1002, nil, 1790000000000, 1790000000000, 0, id, otid, 1002)
}

// initialPayload is what the page brings: one contact and where the databases are.
func initialPayload() string {
	return program(block(1, "", "c1"), row("verifyContactRowExists", 1002, 1, "", "Alice"),
		row("upsertSyncGroupThreadsRange", 1, -1, 1600000000000, true, false, 424242), finally(1))
}

// chain answers queries of the mailbox with the next page of a list of rows behind its cursor c1, c2, …; other databases
// have nothing.
func chain(pages ...string) func(query) string {
	return func(q query) string {
		if q.Database != DatabaseMailbox {
			return program(block(q.Database, q.cursor(), q.cursor()), finally(q.Database))
		}
		for i, page := range pages {
			if current := fmt.Sprintf("c%d", i+1); q.cursor() == current {
				return program(block(1, current, fmt.Sprintf("c%d", i+2)), page, finally(1))
			}
		}
		return program(block(1, q.cursor(), q.cursor()), finally(1))
	}
}
