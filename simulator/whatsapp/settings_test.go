package whatsapp_test

import (
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
)

func TestSettingsReachClient(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	anna := s.addPerson("Anna")
	ben, err := s.api.AddPerson(ctx, whatsapp.Name, control.NewPerson{Name: "Ben", Contacts: []string{anna.ID}})
	if err != nil {
		t.Fatal(err)
	}
	c := s.newClient()
	s.link(c, ben.ID)
	if c.Store.PushName != "Ben" {
		t.Errorf("client is called %q, want Ben", c.Store.PushName)
	}
	known, err := c.Store.Contacts.GetContact(ctx, pn(anna))
	if err != nil || known.FullName != "Anna" {
		t.Errorf("client knows %+v, %v; want Anna", known, err)
	}
	if err := s.api.SetContact(ctx, whatsapp.Name, ben.ID, control.Contact{ID: anna.ID, Name: "Anna Work"}); err != nil {
		t.Fatal(err)
	}
	expect(c, "contact", func(e *events.Contact) bool { return e.Action.GetFullName() == "Anna Work" })
	until := time.Now().Add(time.Hour).UnixMilli()
	yes := true
	if _, err := s.api.SetChat(ctx, whatsapp.Name, ben.ID, control.ChatSettings{
		Chat: anna.ID, MutedUntil: &until, Pinned: &yes, Archived: &yes,
	}); err != nil {
		t.Fatal(err)
	}
	expect(c, "mute", func(e *events.Mute) bool { return e.JID == lid(anna) && e.Action.GetMuteEndTimestamp() == until })
	expect(c, "pin", func(e *events.Pin) bool { return e.JID == lid(anna) && e.Action.GetPinned() })
	expect(c, "archive", func(e *events.Archive) bool { return e.JID == lid(anna) && e.Action.GetArchived() })
	name := "Benjamin"
	if _, err := s.api.SetProfile(ctx, whatsapp.Name, ben.ID, control.Profile{Name: &name}); err != nil {
		t.Fatal(err)
	}
	expect(c, "name", func(e *events.PushNameSetting) bool { return e.Action.GetName() == name })
}

func TestSettingsFromClient(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	if err := c.SendAppState(ctx, appstate.BuildMute(lid(anna), true, 0)); err != nil {
		t.Fatal(err)
	}
	if err := c.SendAppState(ctx, appstate.BuildPin(lid(anna), true)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.Await(ctx, whatsapp.Name, ben.ID, control.Match{Kind: control.KindSettings, Chat: anna.ID, Count: 2}, patience); err != nil {
		t.Fatal(err)
	}
	got, err := s.api.Chat(ctx, whatsapp.Name, ben.ID, anna.ID)
	if err != nil || *got.MutedUntil != -1 || !*got.Pinned {
		t.Errorf("phone knows %+v, %v; want muted for ever and pinned", got, err)
	}
	// The phone goes on from what the client wrote.
	no := false
	if _, err := s.api.SetChat(ctx, whatsapp.Name, ben.ID, control.ChatSettings{Chat: anna.ID, Pinned: &no}); err != nil {
		t.Fatal(err)
	}
	expect(c, "unpin", func(e *events.Pin) bool { return !e.Action.GetPinned() })
}

func TestHistory(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	anna, ben := s.addPerson("Anna"), s.addPerson("Ben")
	start := time.Now().Add(-48 * time.Hour).Truncate(time.Second)
	const count = 30
	var messages []control.HistoryMessage
	for i := range count {
		sender := anna.ID
		if i%2 == 1 {
			sender = ben.ID
		}
		messages = append(messages, control.HistoryMessage{
			Chat: anna.ID, Sender: sender, ID: fmt.Sprintf("OLD%d", i), Text: fmt.Sprintf("old %d", i),
			Time: start.Add(time.Duration(i) * time.Minute),
		})
	}
	if err := s.api.AddHistory(ctx, whatsapp.Name, ben.ID, messages); err != nil {
		t.Fatal(err)
	}
	c := s.newClient()
	s.link(c, ben.ID)
	first := expect(c, "bootstrap", func(e *events.HistorySync) bool {
		return e.Data.GetSyncType() == waHistorySync.HistorySync_INITIAL_BOOTSTRAP
	})
	checkHistory(t, c, first, anna, count-1, 20)
	expect(c, "names", func(e *events.HistorySync) bool { return e.Data.GetSyncType() == waHistorySync.HistorySync_PUSH_NAME })
	rest := expect(c, "recent", func(e *events.HistorySync) bool { return e.Data.GetSyncType() == waHistorySync.HistorySync_RECENT })
	checkHistory(t, c, rest, anna, count-21, 10)

	info, err := c.ParseWebMessage(lid(anna), first.Data.GetConversations()[0].GetMessages()[19].GetMessage())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SendPeerMessage(ctx, c.BuildHistorySyncRequest(&info.Info, 5)); err != nil {
		t.Fatal(err)
	}
	older := expect(c, "older messages", func(e *events.HistorySync) bool {
		return e.Data.GetSyncType() == waHistorySync.HistorySync_ON_DEMAND
	})
	checkHistory(t, c, older, anna, count-21, 5)
}

// checkHistory wants one conversation that holds want messages, newest first, from number newest on.
func checkHistory(t *testing.T, c *client, e *events.HistorySync, with control.Person, newest, want int) {
	t.Helper()
	if len(e.Data.GetConversations()) != 1 {
		t.Fatalf("%s has %d conversations, want 1", e.Data.GetSyncType(), len(e.Data.GetConversations()))
	}
	chat := e.Data.GetConversations()[0]
	if chat.GetID() != lid(with).String() || chat.GetPnJID() != pn(with).String() || len(chat.GetMessages()) != want {
		t.Fatalf("%s: chat %s (%s) with %d messages, want %s with %d", e.Data.GetSyncType(), chat.GetID(), chat.GetPnJID(),
			len(chat.GetMessages()), lid(with), want)
	}
	for i, m := range chat.GetMessages() {
		parsed, err := c.ParseWebMessage(lid(with), m.GetMessage())
		if err != nil {
			t.Fatal(err)
		}
		number := newest - i
		if text := fmt.Sprintf("old %d", number); parsed.Message.GetConversation() != text {
			t.Errorf("message %d is %q, want %q", i, parsed.Message.GetConversation(), text)
		}
		if parsed.Info.IsFromMe != (number%2 == 1) {
			t.Errorf("message %d is from me: %t", number, parsed.Info.IsFromMe)
		}
	}
}

func TestPlaceholderResend(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	sent := s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "from the phone's memory"})
	c.text("from the phone's memory")
	s.await(ben.ID, control.Match{ID: sent.ID})
	c.mu.Lock()
	c.events = nil
	c.mu.Unlock()
	if _, err := c.SendPeerMessage(ctx, c.BuildUnavailableMessageRequest(lid(anna), lid(anna), sent.ID)); err != nil {
		t.Fatal(err)
	}
	if got := c.text("from the phone's memory"); got.UnavailableRequestID == "" {
		t.Error("message came otherwise than as the answer of the phone")
	}
}

func TestProfile(t *testing.T) {
	s := newSimulation(t)
	ctx := t.Context()
	anna, err := s.api.AddPerson(ctx, whatsapp.Name, control.NewPerson{Name: "Anna", Avatar: picture(t, 8, 8), About: "here"})
	if err != nil {
		t.Fatal(err)
	}
	ben, c := s.linked("Ben")
	info, err := c.GetProfilePictureInfo(ctx, lid(anna), nil)
	if err != nil || info == nil || info.ID != anna.AvatarID {
		t.Errorf("picture is %+v, %v; want %q", info, err, anna.AvatarID)
	}
	name, about, avatar := "Anna B", "gone", picture(t, 9, 9)
	changed, err := s.api.SetProfile(ctx, whatsapp.Name, anna.ID, control.Profile{Name: &name, About: &about, Avatar: &avatar})
	if err != nil || changed.Name != name || changed.About != about || changed.AvatarID == anna.AvatarID {
		t.Errorf("changed to %+v, %v", changed, err)
	}
	expect(c, "picture", func(e *events.Picture) bool { return e.JID.User == anna.LID || e.JID.User == anna.Phone })
	s.send(anna.ID, control.SendRequest{To: ben.ID, Text: "with my new name"})
	if got := c.text("with my new name"); got.Info.PushName != name {
		t.Errorf("name on the message is %q, want %q", got.Info.PushName, name)
	}
}
