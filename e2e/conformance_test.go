package e2e_test

import (
	"slices"
	"testing"

	"crosschat/e2e"
	"crosschat/e2e/lab"
)

// scenario shows one row of scenarios.tsv. It is written once, against side, for all networks that have it.
type scenario struct {
	id       string
	networks []string // those that it is built for
	show     func(*stage)
	// pushed says that the homeserver must hand typing or receipts of the user to the bridge. Dendrite doesn't.
	pushed bool
}

// builtScenarios is the one list of scenarios. What the list of promises has besides is in pending.txt.
func builtScenarios() []scenario {
	whatsapp := []string{"whatsapp"}
	return []scenario{
		{id: "login.qr", networks: whatsapp, show: loginQR},
		{id: "login.relog", networks: whatsapp, show: loginRelog},
		{id: "logout.local", networks: whatsapp, show: logoutLocal},
		{id: "logout.remote", networks: whatsapp, show: logoutRemote},
		{id: "text.in", networks: whatsapp, show: textIn},
		{id: "text.out", networks: whatsapp, show: textOut},
		{id: "text.self", networks: whatsapp, show: textSelf},
		{id: "text.order", networks: whatsapp, show: textOrder},
		{id: "text.unicode", networks: whatsapp, show: textUnicode},
		{id: "image.in", networks: whatsapp, show: imageIn},
		{id: "image.out", networks: whatsapp, show: imageOut},
		{id: "read.in", networks: whatsapp, show: readIn},
		{id: "read.out", networks: whatsapp, show: readOut, pushed: true},
		{id: "delivered", networks: whatsapp, show: delivered},
		{id: "typing.in", networks: whatsapp, show: typingIn},
		{id: "typing.out", networks: whatsapp, show: typingOut, pushed: true},
		{id: "profile.name", networks: whatsapp, show: profileName},
		{id: "reconnect", networks: whatsapp, show: reconnect},
	}
}

// sides are the simulated networks, by the columns of the table.
var sides = []side{whatsapp{}}

// TestConformance shows every scenario on one stack, in the setting that the environment chooses (see settingFromEnv):
// TestConformance/<network>/<scenario id>. With CROSSCHAT_RESULTS it writes the outcomes to that file.
func TestConformance(t *testing.T) {
	out := openResults(t)
	shared := &lazyStack{t: t, setting: settingFromEnv(t), started: out.writeRun}
	for _, side := range sides {
		t.Run(side.network(), func(t *testing.T) {
			for _, s := range builtScenarios() {
				if slices.Contains(s.networks, side.network()) {
					t.Run(s.id, func(t *testing.T) { showScenario(t, shared, side, s, out) })
				}
			}
		})
	}
}

// TestPlainOnPostgres shows that the main paths do not depend on the default setting: without encryption, and with the
// bridge's data in PostgreSQL.
func TestPlainOnPostgres(t *testing.T) {
	setting := settingFromEnv(t)
	setting.Encryption, setting.Database = lab.EncryptionOff, "postgres"
	if _, err := lab.EnsurePostgres(t.Context(), say); err != nil {
		lab.Notice("the bridge on PostgreSQL: %v. SQLite takes its place.", err)
		setting.Database = "sqlite"
	}
	shared := &lazyStack{t: t, setting: setting}
	ids := []string{"login.relog", "logout.local", "text.in", "text.out", "text.self", "image.in", "image.out"}
	for _, s := range builtScenarios() {
		if slices.Contains(ids, s.id) {
			t.Run(s.id, func(t *testing.T) { showScenario(t, shared, whatsapp{}, s, nil) })
		}
	}
}

// showScenario runs a scenario and notes its outcome.
func showScenario(t *testing.T, shared *lazyStack, side side, s scenario, out *results) {
	if shared.setting.Homeserver == lab.Dendrite && s.pushed {
		out.write(t, e2e.Result{Network: side.network(), Scenario: s.id, Outcome: e2e.Unshown})
		lab.Notice("%s: Dendrite does not hand typing and receipts to the bridge", t.Name())
		t.SkipNow()
	}
	t.Cleanup(func() {
		outcome := e2e.Passed
		if t.Failed() {
			outcome = e2e.Failed
		}
		out.write(t, e2e.Result{Network: side.network(), Scenario: s.id, Outcome: outcome})
	})
	s.show(newStage(t, shared.get(t), side, s.id))
}
