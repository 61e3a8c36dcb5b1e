package whatsapp

import (
	"testing"

	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/history"
)

func TestChatIDs(t *testing.T) {
	c := newConverter(t)
	for _, test := range []struct {
		jid      string
		id       networkid.PortalID
		receiver bool
	}{
		{"200000000002@lid", "whatsapp-lid-200000000002", true},
		{"15550000002@s.whatsapp.net", "whatsapp-15550000002", true},
		{"120363012345678901@g.us", "whatsapp-group-120363012345678901", false},
		{"15550000002-1600000000@g.us", "whatsapp-group-15550000002-1600000000", false},
		{"status@broadcast", "whatsapp-status", true},
	} {
		chat := jid(t, test.jid)
		key := c.portalKey(chat)
		if key.ID != test.id || (key.Receiver != "") != test.receiver {
			t.Errorf("portalKey(%q) = %q, want %q, receiver %t", test.jid, key, test.id, test.receiver)
		}
		if back, err := parseChat(key.ID); err != nil || back != chat {
			t.Errorf("parseChat(%q) = %q, %v, want %q", key.ID, back, err, chat)
		}
		id, err := makeMessageID(messageKey{Chat: chat, Sender: annaLID, ID: "3EB0"})
		if err != nil {
			t.Fatalf("makeMessageID in %q: %v", test.jid, err)
		}
		parsed, err := parseMessageID(id)
		if want := (messageKey{Chat: chat, Sender: annaLID, ID: "3EB0"}); err != nil || parsed != want {
			t.Errorf("parseMessageID(%q) = %v, %v, want %v", id, parsed, err, want)
		}
		past := c.historyKey(chat, 2)
		portal, number, ok := history.Parse(past.ID)
		if !ok || portal != key.ID || number != 2 || past.Receiver != c.login.ID {
			t.Errorf("history.Parse(%q) = %q, %d, %t, want %q, 2", past, portal, number, ok, key.ID)
		}
		if _, err := parseChat(past.ID); err == nil {
			t.Errorf("parseChat(%q) takes history for a chat", past.ID)
		}
		if _, err := parseMessageID(history.MessageID(id)); err == nil {
			t.Errorf("parseMessageID(%q) takes a message of history for one of a chat", history.MessageID(id))
		}
		if got := history.InChat(history.MessageID(id)); got != id {
			t.Errorf("InChat(MessageID(%q)) = %q", id, got)
		}
	}
}

func TestChatIDsRefused(t *testing.T) {
	for _, id := range []networkid.PortalID{
		"", "whatsapp-", "whatsapp-group-", "whatsapp-group-a", "whatsapp-group-1-", "whatsapp-group-1-2-3", "whatsapp-statuses",
		"whatsapp-group-11111111111111111111111111111111111111111", "instagram-1", "whatsapp-history-1-lid-2",
	} {
		if got, err := parseChat(id); err == nil {
			t.Errorf("parseChat(%q) = %q, want an error", id, got)
		}
	}
	for _, source := range []types.MessageSource{
		{Chat: types.NewJID("1", types.NewsletterServer), Sender: annaLID},
		{Chat: types.NewJID("1-2-3", types.GroupServer), Sender: annaLID},
		{Chat: types.NewJID("123", types.GroupServer), Sender: types.NewJID("x", types.GroupServer)},
		{Chat: types.NewJID("123", types.GroupServer)},
		{Chat: types.StatusBroadcastJID, Sender: annaLID}, // switched off
		{Chat: types.NewJID("123", types.BroadcastServer), Sender: annaLID},
	} {
		if chat, author, ok := newConverter(t).place(t.Context(), source); ok {
			t.Errorf("place(%v) = %q, %q, want none", source, chat, author)
		}
	}
}
