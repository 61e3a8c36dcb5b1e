package lab

import (
	"fmt"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

func TestRefreshPutsInWhatIsMissing(t *testing.T) {
	evt := func(name id.EventID) *event.Event { return &event.Event{ID: name, Sender: "read"} }
	l := &roomLog{at: make(map[id.EventID]int), undecryptable: make(map[id.EventID]error)}
	for _, name := range []id.EventID{"$1", "$3", "$5"} {
		shown := evt(name)
		shown.Sender = "shown"
		l.add(shown)
	}
	l.refresh([]*event.Event{evt("$0"), evt("$1"), evt("$2"), evt("$3"), evt("$4")})
	got := ""
	for i, evt := range l.timeline {
		if l.at[evt.ID] != i {
			t.Errorf("%s is noted at %d, is at %d", evt.ID, l.at[evt.ID], i)
		}
		got += fmt.Sprint(" ", evt.ID, " ", evt.Sender)
	}
	if want := " $0 read $1 shown $2 read $3 shown $4 read $5 shown"; got != want {
		t.Errorf("the log is%s, want%s", got, want)
	}
}
