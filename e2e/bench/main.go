// Bench measures Crosschat: the real binary with a real homeserver and the simulator, each a process.
//
//	go run -tags goolm ./e2e/bench                             # all of it, written to docs/benchmarks.md
//	go run -tags goolm ./e2e/bench -run large                  # one benchmark; its section is replaced
//	go run -tags goolm ./e2e/bench -scale 0.05 -out - -profile /tmp # a short try, with profiles of the bridge
//
// One file a benchmark; benchmarks lists them. Each prints a table of medians and ratios and judges nothing: what must
// hold is a scenario's to show. main.go parses the command line, stage.go is what a benchmark plays on, home.go the
// Matrix side, network.go what is different on the networks, traffic.go what all measure, report.go writes.
// Benchmarks run in the main goroutine, one after the other.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"crosschat/e2e/lab"
)

// benchmark is one thing to measure.
type benchmark struct {
	name  string // for -run
	title string
	about string // what is measured, for whoever reads the table
	run   func(context.Context, *stage) (table, error)
}

// benchmarks is the list of all there are, in the order of the report.
func benchmarks() []benchmark {
	return []benchmark{textBenchmark(), ledgerBenchmark(), accountsBenchmark(), historyBenchmark(), webBenchmark(), hangBenchmark(), largeBenchmark()}
}

// table is a benchmark's result: the first row names the columns.
type table [][]string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	all := benchmarks()
	names := make([]string, len(all))
	for i, b := range all {
		names[i] = b.name
	}
	chosen := flag.String("run", strings.Join(names, ","), "`names` of the benchmarks, with commas")
	out := flag.String("out", "", "`file` to write (default: docs/benchmarks.md of the source tree); - is standard output only")
	scale := flag.Float64("scale", 1, "do everything so many `times` as often; for a try, less than 1")
	keep := flag.Bool("keep", false, "leave logs and databases where they are, and say where")
	profiles := flag.String("profile", "", "`folder` for processor profiles of the bridge")
	flag.Parse()
	wanted := strings.Split(*chosen, ",")
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return fmt.Errorf("there is no benchmark %q: choose of %s", name, strings.Join(names, ", "))
		}
	}
	dir, err := os.MkdirTemp("", "crosschat-bench-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() {
		if *keep {
			say("Everything was left in " + dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	programs, err := lab.BuildPrograms(ctx, say, filepath.Join(dir, "programs"), false)
	if err != nil {
		return err
	}
	var sections []section
	for _, b := range all {
		if !slices.Contains(wanted, b.name) {
			continue
		}
		say("Measuring: " + b.title)
		s := &stage{programs: programs, dir: filepath.Join(dir, b.name), scale: *scale, profiles: *profiles}
		result, err := measure(ctx, b, s)
		if err != nil {
			return fmt.Errorf("measure %s: %w", b.name, err)
		}
		sections = append(sections, newSection(b, result))
	}
	return report(*out, sections)
}

func measure(ctx context.Context, b benchmark, s *stage) (result table, err error) {
	defer func() { err = errors.Join(err, s.stop()) }()
	return b.run(ctx, s)
}

func say(line string) { fmt.Fprintln(os.Stderr, line) }
