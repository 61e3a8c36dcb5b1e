package e2e_test

import (
	"slices"
	"testing"

	"crosschat/e2e/lab"
)

// onDendrite are the scenarios that are shown on Dendrite with every change: the main paths, what is different there (its
// users' deletions, receipts and typing, which it hands to no bridge; spaces), and each network both ways.
var onDendrite = []struct {
	side side
	ids  []string
}{
	{messenger{}, []string{
		"text.in", "text.out", "text.self", "image.out", "edit.in", "react.in", "react.out", "delete.out", "read.out", "typing.out",
		"requests", "send.offline",
	}},
	{whatsapp{}, []string{"login.qr", "text.in", "text.out", "image.in", "delete.out", "group.basic"}},
	{messengerE2EE{}, []string{"text.in", "text.out", "read.out"}},
	{instagram{}, []string{"text.in", "text.out", "typing.out"}},
}

// TestOnDendrite shows these on the other homeserver, with encryption as `init` chooses it there. The whole suite runs on it
// with CROSSCHAT_HS=dendrite; docs/conformance-dendrite.md has the outcome.
func TestOnDendrite(t *testing.T) {
	t.Parallel()
	setting := settingFromEnv(t)
	if setting.Homeserver == lab.Dendrite {
		lab.Notice("%s: everything runs on Dendrite already", t.Name())
		t.SkipNow() // TestConformance shows these rows then; the notice has said so loudly
	}
	setting.Homeserver, setting.Encryption = lab.Dendrite, lab.EncryptionSync
	shared := &lazyStack{t: t, setting: setting}
	for _, some := range onDendrite {
		t.Run(some.side.network(), func(t *testing.T) {
			left := slices.Clone(some.ids)
			for _, s := range builtScenarios() {
				if i := slices.Index(left, s.id); i >= 0 && slices.Contains(s.networks, some.side.network()) {
					left = slices.Delete(left, i, i+1)
					t.Run(s.id, func(t *testing.T) { showScenario(t, shared, some.side, s, nil) })
				}
			}
			if len(left) > 0 {
				t.Errorf("there are no scenarios %q on %s", left, some.side.network())
			}
		})
	}
}

// beyondDendrite are the tests of what can't be had on Dendrite, with why: they are left out there. All scenarios can.
var beyondDendrite = map[string]string{
	"TestLostDatabase": "Dendrite lets the bot replace its lost identity only with a password, which it has none of (HTTP 401), and knows no MSC4190",
}

// skipBeyondDendrite skips a test on Dendrite that is in the table.
func skipBeyondDendrite(t *testing.T, homeserver lab.Kind) {
	t.Helper()
	if why := beyondDendrite[t.Name()]; why != "" && homeserver == lab.Dendrite {
		lab.Notice("%s: %s", t.Name(), why)
		t.SkipNow() // the notice has said so loudly
	}
}
