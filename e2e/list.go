// Package e2e is the list of what Crosschat promises, and the results of showing it.
//
// The scenarios themselves are in the package's tests: black box, with the real binary, a real homeserver, simulated
// networks and a real Matrix client, each a process (package lab). scenarios.tsv is the list of promises, pending.txt
// names those that are not built yet. The program in report makes docs/conformance.md from the results that the tests
// write.
package e2e

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed scenarios.tsv
var scenarios string

//go:embed pending.txt
var pending string

// Networks are the columns of the list: what a scenario can be shown for.
var Networks = []string{"whatsapp", "messenger", "messenger-e2ee", "instagram"}

// Scenario is one row of the list.
type Scenario struct {
	ID    string
	Shown string // what is shown, in words
	// On has the networks that the scenario exists for.
	On map[string]bool
}

// Scenarios parses scenarios.tsv.
func Scenarios() ([]Scenario, error) {
	lines := strings.Split(strings.TrimRight(scenarios, "\n"), "\n")
	head := strings.Split(lines[0], "\t")
	if len(head) < 2 || !slices.Equal(head[2:], Networks) {
		return nil, fmt.Errorf("parse scenarios.tsv: its columns are %q, want id, what is shown, then %q", head, Networks)
	}
	var list []Scenario
	for i, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if len(cells) != len(head) {
			return nil, fmt.Errorf("parse scenarios.tsv: line %d has %d cells, want %d", i+2, len(cells), len(head))
		}
		s := Scenario{ID: cells[0], Shown: cells[1], On: make(map[string]bool)}
		for n, cell := range cells[2:] {
			switch cell {
			case "yes":
				s.On[Networks[n]] = true
			case "-":
			default:
				return nil, fmt.Errorf("parse scenarios.tsv: line %d has %q, want yes or -", i+2, cell)
			}
		}
		list = append(list, s)
	}
	return list, nil
}

// Name is how a scenario on a network is called in pending.txt and in the tests' names.
func Name(network, id string) string { return network + "/" + id }

// Pending parses pending.txt: one name a line, lines with # are comments.
func Pending() (map[string]bool, error) {
	names := make(map[string]bool)
	for i, line := range strings.Split(pending, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if names[line] {
			return nil, fmt.Errorf("parse pending.txt: line %d: %q is there twice", i+1, line)
		}
		names[line] = true
	}
	return names, nil
}
