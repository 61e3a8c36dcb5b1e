package ledger

import (
	"fmt"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"crosschat/connector/fakematrix"
)

// at is an event with the time at which the homeserver got it.
func at(time int64, evt string) string {
	return fmt.Sprintf(`{"origin_server_ts":%d,`, time) + evt[1:]
}

func reaction(id, target string) string {
	return fmt.Sprintf(`{"type":"m.reaction","event_id":%q,"room_id":%q,"sender":%q,"content":{"m.relates_to":{"rel_type":"m.annotation","event_id":%q,"key":"👍"}}}`,
		id, chatRoom, alice, target)
}

func TestPlaceOfWhatComesTooLate(t *testing.T) {
	const eve = "@eve:" + fakematrix.Server
	reply := fmt.Sprintf(`{"type":"m.room.message","event_id":"$reply","room_id":%q,"sender":%q,"content":{"msgtype":"m.text","body":"reply","m.relates_to":{"m.in_reply_to":{"event_id":"$3"}}}}`, chatRoom, alice)
	for _, test := range []struct {
		name string
		come []string // behind $1, which is being handled
		want string
	}{
		{"in order", []string{at(2, message("$2", "b")), at(3, message("$3", "c"))}, "$1 $2 $3"},
		{"a message after its reaction", []string{reaction("$r", "$2"), reply, message("$2", "b"), message("$3", "c")}, "$1 $2 $r $reply $3"},
		{"a message after its deletion", []string{redaction("$r", "$2"), message("$2", "b")}, "$1 $2 $r"},
		{"after one that was sent later", []string{at(3, message("$3", "c")), at(2, message("$2", "b"))}, "$1 $2 $3"},
		{"two after a reaction to the second", []string{at(4, reaction("$r", "$3")), at(2, message("$2", "b")), at(3, message("$3", "c"))}, "$1 $2 $3 $r"},
		{"at the same time", []string{at(2, message("$3", "c")), at(2, message("$2", "b"))}, "$1 $3 $2"},
		{"without times", []string{message("$3", "c"), at(2, message("$2", "b"))}, "$1 $3 $2"},
		{"other users have other clocks", []string{at(3, strings.ReplaceAll(message("$3", "c"), alice, eve)), at(2, message("$2", "b"))}, "$1 $3 $2"},
		{"nothing goes before what is being handled", []string{at(1, message("$0", "z"))}, "$1 $0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wire := newWire()
			wire.setOnline(false)
			s := mustSet(t, t.TempDir(), wire)
			s.start()
			s.hand("1", at(2, message("$1", "a")))
			s.await("the first to be pending", func() bool { return len(s.matrix.Statuses()) > 0 })
			for i, evt := range test.come {
				s.hand(fmt.Sprint(i+2), evt)
			}
			order := func() string {
				s.ledger.lock.Lock()
				defer s.ledger.lock.Unlock()
				var ids []id.EventID
				if ln := s.ledger.lanes[laneKey{room: chatRoom}]; ln != nil {
					for _, it := range ln.items {
						ids = append(ids, it.evt.ID)
					}
				}
				return strings.Trim(fmt.Sprint(ids), "[]")
			}
			s.await("all to be there", func() bool { return len(strings.Fields(order())) == len(strings.Fields(test.want)) })
			if got := order(); got != test.want {
				t.Errorf("the order is %q, want %q", got, test.want)
			}
		})
	}
}
