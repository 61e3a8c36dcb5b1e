package remoteid

import (
	"testing"

	"maunium.net/go/mautrix/bridgev2/networkid"
)

func TestCut(t *testing.T) {
	for _, test := range []struct {
		name    string
		id      networkid.UserID
		network Network
		raw     string
		ok      bool
	}{
		{"plain", "messenger-1000", Messenger, "1000", true},
		{"separator in the raw id", "whatsapp-lid-2000", WhatsApp, "lid-2000", true},
		{"no prefix", "1000", "", "", false},
		{"empty", "", "", "", false},
		{"nothing behind the prefix", "whatsapp-", "", "", false},
		{"nothing before the separator", "-1000", "", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			network, raw, ok := Cut(test.id)
			if network != test.network || raw != test.raw || ok != test.ok {
				t.Errorf("Cut(%q) = %q, %q, %v, want %q, %q, %v", test.id, network, raw, ok, test.network, test.raw, test.ok)
			}
		})
	}
}

func TestMakeThenOf(t *testing.T) {
	id := Make[networkid.PortalID](WhatsApp, "lid-1")
	if want := networkid.PortalID("whatsapp-lid-1"); id != want {
		t.Errorf("Make = %q, want %q", id, want)
	}
	if raw, ok := Of(WhatsApp, id); !ok || raw != "lid-1" {
		t.Errorf("Of(WhatsApp, %q) = %q, %v", id, raw, ok)
	}
	if raw, ok := Of(Instagram, id); ok {
		t.Errorf("Of(Instagram, %q) = %q, true, want false", id, raw)
	}
}

func FuzzMakeThenCut(f *testing.F) {
	f.Add("lid-1")
	f.Add("")
	f.Fuzz(func(t *testing.T, raw string) {
		network, got, ok := Cut(Make[string](Messenger, raw))
		if ok != (raw != "") || (ok && (network != Messenger || got != raw)) {
			t.Errorf("Cut(Make(%q)) = %q, %q, %v", raw, network, got, ok)
		}
	})
}

func TestNumber(t *testing.T) {
	for raw, want := range map[string]int64{
		"1": 1, "9223372036854775807": 1<<63 - 1, "": 0, "0": 0, "-1": 0, "+1": 0, "01": 0, " 1": 0, "1a": 0,
		"9223372036854775808": 0,
	} {
		if got, ok := Number(raw); ok != (want != 0) || ok && got != want {
			t.Errorf("Number(%q) is %d (%t), want %d", raw, got, ok, want)
		}
	}
}
