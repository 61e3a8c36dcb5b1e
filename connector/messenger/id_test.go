package messenger

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2/networkid"
)

func TestIDs(t *testing.T) {
	if got, want := makeID[networkid.UserID](100000000001002), networkid.UserID("messenger-100000000001002"); got != want {
		t.Errorf("id is %q, want %q", got, want)
	}
	for _, id := range []networkid.UserID{"messenger-1", "messenger-9223372036854775807"} {
		if number, err := parseID(id); err != nil || makeID[networkid.UserID](number) != id {
			t.Errorf("%q is %d (%v) and back %q", id, number, err, makeID[networkid.UserID](number))
		}
	}
	for _, id := range []networkid.UserID{
		"", "messenger", "messenger-", "messenger-0", "messenger--1", "messenger-01", "messenger-+1", "messenger-x",
		"messenger-9223372036854775808", "whatsapp-1", "1",
	} {
		if number, err := parseID(id); err == nil {
			t.Errorf("%q is taken for %d", id, number)
		}
	}
}

func TestMessageIDs(t *testing.T) {
	const mid = "mid.$cAABa-B_c"
	id, err := makeMessageID(mid)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := parseMessageID(id); err != nil || back != mid {
		t.Errorf("%q is back %q (%v)", id, back, err)
	}
	for _, bad := range []string{"", "a b", "a\nb", "ä", strings.Repeat("x", longestMessageID+1)} {
		if id, err := makeMessageID(bad); err == nil {
			t.Errorf("%.20q became %q", bad, id)
		}
	}
	if _, err := parseMessageID("whatsapp-x"); err == nil {
		t.Error("another network's message is taken for ours")
	}
}

func TestOutgoingID(t *testing.T) {
	const now = 1795335099476
	first := outgoingID("messenger-1", "$a", now)
	if first != outgoingID("messenger-1", "$a", now) {
		t.Error("the same event gets two ids")
	}
	if first>>idTimeBits != now {
		t.Errorf("the id's time is %d, want %d", first>>idTimeBits, int64(now))
	}
	for name, other := range map[string]int64{
		"another event": outgoingID("messenger-1", "$b", now), "another login": outgoingID("messenger-2", "$a", now),
	} {
		if other == first {
			t.Errorf("%s gets the same id", name)
		}
	}
	for _, at := range []int64{-1 << 63, -1, 0, 1<<63 - 1} {
		if id := outgoingID("messenger-1", "$a", at); id <= 0 {
			t.Errorf("an event of time %d gets id %d, want more than 0", at, id)
		}
	}
}
