// Report makes docs/conformance.md, or docs/conformance-dendrite.md, from what the scenario suite wrote to the file that
// CROSSCHAT_RESULTS names. It writes nothing unless the results are whole.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"crosschat/e2e"
	"crosschat/e2e/lab"
)

func main() {
	in := flag.String("in", os.Getenv("CROSSCHAT_RESULTS"), "results `file` of the suite")
	out := flag.String("out", "", "`file` to write (default that of the homeserver in this source tree's docs)")
	flag.Parse()
	if err := report(*in, *out); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func report(in, out string) error {
	if in == "" {
		return fmt.Errorf("name the results file with -in or CROSSCHAT_RESULTS")
	}
	file, err := os.Open(in)
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	defer file.Close()
	run, outcomes, err := e2e.ReadResults(file)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	if err = e2e.Table(&table, run, outcomes); err != nil {
		return err
	}
	if out == "" {
		root, err := lab.ModuleRoot()
		if err != nil {
			return err
		}
		name := "conformance.md"
		if run.Homeserver == lab.Dendrite {
			name = "conformance-dendrite.md"
		}
		out = filepath.Join(root, "docs", name)
	}
	return os.WriteFile(out, table.Bytes(), 0o644)
}
