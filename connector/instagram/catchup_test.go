package instagram

import (
	"testing"
	"time"

	"crosschat/connector/instagram/wire"
)

// What waits behind the message by which a chat is heard of comes with it, however much that is.
func TestCut(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(1_000+second), 0) }
	var messages []wire.Message
	for i := range 10 {
		messages = append(messages, wire.Message{Time: at(i)})
	}
	for _, test := range []struct {
		name  string
		limit int
		heard time.Time
		want  int
	}{
		{"the last ones", 3, time.Time{}, 7},
		{"more than there are", 20, time.Time{}, 0},
		{"none are left to take", -2, time.Time{}, 10},
		{"all since it was heard of", 3, at(4), 4},
		{"heard of by the last", 3, at(9), 7},
		{"heard of by one on an earlier page", 3, at(-1), 0},
		{"none left to take, but heard of by one here", 0, at(8), 8},
	} {
		if got := cut(messages, test.limit, test.heard); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}
