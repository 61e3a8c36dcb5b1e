package main

import (
	"os"
	"testing"

	"crosschat/e2e/lab"
)

// TestKilledAtAStep kills the bridge where it is most telling: between the other side's taking something and our knowing
// of it, and while a room is made. `torture -steps` does so everywhere.
func TestKilledAtAStep(t *testing.T) {
	opts := options{seed: 1, homeserver: "synapse", database: "sqlite", users: 1, keep: os.Getenv("CROSSCHAT_KEEP")}
	if err := lab.SynapseUnavailable(); err != nil {
		lab.Notice("killing the bridge at named steps: %v", err)
		t.SkipNow() // the notice has said so loudly
	}
	run, err := newTorture(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(run.close)
	for _, n := range run.networks {
		deeds := []deed{
			{what: write, out: true, step: "transaction.stored"},
			{what: write, out: true, step: "network.sent"},
			{what: sendFile, out: true, step: "network.sent"},
			{what: edit, out: true, step: "network.sent"},
			{what: react, out: true, step: "network.sent"},
			{what: remove, out: true, step: "network.sent"},
			{what: write, step: "matrix.sent"},
			{what: sendFile, step: "matrix.sent"},
			{what: edit, step: "matrix.sent"},
			{what: react, step: "matrix.sent"},
			{what: remove, step: "matrix.sent"},
			{what: write, step: "room.noted", room: true},
			{what: write, step: "room.made", room: true},
		}
		if n.pictures {
			deeds = append(deeds, captionDeeds[1:]...) // the first is among the others
		}
		for _, d := range deeds {
			t.Run(n.name+"/"+d.String(), func(t *testing.T) {
				if err := run.killDuring(t.Context(), run.on(n.name)[0], d); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	for _, n := range run.networks {
		if n.late.Kind == "" {
			continue // messages of this network can't be held back alone
		}
		t.Run(n.name+"/overtaken", func(t *testing.T) {
			if err := run.overtake(t.Context(), run.on(n.name)[0]); err != nil {
				t.Fatal(err)
			}
		})
	}
	for _, name := range []string{"whatsapp", "messenger-e2ee"} { // whose sessions may not become earlier ones
		t.Run(name+"/power cut", func(t *testing.T) {
			if err := run.cutPowerBetween(t.Context(), run.on(name)[0]); err != nil {
				t.Fatal(err)
			}
		})
	}
	if v := run.judge(t.Context(), true); v.bad() {
		t.Error(v.table(run, 0))
	}
}
