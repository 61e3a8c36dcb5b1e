package whatsapp

import (
	"fmt"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/simulator/control"
	simulated "crosschat/simulator/whatsapp"
)

// TestBothWaysAtOnce: many messages cross each other; each side gets them all, once, in order, without a retry.
func TestBothWaysAtOnce(t *testing.T) {
	const count = 150
	w := newWorldWith(t, func(n aloneNetwork, _ string) { n.Config.SendPause = 0 }) // pacing would take minutes
	c, _ := w.logIn()
	w.send(w.anna, w.alice, "first")
	w.awaitText("first")
	failed := make(chan error, 1)
	go func() {
		for i := range count {
			req := control.SendRequest{To: w.alice.ID, Text: fmt.Sprint("in ", i)}
			if _, err := w.phones.Send(t.Context(), simulated.Name, w.anna.ID, req); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	for i := range count {
		content := &event.MessageEventContent{MsgType: event.MsgText, Body: fmt.Sprint("out ", i)}
		if err := w.fromMatrix(c, id.EventID(fmt.Sprint("$out-", i)), content); err != nil {
			t.Fatalf("send %d: %v", i, err)
		}
	}
	if err := <-failed; err != nil {
		t.Fatalf("send as Anna: %v", err)
	}
	w.awaitText(fmt.Sprint("in ", count-1))
	w.awaitAnna(control.Match{Kind: control.KindMessage, Text: fmt.Sprint("out ", count-1)})
	timeline, err := w.phones.Timeline(t.Context(), simulated.Name, w.anna.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	var atAnna, atAlice []string
	for _, e := range timeline {
		switch {
		case e.Kind == control.KindProblem:
			t.Errorf("Anna's phone met a problem: %s", e.Text)
		case e.Kind == control.KindMessage && !e.FromMe:
			atAnna = append(atAnna, e.Text)
		}
	}
	for _, call := range w.matrix.Calls("SendMessage") {
		atAlice = append(atAlice, call.Content.(*event.MessageEventContent).Body)
	}
	check := func(where, prefix string, got []string) {
		t.Helper()
		for i := range count {
			if want := fmt.Sprint(prefix, " ", i); i >= len(got) || got[i] != want {
				t.Fatalf("%s: %d messages; number %d is not %q", where, len(got), i, want)
			}
		}
	}
	check("Anna's phone", "out", atAnna)
	check("Matrix", "in", atAlice[1:])
}
