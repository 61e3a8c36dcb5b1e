package ledger

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"maunium.net/go/mautrix/bridgev2"
	bridgestatus "maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/database"
)

// orders notes the commands that it is given, and what the ledger still holds then.
type orders struct {
	s *scene

	lock  sync.Mutex
	given []string
	held  int
}

// Handle implements bridgev2.CommandProcessor.
func (o *orders) Handle(ctx context.Context, room id.RoomID, evt id.EventID, _ *bridgev2.User, command string, _ id.EventID) {
	waiting, err := o.s.ledger.store.Waiting(o.s.Context())
	o.s.must(err)
	o.lock.Lock()
	o.given = append(o.given, command)
	o.held += len(waiting)
	o.lock.Unlock()
	o.s.ledger.bridge.Matrix.SendMessageStatus(ctx, &bridgev2.MessageStatus{
		Step: bridgestatus.MsgStepCommand, Status: event.MessageStatusSuccess,
	}, &bridgev2.MessageStatusEventInfo{RoomID: room, SourceEventID: evt, EventType: event.EventMessage})
}

func (o *orders) all() (given []string, held int) {
	o.lock.Lock()
	defer o.lock.Unlock()
	return o.given, o.held
}

// TestCommandInAPortalIsGivenOnce: not again after its status came, which looked like that of a message without a row, and
// not after a crash.
func TestCommandInAPortalIsGivenOnce(t *testing.T) {
	dir, wire := t.TempDir(), newWire()
	first := mustSet(t, dir, wire)
	given := &orders{s: first}
	first.ledger.bridge.Commands = given
	first.start()
	first.hand("1", message("$1", "!cc ping"), message("$2", "a text"))
	first.awaitTexts("a text")
	first.empty()
	first.await("the command", func() bool { all, _ := given.all(); return len(all) > 0 })
	first.ledger.Stop()
	first.ledger.bridge.Stop()

	second := mustSet(t, dir, wire)
	given.s = second
	second.ledger.bridge.Commands = given
	second.start()
	second.hand("1", message("$1", "!cc ping"))
	second.hand("2", message("$3", "another text"))
	second.awaitTexts("a text", "another text")
	second.empty()
	if all, held := given.all(); len(all) != 1 || all[0] != "ping" || held > 1 {
		t.Errorf("given were %q, want one ping; the ledger held %d, want at most the text", all, held)
	}
}

// TestEncryptedCommandIsForgottenBefore: only when it is decrypted it is known to be one.
func TestEncryptedCommandIsForgottenBefore(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	s.must(s.ledger.ready(t.Context()))
	for seq, text := range []string{"!cc ping", "a text"} {
		row := database.Outgoing{Seq: int64(seq + 1), EventID: "$" + text, RoomID: chatRoom, Body: []byte(message("$"+text, text))}
		if _, err := s.ledger.store.Accept(t.Context(), text, int64(seq+10), []database.Outgoing{row}); err != nil {
			t.Fatal(err)
		}
		evt := &event.Event{}
		s.must(json.Unmarshal(row.Body, evt))
		evt.Type.Class = event.MessageEventType
		s.ledger.parse(evt)
		s.ledger.begins(t.Context(), &flight{seq: row.Seq, resumed: true}, evt)
	}
	waiting, err := s.ledger.store.Waiting(t.Context())
	s.must(err)
	if len(waiting) != 1 || waiting[0].EventID != "$a text" || waiting[0].Tries != 1 {
		t.Errorf("waiting are %+v, want the text, tried once", waiting)
	}
}

// TestACommandsStatusIsItsOutcome: a command has no row.
func TestACommandsStatusIsItsOutcome(t *testing.T) {
	s := mustSet(t, t.TempDir(), newWire())
	evt := &event.Event{ID: "$1", Type: event.EventMessage, Content: event.Content{Parsed: &event.MessageEventContent{Body: "!cc ping"}}}
	for step, want := range map[bridgestatus.MessageCheckpointStep]verdict{bridgestatus.MsgStepCommand: sent, bridgestatus.MsgStepRemote: rowless} {
		f := &flight{status: &bridgev2.MessageStatus{Step: step, Status: event.MessageStatusSuccess}}
		if got := s.ledger.judge(evt, f, nil).verdict; got != want {
			t.Errorf("the verdict of step %s is %d, want %d", step, got, want)
		}
	}
}
