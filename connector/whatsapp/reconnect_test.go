package whatsapp

import (
	"fmt"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
	simulated "crosschat/simulator/whatsapp"
)

// TestConnectionLost breaks the connection at points where something is under way; nothing may be lost or doubled.
func TestConnectionLost(t *testing.T) {
	for _, point := range []string{"message_ack", "success", "client_finish", "active"} {
		t.Run(point, func(t *testing.T) {
			w := newWorld(t)
			c, _ := w.logIn()
			if !c.online.Open() {
				t.Fatal("the login is not online")
			}
			w.send(w.anna, w.alice, "before")
			w.awaitText("before")
			faults := []control.Fault{{Kind: "close_before", Args: map[string]string{"point": point}}}
			if point != "message_ack" {
				faults = append(faults, control.Fault{Kind: "close", Person: w.alice.ID})
			}
			for _, fault := range faults {
				if _, err := w.phones.AddFault(t.Context(), simulated.Name, fault); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 3 {
				w.send(w.anna, w.alice, fmt.Sprint("in ", i))
				content := &event.MessageEventContent{MsgType: event.MsgText, Body: fmt.Sprint("out ", i)}
				if err := w.fromMatrix(c, id.EventID(fmt.Sprint("$out-", i)), content); err != nil {
					t.Fatalf("send: %v", err)
				}
			}
			for i := range 3 {
				w.awaitText(fmt.Sprint("in ", i))
				w.awaitAnna(control.Match{Kind: control.KindMessage, Text: fmt.Sprint("out ", i)})
			}
			counts := make(map[string]int)
			for _, call := range w.matrix.Calls("SendMessage") {
				counts[call.Content.(*event.MessageEventContent).Body]++
			}
			timeline, err := w.phones.Timeline(t.Context(), simulated.Name, w.anna.ID, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range timeline {
				if e.Kind == control.KindMessage && !e.FromMe {
					counts[e.Text]++
				}
			}
			for text, count := range counts {
				if count != 1 {
					t.Errorf("%q arrived %d times", text, count)
				}
			}
		})
	}
}
