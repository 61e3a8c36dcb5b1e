package instagram

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/instagram/wire"
)

func TestPersonID(t *testing.T) {
	if got := makeID[networkid.UserID](34000000002); got != "instagram-34000000002" {
		t.Errorf("the id is %q, want %q", got, "instagram-34000000002")
	}
	for id, want := range map[networkid.UserID]wire.IGID{
		"instagram-34000000002": 34000000002, "instagram-9223372036854775807": 1<<63 - 1,
		"instagram-": 0, "instagram-0": 0, "instagram--1": 0, "instagram-+1": 0, "instagram-01": 0, "instagram-1 ": 0,
		"instagram-group-1": 0, "instagram-9223372036854775808": 0, "messenger-1": 0, "34000000002": 0, "": 0,
	} {
		got, err := parseID(id)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q is %d (%v), want %d", id, got, err, want)
		}
	}
}

func TestPortalID(t *testing.T) {
	if got := makeGroupID(17900000000000001); got != "instagram-group-17900000000000001" {
		t.Errorf("the id is %q", got)
	}
	for id, want := range map[networkid.PortalID]struct {
		peer  wire.IGID
		group wire.ShortID
	}{
		"instagram-34000000002":             {34000000002, 0},
		"instagram-group-17900000000000001": {0, 17900000000000001},
		"instagram-group-":                  {}, "instagram-group-x": {}, "instagram-x": {}, "whatsapp-1": {}, "": {},
	} {
		peer, group, err := parsePortal(id)
		if peer != want.peer || group != want.group || (err == nil) != (want.peer != 0 || want.group != 0) {
			t.Errorf("%q is %d and %d (%v), want %+v", id, peer, group, err, want)
		}
	}
}

func TestMessageID(t *testing.T) {
	const mid = "mid.$cAAAAAAumznGl7ndOAGfvTIGAAAAq"
	id, err := makeMessageID(mid)
	if err != nil || id != "instagram-"+mid {
		t.Errorf("the id is %q (%v)", id, err)
	}
	if back, err := parseMessageID(id); back != mid || err != nil {
		t.Errorf("%q is %q (%v), want %q", id, back, err, mid)
	}
	for _, odd := range []wire.MessageID{"", "a b", "a\nb", "ä", wire.MessageID(strings.Repeat("x", 300))} {
		if id, err := makeMessageID(odd); err == nil {
			t.Errorf("%.20q makes %.20q, want an error", odd, id)
		}
	}
	if _, err := parseMessageID("messenger-mid.$x"); err == nil {
		t.Error("another network's message was taken")
	}
}
