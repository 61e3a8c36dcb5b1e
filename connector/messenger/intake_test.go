package messenger

import (
	"fmt"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"crosschat/simulator/control"
	simulated "crosschat/simulator/messenger"
)

// An account has more chats than the first pages of the list tell of: all of them come when the user wants that, and only
// the newest otherwise.
func TestThreadList(t *testing.T) {
	const all = 125
	for _, test := range []struct {
		chats string
		want  int
	}{{"all", all}, {"7", 7}} {
		t.Run(test.chats, func(t *testing.T) {
			w := newWorld(t, test.chats)
			var history []control.HistoryMessage
			var people []control.Person
			for i := range all {
				p := w.person(fmt.Sprintf("Person %d", i))
				people = append(people, p)
				history = append(history, control.HistoryMessage{
					Chat: p.ID, Sender: p.ID, ID: fmt.Sprintf("old%d", i), Text: fmt.Sprintf("past %d", i),
					Time: time.Now().Add(-time.Duration(i+1) * time.Hour),
				})
			}
			w.must(w.api.AddHistory(w.Context(), simulated.Name, w.alice.ID, history))
			c := w.logIn()
			w.await("all chats", func() bool { return len(w.texts()) >= test.want })
			w.await("the end of the list", func() bool {
				c.listing.Lock()
				defer c.listing.Unlock()
				meta := loginMeta(c.login.UserLogin)
				return meta.Listed || meta.Roomless > 0
			})
			texts := w.texts()
			if len(texts) != test.want {
				t.Errorf("%d chats came, want %d", len(texts), test.want)
			}
			for i := range test.want {
				if want := fmt.Sprintf("past %d", i); !texts[want] {
					t.Errorf("%q did not come", want)
				}
			}
			if test.want == all {
				return
			}
			// Somebody of the others writes: what was said before comes first.
			last := people[all/4]
			_, err := w.api.Send(w.Context(), simulated.Name, last.ID, control.SendRequest{To: w.alice.ID, Text: "news"})
			w.must(err)
			w.await("the news", func() bool { return w.texts()["news"] })
			if want := fmt.Sprintf("past %d", all/4); !w.texts()[want] {
				t.Errorf("%q did not come before the news", want)
			}
			*w.network.chats = "all"
			c.FillChats()
			w.await("all chats", func() bool { return len(w.texts()) == all+1 })
		})
	}
}

// texts are those of the texts that ghosts have sent.
func (w *world) texts() map[string]bool {
	texts := make(map[string]bool)
	for _, call := range w.matrix.Calls("SendMessage") {
		if c, ok := call.Content.(*event.MessageEventContent); ok && c.MsgType == event.MsgText {
			texts[c.Body] = true
		}
	}
	return texts
}
