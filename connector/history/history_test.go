package history

import (
	"testing"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
)

func newRooms() Rooms {
	return Rooms{Name: "Instagram", Login: &bridgev2.UserLogin{UserLogin: &database.UserLogin{ID: "instagram-1", UserMXID: "@me:example.org"}}}
}

// Ids are stored for ever.
func TestIDs(t *testing.T) {
	rooms := newRooms()
	for chat, want := range map[networkid.PortalID]networkid.PortalID{
		"messenger-42":       "messenger-history-3-42",
		"instagram-group-42": "instagram-history-3-group-42",
		"whatsapp-lid-42":    "whatsapp-history-3-lid-42",
		"whatsapp-group-1-2": "whatsapp-history-3-group-1-2",
		"whatsapp-1555000":   "whatsapp-history-3-1555000",
	} {
		key := rooms.Key(chat, 3)
		if key.ID != want || key.Receiver != "instagram-1" {
			t.Errorf("Key(%q, 3) = %q, want %q of instagram-1", chat, key, want)
		}
		if back, number, ok := Parse(key.ID); !ok || back != chat || number != 3 {
			t.Errorf("Parse(%q) = %q, %d, %t, want %q, 3", key.ID, back, number, ok, chat)
		}
	}
	for _, id := range []networkid.PortalID{
		"", "history", "messenger-42", "messenger-history-", "messenger-history-0-42", "messenger-history-x-42", "messenger-history-1-",
		"messenger-history-1", "messenger-history--1-42", "messenger-history-01-42", "messenger-history-+1-42",
	} {
		if chat, number, ok := Parse(id); ok {
			t.Errorf("Parse(%q) = %q, %d, want none", id, chat, number)
		}
	}
	const message, past = "instagram-mid.$cAb-c", "instagram-history-mid.$cAb-c"
	if got := MessageID(message); got != past {
		t.Errorf("MessageID(%q) = %q, want %q", message, got, past)
	}
	for _, id := range []networkid.MessageID{message, past} {
		if got := InChat(id); got != message {
			t.Errorf("InChat(%q) = %q, want %q", id, got, message)
		}
	}
}

func TestInfo(t *testing.T) {
	rooms := newRooms()
	info := rooms.Info("Anna", 2, "instagram-7")
	if *info.Name != "History: Anna (2)" || *info.Topic != "Older Instagram messages of the chat Anna. Nothing written here goes there." {
		t.Errorf("the room is %q, %q", *info.Name, *info.Topic)
	}
	if n := *rooms.Info("Anna", 1).Name; n != "History: Anna" {
		t.Errorf("the first room is %q", n)
	}
	if me := info.Members.MemberMap["instagram-1"]; !me.IsFromMe || me.SenderLogin != "instagram-1" || len(info.Members.MemberMap) != 2 {
		t.Errorf("its members are %+v", info.Members.MemberMap)
	}
	var levels event.PowerLevelsEventContent
	info.Members.PowerLevels.Apply("", &levels)
	if me, ghost := levels.GetUserLevel("@me:example.org"), levels.GetUserLevel("@ghost:example.org"); me >= levels.EventsDefault || ghost < levels.EventsDefault {
		t.Errorf("levels are %d for the user and %d for ghosts; writing takes %d", me, ghost, levels.EventsDefault)
	}
	if levels.StateDefault() <= levels.GetUserLevel("@ghost:example.org") {
		t.Errorf("ghosts may change the room, which takes %d", levels.StateDefault())
	}
}
