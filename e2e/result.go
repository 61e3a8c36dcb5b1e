package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"crosschat/e2e/lab"
)

// Outcome is a cell of the conformance table.
type Outcome string

// The words of the table. A dash stands where the list has no such scenario.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Waiting Outcome = "pending"
	None    Outcome = "-"
)

// Result is one line of the results file: either the run's setting, or the outcome of a scenario.
type Result struct {
	Run      *Run    `json:"run,omitempty"`
	Network  string  `json:"network,omitempty"`
	Scenario string  `json:"scenario,omitempty"`
	Outcome  Outcome `json:"outcome,omitempty"`
}

// Run says what the results are results of.
type Run struct {
	lab.Setting
	Version string    `json:"version"` // the homeserver's name and version, as it says itself
	Time    time.Time `json:"time"`
}

// ReadResults reads a results file. A later outcome of the same scenario replaces an earlier one.
func ReadResults(from io.Reader) (Run, map[string]Outcome, error) {
	var run *Run
	outcomes := make(map[string]Outcome)
	decoder := json.NewDecoder(from)
	for {
		var r Result
		err := decoder.Decode(&r)
		if err == io.EOF {
			break
		} else if err != nil {
			return Run{}, nil, fmt.Errorf("parse results: %w", err)
		}
		if r.Run != nil {
			run = r.Run
			continue
		}
		switch r.Outcome {
		case Passed, Failed:
			outcomes[Name(r.Network, r.Scenario)] = r.Outcome
		default:
			return Run{}, nil, fmt.Errorf("parse results: %s has outcome %q", Name(r.Network, r.Scenario), r.Outcome)
		}
	}
	if run == nil {
		return Run{}, nil, fmt.Errorf("parse results: the file does not say what was run")
	}
	return *run, outcomes, nil
}

// Table writes the conformance table as Markdown. A scenario that is neither pending nor has an outcome is an error:
// nothing goes missing silently.
func Table(to io.Writer, run Run, outcomes map[string]Outcome) error {
	list, err := Scenarios()
	if err != nil {
		return err
	}
	waiting, err := Pending()
	if err != nil {
		return err
	}
	totals := make(map[Outcome]int)
	var missing []string
	var rows strings.Builder
	for _, s := range list {
		fmt.Fprintf(&rows, "| %s |", s.ID)
		for _, network := range Networks {
			name := Name(network, s.ID)
			outcome := outcomes[name]
			switch {
			case !s.On[network]:
				outcome = None
			case waiting[name]:
				outcome = Waiting
			case outcome == "":
				missing = append(missing, name)
			}
			totals[outcome]++
			fmt.Fprintf(&rows, " %s |", outcome)
		}
		rows.WriteString("\n")
	}
	if len(missing) > 0 {
		return fmt.Errorf("the results lack %s: run the whole suite", strings.Join(missing, ", "))
	}
	target, other := "conformance", "[conformance-dendrite.md](conformance-dendrite.md) has the same on Dendrite."
	if run.Homeserver == lab.Dendrite {
		target, other = "conformance-dendrite", "[conformance.md](conformance.md) has the same on Synapse."
	}
	_, err = fmt.Fprintf(to, `# Conformance

Made by `+"`make %s`"+` from the results of the scenario suite; not edited by hand. What each row shows is
written in e2e/scenarios.tsv. %s

- Homeserver: %s
- Setting: bridge's encryption %s, database %s
- Date: %s
- Totals: %d passed, %d failed, %d pending

| id | whatsapp | messenger | messenger-e2ee | instagram |
| --- | --- | --- | --- | --- |
%s`, target, other, run.Version, run.Encryption, run.Database, run.Time.UTC().Format(time.DateOnly),
		totals[Passed], totals[Failed], totals[Waiting], rows.String())
	return err
}
