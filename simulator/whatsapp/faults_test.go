package whatsapp_test

import (
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
)

// addFault breaks something.
func (s *simulation) addFault(fault control.Fault) control.Fault {
	s.t.Helper()
	added, err := s.api.AddFault(s.t.Context(), whatsapp.Name, fault)
	if err != nil {
		s.t.Fatalf("add fault: %v", err)
	}
	return added
}

func TestKeyShareDamaged(t *testing.T) {
	s := newSimulation(t)
	ben := s.addPerson("Ben")
	fault := s.addFault(control.Fault{Kind: "corrupt", Person: ben.ID, Device: 1, Stanza: "message"})
	c := s.newClient()
	s.link(c, ben.ID) // waits for the settings, which only the key share opens
	faults, err := s.api.Faults(t.Context(), whatsapp.Name)
	if err != nil || len(faults) != 1 || faults[0].ID != fault.ID || faults[0].Hits != 1 {
		t.Errorf("faults are %+v, %v; want one that struck once", faults, err)
	}
}

func TestConnectionDropsBeforeAck(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	s.addFault(control.Fault{Kind: "close_before", Person: ben.ID, Args: map[string]string{"point": "message_ack"}})
	c.sendText(lid(anna), "sent twice, arrives once")
	s.await(anna.ID, control.Match{Text: "sent twice, arrives once"})
	c.sendText(lid(anna), "after it")
	s.await(anna.ID, control.Match{Text: "after it"})
	seen, err := s.api.Await(t.Context(), whatsapp.Name, anna.ID, control.Match{Kind: control.KindMessage}, patience)
	if err != nil || len(seen) != 2 {
		t.Errorf("phone has %d messages, %v; want 2", len(seen), err)
	}
}

func TestFaultUntilRemoved(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	fault := s.addFault(control.Fault{Kind: "deaf", Person: ben.ID, Device: 1, Times: -1})
	s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "not heard at first"})
	s.await(ben.ID, control.Match{Text: "not heard at first"}) // the phone hears it
	if err := s.api.RemoveFault(ctx, whatsapp.Name, fault.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.api.RemoveFault(ctx, whatsapp.Name, "no such fault"); err == nil {
		t.Error("a fault that does not exist was removed")
	}
	c.text("not heard at first")
}

func TestLog(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	anna, _ := s.linked("Anna")
	entries, err := s.api.AwaitLog(ctx, whatsapp.Name, control.LogMatch{
		Person: anna.ID, Device: 1, Direction: "out", Pattern: `^<success `,
	}, patience)
	if err != nil || len(entries) != 1 {
		t.Fatalf("log of the login: %+v, %v", entries, err)
	}
	all, err := s.api.Log(ctx, whatsapp.Name, entries[0].Index)
	if err != nil || len(all) == 0 || all[0].Data != entries[0].Data {
		t.Errorf("log from %d begins with %+v, %v", entries[0].Index, all, err)
	}
	if _, err := s.api.AwaitLog(ctx, whatsapp.Name, control.LogMatch{Pattern: "("}, patience); err == nil {
		t.Error("a pattern that is none was accepted")
	}
}

// TestSettingsWrittenByBoth has the phone write without knowing yet what the client wrote while the phone was off.
func TestSettingsWrittenByBoth(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	off, on, yes := false, true, true
	if err := s.api.SetBehaviour(ctx, whatsapp.Name, ben.ID, control.Behaviour{Online: &off}); err != nil {
		t.Fatal(err)
	}
	if err := c.SendAppState(ctx, appstate.BuildPin(lid(anna), true)); err != nil {
		t.Fatal(err)
	}
	if err := s.api.SetBehaviour(ctx, whatsapp.Name, ben.ID, control.Behaviour{Online: &on}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.SetChat(ctx, whatsapp.Name, ben.ID, control.ChatSettings{Chat: anna.ID, Archived: &yes}); err != nil {
		t.Fatal(err)
	}
	expect(c, "archive", func(e *events.Archive) bool { return e.JID == lid(anna) && e.Action.GetArchived() })
	got, err := s.api.Chat(ctx, whatsapp.Name, ben.ID, anna.ID)
	if err != nil || !*got.Pinned || !*got.Archived {
		t.Errorf("phone knows %+v, %v; want pinned and archived", got, err)
	}
}
