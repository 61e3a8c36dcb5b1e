package e2e_test

import (
	"slices"
	"testing"

	"crosschat/e2e/lab"
)

// TestOnDendrite shows the main paths on the other homeserver, with encryption as `init` chooses it there. The whole suite
// runs on it with CROSSCHAT_HS=dendrite; docs/operating.md says what it can't.
func TestOnDendrite(t *testing.T) {
	t.Parallel()
	setting := settingFromEnv(t)
	if setting.Homeserver == lab.Dendrite {
		lab.Notice("%s: everything runs on Dendrite already", t.Name())
		t.SkipNow() // TestConformance shows these rows then; the notice has said so loudly
	}
	setting.Homeserver, setting.Encryption = lab.Dendrite, lab.EncryptionSync
	shared := &lazyStack{t: t, setting: setting}
	ids := []string{"text.in", "text.out", "text.self", "image.out", "edit.in", "react.in", "send.offline"}
	for _, s := range builtScenarios() {
		if slices.Contains(ids, s.id) && slices.Contains(s.networks, messenger{}.network()) {
			t.Run(s.id, func(t *testing.T) { showScenario(t, shared, messenger{}, s, nil) })
		}
	}
}
