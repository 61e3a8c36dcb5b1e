package whatsapp

import (
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"maunium.net/go/mautrix/bridgev2/networkid"
)

func jid(t *testing.T, text string) types.JID {
	t.Helper()
	parsed, err := types.ParseJID(text)
	if err != nil {
		t.Fatalf("parse JID %q: %v", text, err)
	}
	return parsed
}

func TestUserID(t *testing.T) {
	for _, test := range []struct {
		jid  string
		want networkid.UserID // empty if it is no person
		back string
	}{
		{"200000000002@lid", "whatsapp-lid-200000000002", "200000000002@lid"},
		{"200000000002:7@lid", "whatsapp-lid-200000000002", "200000000002@lid"},
		{"15550000002@s.whatsapp.net", "whatsapp-15550000002", "15550000002@s.whatsapp.net"},
		{"15550000002:99@hosted", "whatsapp-15550000002", "15550000002@s.whatsapp.net"},
		{"200000000002:99@hosted.lid", "whatsapp-lid-200000000002", "200000000002@lid"},
		{"120363000000000000@g.us", "", ""},
		{"status@broadcast", "", ""},
		{"12345@broadcast", "", ""},
		{"12345@newsletter", "", ""},
		{"12345@bot", "", ""},
		{"s.whatsapp.net", "", ""},
		{"abc@lid", "", ""},
		{"lid-1@lid", "", ""},
		{"1-2@s.whatsapp.net", "", ""},
		{strings.Repeat("1", 21) + "@lid", "", ""},
		{"", "", ""},
	} {
		got, err := makeID[networkid.UserID](jid(t, test.jid))
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("makeID(%q) = %q, %v, want %q", test.jid, got, err, test.want)
		}
		if test.want == "" {
			continue
		}
		back, err := parseID(got)
		if err != nil || back.String() != test.back {
			t.Errorf("parseID(%q) = %q, %v, want %q", got, back, err, test.back)
		}
	}
}

func TestParseBadID(t *testing.T) {
	for _, id := range []networkid.UserID{
		"", "whatsapp", "whatsapp-", "whatsapp-lid-", "whatsapp-lid", "whatsapp-x", "whatsapp-lid-1x", "whatsapp--1",
		"messenger-1", "whatsapp-lid-lid-1", "whatsapp-+1555", "whatsapp-1:2", "WhatsApp-1", "whatsapp-١٢٣",
	} {
		if got, err := parseID(id); err == nil || !got.IsEmpty() {
			t.Errorf("parseID(%q) = %q, %v, want an error", id, got, err)
		}
	}
}

func TestMessageID(t *testing.T) {
	for _, test := range []struct {
		key  messageKey
		want networkid.MessageID
	}{
		{messageKey{annaLID, annaLID, "3EB0ABCDEF"}, "whatsapp-lid-200000000002:lid-200000000002:3EB0ABCDEF"},
		{messageKey{annaLID, aliceLID, "3EB0"}, "whatsapp-lid-200000000002:lid-200000000001:3EB0"},
		{messageKey{annaPN, annaPN, "A"}, "whatsapp-15550000002:15550000002:A"},
		{messageKey{annaPN, annaPN, "a:b%é\x00"}, "whatsapp-15550000002:15550000002:a%3Ab%25%C3%A9%00"},
		{messageKey{annaPN, annaPN, ""}, ""},
		{messageKey{annaPN, annaPN, strings.Repeat("A", longestMessageID+1)}, ""},
		{messageKey{types.EmptyJID, annaPN, "A"}, ""},
		{messageKey{annaPN, types.StatusBroadcastJID, "A"}, ""},
	} {
		got, err := makeMessageID(test.key)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("makeMessageID(%+v) = %q, %v, want %q", test.key, got, err, test.want)
		}
		if test.want == "" {
			continue
		}
		if back, err := parseMessageID(got); err != nil || back != test.key {
			t.Errorf("parseMessageID(%q) = %+v, %v, want %+v", got, back, err, test.key)
		}
	}
}

func TestOutgoingID(t *testing.T) {
	id := outgoingID("whatsapp-lid-1", "$event")
	if len(id) != 22 || !strings.HasPrefix(id, "3EB0") || strings.ToUpper(id) != id {
		t.Errorf("outgoing id is %q, want 3EB0 and 18 upper-case hex digits", id)
	}
	if again := outgoingID("whatsapp-lid-1", "$event"); again != id {
		t.Errorf("the same event got %q, then %q", id, again)
	}
	if other := outgoingID("whatsapp-lid-2", "$event"); other == id {
		t.Error("two logins send an event under one id")
	}
}

func FuzzParseMessageID(f *testing.F) {
	for _, seed := range []string{
		"whatsapp-lid-2:lid-2:3EB0", "whatsapp-1:1:%00", "whatsapp-1:1:%", "whatsapp-1:1:", "whatsapp-::", "whatsapp-1:2:3:4", "-", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := parseMessageID(networkid.MessageID(text))
		if err != nil {
			if key != (messageKey{}) {
				t.Errorf("parseMessageID(%q) failed and gave %+v", text, key)
			}
			return
		}
		id, err := makeMessageID(key)
		if err != nil {
			t.Fatalf("makeMessageID(%+v) of %q: %v", key, text, err)
		}
		if again, err := parseMessageID(id); err != nil || again != key {
			t.Errorf("%q parses to %+v, its canonical form %q to %+v, %v", text, key, id, again, err)
		}
	})
}
