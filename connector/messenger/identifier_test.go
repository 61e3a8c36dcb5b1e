package messenger

import (
	"errors"
	"testing"

	"maunium.net/go/mautrix/bridgev2"
)

func TestProfileName(t *testing.T) {
	for identifier, want := range map[string]string{
		"anna.example": "anna.example", "@anna.example": "anna.example", "100000000000001": "100000000000001",
		"https://www.facebook.com/anna.example": "anna.example", "https://m.me/anna.example?ref=x": "anna.example",
		"https://www.facebook.com/profile.php?id=100000000000001": "100000000000001",
		"https://www.facebook.com/messages/t/100000000000001/":    "100000000000001",
		"https://facebook.com.example.org/anna":                   "https://facebook.com.example.org/anna",
		"https://www.facebook.com/events/1":                       "https://www.facebook.com/events/1",
	} {
		if got := profileName(identifier); got != want {
			t.Errorf("profileName(%q) is %q, want %q", identifier, got, want)
		}
	}
}

// What is no identifier of Messenger's goes on to the next network without a question to the server.
func TestStrangeIdentifiers(t *testing.T) {
	c := testClient(t)
	c.known = &memory{contacts: map[int64]contact{7: {Username: "Anna.Example"}}}
	for _, identifier := range []string{"", "+1 555 999 9999", "whatsapp-lid-1", "a b", "anna@example.org", "1234", "\x00", "https://example.org/anna"} {
		if _, err := c.personOf(t.Context(), identifier); !errors.Is(err, bridgev2.ErrResolveIdentifierTryNext) {
			t.Errorf("%q leads to %v, want that the next network be asked", identifier, err)
		}
	}
	for identifier, want := range map[string]int64{"anna.example": 7, "messenger-9": 9, "100000000000001": 100000000000001} {
		if got, err := c.personOf(t.Context(), identifier); err != nil || got != want {
			t.Errorf("%q is person %d (%v), want %d", identifier, got, err, want)
		}
	}
}
